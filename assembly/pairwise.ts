/**
 * NumPy's pairwise sum of float32 (numpy/_core/src/umath/loops_utils.h.src, since 1.9): up to 128 values in eight
 * accumulators, more in two halves of which the first is a multiple of 8. The order is part of the result. Two halves of
 * up to 128 values are summed side by side, for an addition waits for the one before it in its accumulator.
 */

/** ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)) of the accumulators, pairs in vectors. */
function joined(a: v128, b: v128): f32 {
  const pairs = f32x4.add(v128.shuffle<f32>(a, b, 0, 2, 4, 6), v128.shuffle<f32>(a, b, 1, 3, 5, 7));
  return (
    f32x4.extract_lane(pairs, 0) +
    f32x4.extract_lane(pairs, 1) +
    (f32x4.extract_lane(pairs, 2) + f32x4.extract_lane(pairs, 3))
  );
}

/** Values of the first half. */
function halfOf(count: i32): i32 {
  const half = count / 2;
  return half - (half % 8);
}

/** Sum of the values that are in two vectors of accumulators and of those up to `end`. */
function finishSum(a: v128, b: v128, values: usize, end: usize): f32 {
  for (; values + 32 <= end; values += 32) {
    a = f32x4.add(a, v128.load(values));
    b = f32x4.add(b, v128.load(values, 16));
  }
  let sum = joined(a, b);
  for (; values < end; values += 4) sum += load<f32>(values);
  return sum;
}

/** Pairwise sum of `count` values. */
export function pairwiseSum(values: usize, count: i32): f32 {
  const end = values + ((<usize>count) << 2);
  if (count < 8) {
    let sum: f32 = -0.0;
    for (; values < end; values += 4) sum += load<f32>(values);
    return sum;
  }
  if (count <= 128) return finishSum(v128.load(values), v128.load(values, 16), values + 32, end);
  const half = halfOf(count);
  const size = (<usize>half) << 2;
  const middle = values + size;
  if (count - half > 128) return pairwiseSum(values, half) + pairwiseSum(middle, count - half);
  let a = v128.load(values);
  let b = v128.load(values, 16);
  let c = v128.load(middle);
  let d = v128.load(middle, 16);
  for (values += 32; values < middle; values += 32) {
    a = f32x4.add(a, v128.load(values));
    b = f32x4.add(b, v128.load(values, 16));
    c = f32x4.add(c, v128.load(values + size));
    d = f32x4.add(d, v128.load(values + size, 16));
  }
  return joined(a, b) + finishSum(c, d, middle + size, end);
}

function squares(values: usize, centre: v128): v128 {
  const deviation = f32x4.sub(v128.load(values), centre);
  return f32x4.mul(deviation, deviation);
}

/** `finishSum` of squares. */
function finishSquares(a: v128, b: v128, values: usize, end: usize, mean: f32): f32 {
  const centre = f32x4.splat(mean);
  for (; values + 32 <= end; values += 32) {
    a = f32x4.add(a, squares(values, centre));
    b = f32x4.add(b, squares(values + 16, centre));
  }
  let sum = joined(a, b);
  for (; values < end; values += 4) {
    const deviation = load<f32>(values) - mean;
    sum += deviation * deviation;
  }
  return sum;
}

/** `pairwiseSum` of `(value - mean)^2`, each operation in float32. */
export function pairwiseSquares(values: usize, count: i32, mean: f32): f32 {
  const end = values + ((<usize>count) << 2);
  if (count < 8) {
    let sum: f32 = -0.0;
    for (; values < end; values += 4) {
      const deviation = load<f32>(values) - mean;
      sum += deviation * deviation;
    }
    return sum;
  }
  const centre = f32x4.splat(mean);
  if (count <= 128) return finishSquares(squares(values, centre), squares(values + 16, centre), values + 32, end, mean);
  const half = halfOf(count);
  const size = (<usize>half) << 2;
  const middle = values + size;
  if (count - half > 128) return pairwiseSquares(values, half, mean) + pairwiseSquares(middle, count - half, mean);
  let a = squares(values, centre);
  let b = squares(values + 16, centre);
  let c = squares(middle, centre);
  let d = squares(middle + 16, centre);
  for (values += 32; values < middle; values += 32) {
    a = f32x4.add(a, squares(values, centre));
    b = f32x4.add(b, squares(values + 16, centre));
    c = f32x4.add(c, squares(values + size, centre));
    d = f32x4.add(d, squares(values + size + 16, centre));
  }
  return joined(a, b) + finishSquares(c, d, middle + size, end, mean);
}
