/*
 * The error bound of the exact cubic resampling: every number from which it follows that a voxel's float32 rounding is
 * the reference's, or that it is uncertain. README.md of this folder says why it holds and who uses which part.
 */

/** |z| of the cubic spline's pole: how fast a sample's influence decays per voxel. */
const DECAY = 2 - Math.sqrt(3);

/** How far a source voxel can matter at all: DECAY^80 takes ordinary data below the smallest float32. */
export const FARTHEST = 80;

/** DECAY^distance, for distances up to one more than `FARTHEST`. */
export const DECAY_OVER: Float64Array = new Float64Array(FARTHEST + 2);
DECAY_OVER[0] = 1;
for (let d = 1; d < DECAY_OVER.length; d++) DECAY_OVER[d] = DECAY_OVER[d - 1] * DECAY;

/**
 * Largest difference between the fast and the reference's order of operations, relative to the largest
 * `|x| * DECAY^distance` over the source voxels, distances from the 4 x 4 x 4 taps: 2.6e-15 at most in 300,000 voxels of
 * white noise, 4.4e-15 where every voxel has the other sign than its neighbours, which the spline amplifies most; with
 * room.
 */
export const RELATIVE_ERROR = 6e-15;

/* 1. Blocks: the envelope, for every voxel. */

/**
 * Decay over one block of 4 voxels, and over the 3 between the nearest taps of blocks with one between them. Slower
 * than the spline's own, because the rounding errors of a tail grow with its length while its values decay.
 */
export const DECAY_OF_BLOCK = 0.3 * 0.3 * 0.3 * 0.3;
export const DECAY_OF_GAP = 0.3 * 0.3 * 0.3;

/** Envelopes below this are all taken for this: float32 has few digits there. */
export const SMALLEST_ENVELOPE = 1e-37;

/* 2. Influence levels, where so many voxels are uncertain that they must lie in tails of the spline. */

/** More uncertain voxels than this in one tile mean tails, which only levels tell from rounding errors. */
export const MANY_IN_A_TILE = 256;

/** 1 / log2(1 / DECAY): influence levels that one bit of magnitude is worth. A level is a factor of DECAY. */
export const LEVELS_PER_BIT = 0.526266;

/**
 * Tolerance of each of the 256 influence levels. They count distances from the nearest voxel, which is farther away than
 * the nearest tap (1.2e-14 of the level at most in sparse volumes), and decay more slowly than the spline, because the
 * rounding errors of a tail grow with its length.
 *
 * @param largest largest magnitude of the volume, which is level 0
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

/* 3. Single voxels, before one is repaired. */

/** Samples after which a coefficient is known to 1e-3; as far away the sharper bounds of a voxel's error differ. */
export const NEAR = 6;

/**
 * Sharper bounds for single voxels, `ERROR_OF_SOURCE * (that largest source voxel) + ERROR_OF_TERMS * (sum of the terms
 * |coefficient * weights|)`, and `ERROR_OF_TAIL` times the source voxel when it lies more than `NEAR` samples away. Errors
 * came to 0.6 of the first bound and 0.3 of the second at most, in 40,000 voxels of noise, alternating signs, smooth and
 * sparse volumes, and of CT and MR scans.
 */
export const ERROR_OF_SOURCE = 1.8e-15;
export const ERROR_OF_TERMS = 2.5e-16;
export const ERROR_OF_TAIL = 2e-15;

/** Whether the reference rounds to the same float32, if it comes within `tolerance` of `value`. */
export function isCertain(value: number, tolerance: number): boolean {
  return Math.fround(value - tolerance) === Math.fround(value + tolerance);
}

/* 4. The repair itself, which has no error. */

/**
 * Samples on each side after which a recursion started in steady state has the reference's very bits: a difference
 * shrinks to the last bit within 27, and each further sample removes the last bit in three cases of four.
 */
export const EXACT_REACH = 38;
