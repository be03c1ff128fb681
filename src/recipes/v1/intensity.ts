import { minAndMax } from "../../kernels/moments.js";
import { meanAndStdFloat32 } from "../../kernels/pairwise.js";
import { medianFloat32, percentiles } from "../../kernels/select.js";
import type { IntensityStatistics } from "./documents/fingerprint.js";

/** Every how many foreground voxels nnU-Net 1.7.1 keeps for the statistics (`_get_voxels_in_foreground`). */
export const FOREGROUND_STRIDE = 10;

/**
 * `DatasetAnalyzer._compute_stats` of nnU-Net 1.7.1 with NumPy 2.4, bit by bit: NumPy turns the list of float32 scalars
 * into a float32 array and computes everything in float32.
 */
export function intensityStatistics(voxels: Float32Array): IntensityStatistics {
  const { mean, std } = meanAndStdFloat32(voxels);
  const { min, max } = minAndMax(voxels);
  const [upper, lower] = percentiles(voxels, [99.5, 0.5]) as [number, number];
  return {
    median: medianFloat32(voxels),
    mean,
    sd: std,
    mn: min,
    mx: max,
    percentile_99_5: upper,
    percentile_00_5: lower,
  };
}
