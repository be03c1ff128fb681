import type { Shape3 } from "../../core/volume.js";

/**
 * What is resampled; `planar` when the first axis is not (slices of their own). Where the label `within` of the new shape
 * is negative, values need not be the reference's to the last bit.
 */
export interface CubicJob {
  readonly data: Float32Array;
  readonly shape: Shape3;
  readonly newShape: Shape3;
  readonly planar: boolean;
  readonly within: Int16Array | null;
}
