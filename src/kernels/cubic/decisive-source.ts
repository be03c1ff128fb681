import { DECAY_OVER, FARTHEST } from "./error-bound.js";
import { BLOCK, type Extent, largestOfRange } from "./extent.js";
import type { CubicJob } from "./job.js";

/** Distance that is looked at first; most voxels need no more. */
const FIRST_LOOK = 4;

/** The source voxel that decides how large the rounding errors of a resampled one can be. */
export interface DecisiveSource {
  /** City-block distance from the taps, at most `FARTHEST`. */
  readonly distance: number;
  /** `|x| * DECAY^distance` */
  readonly magnitude: number;
}

/**
 * Looks at the source voxels around the 4 x 4 x 4 taps of a resampled one, as far as any could still decide. Taps
 * outside the volume repeat its edge, which lies under the taps then too.
 *
 * @param first first tap on each axis, as `cubicTaps` has it
 */
export function decisiveSource(
  job: Pick<CubicJob, "data" | "scaling" | "shape">,
  first: readonly [number, number, number],
  extent: Extent,
): DecisiveSource {
  const largest = largestOfRange(extent);
  for (let reach = FIRST_LOOK; ; reach = Math.min(2 * reach, FARTHEST)) {
    const found = largestWithin(job, first, reach, extent);
    if (reach === FARTHEST || largest * DECAY_OVER[reach + 1] <= found.magnitude) return found;
  }
}

/** Distance of [from, to) from the four taps at `first`. */
function distanceOf(from: number, to: number, first: number): number {
  return Math.max(0, first - to + 1, from - first - 3);
}

/** Blocks [from, to) of an axis of n samples that lie within `reach` of the taps at `first`. */
function blocksWithin(first: number, reach: number, n: number): [number, number] {
  const last = Math.min(n - 1, first + 3 + reach);
  return [Math.floor(Math.max(0, first - reach) / BLOCK), Math.floor(last / BLOCK) + 1];
}

function largestWithin(
  { data, scaling, shape: [n0, n1, n2] }: Pick<CubicJob, "data" | "scaling" | "shape">,
  [f0, f1, f2]: readonly [number, number, number],
  reach: number,
  { blocks, magnitudes }: Extent,
): DecisiveSource {
  let magnitude = 0;
  let distance = 0;
  const visitBlock = (b0: number, b1: number, b2: number): void => {
    for (let i0 = b0 * BLOCK; i0 < Math.min(n0, (b0 + 1) * BLOCK); i0++) {
      const d0 = distanceOf(i0, i0 + 1, f0);
      for (let i1 = b1 * BLOCK; i1 < Math.min(n1, (b1 + 1) * BLOCK); i1++) {
        const d1 = d0 + distanceOf(i1, i1 + 1, f1);
        const row = (i0 * n1 + i1) * n2;
        for (let i2 = b2 * BLOCK; i2 < Math.min(n2, (b2 + 1) * BLOCK); i2++) {
          const d = d1 + distanceOf(i2, i2 + 1, f2);
          if (d > reach) continue;
          const voxel = scaling === null ? data[row + i2] : scaling.of(data[row + i2]);
          const reached = Math.abs(voxel) * DECAY_OVER[d];
          if (reached <= magnitude) continue;
          magnitude = reached;
          distance = d;
        }
      }
    }
  };
  const ranges = [blocksWithin(f0, reach, n0), blocksWithin(f1, reach, n1), blocksWithin(f2, reach, n2)] as const;
  for (let b0 = ranges[0][0]; b0 < ranges[0][1]; b0++) {
    const d0 = distanceOf(b0 * BLOCK, (b0 + 1) * BLOCK, f0);
    for (let b1 = ranges[1][0]; b1 < ranges[1][1]; b1++) {
      const d1 = d0 + distanceOf(b1 * BLOCK, (b1 + 1) * BLOCK, f1);
      if (d1 > reach) continue;
      const row = (b0 * blocks[1] + b1) * blocks[2];
      for (let b2 = ranges[2][0]; b2 < ranges[2][1]; b2++) {
        const d = d1 + distanceOf(b2 * BLOCK, (b2 + 1) * BLOCK, f2);
        // Blocks that cannot have a larger one are not looked into.
        if (d <= reach && magnitudes[row + b2] * DECAY_OVER[d] > magnitude) visitBlock(b0, b1, b2);
      }
    }
  }
  return { distance, magnitude };
}
