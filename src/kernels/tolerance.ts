import type { Shape3 } from "../core/volume.js";
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

/**
 * For each group of 16 samples of an output row, the largest envelope under it:
 * one value per (block of axis 0, block of axis 1, group).
 */
export function envelopeOfGroups(values: Float64Array, blocks: Shape3, n2: number, m2: number): Float64Array {
  const groups = Math.ceil(m2 / 16);
  const blockOf = blockOfSample(n2, m2);
  const rows = blocks[0] * blocks[1];
  const result = new Float64Array(rows * groups);
  for (let group = 0; group < groups; group++) {
    const from = blockOf[group * 16] as number;
    const to = blockOf[Math.min(group * 16 + 15, m2 - 1)] as number;
    for (let row = 0; row < rows; row++) {
      let largest = 0;
      for (let b = from; b <= to; b++) largest = Math.max(largest, values[row * blocks[2] + b] as number);
      result[row * groups + group] = largest;
    }
  }
  return result;
}

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
