/** Strides and kernels of a U-Net for one patch size; all in the transposed frame. */
export interface Topology {
  /** Per stage and axis: 2 where the stage halves the axis, else 1; the first stage halves none. */
  readonly strides: readonly (readonly number[])[];
  /** Per stage and axis 3 or 1; the bottleneck has 3 throughout. */
  readonly kernelSizes: readonly (readonly number[])[];
  /** The patch in whole voxels, padded so that every stride divides it. */
  readonly patchSize: readonly number[];
  readonly mustBeDivisibleBy: readonly number[];
}

/** Feature maps may not get shorter than this by pooling. */
const MINIMAL_FEATURE_MAP_LENGTH = 4;

/** Axes to halve next: long enough, and with spacings within a factor of 2 of the finest of those. */
function axesToPool(spacing: readonly number[], size: readonly number[]): number[] {
  const long = spacing.map((_, i) => i).filter((i) => size[i] >= 2 * MINIMAL_FEATURE_MAP_LENGTH);
  const finest = Math.min(...long.map((i) => spacing[i]));
  const axes = long.filter((i) => spacing[i] / finest < 2);
  // A single axis is only halved where that leaves more than the minimum.
  return axes.length === 1 && size[axes[0]] < 3 * MINIMAL_FEATURE_MAP_LENGTH ? [] : axes;
}

/**
 * nnU-Net 2.8.1 `get_pool_and_conv_props`. Where v1 looks for groups of axes with similar spacing, kernels here grow to
 * 3 along an axis once its spacing is within a factor of 2 of the finest, and stay so.
 *
 * @param spacing mm per axis (2 or 3 axes). @param patch voxels per axis, may have fractions.
 */
export function configureTopology(spacing: readonly number[], patch: readonly number[]): Topology {
  const currentSpacing = [...spacing];
  const size = [...patch];
  const mustBeDivisibleBy = spacing.map(() => 1);
  const strides = [spacing.map(() => 1)];
  const kernelSizes: number[][] = [];
  let kernel = spacing.map(() => 1);
  for (let axes = axesToPool(currentSpacing, size); axes.length > 0; axes = axesToPool(currentSpacing, size)) {
    const finest = Math.min(...currentSpacing);
    kernel = kernel.map((k, i) => (k === 3 || currentSpacing[i] / finest < 2 ? 3 : 1));
    kernelSizes.push(kernel);
    strides.push(spacing.map((_, i) => (axes.includes(i) ? 2 : 1)));
    for (const i of axes) {
      mustBeDivisibleBy[i] *= 2;
      currentSpacing[i] *= 2;
      size[i] = Math.ceil(size[i] / 2);
    }
  }
  kernelSizes.push(spacing.map(() => 3));
  const padded = patch.map((n, i) => Math.ceil(n / mustBeDivisibleBy[i]) * mustBeDivisibleBy[i]);
  return { strides, kernelSizes, patchSize: padded, mustBeDivisibleBy };
}

/** What the memory of a network depends on besides patch and strides. */
export interface NetworkSize {
  /** By stage. */
  readonly features: readonly number[];
  /** Convolutions, or residual blocks, by stage. */
  readonly blocks: readonly number[];
  /** Convolutions by stage of the decoder. */
  readonly decoderConvolutions: readonly number[];
  readonly residual: boolean;
  /** Entries of the dataset's `labels`. */
  readonly classes: number;
}

/**
 * Values in all outputs of convolutions: `compute_conv_feature_map_size` of PlainConvUNet and ResidualEncoderUNet, which
 * nnU-Net takes for the memory that training needs. Whole-number arithmetic, exact below 2^53.
 */
export function countFeatureMapValues(topology: Topology, network: NetworkSize): number {
  const { strides } = topology;
  let size = [...topology.patchSize];
  let before = network.features[0];
  let count = 0;
  let first = 0;
  strides.forEach((stride, stage) => {
    size = size.map((n, i) => Math.floor(n / stride[i]));
    const voxels = size.reduce((a, b) => a * b, 1);
    const features = network.features[stage];
    const blocks = network.blocks[stage];
    if (stage === 0) first = voxels;
    if (network.residual) {
      // The stem comes before the first stage; blocks that change the shape convolve their skip connection too.
      if (stage === 0) count += features * voxels;
      count += 2 * blocks * features * voxels;
      if (features !== before || stride.includes(2)) count += features * voxels;
    } else {
      count += blocks * features * voxels;
    }
    if (stage < strides.length - 1) {
      count += (network.decoderConvolutions[stage] + 1) * features * voxels;
    }
    before = features;
  });
  return count + network.classes * first;
}
