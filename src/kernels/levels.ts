import { type Shape3, voxelCount } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";

interface LevelExports {
  levelsOfSlice(slice: number, rows: number, columns: number, exponent: number, levels: number): void;
  spreadLevels(from: number, to: number, count: number): void;
}

/** Biased exponent of a float32. */
function exponentOf(value: number): number {
  return (new Uint32Array(Float32Array.of(value).buffer)[0] as number) >>> 23;
}

/**
 * Levels (assembly/levels.ts) of every voxel: at most `largest * DECAY^level` of the source reaches it.
 * Uses and overwrites the scratch window.
 *
 * @param largest largest magnitude in `data`
 * @param planar slices along the first axis do not reach each other
 */
export function levelsOf(data: Float32Array, shape: Shape3, largest: number, planar: boolean): Uint8Array {
  const [n0, n1, n2] = shape;
  const plane = n1 * n2;
  const { exports, window } = kernels<LevelExports>();
  const [slice, here, there] = window.reserve(plane * 4, plane, plane) as [number, number, number];
  const result = new Uint8Array(voxelCount(shape));
  const exponent = exponentOf(largest);
  const source = window.f32(slice, plane);
  const levels = window.u8(here, plane);
  const neighbour = window.u8(there, plane);
  for (let i0 = 0; i0 < n0; i0++) {
    source.set(data.subarray(i0 * plane, (i0 + 1) * plane));
    exports.levelsOfSlice(slice, n1, n2, exponent, here);
    if (!planar && i0 > 0) exports.spreadLevels(there, here, plane);
    result.set(levels, i0 * plane);
    neighbour.set(levels);
  }
  for (let i0 = n0 - 2; i0 >= 0 && !planar; i0--) {
    levels.set(result.subarray(i0 * plane, (i0 + 1) * plane));
    exports.spreadLevels(there, here, plane);
    result.set(levels, i0 * plane);
    neighbour.set(levels);
  }
  return result;
}
