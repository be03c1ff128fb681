import type { VoxelArray } from "../core/volume.js";

/** A picture or a stack of them as a NumPy array: C order, colours last where they are mixed. */
export interface PixelArray {
  readonly data: VoxelArray;
  readonly shape: readonly number[];
}
