import type { VoxelArray } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { copierOf, forEachTile, TILE } from "./tile.js";

interface CleanExports {
  countNan(values: number, count: number): number;
  clearBelow(labels: number, count: number): number;
  wholeLabels(values: number, count: number, labels: number): number;
}

/** Number of values that are NaN. */
export function countNan(values: Float32Array): number {
  const { exports, window } = kernels<CleanExports>();
  const [tile] = window.reserve(4 * TILE);
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
  const [tile] = window.reserve(2 * TILE);
  const view = window.i16(tile, TILE);
  forEachTile(labels.length, (start, length) => {
    view.set(labels.subarray(start, start + length));
    view.fill(0, length);
    if (exports.clearBelow(tile, length) !== 0) labels.set(view.subarray(0, length), start);
  });
}

/**
 * Voxels as labels, not copied if they are int16 already; or the index of the first that is no whole number in the int16
 * range.
 */
export function wholeLabels(values: VoxelArray): Int16Array | number {
  if (values instanceof Int16Array) return values;
  if (values instanceof Float32Array) return wholeFloatLabels(values, new Int16Array(values.length));
  const labels = new Int16Array(values);
  if (values instanceof Uint8Array || values instanceof Int8Array) return labels;
  for (let i = 0; i < labels.length; i++) if (labels[i] !== values[i]) return i;
  return labels;
}

/**
 * The same for float32. `result` may lie in the memory of `values`, from their beginning on: what is overwritten has been
 * read by then. When there is a wrong voxel, it and those after it are still there.
 */
export function wholeFloatLabels(values: Float32Array, result: Int16Array): Int16Array | number {
  const { exports, window } = kernels<CleanExports>();
  const [from, to] = window.reserve(4 * TILE, 2 * TILE);
  const tile = window.f32(from, TILE);
  const labels = window.i16(to, TILE);
  const copyOut = copierOf(labels);
  let wrong = -1;
  forEachTile(values.length, (start, length) => {
    if (wrong >= 0) return;
    tile.set(values.subarray(start, start + length));
    tile.fill(0, length);
    if (exports.wholeLabels(from, length, to) === 0) {
      wrong = start + tile.findIndex((value, i) => value !== labels[i]);
      return;
    }
    copyOut(result, start, length);
  });
  return wrong >= 0 ? wrong : result;
}
