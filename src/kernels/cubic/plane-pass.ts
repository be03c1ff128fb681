import type { Shape3 } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";
import type { ExtentGatherer } from "./extent.js";
import { type CubicJob, loadVoxels } from "./job.js";
import { ENTRY, LANES, padToLanes, scratchBytes, storeTaps } from "./lanes.js";

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
    groupBytes: number,
  ): void;
  cubicColumns(
    group: number,
    groupBytes: number,
    n: number,
    lanes: number,
    table: number,
    m: number,
    output: number,
    outputStride: number,
  ): void;
}

/** Planes whose passes need more than this go through in parts. */
const PLANE_BYTES = 24 << 20;

/** float64 values of a group of 16 columns that go through the columns pass in place. */
function groupLength(n1: number): number {
  return (padToLanes(n1) + 4) * LANES;
}

/** One number for each buffer of a plane pass. */
type PlaneBuffers = readonly [
  slice: number,
  rows: number,
  plane: number,
  scratch: number,
  table1: number,
  table2: number,
];

/**
 * Resamples the two last axes of one slice after the other, into float64 planes of padded width. Between the two
 * passes columns lie in groups of 16, so that the second reads and writes one run of memory a group.
 */
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

  static byteLengths(shape: Shape3, newShape: Shape3): PlaneBuffers {
    const { rowsAtOnce, lanesAtOnce, whole } = PlanePass.#split(shape, newShape);
    const width = padToLanes(newShape[2]);
    const lanes = whole ? width : lanesAtOnce;
    const rows = padToLanes(whole ? shape[1] : rowsAtOnce);
    return [
      rows * shape[2] * 4,
      8 * Math.max((width / LANES) * groupLength(rows), (lanes / LANES) * groupLength(shape[1])),
      newShape[1] * lanes * 8,
      scratchBytes(shape[2]),
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

  constructor(shape: Shape3, newShape: Shape3, addresses: readonly [...PlaneBuffers, ...number[]]) {
    const { rowsAtOnce, lanesAtOnce, whole } = PlanePass.#split(shape, newShape);
    this.width = padToLanes(newShape[2]);
    this.#n1 = shape[1];
    this.#n2 = shape[2];
    this.#m1 = newShape[1];
    this.#m2 = newShape[2];
    this.#rowsAtOnce = rowsAtOnce;
    this.#lanesAtOnce = lanesAtOnce;
    [this.#slice, this.#rows, this.#plane, this.#scratch, this.#table1, this.#table2] = addresses;
    this.#between = whole ? null : new Float64Array((this.width / LANES) * groupLength(this.#n1));
    storeTaps(this.#n1, this.#m1, this.#table1);
    storeTaps(this.#n2, this.#m2, this.#table2);
  }

  /** Bytes from one group of 16 columns to the next, in what `forEachPart` gives. */
  get groupBytes(): number {
    return 8 * groupLength(this.#n1);
  }

  /** First half: the last axis of one slice. Leaves the groups in the window when the plane is whole, else in memory of its own. */
  runRows(job: Pick<CubicJob, "data" | "scaling">, slice: number, gatherer: ExtentGatherer): void {
    const { exports } = kernels<PlaneExports>();
    const length = groupLength(Math.min(this.#rowsAtOnce, padToLanes(this.#n1)));
    for (let row = 0; row < this.#n1; row += this.#rowsAtOnce) {
      const rows = Math.min(this.#rowsAtOnce, this.#n1 - row);
      loadVoxels(job, (slice * this.#n1 + row) * this.#n2, rows * this.#n2, this.#slice);
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
        8 * length,
      );
      if (this.#between !== null) this.#keepRows(this.#between, length, row, rows);
    }
    gatherer.endSlice();
  }

  #keepRows(between: Float64Array, length: number, row: number, rows: number): void {
    const { window } = kernels();
    for (let group = 0; group < this.width / LANES; group++) {
      const part = window.f64(this.#rows + 8 * (group * length + 2 * LANES), rows * LANES);
      between.set(part, group * groupLength(this.#n1) + (row + 2) * LANES);
    }
  }

  /** Lanes of the result of `runRows` in parts that fit the window: the address of each part's groups is given. */
  forEachPart(use: (lane: number, lanes: number, address: number) => void): void {
    const { window } = kernels();
    const length = groupLength(this.#n1);
    for (let lane = 0; lane < this.width; lane += this.#lanesAtOnce) {
      const lanes = Math.min(this.#lanesAtOnce, this.width - lane);
      if (this.#between !== null) {
        const from = (lane / LANES) * length;
        const part = this.#between.subarray(from, from + (lanes / LANES) * length);
        window.f64(this.#rows, part.length).set(part);
      }
      use(lane, lanes, this.#rows);
    }
  }

  /** Second half: axis 1, in parts; each result of (m1, lanes) float64 is handed to `take`. */
  runColumns(take: (lane: number, lanes: number, plane: Float64Array) => void): void {
    const { exports, window } = kernels<PlaneExports>();
    this.forEachPart((lane, lanes, address) => {
      const { groupBytes } = this;
      exports.cubicColumns(address, groupBytes, this.#n1, lanes, this.#table1, this.#m1, this.#plane, lanes * 8);
      take(lane, lanes, window.f64(this.#plane, this.#m1 * lanes));
    });
  }
}
