/**
 * NumPy's pairwise sum of float32 (numpy/_core/src/umath/loops_utils.h.src, since 1.9): up to 128 values in eight
 * accumulators, more in two halves of which the first is a multiple of 8. The order is part of the result.
 */
export function pairwiseSum(values: usize, count: i32): f32 {
  if (count > 128) {
    let half = count / 2;
    half -= half % 8;
    return pairwiseSum(values, half) + pairwiseSum(values + ((<usize>half) << 2), count - half);
  }
  const end = values + ((<usize>count) << 2);
  let sum: f32 = -0.0;
  if (count >= 8) {
    let a = v128.load(values);
    let b = v128.load(values, 16);
    const whole = values + ((<usize>(count & ~7)) << 2);
    for (values += 32; values < whole; values += 32) {
      a = f32x4.add(a, v128.load(values));
      b = f32x4.add(b, v128.load(values, 16));
    }
    sum =
      f32x4.extract_lane(a, 0) +
      f32x4.extract_lane(a, 1) +
      (f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3)) +
      (f32x4.extract_lane(b, 0) + f32x4.extract_lane(b, 1) + (f32x4.extract_lane(b, 2) + f32x4.extract_lane(b, 3)));
  }
  for (; values < end; values += 4) sum += load<f32>(values);
  return sum;
}

/** `values = (values - mean)^2` in float32. */
export function squareDeviations(values: usize, count: i32, mean: f32): void {
  const centre = f32x4.splat(mean);
  const end = values + ((<usize>count) << 2);
  for (; values < end; values += 32) {
    const a = f32x4.sub(v128.load(values), centre);
    const b = f32x4.sub(v128.load(values, 16), centre);
    v128.store(values, f32x4.mul(a, a));
    v128.store(values, f32x4.mul(b, b), 16);
  }
}
