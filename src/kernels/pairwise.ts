import type { Shape3 } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { TILE } from "./tile.js";

interface PairwiseExports {
  pairwiseSum(values: number, count: number): number;
  pairwiseSquares(values: number, count: number, mean: number): number;
}

/**
 * `values.mean()` and `values.std()` of a contiguous float32 array, bit by bit as NumPy 2.3 and later compute them:
 * float32 sums in NumPy's pairwise order, the mean rounded to float32 before deviations are taken from it. NumPy up to
 * 2.2 sums in chunks of 8192 and is less accurate. Both are NaN without values.
 *
 * @param order which values are summed at once, see `viewOrder`; the deviations that the standard deviation sums always
 * are
 */
export function meanAndStdFloat32(
  values: Float32Array,
  order: SummationOrder = { run: values.length, group: values.length },
): { mean: number; std: number } {
  const { exports, window } = kernels<PairwiseExports>();
  const [tile] = window.reserve(4 * TILE);
  const view = window.f32(tile, TILE);
  const sum = (start: number, count: number, mean: number | null): number => {
    if (count > TILE) {
      let half = Math.floor(count / 2);
      half -= half % 8;
      return Math.fround(sum(start, half, mean) + sum(start + half, count - half, mean));
    }
    view.set(values.subarray(start, start + count));
    return mean === null ? exports.pairwiseSum(tile, count) : exports.pairwiseSquares(tile, count, mean);
  };
  const count = values.length;
  let total = sum(0, Math.min(order.run, count), null);
  for (let at = order.run, end = order.group; at < count; ) {
    const part = Math.min(order.run, end - at, count - at);
    if (part > 0) total = Math.fround(total + sum(at, part, null));
    at += part;
    if (at >= end) end += order.group;
  }
  const mean = Math.fround(total / count);
  const variance = Math.fround(sum(0, count, mean) / count);
  return { mean, std: Math.fround(Math.sqrt(variance)) };
}

/** Values that NumPy sums pairwise before it adds the next ones: `run` of them, and what is left of each `group`. */
export interface SummationOrder {
  readonly run: number;
  readonly group: number;
}

/** Values that NumPy's iterator hands to a sum at once, where the memory does not lie in one piece. */
const ITERATOR_BUFFER = 8192;

/**
 * How NumPy 2.3 and later sum an array of `shape` that was cut out of a C-contiguous one of shape `whole`: all at once if
 * nothing between its values was cut out. Else the fastest axes that fit its iterator's buffer go in whole, and of the
 * next one as many as fit; the last run of that axis is what is left of it. What lies in one piece and is more than the
 * buffer holds is one run.
 */
export function viewOrder(shape: Shape3, whole: Shape3): SummationOrder {
  // Lengths of axes, the fastest first, those that continue each other's steps joined.
  const joined: number[] = [];
  let step = 1;
  let expected = 0;
  for (let axis = 2; axis >= 0; axis--) {
    const length = shape[axis];
    if (length !== 1) {
      if (joined.length > 0 && step === expected) joined[joined.length - 1] = (joined.at(-1) as number) * length;
      else joined.push(length);
      expected = step * length;
    }
    step *= whole[axis];
  }
  const [inner = 1] = joined;
  if (inner > ITERATOR_BUFFER || joined.length <= 1) return { run: inner, group: inner };
  let rows = 1;
  let axis = 0;
  for (; axis < joined.length && rows * joined[axis] <= ITERATOR_BUFFER; axis++) {
    rows *= joined[axis];
  }
  return { run: rows * Math.floor(ITERATOR_BUFFER / rows), group: rows * (joined[axis] ?? 1) };
}
