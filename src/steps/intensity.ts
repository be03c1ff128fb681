import { NnprepError } from "../core/errors.js";
import { minAndMax } from "../kernels/moments.js";
import { meanAndStdFloat32 } from "../kernels/pairwise.js";
import { medianFloat32, percentiles } from "../kernels/select.js";

/** Every how many foreground voxels nnU-Net 1.7.1 keeps for the statistics. */
const STRIDE = 10;

/** Statistics of foreground voxels under nnU-Net's own names, each a float32 value; all NaN without voxels. */
export interface IntensityStatistics {
  readonly median: number;
  readonly mean: number;
  readonly sd: number;
  readonly mn: number;
  readonly mx: number;
  readonly percentile_99_5: number;
  readonly percentile_00_5: number;
}

/**
 * Every tenth foreground voxel of a cropped case, from the first on: `channel[label > 0][::10]` in C order
 * (`DatasetAnalyzer._get_voxels_in_foreground` of nnU-Net 1.7.1).
 *
 * @throws NnprepError SHAPE_MISMATCH
 */
export function foregroundVoxels(channel: Float32Array, label: Int16Array): Float32Array {
  if (channel.length !== label.length) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `a label of ${label.length} voxels on an image of ${channel.length} voxels`,
      {
        found: label.length,
        expected: channel.length,
      },
    );
  }
  let count = 0;
  for (let i = 0; i < label.length; i++) if (label[i] > 0) count++;
  const result = new Float32Array(Math.ceil(count / STRIDE));
  let out = 0;
  let skip = 0;
  for (let i = 0; out < result.length; i++) {
    if (label[i] <= 0 || skip-- > 0) continue;
    result[out++] = channel[i];
    skip = STRIDE - 1;
  }
  return result;
}

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
