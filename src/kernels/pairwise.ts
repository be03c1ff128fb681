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
 */
export function meanAndStdFloat32(values: Float32Array): { mean: number; std: number } {
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
  const mean = Math.fround(sum(0, count, null) / count);
  const variance = Math.fround(sum(0, count, mean) / count);
  return { mean, std: Math.fround(Math.sqrt(variance)) };
}
