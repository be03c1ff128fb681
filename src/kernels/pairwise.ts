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
 * @param run see `pairwiseRun`; the deviations that the standard deviation sums always lie in one run
 */
export function meanAndStdFloat32(values: Float32Array, run: number = values.length): { mean: number; std: number } {
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
  let total = sum(0, Math.min(run, count), null);
  for (let at = run; at < count; at += run) total = Math.fround(total + sum(at, Math.min(run, count - at), null));
  const mean = Math.fround(total / count);
  const variance = Math.fround(sum(0, count, mean) / count);
  return { mean, std: Math.fround(Math.sqrt(variance)) };
}

/** Values that NumPy's iterator hands to a sum at once, where the memory does not lie in one piece. */
const ITERATOR_BUFFER = 8192;

/**
 * How many values NumPy 2.3 and later sum pairwise before they add the next ones, for an array of `shape` that was cut
 * out of a C-contiguous one of shape `whole`: all of them if nothing between them was cut out; else as many whole rows,
 * or groups of rows, as its iterator's buffer holds; or what lies in one piece if that is more.
 */
export function pairwiseRun(shape: Shape3, whole: Shape3): number {
  // Lengths of axes, the fastest first, those that continue each other's steps joined.
  const joined: number[] = [];
  let step = 1;
  let expected = 0;
  for (let axis = 2; axis >= 0; axis--) {
    const length = shape[axis] as number;
    if (length !== 1) {
      if (joined.length > 0 && step === expected) joined[joined.length - 1] = (joined.at(-1) as number) * length;
      else joined.push(length);
      expected = step * length;
    }
    step *= whole[axis] as number;
  }
  const [inner = 1] = joined;
  if (inner > ITERATOR_BUFFER || joined.length <= 1) return inner;
  let rows = 1;
  for (const length of joined) {
    if (rows * length > ITERATOR_BUFFER) break;
    rows *= length;
  }
  return rows * Math.floor(ITERATOR_BUFFER / rows);
}
