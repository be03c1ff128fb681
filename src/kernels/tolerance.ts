import type { Shape3 } from "../core/volume.js";
import { BLOCK, type Extent } from "./extent.js";
import { position, remembered } from "./taps.js";

/** |z| of the cubic spline's pole: how fast a sample's influence decays per voxel. */
export const DECAY = 2 - Math.sqrt(3);

/**
 * Largest difference between the fast and the reference's order of operations, relative to the largest
 * `|x| * DECAY^distance` over the source voxels: 1.1e-15 at most on white noise, with room.
 */
export const RELATIVE_ERROR = 2e-15;

/**
 * Decay over one block of 4 voxels, and over the 3 between the nearest taps of blocks with one between them. Slower
 * than the spline's own, because the rounding errors of a tail grow with its length while its values decay.
 */
const DECAY_OF_BLOCK = 0.3 * 0.3 * 0.3 * 0.3;
const DECAY_OF_GAP = 0.3 * 0.3 * 0.3;

/** Spreads the magnitudes of rows of `count` blocks in place: neighbours whole, farther blocks decayed. */
function spreadRows(values: Float64Array, count: number): void {
  for (let start = 0; start < values.length; start += count) {
    let before = 0;
    let last = 0;
    let here = values[start] as number;
    let next = count > 1 ? (values[start + 1] as number) : 0;
    let carried = 0;
    for (let i = 0; i < count; i++) {
      const afterNext = i + 2 < count ? (values[start + i + 2] as number) : 0;
      const near = last > next ? last : next;
      const far = DECAY_OF_GAP * (before > afterNext ? before : afterNext);
      let reached = here > near ? here : near;
      if (far > reached) reached = far;
      carried *= DECAY_OF_BLOCK;
      if (reached > carried) carried = reached;
      values[start + i] = carried;
      before = last;
      last = here;
      here = next;
      next = afterNext;
    }
    for (let i = start + count - 2; i >= start; i--) {
      carried *= DECAY_OF_BLOCK;
      const own = values[i] as number;
      if (own > carried) carried = own;
      values[i] = carried;
    }
  }
}

/** `spreadRows` along the first axis of (count, inner). */
function spreadPlanes(values: Float64Array, count: number, inner: number): void {
  const original = values.slice();
  const raise = (at: number, source: Float64Array, from: number, factor: number): void => {
    for (let j = 0; j < inner; j++) {
      const candidate = (source[from + j] as number) * factor;
      if (candidate > (values[at + j] as number)) values[at + j] = candidate;
    }
  };
  for (let i = 0; i < count; i++) {
    for (let step = -2; step <= 2; step++) {
      if (step === 0 || i + step < 0 || i + step >= count) continue;
      raise(i * inner, original, (i + step) * inner, Math.abs(step) === 1 ? 1 : DECAY_OF_GAP);
    }
    if (i > 0) raise(i * inner, values, (i - 1) * inner, DECAY_OF_BLOCK);
  }
  for (let i = count - 2; i >= 0; i--) raise(i * inner, values, (i + 1) * inner, DECAY_OF_BLOCK);
}

/** Magnitudes that reach each block, decayed by distance; `planar` when the spline does not run along the first axis. */
export function envelope(extent: Extent, planar: boolean): Float64Array {
  const [b0, b1, b2] = extent.blocks;
  const values = new Float64Array(extent.magnitudes);
  if (!planar) spreadPlanes(values, b0, b1 * b2);
  for (let b = 0; b < b0; b++) spreadPlanes(values.subarray(b * b1 * b2, (b + 1) * b1 * b2), b1, b2);
  spreadRows(values, b2);
  return values;
}

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
