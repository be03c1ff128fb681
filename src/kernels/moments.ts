import { NnprepError } from "../core/errors.js";
import { kernels } from "../runtime/instantiate.js";
import { forEachTile, TILE } from "./tile.js";

interface MomentsExports {
  accumulateMoments(values: number, count: number, shift: number, lanes: number): void;
  accumulateRange(values: number, count: number, lanes: number): number;
  takeLabelled(values: number, labels: number, count: number, least: number, out: number): number;
  takeInside(values: number, count: number, low: number, high: number, out: number): number;
}

const LANES = 8;
const LANE_BYTES = 2 * LANES * 8;
/** Voxels whose mean is subtracted from all of them before they are summed. */
const SHIFT_VOXELS = 4096;

/** float64 mean and population standard deviation; both NaN when no voxel counts. */
export interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly std: number;
}

/** Which voxels of an array count. */
export type Selection =
  /** Those whose label is at least `least`. */
  | { readonly label: Int16Array; readonly least: number }
  /** Those strictly between two bounds, both rounded to float32. */
  | { readonly above: number; readonly below: number };

/** Brings voxels to `at`, a batch at a time, until `visit` returns false. Only the last batch is no multiple of 8. */
type Feed = (visit: (at: number, count: number) => boolean) => void;

/**
 * Mean and population standard deviation of the selected voxels in one pass over them.
 *
 * The order of summation is fixed: the i-th selected voxel (C order) goes to lane i mod 8 in float64, and the lanes
 * meet as ((0+1)+(2+3))+((4+5)+(6+7)). Deviations are taken from the mean of the first 4096 selected voxels: whatever
 * the data, the variance is at least (mean - shift)^2 * 4096 / count, so that cancellation loses at most a factor
 * count / 4096 of the float64 accuracy.
 *
 * @throws NnprepError SHAPE_MISMATCH if the label has another length
 */
export function meanAndStd(values: Float32Array, selection?: Selection): Moments {
  const { exports, window } = kernels<MomentsExports>();
  const [tile, labels, batch, lanes] = window.reserve(4 * TILE, 2 * TILE, 4 * (TILE + LANES), LANE_BYTES);
  const sums = window.f64(lanes, 2 * LANES);
  const feed =
    selection === undefined ? plainFeed(values, tile) : selectedFeed(values, selection, { tile, labels, batch });
  sums.fill(0);
  let count = 0;
  feed((at, length) => {
    const used = Math.min(length, SHIFT_VOXELS - count);
    exports.accumulateMoments(at, used, 0, lanes);
    count += used;
    return count < SHIFT_VOXELS;
  });
  if (count === 0) return { count: 0, mean: Number.NaN, std: Number.NaN };
  const start = joinLanes(sums, 0) / count;
  const shift = Number.isFinite(start) ? start : 0;
  sums.fill(0);
  count = 0;
  feed((at, length) => {
    exports.accumulateMoments(at, length, shift, lanes);
    count += length;
    return true;
  });
  const deviation = joinLanes(sums, 0) / count;
  const variance = joinLanes(sums, LANES) / count - deviation * deviation;
  return { count, mean: shift + deviation, std: Math.sqrt(Math.max(variance, 0)) };
}

function joinLanes(sums: Float64Array, first: number): number {
  const [a, b, c, d, e, f, g, h] = sums.subarray(first, first + LANES) as unknown as number[];
  return a! + b! + (c! + d!) + (e! + f! + (g! + h!));
}

function plainFeed(values: Float32Array, tile: number): Feed {
  const { window } = kernels<MomentsExports>();
  const view = window.f32(tile, TILE);
  return (visit) => {
    for (let start = 0; start < values.length; start += TILE) {
      const part = values.subarray(start, start + TILE);
      view.set(part);
      if (!visit(tile, part.length)) return;
    }
  };
}

function selectedFeed(
  values: Float32Array,
  selection: Selection,
  { tile, labels, batch }: { tile: number; labels: number; batch: number },
): Feed {
  const { exports, window } = kernels<MomentsExports>();
  checkSelection(values, selection);
  const view = window.f32(tile, TILE);
  const labelView = window.i16(labels, TILE);
  const batchView = window.f32(batch, TILE + LANES);
  return (visit) => {
    let waiting = 0;
    for (let start = 0; start < values.length; start += TILE) {
      const part = values.subarray(start, start + TILE);
      view.set(part);
      const out = batch + 4 * waiting;
      if ("label" in selection) {
        labelView.set(selection.label.subarray(start, start + TILE));
        waiting += exports.takeLabelled(tile, labels, part.length, selection.least, out);
      } else {
        waiting += exports.takeInside(tile, part.length, selection.above, selection.below, out);
      }
      const whole = waiting - (waiting % LANES);
      if (whole > 0 && !visit(batch, whole)) return;
      batchView.copyWithin(0, whole, waiting);
      waiting -= whole;
    }
    if (waiting > 0) visit(batch, waiting);
  };
}

function checkSelection(values: Float32Array, selection: Selection): void {
  if ("label" in selection && selection.label.length !== values.length) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `a label of ${selection.label.length} voxels on an image of ${values.length} voxels`,
      { found: selection.label.length, expected: values.length },
    );
  }
}

/**
 * A copy of the selected voxels in C order: `values[mask]` of NumPy.
 * @param destination room for as many voxels as `values` has; the result is a view of it
 */
export function voxelsWhere(values: Float32Array, selection: Selection, destination?: Float32Array): Float32Array {
  const { window } = kernels<MomentsExports>();
  const [tile, labels, batch] = window.reserve(4 * TILE, 2 * TILE, 4 * (TILE + LANES));
  const feed = selectedFeed(values, selection, { tile, labels, batch });
  let result = destination ?? new Float32Array(Math.min(values.length, 4 * TILE));
  let count = 0;
  feed((at, length) => {
    if (count + length > result.length) {
      const larger = new Float32Array(Math.min(values.length, 2 * result.length));
      larger.set(result.subarray(0, count));
      result = larger;
    }
    result.set(window.f32(at, length), count);
    count += length;
    return true;
  });
  return destination === undefined ? result.slice(0, count) : result.subarray(0, count);
}

/** Smallest and largest voxel; both NaN when there is none or one is NaN, as NumPy's `min` and `max`. */
export function minAndMax(values: Float32Array): { min: number; max: number } {
  const { exports, window } = kernels<MomentsExports>();
  const [tile, lanes] = window.reserve(4 * TILE, 32);
  const view = window.f32(tile, TILE);
  const bounds = window.f32(lanes, 8);
  bounds.fill(Number.POSITIVE_INFINITY, 0, 4).fill(Number.NEGATIVE_INFINITY, 4);
  let nan = values.length === 0;
  forEachTile(values.length, (start, length) => {
    view.set(values.subarray(start, start + length));
    if (exports.accumulateRange(tile, length, lanes) !== 0) nan = true;
  });
  if (nan) return { min: Number.NaN, max: Number.NaN };
  return { min: Math.min(...bounds.subarray(0, 4)), max: Math.max(...bounds.subarray(4)) };
}
