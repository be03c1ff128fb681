import { roundedExp } from "../core/exp.js";
import { pairwiseSum } from "../core/mean.js";
import { narrowToHalves, widenHalves } from "../kernels/half.js";

/** nnU-Net's `sigma_scale`: standard deviation as a share of the patch. */
const SIGMA_SCALE = 1 / 8;
/** SciPy's `truncate`: standard deviations that its kernel reaches to each side. */
const TRUNCATE = 4;

/** SciPy's normalised 1-D kernel laid over an axis of `length`, its middle at `floor(length / 2)`. */
function axisWeights(length: number): Float64Array {
  const sigma = length * SIGMA_SCALE;
  const radius = Math.trunc(TRUNCATE * sigma + 0.5);
  const factor = -0.5 / (sigma * sigma);
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    roundedExp(factor * ((i - radius) * (i - radius))),
  );
  const sum = pairwiseSum(kernel);
  const middle = Math.floor(length / 2);
  return Float64Array.from({ length }, (_, i) => {
    const distance = Math.abs(i - middle);
    return distance > radius ? 0 : kernel[radius + distance] / sum;
  });
}

/** How one generation of nnU-Net scales and rounds the map. */
export interface GaussianSettings {
  /** Value of the largest weight: 10 in nnU-Net 2.8.1, 1 in 1.7.1. */
  readonly largest: number;
  /** float16 in nnU-Net 2.8.1, float32 in 1.7.1. */
  readonly precision: "float16" | "float32";
}

/**
 * Weights of the voxels of a patch, C order: nnU-Net's `compute_gaussian`, the same bits. Weights that rounding made 0
 * become the smallest other one. float16 weights come as the float32 of the same value.
 *
 * @param patch voxels per axis, slowest first; two or three axes
 */
export function gaussianWeights(patch: readonly number[], settings: GaussianSettings): Float32Array {
  const [first, ...others] = patch.map(axisWeights) as [Float64Array, ...Float64Array[]];
  let map = first;
  // SciPy filters axis by axis, so the product is rounded after each.
  for (const axis of others) {
    const length = axis.length;
    const next = new Float64Array(map.length * length);
    for (let i = 0, k = 0; i < map.length; i++) {
      const weight = map[i];
      for (let j = 0; j < length; j++) next[k++] = weight * axis[j];
    }
    map = next;
  }
  let largest = 0;
  for (let i = 0; i < map.length; i++) largest = Math.max(largest, map[i]);
  const divisor = largest / settings.largest;
  const weights = Float32Array.from(map, (weight) => weight / divisor);
  if (settings.precision === "float16") widenHalves(narrowToHalves(weights), weights);
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i];
    if (weight > 0 && weight < smallest) smallest = weight;
  }
  for (let i = 0; i < weights.length; i++) if (weights[i] === 0) weights[i] = smallest;
  return weights;
}
