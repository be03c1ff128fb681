/**
 * `(min(max(x, low), high) - mean) / sd` in place, every operation rounded to float32 as NumPy does for a float32 array
 * and scalars. NaN stays NaN; bounds of -Infinity and Infinity clip nothing.
 */
export function clipAndScale(values: usize, count: i32, low: f32, high: f32, mean: f32, sd: f32): void {
  const lower = f32x4.splat(low);
  const upper = f32x4.splat(high);
  const centre = f32x4.splat(mean);
  const divisor = f32x4.splat(sd);
  const end = values + ((<usize>count) << 2);
  for (; values < end; values += 32) {
    // The second operand of pmin and pmax loses against NaN.
    const a = f32x4.pmin(f32x4.pmax(v128.load(values), lower), upper);
    const b = f32x4.pmin(f32x4.pmax(v128.load(values, 16), lower), upper);
    v128.store(values, f32x4.div(f32x4.sub(a, centre), divisor));
    v128.store(values, f32x4.div(f32x4.sub(b, centre), divisor), 16);
  }
}

/** Gives voxels whose label is below 0 their value in `originals`. */
export function restoreUnlabelled(values: usize, originals: usize, labels: usize, count: i32): void {
  const end = values + ((<usize>count) << 2);
  for (; values < end; values += 32, originals += 32, labels += 16) {
    const outside = i16x8.shr_s(v128.load(labels), 15);
    const low = i32x4.extend_low_i16x8_s(outside);
    const high = i32x4.extend_high_i16x8_s(outside);
    v128.store(values, v128.bitselect(v128.load(originals), v128.load(values), low));
    v128.store(values, v128.bitselect(v128.load(originals, 16), v128.load(values, 16), high), 16);
  }
}

/** Sets the voxels whose label is below 0 to 0. */
export function clearUnlabelled(values: usize, labels: usize, count: i32): void {
  const end = values + ((<usize>count) << 2);
  for (; values < end; values += 32, labels += 16) {
    const outside = i16x8.shr_s(v128.load(labels), 15);
    v128.store(values, v128.andnot(v128.load(values), i32x4.extend_low_i16x8_s(outside)));
    v128.store(values, v128.andnot(v128.load(values, 16), i32x4.extend_high_i16x8_s(outside)), 16);
  }
}
