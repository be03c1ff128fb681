/*
 * The third level of argmax.ts: values summed in float64 in the order of the reference, for the groups in question.
 */

import {
  HALF,
  LAST_CLASS,
  TAP_BLOCK_BYTES,
  TAP_BLOCKS,
  TAP_COUNT,
  TAP_WEIGHTS,
  TAPS,
  THRESHOLD,
} from "../../src/kernels/argmax/argmax-job";

/** Rounds to a multiple of the 11th bit of x, ties to even: float64 to float16, still held as float64. */
export function roundToHalf(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  let exponent = <i32>((bits >> 52) & 0x7ff) - 1023;
  if (exponent > 15) return abs(x) < 65520 ? x : x * Infinity;
  exponent = max(exponent, -14);
  const magic = reinterpret<f64>((<u64>(exponent + 42 + 1023)) << 52);
  const rounded = abs(x) + magic - magic;
  return copysign(abs(rounded) >= 65520 ? Infinity : rounded, x);
}

/** Values of one group of classes at the voxel of the job's taps, summed as the reference sums. */
function sumExactly(job: usize, group: usize, output: usize): void {
  const taps0 = job + TAPS;
  const taps1 = taps0 + TAP_BLOCK_BYTES;
  const taps2 = taps1 + TAP_BLOCK_BYTES;
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  const n0 = <usize>load<i32>(taps0, TAP_COUNT);
  const n1 = <usize>load<i32>(taps1, TAP_COUNT);
  const n2 = <usize>load<i32>(taps2, TAP_COUNT);
  for (let i: usize = 0; i < n0; i++) {
    const address0 = <usize>load<i32>(taps0 + (i << 2)) + group;
    const w0 = v128.load64_splat(taps0 + (i << 3), TAP_WEIGHTS);
    for (let j: usize = 0; j < n1; j++) {
      const address1 = address0 + <usize>load<i32>(taps1 + (j << 2));
      const w1 = v128.load64_splat(taps1 + (j << 3), TAP_WEIGHTS);
      for (let k: usize = 0; k < n2; k++) {
        const x = v128.load(address1 + <usize>load<i32>(taps2 + (k << 2)));
        const w2 = v128.load64_splat(taps2 + (k << 3), TAP_WEIGHTS);
        const xLow = f64x2.promote_low_f32x4(x);
        const xHigh = f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 0, 1));
        low = f64x2.add(low, f64x2.mul(f64x2.mul(f64x2.mul(xLow, w0), w1), w2));
        high = f64x2.add(high, f64x2.mul(f64x2.mul(f64x2.mul(xHigh, w0), w1), w2));
      }
    }
  }
  if (load<i32>(job, HALF)) {
    store<f32>(output, <f32>roundToHalf(f64x2.extract_lane(low, 0)), 0);
    store<f32>(output, <f32>roundToHalf(f64x2.extract_lane(low, 1)), 4);
    store<f32>(output, <f32>roundToHalf(f64x2.extract_lane(high, 0)), 8);
    store<f32>(output, <f32>roundToHalf(f64x2.extract_lane(high, 1)), 12);
  } else {
    const roundedLow = f32x4.demote_f64x2_zero(low);
    const roundedHigh = f32x4.demote_f64x2_zero(high);
    v128.store(output, v128.shuffle<i64>(roundedLow, roundedHigh, 0, 2));
  }
}

/** First maximum among the groups that reach `threshold` (all of them if `all`); a NaN wins, as in NumPy. */
export function decideClassExactly(job: usize, values: usize, groups: i32, threshold: v128, all: i32): i32 {
  const last = load<i32>(job, LAST_CLASS);
  let best: f32 = -Infinity;
  let found = 0;
  for (let g = 0; g < groups; g++) {
    const address = values + ((<usize>g) << 4);
    if (!all && !v128.any_true(f32x4.ge(v128.load(address), threshold))) continue;
    sumExactly(job, (<usize>g) << 4, address);
    const lanes = min(4, last + 1 - (g << 2));
    for (let lane = 0; lane < lanes; lane++) {
      const value = load<f32>(address + ((<usize>lane) << 2));
      // biome-ignore lint/suspicious/noSelfCompare: only a NaN differs from itself.
      if (!(value <= best) && best == best) {
        best = value;
        found = (g << 2) + lane;
      }
    }
  }
  return found;
}

/**
 * 1 + the last region above the threshold, or 0. Only groups with values from threshold - tolerance on are summed, from
 * the last.
 */
export function decideRegionExactly(job: usize, values: usize, groups: i32, tolerance: f32, all: i32): i32 {
  const exact = v128.load32_splat(job, THRESHOLD);
  const threshold = f32x4.sub(exact, f32x4.splat(tolerance));
  for (let g = groups - 1; g >= 0; g--) {
    const address = values + ((<usize>g) << 4);
    if (!all && !v128.any_true(f32x4.ge(v128.load(address), threshold))) continue;
    sumExactly(job, (<usize>g) << 4, address);
    const mask = i32x4.bitmask(f32x4.gt(v128.load(address), exact));
    if (mask) return (g << 2) + 32 - clz(mask);
  }
  return 0;
}

/** Sets the taps of the axis whose block is number `axis`. */
export function setTaps(job: usize, axis: usize, offset0: usize, offset1: usize, w0: f64, w1: f64): void {
  const block = <usize>load<i32>(job + (axis << 2), TAP_BLOCKS);
  store<i32>(block, <i32>offset0, 0);
  store<i32>(block, <i32>offset1, 4);
  store<f64>(block, w0, TAP_WEIGHTS);
  store<f64>(block, w1, TAP_WEIGHTS + 8);
}
