/** Pooling and convolution kernels of a U-Net for one patch size; all in the transposed frame. */
export interface Topology {
  /** How often each axis is halved. */
  readonly numPoolPerAxis: number[];
  /** Per resolution below the first: 2 where the axis is pooled, 1 elsewhere. */
  readonly poolOpKernelSizes: number[][];
  /** Per resolution, the bottleneck last: 3 or 1 per axis. */
  readonly convKernelSizes: number[][];
  /** The patch, padded so that every pooling halves it exactly. */
  readonly patchSize: number[];
  readonly mustBeDivisibleBy: number[];
}

/** Feature maps may not get smaller than this along an axis by pooling. */
const MINIMAL_FEATURE_MAP_LENGTH = 4;

/**
 * nnU-Net 1.7.1 `get_pool_and_conv_props`: axes are pooled while their spacing is within a factor of 2 of the smallest
 * and they are long enough; convolutions span the largest group of axes with similar spacing.
 *
 * @param spacing mm per axis (2 or 3 axes), transposed frame. @param patch voxels per axis.
 */
export function configurePooling(spacing: readonly number[], patch: readonly number[]): Topology {
  const dimensions = spacing.length;
  const currentSpacing = [...spacing];
  const currentSize = [...patch];
  const numPoolPerAxis = spacing.map(() => 0);
  const poolOpKernelSizes: number[][] = [];
  const convKernelSizes: number[][] = [];
  for (;;) {
    const smallest = Math.min(...currentSpacing);
    const pool = spacing.map(() => 1);
    let pooled = false;
    for (let i = 0; i < dimensions; i++) {
      if (currentSpacing[i] / smallest < 2 && currentSize[i] >= 2 * MINIMAL_FEATURE_MAP_LENGTH) {
        pool[i] = 2;
        pooled = true;
      }
    }
    if (!pooled) break;
    poolOpKernelSizes.push(pool);
    convKernelSizes.push(similarAxes(currentSpacing));
    for (let i = 0; i < dimensions; i++) {
      if (pool[i] === 1) continue;
      numPoolPerAxis[i]++;
      currentSpacing[i] *= 2;
      currentSize[i] = Math.ceil(currentSize[i] / 2);
    }
  }
  convKernelSizes.push(spacing.map(() => 3));
  const mustBeDivisibleBy = numPoolPerAxis.map((n) => 1 << n);
  return {
    numPoolPerAxis,
    poolOpKernelSizes,
    convKernelSizes,
    patchSize: patch.map((n, i) => Math.ceil(n / mustBeDivisibleBy[i]) * mustBeDivisibleBy[i]),
    mustBeDivisibleBy,
  };
}

/** 3 on the largest set of axes whose spacings are within a factor of 2 of one axis, 1 elsewhere. */
function similarAxes(spacing: readonly number[]): number[] {
  let kernel: number[] = [];
  let largest = 0;
  for (const own of spacing) {
    const candidate = spacing.map((other) => (other / own < 2 && own / other < 2 ? 3 : 1));
    const size = candidate.filter((k) => k === 3).length;
    if (size > largest) {
      kernel = candidate;
      largest = size;
    }
  }
  return kernel;
}

/** What the memory estimate depends on besides patch and pooling. */
export interface NetworkSize {
  readonly baseFeatures: number;
  readonly maxFeatures: number;
  readonly modalities: number;
  /** Foreground classes plus background. */
  readonly classes: number;
}

/** Convolutions per resolution in nnU-Net v1's U-Net. */
export const CONVOLUTIONS_PER_STAGE = 2;

/**
 * nnU-Net 1.7.1 `Generic_UNet.compute_approx_vram_consumption`: a number proportional to the memory that training
 * takes, in feature map voxels, not in bytes. Whole-number arithmetic, exact below 2^53.
 */
export function estimateTrainingMemory(
  patch: readonly number[],
  pools: readonly (readonly number[])[],
  network: NetworkSize,
): number {
  const product = (values: readonly number[]) => values.reduce((a, b) => a * b, 1);
  const both = 2 * CONVOLUTIONS_PER_STAGE + 1;
  const size = [...patch];
  let features = network.baseFeatures;
  let estimate = product(size) * (both * features + network.modalities + network.classes);
  pools.forEach((pool, p) => {
    for (let i = 0; i < size.length; i++) size[i] = Math.trunc(size[i] / pool[i]);
    features = Math.min(features * 2, network.maxFeatures);
    estimate += (p < pools.length - 1 ? both : CONVOLUTIONS_PER_STAGE) * product(size) * features;
  });
  return estimate;
}
