/** Values that NumPy adds up with eight accumulators before it halves. */
const BLOCK = 128;

/** `numpy.sum` of contiguous float64 values: NumPy's pairwise order, so the same bits. */
export function pairwiseSum(values: ArrayLike<number>, start = 0, count = values.length): number {
  if (count < 8) {
    // NumPy starts at -0, which only shows in the sum of nothing but -0.
    let sum = count === 0 ? 0 : -0;
    for (let i = start; i < start + count; i++) sum += values[i];
    return sum;
  }
  if (count > BLOCK) {
    const half = (count >> 1) - ((count >> 1) % 8);
    return pairwiseSum(values, start, half) + pairwiseSum(values, start + half, count - half);
  }
  const r = Array.from({ length: 8 }, (_, k) => values[start + k]) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const end = start + count - (count % 8);
  for (let i = start + 8; i < end; i += 8) for (let k = 0; k < 8; k++) r[k] += values[i + k];
  let sum = r[0] + r[1] + (r[2] + r[3]) + (r[4] + r[5] + (r[6] + r[7]));
  for (let i = end; i < start + count; i++) sum += values[i];
  return sum;
}

/** `numpy.mean` of contiguous float64 values; NaN without values. */
export function pairwiseMean(values: ArrayLike<number>): number {
  return pairwiseSum(values) / values.length;
}

/** `numpy.nanmean`: mean of the values that are not NaN, which stay in the sum as 0; NaN if there is none. */
export function nanMean(values: ArrayLike<number>): number {
  const filled = Array.from(values, (value) => (Number.isNaN(value) ? 0 : value));
  let count = 0;
  for (let i = 0; i < values.length; i++) if (!Number.isNaN(values[i])) count++;
  return count === 0 ? Number.NaN : pairwiseSum(filled) / count;
}
