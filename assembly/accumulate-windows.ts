import { narrow4, widen4 } from "./half";

/*
 * Sums of weighted windows, rounded as nnU-Net 2.8.1 rounds them: `sum = half(float(sum) + value * float(weight))`,
 * or the same in float32. Rows of a window are dense, rows of the sums are `stride` values apart, and what lies
 * between the end of a row and the next vector keeps its value.
 */

/** All bits set in the lanes below `count` of eight 16-bit lanes. */
function firstHalves(count: i32): v128 {
  return i16x8.lt_s(i16x8(0, 1, 2, 3, 4, 5, 6, 7), i16x8.splat(<i16>count));
}

/** Eight float16 sums with eight weighted values added. */
function addHalves(sums: v128, values: usize, weights: usize): v128 {
  const low = f32x4.mul(v128.load(values, 0), v128.load(weights, 0));
  const high = f32x4.mul(v128.load(values, 16), v128.load(weights, 16));
  return i16x8.narrow_i32x4_u(
    narrow4(f32x4.add(widen4(i32x4.extend_low_i16x8_u(sums)), low)),
    narrow4(f32x4.add(widen4(i32x4.extend_high_i16x8_u(sums)), high)),
  );
}

/** Adds `values * weights` (f32, rows x columns) to float16 sums. Reads and writes whole vectors of eight. */
export function accumulateHalves(
  values: usize,
  weights: usize,
  sums: usize,
  rows: i32,
  columns: i32,
  stride: i32,
): void {
  const whole = columns & ~7;
  const rest = columns & 7;
  const mask = firstHalves(rest);
  const skip = (<usize>(stride - whole)) << 1;
  const left = (<usize>rest) << 2;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < whole; i += 8) {
      v128.store(sums, addHalves(v128.load(sums), values, weights));
      sums += 16;
      values += 32;
      weights += 32;
    }
    if (rest > 0) {
      const old = v128.load(sums);
      v128.store(sums, v128.bitselect(addHalves(old, values, weights), old, mask));
      values += left;
      weights += left;
    }
    sums += skip;
  }
}

/** Adds `values * weights` (f32, rows x columns) to float32 sums. Reads and writes whole vectors of four. */
export function accumulateFloats(
  values: usize,
  weights: usize,
  sums: usize,
  rows: i32,
  columns: i32,
  stride: i32,
): void {
  const whole = columns & ~3;
  const rest = columns & 3;
  const mask = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(rest));
  const skip = (<usize>(stride - whole)) << 2;
  const left = (<usize>rest) << 2;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < whole; i += 4) {
      v128.store(sums, f32x4.add(v128.load(sums), f32x4.mul(v128.load(values), v128.load(weights))));
      sums += 16;
      values += 16;
      weights += 16;
    }
    if (rest > 0) {
      const old = v128.load(sums);
      const added = f32x4.add(old, f32x4.mul(v128.load(values), v128.load(weights)));
      v128.store(sums, v128.bitselect(added, old, mask));
      values += left;
      weights += left;
    }
    sums += skip;
  }
}

/**
 * `output = half(float(sums) / float(divisors))` of float16; whether all `count` results are finite. Reads and writes
 * whole vectors of eight; whatever lies behind `count` is not looked at.
 */
export function divideHalves(sums: usize, divisors: usize, count: i32, output: usize): bool {
  const exponent = i16x8.splat(0x7c00);
  let wrong = i16x8.splat(0);
  for (let i = 0; i < count; i += 8) {
    const a = v128.load(sums);
    const b = v128.load(divisors);
    const quotient = i16x8.narrow_i32x4_u(
      narrow4(f32x4.div(widen4(i32x4.extend_low_i16x8_u(a)), widen4(i32x4.extend_low_i16x8_u(b)))),
      narrow4(f32x4.div(widen4(i32x4.extend_high_i16x8_u(a)), widen4(i32x4.extend_high_i16x8_u(b)))),
    );
    v128.store(output, quotient);
    const infinite = i16x8.eq(v128.and(quotient, exponent), exponent);
    wrong = v128.or(wrong, count - i < 8 ? v128.and(infinite, firstHalves(count - i)) : infinite);
    sums += 16;
    divisors += 16;
    output += 16;
  }
  return !v128.any_true(wrong);
}

/** `output = sums / divisors` of float32; whether all `count` results are finite. Whole vectors of four. */
export function divideFloatsBy(sums: usize, divisors: usize, count: i32, output: usize): bool {
  const exponent = i32x4.splat(0x7f800000);
  let wrong = i32x4.splat(0);
  for (let i = 0; i < count; i += 4) {
    const quotient = f32x4.div(v128.load(sums), v128.load(divisors));
    v128.store(output, quotient);
    const infinite = i32x4.eq(v128.and(quotient, exponent), exponent);
    const mask = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count - i));
    wrong = v128.or(wrong, v128.and(infinite, mask));
    sums += 16;
    divisors += 16;
    output += 16;
  }
  return !v128.any_true(wrong);
}

/** `sums[i] = half(float(sums[i]) + float(values[i]))`; reads and writes whole vectors of eight. */
export function addHalfSums(values: usize, count: i32, sums: usize): void {
  for (let i = 0; i < count; i += 8) {
    const a = v128.load(sums);
    const b = v128.load(values);
    const sum = i16x8.narrow_i32x4_u(
      narrow4(f32x4.add(widen4(i32x4.extend_low_i16x8_u(a)), widen4(i32x4.extend_low_i16x8_u(b)))),
      narrow4(f32x4.add(widen4(i32x4.extend_high_i16x8_u(a)), widen4(i32x4.extend_high_i16x8_u(b)))),
    );
    v128.store(sums, sum);
    sums += 16;
    values += 16;
  }
}
