import { BLOCK } from "./extent.js";
import { position, remembered } from "./taps.js";

/** |z| of the cubic spline's pole: how fast a sample's influence decays per voxel. */
export const DECAY = 2 - Math.sqrt(3);

/**
 * Largest difference between the fast and the reference's order of operations, relative to the largest
 * `|x| * DECAY^distance` over the source voxels: 1.1e-15 at most on white noise, with room.
 */
export const RELATIVE_ERROR = 2e-15;

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
 * Tolerance of each of the 256 levels of assembly/levels.ts: the sum over 64 taps exceeds the largest term several
 * times, levels are whole numbers, and the rounding errors of a tail grow with its length.
 */
export function tolerancesOfLevels(largest: number): Float64Array {
  const result = new Float64Array(256);
  let tolerance = 4 * RELATIVE_ERROR * largest;
  for (let level = 0; level < 256; level++) {
    result[level] = tolerance;
    tolerance *= 0.28;
  }
  return result;
}
