import type { Shape3 } from "../core/volume.js";
import { BLOCK, type Extent } from "./extent.js";
import { position } from "./taps.js";

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

/**
 * Spreads magnitudes along the middle axis of (outer, count, inner) in place: neighbours whole, farther blocks decayed.
 */
function spread(values: Float64Array, outer: number, count: number, inner: number): void {
  const plane = count * inner;
  const before = values.slice();
  for (let start = 0; start < outer * plane; start += plane) {
    for (let i = 0; i < count; i++) {
      const row = start + i * inner;
      for (let step = -2; step <= 2; step++) {
        if (step === 0 || i + step < 0 || i + step >= count) continue;
        const factor = Math.abs(step) === 1 ? 1 : DECAY_OF_GAP;
        raise(values, row, before, row + step * inner, inner, factor);
      }
    }
    for (let i = 1; i < count; i++) {
      raise(values, start + i * inner, values, start + (i - 1) * inner, inner, DECAY_OF_BLOCK);
    }
    for (let i = count - 2; i >= 0; i--) {
      raise(values, start + i * inner, values, start + (i + 1) * inner, inner, DECAY_OF_BLOCK);
    }
  }
}

/** `values[at + j] = max(values[at + j], source[from + j] * factor)` */
function raise(
  values: Float64Array,
  at: number,
  source: Float64Array,
  from: number,
  count: number,
  factor: number,
): void {
  for (let j = 0; j < count; j++) {
    const candidate = (source[from + j] as number) * factor;
    if (candidate > (values[at + j] as number)) values[at + j] = candidate;
  }
}

/** Magnitudes that reach each block, decayed by distance; `planar` when the spline does not run along the first axis. */
export function envelope(extent: Extent, planar: boolean): Float64Array {
  const [b0, b1, b2] = extent.blocks;
  const values = Float64Array.from(extent.magnitudes);
  if (!planar) spread(values, 1, b0, b1 * b2);
  spread(values, b0, b1, b2);
  spread(values, b0 * b1, b2, 1);
  return values;
}

/** Block of the source axis under each output sample. */
export function blockOfSample(n: number, m: number): Int32Array {
  return Int32Array.from({ length: m }, (_, k) =>
    Math.floor(Math.min(Math.max(Math.floor(position(k, n, m)), 0), n - 1) / BLOCK),
  );
}

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
export function nearestSample(n: number, m: number): Int32Array {
  return Int32Array.from({ length: m }, (_, k) => Math.min(Math.max(Math.round(position(k, n, m)), 0), n - 1));
}

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
