import { kernels } from "../runtime/instantiate.js";
import { forEachTile, TILE } from "./tile.js";

interface LabelRunsExports {
  runStarts(labels: number, count: number, first: number, starts: number): number;
}

/** Index of the first voxel of each run of equal labels, C order; the first is 0. Empty for no voxels. */
export function runStarts(label: Int16Array): Int32Array {
  const { exports, window } = kernels<LabelRunsExports>();
  const [before, starts] = window.reserve(2 * (TILE + 1), 4 * TILE);
  // The voxel before the tile, then the tile.
  const view = window.i16(before, TILE + 1);
  const startsView = window.i32(starts, TILE);
  let result = new Int32Array(TILE);
  let count = 0;
  view[0] = ~(label[0] ?? 0);
  forEachTile(label.length, (first, length) => {
    if (first > 0) view[0] = label[first - 1];
    view.set(label.subarray(first, first + length), 1);
    const found = exports.runStarts(before + 2, length, first, starts);
    if (count + found > result.length) {
      const larger = new Int32Array(Math.max(2 * result.length, count + found));
      larger.set(result.subarray(0, count));
      result = larger;
    }
    result.set(startsView.subarray(0, found), count);
    count += found;
  });
  return result.subarray(0, count);
}
