import { BLOCK } from "./extent.js";
import { position, remembered } from "./taps.js";

/** |z| of the cubic spline's pole: how fast a sample's influence decays per voxel. */
export const DECAY = 2 - Math.sqrt(3);

/**
 * Largest difference between the fast and the reference's order of operations, relative to the largest
 * `|x| * DECAY^distance` over the source voxels, distances from the 4 x 4 x 4 taps: 2.6e-15 at most in 300,000 voxels of
 * white noise, 4.4e-15 where every voxel has the other sign than its neighbours, which the spline amplifies most; with
 * room.
 */
export const RELATIVE_ERROR = 6e-15;

/**
 * Sharper bounds for single voxels, `ERROR_OF_SOURCE * (that largest source voxel) + ERROR_OF_TERMS * (sum of the terms
 * |coefficient * weights|)`, and `ERROR_OF_TAIL` times the source voxel when it lies more than some samples away. Errors
 * came to 0.6 of the first bound and 0.3 of the second at most, in 40,000 voxels of noise, alternating signs, smooth and
 * sparse volumes, and of CT and MR scans.
 */
export const ERROR_OF_SOURCE = 1.8e-15;
export const ERROR_OF_TERMS = 2.5e-16;
export const ERROR_OF_TAIL = 2e-15;

/** Block of the source axis under each output sample. */
export const blockOfSample = remembered(
  (n: number, m: number): Int32Array =>
    Int32Array.from({ length: m }, (_, k) =>
      Math.floor(Math.min(Math.max(Math.floor(position(k, n, m)), 0), n - 1) / BLOCK),
    ),
);

/** Source sample nearest to each output sample. */
export const nearestSample = remembered(
  (n: number, m: number): Int32Array =>
    Int32Array.from({ length: m }, (_, k) => Math.min(Math.max(Math.round(position(k, n, m)), 0), n - 1)),
);

/**
 * Tolerance of each of the 256 levels of assembly/levels.ts. They count distances from the nearest voxel, which is
 * farther away than the nearest tap (1.2e-14 of the level at most in sparse volumes), and decay more slowly than the
 * spline, because the rounding errors of a tail grow with its length.
 */
export function tolerancesOfLevels(largest: number): Float64Array {
  const result = new Float64Array(256);
  let tolerance = 3 * RELATIVE_ERROR * largest;
  for (let level = 0; level < 256; level++) {
    result[level] = tolerance;
    tolerance *= 0.28;
  }
  return result;
}
