import { kernels } from "../runtime/instantiate.js";
import type { FloatValues } from "./half.js";

type Accumulate<Result> = (
  values: number,
  weights: number,
  sums: number,
  rows: number,
  columns: number,
  stride: number,
) => Result;
type Divide = (sums: number, divisors: number, count: number, output: number) => number;

interface AccumulateExports {
  /** Whether all sums are finite. */
  accumulateHalves: Accumulate<number>;
  accumulateFloats: Accumulate<void>;
  divideHalves: Divide;
  divideFloatsBy: Divide;
  addHalfSums(values: number, count: number, sums: number): number;
}

/** Values per call: what a call touches stays in the cache. */
const TILE = 32768;

/** Where one plane of a window lies in a plane of sums. */
export interface WindowPlane {
  /** Rows and columns of the window. */
  readonly rows: number;
  readonly columns: number;
  /** Rows and columns of the plane of sums. */
  readonly sumRows: number;
  readonly sumColumns: number;
  /** Row and column of the sums at which the window starts. */
  readonly row: number;
  readonly column: number;
}

/**
 * Adds `values * weights` to the sums of each class in one plane, rounded to the precision of the sums after each
 * addition, as nnU-Net 2.8.1 accumulates its windows.
 *
 * @param sums `(classes, sumRows, sumColumns)`; float32, or float16 as bits, which must be finite
 * @param values `values[start + c * classStride]` is the first value of class `c`; each class `(rows, columns)`, dense
 * @param weights `(rows, columns)`
 * @returns of float16 the first class with a sum that is not finite, or -1; float32 sums may run over
 */
export function accumulatePlane(
  sums: FloatValues,
  values: Float32Array,
  start: number,
  classStride: number,
  weights: Float32Array,
  plane: WindowPlane,
): number {
  const { exports, window } = kernels<AccumulateExports>();
  const { rows, columns, sumRows, sumColumns } = plane;
  const half = sums instanceof Uint16Array;
  const perPlane = sumRows * sumColumns;
  const classes = sums.length / perPlane;
  const rowsPerTile = Math.max(1, Math.min(rows, Math.floor(TILE / sumColumns)));
  const [sumAt, valueAt, weightAt] = window.reserve(
    rowsPerTile * sumColumns * sums.BYTES_PER_ELEMENT,
    rowsPerTile * columns * 4,
    rowsPerTile * columns * 4,
  );
  const span = (count: number) => (count - 1) * sumColumns + columns;
  const sumTile = half ? window.u16(sumAt, span(rowsPerTile)) : window.f32(sumAt, span(rowsPerTile));
  const valueTile = window.f32(valueAt, rowsPerTile * columns);
  let infinite = -1;
  for (let row = 0; row < rows; row += rowsPerTile) {
    const count = Math.min(rowsPerTile, rows - row);
    const inTile = count * columns;
    const inSums = count === rowsPerTile ? sumTile : sumTile.subarray(0, span(count));
    window.f32(weightAt, inTile).set(weights.subarray(row * columns, row * columns + inTile));
    for (let c = 0; c < classes; c++) {
      const from = start + c * classStride + row * columns;
      const at = c * perPlane + (plane.row + row) * sumColumns + plane.column;
      // The columns between the window's rows travel along: one long copy costs less than many short ones.
      inSums.set(sums.subarray(at, at + span(count)));
      valueTile.set(values.subarray(from, from + inTile));
      if (!half) exports.accumulateFloats(valueAt, weightAt, sumAt, count, columns, sumColumns);
      else if (!exports.accumulateHalves(valueAt, weightAt, sumAt, count, columns, sumColumns)) {
        if (infinite === -1 || c < infinite) infinite = c;
      }
      sums.set(inSums, at);
    }
  }
  return infinite;
}

/**
 * `output = sums / divisors` in their precision, for each class of a plane.
 *
 * @param sums `(classes, voxels)`
 * @param divisors `(voxels)`
 * @returns the first class that has a value that is not finite, or -1
 */
export function dividePlane<T extends FloatValues>(sums: T, divisors: T, output: T): number {
  const { exports, window } = kernels<AccumulateExports>();
  const half = sums instanceof Uint16Array;
  const divide = half ? exports.divideHalves : exports.divideFloatsBy;
  const size = TILE * sums.BYTES_PER_ELEMENT;
  const [sumAt, divisorAt, outputAt] = window.reserve(size, size, size);
  const view = (address: number, count: number) => (half ? window.u16(address, count) : window.f32(address, count));
  const voxels = divisors.length;
  let infinite = -1;
  for (let from = 0; from < voxels; from += TILE) {
    const count = Math.min(TILE, voxels - from);
    const [tile, result] = [view(sumAt, count), view(outputAt, count)];
    view(divisorAt, count).set(divisors.subarray(from, from + count));
    for (let at = from, c = 0; at < sums.length; at += voxels, c++) {
      tile.set(sums.subarray(at, at + count));
      if (!divide(sumAt, divisorAt, count, outputAt) && (infinite === -1 || c < infinite)) infinite = c;
      output.set(result, at);
    }
  }
  return infinite;
}

/** `sums[i] += values[i]` of float16 bits, rounded to float16; both finite. Whether all sums are finite. */
export function addHalfSums(values: Uint16Array, sums: Uint16Array): boolean {
  const { exports, window } = kernels<AccumulateExports>();
  const [valueAt, sumAt] = window.reserve(TILE * 2, TILE * 2);
  let finite = true;
  for (let from = 0; from < sums.length; from += TILE) {
    const count = Math.min(TILE, sums.length - from);
    const result = window.u16(sumAt, count);
    window.u16(valueAt, count).set(values.subarray(from, from + count));
    result.set(sums.subarray(from, from + count));
    if (!exports.addHalfSums(valueAt, count, sumAt)) finite = false;
    sums.set(result, from);
  }
  return finite;
}
