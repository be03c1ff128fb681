/** How many of `count` float32 are NaN; those after them up to a multiple of 16 must be 0. */
export function countNan(values: usize, count: i32): i32 {
  let sums = i32x4.splat(0);
  for (let end = values + ((<usize>count) << 2); values < end; values += 64) {
    const a = v128.load(values);
    const b = v128.load(values, 16);
    const c = v128.load(values, 32);
    const d = v128.load(values, 48);
    // A comparison that holds is -1.
    sums = i32x4.sub(sums, i32x4.add(f32x4.ne(a, a), f32x4.ne(b, b)));
    sums = i32x4.sub(sums, i32x4.add(f32x4.ne(c, c), f32x4.ne(d, d)));
  }
  const halves = i32x4.add(sums, v128.shuffle<i32>(sums, sums, 2, 3, 0, 1));
  return i32x4.extract_lane(halves, 0) + i32x4.extract_lane(halves, 1);
}

/** Labels below -1 become 0. Returns whether there are any; works on whole vectors of 16 labels. */
export function clearBelow(labels: usize, count: i32): bool {
  const minusOne = i16x8.splat(-1);
  let any = i16x8.splat(0);
  for (let end = labels + ((<usize>count) << 1); labels < end; labels += 32) {
    const a = v128.load(labels);
    const b = v128.load(labels, 16);
    const belowA = i16x8.lt_s(a, minusOne);
    const belowB = i16x8.lt_s(b, minusOne);
    any = v128.or(any, v128.or(belowA, belowB));
    v128.store(labels, v128.andnot(a, belowA));
    v128.store(labels, v128.andnot(b, belowB), 16);
  }
  return v128.any_true(any);
}

/**
 * float32 to int16; returns whether every value is a whole number that fits. Works on whole vectors of 8 values; those
 * after `count` must be 0.
 */
export function wholeLabels(values: usize, count: i32, labels: usize): bool {
  let same = i32x4.splat(-1);
  for (let end = values + ((<usize>count) << 2); values < end; values += 32, labels += 16) {
    const a = v128.load(values);
    const b = v128.load(values, 16);
    const label = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(a), i32x4.trunc_sat_f32x4_s(b));
    v128.store(labels, label);
    same = v128.and(same, f32x4.eq(a, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(label))));
    same = v128.and(same, f32x4.eq(b, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(label))));
  }
  return i32x4.all_true(same);
}
