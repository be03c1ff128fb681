import type { Shape3 } from "../../core/volume.js";
import { product } from "./grid.js";

/** Most bytes of a block and of a chunk, and how many times as long as the patch a chunk may be along an axis. */
const BLOCK_BYTES = 128 * 1024;
const CHUNK_BYTES = 6 * 1024 * 1024;
const CHUNK_TO_PATCH = 1.5;

/** Shapes without the channel axis, in which blocks and chunks always have the length 1. */
export interface BlockShapes {
  readonly blockShape: Shape3;
  readonly chunkShape: Shape3;
}

function powerOfTwoFrom(n: number): number {
  let power = 1;
  while (power < n) power *= 2;
  return power;
}

/** Largest power of two below `n`, at least 1. */
function powerOfTwoBelow(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

/**
 * The chunks and blocks that nnU-Net 2.8 gives a preprocessed case, so that its training reads few bytes for a patch
 * (`comp_blosc2_params` with its defaults).
 *
 * @param image voxels per axis
 * @param patch patch size of the configuration, three axes or, for 2-D, two
 * @param itemSize bytes per voxel
 */
export function chooseBlockShapes(image: Shape3, patch: readonly number[], itemSize: number): BlockShapes {
  const planar = patch.length === 2;
  const patch3 = planar ? [1, ...patch] : [...patch];
  const target = image.map((n, axis) => Math.max(1, Math.min(n, Math.floor(CHUNK_TO_PATCH * patch3[axis]))));
  const block = image.map((n, axis) => Math.min(powerOfTwoFrom(patch3[axis]), n));
  while (product(block) * itemSize > BLOCK_BYTES) {
    const covered = block.map((n, axis) => (n > 1 ? n / target[axis] : 0));
    const axis = covered.lastIndexOf(Math.max(...covered));
    block[axis] = powerOfTwoBelow(block[axis]);
  }
  const chunk = [...block];
  for (;;) {
    let best = -1;
    let grown = 0;
    for (let axis = 0; axis < 3; axis++) {
      if ((planar && axis === 0) || patch3[axis] === 1 || chunk[axis] >= target[axis]) continue;
      const length = Math.min(chunk[axis] + block[axis], target[axis]);
      if ((product(chunk) / chunk[axis]) * length * itemSize > CHUNK_BYTES) continue;
      // The axis that covers least of its target; of equal ones the longer one of the image.
      const less = best < 0 ? -1 : chunk[axis] / target[axis] - chunk[best] / target[best];
      if (less < 0 || (less === 0 && image[axis] > image[best])) {
        best = axis;
        grown = length;
      }
    }
    if (best < 0) break;
    chunk[best] = grown;
  }
  return { blockShape: block as unknown as Shape3, chunkShape: chunk as unknown as Shape3 };
}
