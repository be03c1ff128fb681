import type { Shape3 } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";
import type { ScalingOnTheWay } from "../normalize.js";

/**
 * What is resampled; `planar` when the first axis is not (slices of their own). Where the label `within` of the new shape
 * is negative, values need not be the reference's to the last bit. What is resampled are the voxels of `data` after
 * `scaling`, where there is one.
 */
export interface CubicJob {
  readonly data: Float32Array;
  readonly scaling: ScalingOnTheWay | null;
  readonly shape: Shape3;
  readonly newShape: Shape3;
  readonly planar: boolean;
  readonly within: Int16Array | null;
}

/** Puts `count` voxels from number `from` on into the window. Writes up to 28 bytes more. */
export function loadVoxels(
  { data, scaling }: Pick<CubicJob, "data" | "scaling">,
  from: number,
  count: number,
  address: number,
): void {
  kernels()
    .window.f32(address, count)
    .set(data.subarray(from, from + count));
  scaling?.inWindow(address, count);
}
