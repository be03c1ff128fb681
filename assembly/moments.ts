/**
 * Sums for mean and variance in float64, in eight lanes: lane `i % 8` takes voxel `i`, in order. `lanes` holds the
 * eight sums of `voxel - shift` and behind them the eight sums of its square. `count` is a multiple of 8 in all calls
 * but the last.
 */
export function accumulateMoments(values: usize, count: i32, shift: f64, lanes: usize): void {
  const offset = f64x2.splat(shift);
  let s0 = v128.load(lanes);
  let s1 = v128.load(lanes, 16);
  let s2 = v128.load(lanes, 32);
  let s3 = v128.load(lanes, 48);
  let q0 = v128.load(lanes, 64);
  let q1 = v128.load(lanes, 80);
  let q2 = v128.load(lanes, 96);
  let q3 = v128.load(lanes, 112);
  const end = values + ((<usize>(count & ~7)) << 2);
  for (; values < end; values += 32) {
    const d0 = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(values)), offset);
    const d1 = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(values, 8)), offset);
    const d2 = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(values, 16)), offset);
    const d3 = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(values, 24)), offset);
    s0 = f64x2.add(s0, d0);
    s1 = f64x2.add(s1, d1);
    s2 = f64x2.add(s2, d2);
    s3 = f64x2.add(s3, d3);
    q0 = f64x2.add(q0, f64x2.mul(d0, d0));
    q1 = f64x2.add(q1, f64x2.mul(d1, d1));
    q2 = f64x2.add(q2, f64x2.mul(d2, d2));
    q3 = f64x2.add(q3, f64x2.mul(d3, d3));
  }
  v128.store(lanes, s0);
  v128.store(lanes, s1, 16);
  v128.store(lanes, s2, 32);
  v128.store(lanes, s3, 48);
  v128.store(lanes, q0, 64);
  v128.store(lanes, q1, 80);
  v128.store(lanes, q2, 96);
  v128.store(lanes, q3, 112);
  for (let i = count & ~7; i < count; i++, values += 4, lanes += 8) {
    const d = <f64>load<f32>(values) - shift;
    store<f64>(lanes, load<f64>(lanes) + d);
    store<f64>(lanes, load<f64>(lanes, 64) + d * d, 64);
  }
}

/**
 * Smallest and largest of the voxels and of the four lanes that `lanes` holds of each; returns whether a voxel is NaN.
 */
export function accumulateRange(values: usize, count: i32, lanes: usize): bool {
  let low = v128.load(lanes);
  let high = v128.load(lanes, 16);
  let ordered = i8x16.splat(-1);
  const end = values + ((<usize>(count & ~3)) << 2);
  for (; values < end; values += 16) {
    const x = v128.load(values);
    low = f32x4.pmin(low, x);
    high = f32x4.pmax(high, x);
    ordered = v128.and(ordered, f32x4.eq(x, x));
  }
  v128.store(lanes, low);
  v128.store(lanes, high, 16);
  for (let i = count & 3; i > 0; i--, values += 4) {
    const x = load<f32>(values);
    if (x < load<f32>(lanes)) store<f32>(lanes, x);
    if (x > load<f32>(lanes, 16)) store<f32>(lanes, x, 16);
    const y = f32x4.splat(x);
    ordered = v128.and(ordered, f32x4.eq(y, y));
  }
  return !i32x4.all_true(ordered);
}

/** Copies the voxels whose label is at least `least` to `out`, in order; returns how many. Writes up to 28 bytes more. */
export function takeLabelled(values: usize, labels: usize, count: i32, least: i32, out: usize): i32 {
  const begin = out;
  const bound = i16x8.splat(<i16>least);
  for (let i = 0; i < count; i += 8, values += 32, labels += 16) {
    let taken: u32 = i16x8.bitmask(i16x8.ge_s(v128.load(labels), bound));
    if (count - i < 8) taken &= (1 << (<u32>(count - i))) - 1;
    out = take8(values, taken, out);
  }
  return <i32>((out - begin) >> 2);
}

/** Copies the voxels strictly between `low` and `high` to `out`, in order; returns how many. Writes up to 28 bytes more. */
export function takeInside(values: usize, count: i32, low: f32, high: f32, out: usize): i32 {
  const begin = out;
  const lower = f32x4.splat(low);
  const upper = f32x4.splat(high);
  for (let i = 0; i < count; i += 8, values += 32) {
    const a = v128.load(values);
    const b = v128.load(values, 16);
    let taken: u32 =
      i32x4.bitmask(v128.and(f32x4.gt(a, lower), f32x4.lt(a, upper))) |
      (i32x4.bitmask(v128.and(f32x4.gt(b, lower), f32x4.lt(b, upper))) << 4);
    if (count - i < 8) taken &= (1 << (<u32>(count - i))) - 1;
    out = take8(values, taken, out);
  }
  return <i32>((out - begin) >> 2);
}

/** Copies those of 8 voxels whose bit is set. */
function take8(values: usize, taken: u32, out: usize): usize {
  if (taken === 255) {
    v128.store(out, v128.load(values));
    v128.store(out, v128.load(values, 16), 16);
    return out + 32;
  }
  while (taken !== 0) {
    store<f32>(out, load<f32>(values + ((<usize>ctz(taken)) << 2)));
    out += 4;
    taken &= taken - 1;
  }
  return out;
}
