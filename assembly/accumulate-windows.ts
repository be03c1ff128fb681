/*
 * Sums of weighted windows, rounded as nnU-Net 2.8.1 rounds them: `sum = half(float(sum) + value * float(weight))`,
 * or the same in float32. Rows of a window are dense, rows of the sums are `stride` values apart, and what lies
 * between the end of a row and the next vector keeps its value.
 *
 * float16 is widened and narrowed eight values at a time, for numbers only: an infinite sum is told to the caller, who
 * stops. No step makes a subnormal float32, which costs a processor a hundred cycles; a sixth of the Gaussian weights
 * of a cube are subnormal as float16.
 *
 * Both ways use a float whose last bit has the worth of the half's last bit, `2^(e-25)` for the exponent bits `e` (1 for
 * subnormal halves): `base = 2^(e-2)`. The low bits of `base + |x|` are then the half's 11 bits as a whole number, rounded
 * by that addition to nearest, ties to even.
 */

/** All bits set in the lanes below `count` of eight 16-bit lanes. */
function firstHalves(count: i32): v128 {
  return i16x8.lt_s(i16x8(0, 1, 2, 3, 4, 5, 6, 7), i16x8.splat(<i16>count));
}

/** Exponent bits of halves less one, not below zero. */
function exponents(halves: v128): v128 {
  return i16x8.sub_sat_u(v128.and(halves, i16x8.splat(0x7c00)), i16x8.splat(0x0400));
}

/** The 11 bits of halves as whole numbers. */
function significands(halves: v128): v128 {
  return v128.and(i16x8.sub(halves, exponents(halves)), i16x8.splat(0x07ff));
}

/** Upper 16 bits of `base`; the lower ones are zero. */
function bases(halves: v128): v128 {
  return i16x8.add(i16x8.shr_u(exponents(halves), 3), i16x8.splat(0x3f00));
}

/** The first four of eight finite halves as float32. */
function widenLow(halves: v128): v128 {
  const zero = i16x8.splat(0);
  const base = bases(halves);
  const sum = i16x8.shuffle(significands(halves), base, 0, 8, 1, 9, 2, 10, 3, 11);
  const magnitude = f32x4.sub(sum, i16x8.shuffle(zero, base, 0, 8, 1, 9, 2, 10, 3, 11));
  const sign = v128.and(halves, i16x8.splat(-0x8000));
  return v128.or(magnitude, i16x8.shuffle(zero, sign, 0, 8, 1, 9, 2, 10, 3, 11));
}

/** The last four of eight finite halves as float32. */
function widenHigh(halves: v128): v128 {
  const zero = i16x8.splat(0);
  const base = bases(halves);
  const sum = i16x8.shuffle(significands(halves), base, 4, 12, 5, 13, 6, 14, 7, 15);
  const magnitude = f32x4.sub(sum, i16x8.shuffle(zero, base, 4, 12, 5, 13, 6, 14, 7, 15));
  const sign = v128.and(halves, i16x8.splat(-0x8000));
  return v128.or(magnitude, i16x8.shuffle(zero, sign, 4, 12, 5, 13, 6, 14, 7, 15));
}

/** Magnitudes of four float32 as halves in the low 16 bits of each lane; whatever is too large, and NaN, as infinity. */
function magnitudes(x: v128): v128 {
  const bounded = i32x4.min_s(v128.and(x, i32x4.splat(0x7fffffff)), i32x4.splat(0x47800000));
  const exponent = i32x4.sub(v128.and(bounded, i32x4.splat(0x7f800000)), i32x4.splat(0x38800000));
  const above = i32x4.max_s(exponent, i32x4.splat(0));
  const base = i32x4.add(above, i32x4.splat(0x3f000000));
  return i32x4.add(i32x4.sub(f32x4.add(bounded, base), base), i32x4.shr_u(above, 13));
}

/** Magnitudes of eight float32 as halves. */
function halfMagnitudes(low: v128, high: v128): v128 {
  return i16x8.narrow_i32x4_u(magnitudes(low), magnitudes(high));
}

/** Signs of eight float32 as those of halves: a negative one is below every 16-bit number. */
function signs(low: v128, high: v128): v128 {
  return v128.and(i16x8.narrow_i32x4_s(low, high), i16x8.splat(-0x8000));
}

/** Whether a lane of eight magnitudes is infinity. */
function anyInfinite(largest: v128): bool {
  return v128.any_true(i16x8.ge_u(largest, i16x8.splat(0x7c00)));
}

/** Four values times their weights. */
function weighted(values: usize, weights: usize): v128 {
  return f32x4.mul(v128.load(values), v128.load(weights));
}

/**
 * Adds `values * weights` (f32, rows x columns) to float16 sums; whether all sums are finite. Reads and writes whole
 * vectors of eight.
 */
export function accumulateHalves(
  values: usize,
  weights: usize,
  sums: usize,
  rows: i32,
  columns: i32,
  stride: i32,
): bool {
  const whole = columns & ~7;
  const rest = columns & 7;
  const mask = firstHalves(rest);
  const skip = (<usize>(stride - whole)) << 1;
  const left = (<usize>rest) << 2;
  let largest = i16x8.splat(0);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < whole; i += 8) {
      const old = v128.load(sums);
      const low = f32x4.add(widenLow(old), weighted(values, weights));
      const high = f32x4.add(widenHigh(old), weighted(values + 16, weights + 16));
      const magnitude = halfMagnitudes(low, high);
      v128.store(sums, v128.or(magnitude, signs(low, high)));
      largest = i16x8.max_u(largest, magnitude);
      sums += 16;
      values += 32;
      weights += 32;
    }
    if (rest > 0) {
      const old = v128.load(sums);
      const low = f32x4.add(widenLow(old), weighted(values, weights));
      const high = f32x4.add(widenHigh(old), weighted(values + 16, weights + 16));
      const magnitude = halfMagnitudes(low, high);
      v128.store(sums, v128.bitselect(v128.or(magnitude, signs(low, high)), old, mask));
      largest = i16x8.max_u(largest, v128.and(magnitude, mask));
      values += left;
      weights += left;
    }
    sums += skip;
  }
  return !anyInfinite(largest);
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
      v128.store(sums, f32x4.add(v128.load(sums), weighted(values, weights)));
      sums += 16;
      values += 16;
      weights += 16;
    }
    if (rest > 0) {
      const old = v128.load(sums);
      const added = f32x4.add(old, weighted(values, weights));
      v128.store(sums, v128.bitselect(added, old, mask));
      values += left;
      weights += left;
    }
    sums += skip;
  }
}

/**
 * `output = half(float(sums) / float(divisors))` of float16; whether all `count` sums and results are finite. Reads and
 * writes whole vectors of eight; whatever lies behind `count` is not looked at.
 */
export function divideHalves(sums: usize, divisors: usize, count: i32, output: usize): bool {
  let largest = i16x8.splat(0);
  for (let i = 0; i < count; i += 8) {
    const a = v128.load(sums);
    const b = v128.load(divisors);
    const low = f32x4.div(widenLow(a), widenLow(b));
    const high = f32x4.div(widenHigh(a), widenHigh(b));
    const magnitude = halfMagnitudes(low, high);
    v128.store(output, v128.or(magnitude, signs(low, high)));
    const seen = i16x8.max_u(magnitude, v128.and(a, i16x8.splat(0x7fff)));
    largest = i16x8.max_u(largest, count - i < 8 ? v128.and(seen, firstHalves(count - i)) : seen);
    sums += 16;
    divisors += 16;
    output += 16;
  }
  return !anyInfinite(largest);
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

/** `sums[i] = half(float(sums[i]) + float(values[i]))` of finite halves; whether all sums are. Whole vectors of eight. */
export function addHalfSums(values: usize, count: i32, sums: usize): bool {
  let largest = i16x8.splat(0);
  for (let i = 0; i < count; i += 8) {
    const a = v128.load(sums);
    const b = v128.load(values);
    const low = f32x4.add(widenLow(a), widenLow(b));
    const high = f32x4.add(widenHigh(a), widenHigh(b));
    const magnitude = halfMagnitudes(low, high);
    v128.store(sums, v128.or(magnitude, signs(low, high)));
    largest = i16x8.max_u(largest, count - i < 8 ? v128.and(magnitude, firstHalves(count - i)) : magnitude);
    sums += 16;
    values += 16;
  }
  return !anyInfinite(largest);
}
