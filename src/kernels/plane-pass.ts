import type { Shape3 } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import type { ExtentGatherer } from "./extent.js";
import { type CubicTaps, cubicTaps } from "./taps.js";

interface PlaneExports {
  cubicRows(
    input: number,
    inputStride: number,
    rows: number,
    n: number,
    table: number,
    m: number,
    scratch: number,
    output: number,
    outputStride: number,
  ): void;
  cubicColumns(
    input: number,
    inputStride: number,
    n: number,
    lanes: number,
    table: number,
    m: number,
    scratch: number,
    output: number,
    outputStride: number,
  ): void;
}

/** (1 - z)(1 - 1/z): the prefilter's gain, which the kernels leave to the weights. */
const GAIN = 6;
export const LANES = 16;
export const ENTRY = 40;
/** Planes whose passes need more than this go through in parts. */
const PLANE_BYTES = 24 << 20;

export function padToLanes(n: number): number {
  return Math.ceil(n / LANES) * LANES;
}

export function scratchBytes(n: number): number {
  return (n + 4) * LANES * 8;
}

/** Writes the table of taps that the kernels read: four weights with the gain, then the tap's place in scratch. */
export function storeTaps(taps: CubicTaps, address: number): void {
  const m = taps.first.length;
  const { window } = kernels();
  const f64 = window.f64(address, m * 5);
  const i32 = window.i32(address, m * 10);
  for (let k = 0; k < m; k++) {
    for (let j = 0; j < 4; j++) f64[5 * k + j] = GAIN * (taps.weights[4 * k + j] as number);
    i32[10 * k + 8] = (taps.first[k] as number) + 2;
  }
}

/** Resamples the two last axes of one slice after the other, into float64 planes of padded width. */
export class PlanePass {
  readonly width: number;
  readonly #n1: number;
  readonly #n2: number;
  readonly #m1: number;
  readonly #m2: number;
  readonly #rowsAtOnce: number;
  readonly #lanesAtOnce: number;
  readonly #slice: number;
  readonly #rows: number;
  readonly #plane: number;
  readonly #scratch: number;
  readonly #table1: number;
  readonly #table2: number;
  readonly #between: Float64Array | null;

  /** Lanes that one part of `forEachPart` has at most. */
  static lanesAtOnce(shape: Shape3, newShape: Shape3): number {
    return PlanePass.#split(shape, newShape).lanesAtOnce;
  }

  static byteLengths(shape: Shape3, newShape: Shape3): number[] {
    const { rowsAtOnce, lanesAtOnce, whole } = PlanePass.#split(shape, newShape);
    const width = padToLanes(newShape[2]);
    const lanes = whole ? width : lanesAtOnce;
    return [
      padToLanes(whole ? shape[1] : rowsAtOnce) * shape[2] * 4,
      Math.max(padToLanes(whole ? shape[1] : rowsAtOnce) * width, shape[1] * lanes) * 8,
      newShape[1] * lanes * 8,
      scratchBytes(Math.max(shape[1], shape[2])),
      newShape[1] * ENTRY,
      newShape[2] * ENTRY,
    ];
  }

  static #split(shape: Shape3, newShape: Shape3): { rowsAtOnce: number; lanesAtOnce: number; whole: boolean } {
    const width = padToLanes(newShape[2]);
    const whole = shape[1] * (shape[2] * 4 + width * 8) + newShape[1] * width * 8 <= PLANE_BYTES;
    if (whole) return { rowsAtOnce: padToLanes(shape[1]), lanesAtOnce: width, whole };
    const perRow = shape[2] * 4 + width * 8;
    const perLane = (shape[1] + newShape[1]) * 8;
    const part = PLANE_BYTES / 2;
    return {
      rowsAtOnce: Math.max(LANES, Math.floor(part / perRow / LANES) * LANES),
      lanesAtOnce: Math.min(width, Math.max(LANES, Math.floor(part / perLane / LANES) * LANES)),
      whole,
    };
  }

  constructor(shape: Shape3, newShape: Shape3, addresses: readonly number[]) {
    const { rowsAtOnce, lanesAtOnce, whole } = PlanePass.#split(shape, newShape);
    this.width = padToLanes(newShape[2]);
    this.#n1 = shape[1];
    this.#n2 = shape[2];
    this.#m1 = newShape[1];
    this.#m2 = newShape[2];
    this.#rowsAtOnce = rowsAtOnce;
    this.#lanesAtOnce = lanesAtOnce;
    [this.#slice, this.#rows, this.#plane, this.#scratch, this.#table1, this.#table2] = addresses as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    this.#between = whole ? null : new Float64Array(this.#n1 * this.width);
    storeTaps(cubicTaps(this.#n1, this.#m1), this.#table1);
    storeTaps(cubicTaps(this.#n2, this.#m2), this.#table2);
  }

  get scratchAddress(): number {
    return this.#scratch;
  }

  get table1Address(): number {
    return this.#table1;
  }

  /** First half: the last axis. Leaves (n1, width) float64 at `rowsAddress` when whole, else in memory of its own. */
  runRows(source: Float32Array, gatherer: ExtentGatherer): void {
    const { exports, window } = kernels<PlaneExports>();
    const { width } = this;
    for (let row = 0; row < this.#n1; row += this.#rowsAtOnce) {
      const rows = Math.min(this.#rowsAtOnce, this.#n1 - row);
      window.f32(this.#slice, rows * this.#n2).set(source.subarray(row * this.#n2, (row + rows) * this.#n2));
      gatherer.addRows(this.#slice, row, rows, this.#n2);
      exports.cubicRows(
        this.#slice,
        this.#n2 * 4,
        rows,
        this.#n2,
        this.#table2,
        this.#m2,
        this.#scratch,
        this.#rows,
        width * 8,
      );
      this.#between?.set(window.f64(this.#rows, rows * width), row * width);
    }
    gatherer.endSlice();
  }

  /** Lanes of the result of `runRows` in parts that fit the window: address and stride of each part are given. */
  forEachPart(use: (lane: number, lanes: number, address: number, stride: number) => void): void {
    const { window } = kernels();
    for (let lane = 0; lane < this.width; lane += this.#lanesAtOnce) {
      const lanes = Math.min(this.#lanesAtOnce, this.width - lane);
      if (this.#between !== null) {
        const part = window.f64(this.#rows, this.#n1 * lanes);
        for (let row = 0; row < this.#n1; row++) {
          const from = row * this.width + lane;
          part.set(this.#between.subarray(from, from + lanes), row * lanes);
        }
      }
      use(lane, lanes, this.#rows, lanes * 8);
    }
  }

  /** Second half: axis 1, in parts; each result of (m1, lanes) float64 is handed to `take`. */
  runColumns(take: (lane: number, lanes: number, plane: Float64Array) => void): void {
    const { exports, window } = kernels<PlaneExports>();
    this.forEachPart((lane, lanes, address, stride) => {
      exports.cubicColumns(
        address,
        stride,
        this.#n1,
        lanes,
        this.#table1,
        this.#m1,
        this.#scratch,
        this.#plane,
        lanes * 8,
      );
      take(lane, lanes, window.f64(this.#plane, this.#m1 * lanes));
    });
  }
}
