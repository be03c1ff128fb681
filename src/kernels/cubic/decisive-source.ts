import type { Shape3 } from "../../core/volume.js";
import { DECAY_OVER, FARTHEST } from "./error-bound.js";
import { BLOCK, blockCount } from "./extent.js";

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
 * @param largest largest magnitude of the volume
 * @param spans its `nonzeroSpans`
 */
export function decisiveSource(
  data: Float32Array,
  shape: Shape3,
  first: readonly [number, number, number],
  largest: number,
  spans: Int32Array,
): DecisiveSource {
  for (let reach = FIRST_LOOK; ; reach = Math.min(2 * reach, FARTHEST)) {
    const found = largestWithin(data, shape, first, reach, spans);
    if (reach === FARTHEST || largest * DECAY_OVER[reach + 1] <= found.magnitude) return found;
  }
}

function largestWithin(
  data: Float32Array,
  [n0, n1, n2]: Shape3,
  [f0, f1, f2]: readonly [number, number, number],
  reach: number,
  spans: Int32Array,
): DecisiveSource {
  const away = (i: number, first: number) => Math.max(0, first - i, i - first - 3);
  const blocks1 = blockCount(n1);
  let magnitude = 0;
  let distance = 0;
  for (let i0 = Math.max(0, f0 - reach); i0 < Math.min(n0, f0 + 4 + reach); i0++) {
    const left0 = reach - away(i0, f0);
    for (let i1 = Math.max(0, f1 - left0); i1 < Math.min(n1, f1 + 4 + left0); i1++) {
      const left1 = left0 - away(i1, f1);
      const row = (i0 * n1 + i1) * n2;
      const span = 2 * (Math.floor(i0 / BLOCK) * blocks1 + Math.floor(i1 / BLOCK));
      const end = Math.min(n2, f2 + 4 + left1, spans[span + 1]);
      for (let i2 = Math.max(0, f2 - left1, spans[span]); i2 < end; i2++) {
        const d = reach - left1 + away(i2, f2);
        const reached = Math.abs(data[row + i2]) * DECAY_OVER[d];
        if (reached <= magnitude) continue;
        magnitude = reached;
        distance = d;
      }
    }
  }
  return { distance, magnitude };
}
