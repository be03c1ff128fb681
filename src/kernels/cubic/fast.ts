import { checkLength, type Shape3, voxelCount } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";
import { argumentBytes } from "../../runtime/window.js";
import { PIECE_BYTES } from "../tile.js";
import { type Extent, ExtentGatherer } from "./extent.js";
import { FastColumnsArgument } from "./fast-arguments.js";
import { type CubicTaps, cubicTaps } from "./taps.js";

interface FastExports {
  fastRows(
    input: number,
    inputStride: number,
    rows: number,
    n: number,
    center: number,
    table: number,
    m: number,
    scratch: number,
    output: number,
    outputStride: number,
  ): void;
  fastColumns(structure: number): void;
}

const LANES = 32;
const ENTRY = 32;
/** The prefilter's gain (1 - z)(1 - 1/z). */
const GAIN = 6;
/** Bytes of window for the last pass. */
const TILE_BYTES = 1 << 20;
/** Rows beyond a band whose influence on it is lost in float32: the prefilter's pole to this power is 7e-10. */
const HALO = 16;
/** Most float32 values between the passes for which the output has no room, 8 MiB. */
const SPARE_VALUES = 1 << 21;

function padToLanes(n: number): number {
  return Math.ceil(n / LANES) * LANES;
}

/** Room for n coefficients, a halo of 2 on both sides and the columns that a transposition of four may write too many. */
function scratchBytes(n: number): number {
  return (n + 8) * LANES * 4;
}

function storeTaps(taps: CubicTaps, address: number): void {
  const m = taps.first.length;
  const { window } = kernels();
  const f32 = window.f32(address, m * 8);
  const i32 = window.i32(address, m * 8);
  for (let k = 0; k < m; k++) {
    for (let j = 0; j < 4; j++) f32[8 * k + j] = GAIN * taps.weights[4 * k + j];
    i32[8 * k + 4] = taps.first[k] + 2;
  }
}

/**
 * Cubic B-spline resampling in float32 arithmetic: as `resizeCubic`, but not bit-equal to the reference. The error is
 * below 4e-7 of the input's range (3.9e-7 at most was measured, bench/RESULTS.md); a background of zeros stays empty. Needs
 * at most 8 MiB (or one slab along the first axis, one row wide) beside input and output.
 *
 * @param data voxels of `shape`, C order
 * @param output receives the result; a new array when not given
 * @throws NnprepError SHAPE_MISMATCH, INVALID_ARGUMENT, OUT_OF_MEMORY
 */
export function resizeCubicFast(
  data: Float32Array,
  shape: Shape3,
  newShape: Shape3,
  output: Float32Array = new Float32Array(voxelCount(newShape)),
): Float32Array {
  checkLength("input", data, shape);
  checkLength("output", output, newShape);
  const job: FastJob = { data, shape, newShape, center: centerOf(data), taps1: cubicTaps(shape[1], newShape[1]) };
  const n0 = shape[0];
  const [m0, m1, m2] = newShape;
  const missing = Math.max(0, n0 - m0) * m1 * m2;
  const spare = new Float32Array(Math.min(missing, Math.max(SPARE_VALUES, n0 * m2)));
  let extent: Extent | null = null;
  for (let from = 0; from < m1; ) {
    const most = Math.floor((spare.length / m2 + m0 * (m1 - from)) / n0);
    const to = missing === 0 ? m1 : Math.min(m1, from + Math.max(1, most));
    const between = new Between(output, newShape, [from, to], spare);
    extent = resizePlanes(job, between, extent);
    if (!extent.finite) return output.fill(Number.NaN);
    resizeFirstAxis(between, n0, extent, job.center);
    from = to;
  }
  return output;
}

interface FastJob {
  readonly data: Float32Array;
  readonly shape: Shape3;
  readonly newShape: Shape3;
  /** Taken off before the passes and added after them. */
  readonly center: number;
  readonly taps1: CubicTaps;
}

/** Samples of a volume that `centerOf` looks at. */
const SAMPLES = 4096;
/** Share of zeros above which they count as background. */
const BACKGROUND = 1 / 20;

/**
 * About the middle of the values' range, which halves what is rounded; 0 where many voxels are 0, so that an empty
 * background stays empty.
 */
function centerOf(data: Float32Array): number {
  const step = Math.ceil(data.length / SAMPLES);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let zeros = 0;
  for (let i = 0; i < data.length; i += step) {
    const value = data[i];
    low = Math.min(low, value);
    high = Math.max(high, value);
    if (value === 0) zeros++;
  }
  const center = Math.fround((low + high) / 2);
  return zeros * step > BACKGROUND * data.length || !Number.isFinite(center) ? 0 : center;
}

/**
 * The rows [from, to) of all planes between the passes. They lie where the output will: a column is read whole before
 * it is written. Planes beyond the output's last go to `spare` first, then to the output's rows from `to` on, which
 * later bands write. That is why a volume whose first axis shrinks goes through in bands.
 */
class Between {
  readonly columns: number;
  readonly #rest: number;

  constructor(
    readonly output: Float32Array,
    readonly newShape: Shape3,
    readonly rows: readonly [number, number],
    readonly spare: Float32Array,
  ) {
    this.columns = (rows[1] - rows[0]) * newShape[2];
    this.#rest = (newShape[1] - rows[1]) * newShape[2];
  }

  /** Writes the values from `lane` on of plane i0. */
  put(i0: number, lane: number, values: Float32Array): void {
    const { output, newShape, rows } = this;
    const [m0, m1, m2] = newShape;
    if (i0 < m0) output.set(values, (i0 * m1 + rows[0]) * m2 + lane);
    else {
      this.forEachPiece(i0, lane, values.length, (piece, at) => piece.set(values.subarray(at, at + piece.length)));
    }
  }

  /** Calls back with each piece of the values [lane, lane + count) of plane i0, in order. */
  forEachPiece(i0: number, lane: number, count: number, visit: (values: Float32Array, at: number) => void): void {
    const { output, newShape, rows, spare } = this;
    const [m0, m1, m2] = newShape;
    if (i0 < m0) {
      const begin = (i0 * m1 + rows[0]) * m2 + lane;
      visit(output.subarray(begin, begin + count), 0);
      return;
    }
    for (let at = 0; at < count; ) {
      const place = (i0 - m0) * this.columns + lane + at;
      const beyond = place - spare.length;
      let piece: Float32Array;
      if (beyond < 0) {
        piece = spare.subarray(place, place + count - at);
      } else {
        const plane = Math.floor(beyond / this.#rest);
        const offset = beyond - plane * this.#rest;
        const begin = (plane * m1 + rows[1]) * m2;
        piece = output.subarray(begin + offset, begin + Math.min(offset + count - at, this.#rest));
      }
      visit(piece, at);
      at += piece.length;
    }
  }
}

/** Views of the first `length` of every `stride` values; the last may be shorter. */
function viewsOf(values: Float32Array, stride: number, length: number): Float32Array[] {
  const views: Float32Array[] = [];
  for (let at = 0; at < values.length; at += stride) views.push(values.subarray(at, at + length));
  return views;
}

/** The two last axes of the band's rows. The extent of the volume is gathered with the first band. */
function resizePlanes(
  { data, shape, newShape, center, taps1 }: FastJob,
  between: Between,
  known: Extent | null,
): Extent {
  const [n0, n1, n2] = shape;
  const m2 = newShape[2];
  const [from, to] = between.rows;
  const begin = Math.max(0, taps1.first[from] - HALO);
  const end = Math.min(n1, taps1.first[to - 1] + 4 + HALO);
  const width = padToLanes(m2);
  const { exports, window } = kernels<FastExports>();
  const [structure, slice, wide, plane, scratch, table1, table2, ...gathered] = window.reserve(
    argumentBytes(FastColumnsArgument),
    (begin + padToLanes(n1 - begin)) * n2 * 4,
    padToLanes(end - begin) * width * 4,
    (to - from) * width * 4,
    scratchBytes(Math.max(n1, n2)),
    (to - from) * ENTRY,
    m2 * ENTRY,
    ...ExtentGatherer.byteLengths(shape),
  );
  const bandTaps = {
    first: taps1.first.slice(from, to).map((first) => first - begin),
    weights: taps1.weights.subarray(4 * from, 4 * to),
  };
  storeTaps(bandTaps, table1);
  storeTaps(cubicTaps(n2, m2), table2);
  const gatherer = known === null ? new ExtentGatherer(shape, gathered) : null;
  const source = window.f32(slice, n1 * n2);
  // Rows without their padding, or pieces of whole planes; the same views for all slices.
  const result = window.f32(plane, (to - from) * width);
  const run = width === m2 ? PIECE_BYTES / 4 : m2;
  const runs = viewsOf(result, width === m2 ? run : width, run);
  window.storeArguments<FastColumnsArgument>(structure, {
    [FastColumnsArgument.input]: wide,
    [FastColumnsArgument.inputStride]: width * 4,
    [FastColumnsArgument.n]: end - begin,
    [FastColumnsArgument.lanes]: width,
    [FastColumnsArgument.table]: table1,
    [FastColumnsArgument.m]: to - from,
    [FastColumnsArgument.scratch]: scratch,
    [FastColumnsArgument.output]: plane,
    [FastColumnsArgument.outputStride]: width * 4,
    [FastColumnsArgument.center]: 0,
    [FastColumnsArgument.low]: Number.NEGATIVE_INFINITY,
    [FastColumnsArgument.high]: Number.POSITIVE_INFINITY,
  });
  for (let i0 = 0; i0 < n0; i0++) {
    if (gatherer === null) {
      source.set(data.subarray((i0 * n1 + begin) * n2, (i0 * n1 + end) * n2), begin * n2);
    } else {
      source.set(data.subarray(i0 * n1 * n2, (i0 + 1) * n1 * n2));
      gatherer.addRows(slice, 0, n1, n2);
      gatherer.endSlice();
    }
    exports.fastRows(slice + begin * n2 * 4, n2 * 4, end - begin, n2, center, table2, m2, scratch, wide, width * 4);
    exports.fastColumns(structure);
    for (let r = 0; r < runs.length; r++) between.put(i0, r * run, runs[r]);
  }
  return known ?? (gatherer as ExtentGatherer).finish();
}

function resizeFirstAxis(between: Between, n0: number, { low, high }: Extent, center: number): void {
  const { columns, newShape } = between;
  const m0 = newShape[0];
  const lanesAtOnce = Math.max(LANES, Math.floor(TILE_BYTES / ((n0 + m0) * 4) / LANES) * LANES);
  const most = Math.min(lanesAtOnce, padToLanes(columns));
  const { exports, window } = kernels<FastExports>();
  const [structure, input, result, scratch, table] = window.reserve(
    argumentBytes(FastColumnsArgument),
    n0 * most * 4,
    m0 * most * 4,
    scratchBytes(n0),
    m0 * ENTRY,
  );
  storeTaps(cubicTaps(n0, m0), table);
  const source = window.f32(input, n0 * most);
  const target = window.f32(result, m0 * most);
  let results = viewsOf(target, most, Math.min(most, columns));
  for (let lane = 0; lane < columns; lane += most) {
    const count = Math.min(most, columns - lane);
    for (let i0 = 0; i0 < n0; i0++) {
      between.forEachPiece(i0, lane, count, (values, at) => source.set(values, i0 * most + at));
    }
    window.storeArguments<FastColumnsArgument>(structure, {
      [FastColumnsArgument.input]: input,
      [FastColumnsArgument.inputStride]: most * 4,
      [FastColumnsArgument.n]: n0,
      [FastColumnsArgument.lanes]: padToLanes(count),
      [FastColumnsArgument.table]: table,
      [FastColumnsArgument.m]: m0,
      [FastColumnsArgument.scratch]: scratch,
      [FastColumnsArgument.output]: result,
      [FastColumnsArgument.outputStride]: most * 4,
      [FastColumnsArgument.center]: center,
      [FastColumnsArgument.low]: low,
      [FastColumnsArgument.high]: high,
    });
    exports.fastColumns(structure);
    if (count < most) results = viewsOf(target, most, count);
    for (let k0 = 0; k0 < m0; k0++) between.put(k0, lane, results[k0]);
  }
}
