import { minAndMax } from "../kernels/moments.js";

/** Number of voxels that are NaN, and of those that are infinite. */
export function countNonFinite(values: Float32Array): { nan: number; infinite: number } {
  const { min, max } = minAndMax(values);
  let nan = 0;
  let infinite = 0;
  if (Number.isFinite(min) && Number.isFinite(max)) return { nan, infinite };
  const n = values.length;
  for (let i = 0; i < n; i++) {
    const value = values[i];
    if (Number.isNaN(value)) nan++;
    else if (!Number.isFinite(value)) infinite++;
  }
  return { nan, infinite };
}

/** NaN and infinities become 0, in place. */
export function clearNonFinite(values: Float32Array): void {
  const n = values.length;
  for (let i = 0; i < n; i++) if (!Number.isFinite(values[i])) values[i] = 0;
}
