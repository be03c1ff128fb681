/** ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)) of the accumulators, pairs in vectors. */
function joined(a: v128, b: v128): f32 {
  const pairs = f32x4.add(v128.shuffle<f32>(a, b, 0, 2, 4, 6), v128.shuffle<f32>(a, b, 1, 3, 5, 7));
  return (
    f32x4.extract_lane(pairs, 0) +
    f32x4.extract_lane(pairs, 1) +
    (f32x4.extract_lane(pairs, 2) + f32x4.extract_lane(pairs, 3))
  );
}

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
    sum = joined(a, b);
  }
  for (; values < end; values += 4) sum += load<f32>(values);
  return sum;
}

function squares(values: usize, centre: v128): v128 {
  const deviation = f32x4.sub(v128.load(values), centre);
  return f32x4.mul(deviation, deviation);
}

/** `pairwiseSum` of `(value - mean)^2`, each operation in float32. */
export function pairwiseSquares(values: usize, count: i32, mean: f32): f32 {
  if (count > 128) {
    let half = count / 2;
    half -= half % 8;
    return pairwiseSquares(values, half, mean) + pairwiseSquares(values + ((<usize>half) << 2), count - half, mean);
  }
  const centre = f32x4.splat(mean);
  const end = values + ((<usize>count) << 2);
  let sum: f32 = -0.0;
  if (count >= 8) {
    let a = squares(values, centre);
    let b = squares(values + 16, centre);
    const whole = values + ((<usize>(count & ~7)) << 2);
    for (values += 32; values < whole; values += 32) {
      a = f32x4.add(a, squares(values, centre));
      b = f32x4.add(b, squares(values + 16, centre));
    }
    sum = joined(a, b);
  }
  for (; values < end; values += 4) {
    const deviation = load<f32>(values) - mean;
    sum += deviation * deviation;
  }
  return sum;
}
