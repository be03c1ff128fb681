import { kernels } from "../runtime/instantiate.js";
import { forEachTile, TILE } from "./tile.js";

interface CleanExports {
  countNan(values: number, count: number): number;
  clearBelow(labels: number, count: number): number;
}

/** Number of values that are NaN. */
export function countNan(values: Float32Array): number {
  const { exports, window } = kernels<CleanExports>();
  const [tile] = window.reserve(4 * TILE) as [number];
  const view = window.f32(tile, TILE);
  let count = 0;
  forEachTile(values.length, (start, length) => {
    view.set(values.subarray(start, start + length));
    view.fill(0, length);
    count += exports.countNan(tile, length);
  });
  return count;
}

/** Labels below -1 become 0, in place. */
export function clearLowLabels(labels: Int16Array): void {
  const { exports, window } = kernels<CleanExports>();
  const [tile] = window.reserve(2 * TILE) as [number];
  const view = window.i16(tile, TILE);
  forEachTile(labels.length, (start, length) => {
    view.set(labels.subarray(start, start + length));
    view.fill(0, length);
    if (exports.clearBelow(tile, length) !== 0) labels.set(view.subarray(0, length), start);
  });
}
