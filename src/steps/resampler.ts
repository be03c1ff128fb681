import type { Shape3 } from "../core/volume.js";
import { resizeCubicFast } from "../kernels/cubic/fast.js";
import { resizeCubic } from "../kernels/cubic/resize.js";
import { resizeCubicSlices } from "../kernels/cubic/slices.js";
import { clipAndScale, type Scaling } from "../kernels/normalize.js";

/** Who does the cubic resampling, by far the most work of a case: the caller's thread, or those of an engine. */
export interface CubicResampler {
  /** As `resizeCubic`. */
  resizeCubic(
    data: Float32Array,
    shape: Shape3,
    newShape: Shape3,
    output?: Float32Array,
    within?: Int16Array | null,
    scaling?: Scaling | null,
  ): Promise<Float32Array>;
  /** As `resizeCubicSlices`. */
  resizeCubicSlices(
    data: Float32Array,
    shape: Shape3,
    newPlane: readonly [number, number],
    output?: Float32Array,
  ): Promise<Float32Array>;
}

/** The reference's bits, on the caller's thread. */
export const exactResampler: CubicResampler = {
  resizeCubic: async (data, shape, newShape, output, within, scaling) =>
    resizeCubic(data, shape, newShape, output, within, scaling),
  resizeCubicSlices: async (data, shape, newPlane, output) => resizeCubicSlices(data, shape, newPlane, output),
};

/** float32 arithmetic on the caller's thread: not bit-equal, errors below 4e-7 of the range of what is resampled. */
export const fastResampler: CubicResampler = {
  resizeCubic: async (data, shape, newShape, output, _within, scaling) =>
    resizeCubicFast(scaling ? clipAndScale(data, scaling) : data, shape, newShape, output),
  resizeCubicSlices: async (data, [n0, n1, n2], [m1, m2], output = new Float32Array(n0 * m1 * m2)) => {
    for (let i = 0; i < n0; i++) {
      const slice = data.subarray(i * n1 * n2, (i + 1) * n1 * n2);
      const result = output.subarray(i * m1 * m2, (i + 1) * m1 * m2);
      if (n1 === m1 && n2 === m2) result.set(slice);
      else resizeCubicFast(slice, [1, n1, n2], [1, m1, m2], result);
    }
    return output;
  },
};

/** How images are resampled: with the reference's bits, or faster with errors below 4e-7 of their range. */
export type Precision = "exact" | "fast";

/** What a recipe's options say; an engine serves the exact precision only. */
export function chooseResampler(
  precision: Precision = "exact",
  given: CubicResampler = exactResampler,
): CubicResampler {
  return precision === "fast" ? fastResampler : given;
}
