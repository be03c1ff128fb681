/**
 * `mask = values != 0` (NaN, infinities and denormals are not 0; -0 is), or `mask |= values != 0` when `join` is set.
 * Returns whether a value is not finite; up to 15 values behind them are looked at too.
 */
export function markNonzero(values: usize, mask: usize, count: i32, join: bool): bool {
  const zero = f32x4.splat(0);
  const one = i8x16.splat(1);
  const end = mask + <usize>count;
  const keep = join ? i8x16.splat(-1) : i8x16.splat(0);
  // x - x is 0 where x is finite, else NaN, which stays.
  let differences = zero;
  for (; mask < end; mask += 16, values += 64) {
    const v0 = v128.load(values);
    const v1 = v128.load(values, 16);
    const v2 = v128.load(values, 32);
    const v3 = v128.load(values, 48);
    differences = f32x4.add(differences, f32x4.sub(v0, v0));
    differences = f32x4.add(differences, f32x4.sub(v1, v1));
    differences = f32x4.add(differences, f32x4.sub(v2, v2));
    differences = f32x4.add(differences, f32x4.sub(v3, v3));
    const a = f32x4.ne(v0, zero);
    const b = f32x4.ne(v1, zero);
    const c = f32x4.ne(v2, zero);
    const d = f32x4.ne(v3, zero);
    const set = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
    v128.store(mask, v128.or(v128.and(set, one), v128.and(v128.load(mask), keep)));
  }
  return v128.any_true(f32x4.ne(differences, zero));
}

/**
 * Joins rows of a mask: `columns |= row` for each of `rows` rows of `length` bytes, and `used[row]` tells whether the
 * row has a voxel that is not 0. Returns whether any has.
 */
export function joinRows(mask: usize, rows: i32, length: i32, columns: usize, used: usize): bool {
  let any = false;
  for (let row = 0; row < rows; row++) {
    let some = i8x16.splat(0);
    let x = 0;
    for (; x + 16 <= length; x += 16) {
      const voxels = v128.load(mask + <usize>x);
      some = v128.or(some, voxels);
      v128.store(columns + <usize>x, v128.or(v128.load(columns + <usize>x), voxels));
    }
    let rest: u32 = 0;
    for (; x < length; x++) {
      const voxel = load<u8>(mask + <usize>x);
      rest |= <u32>voxel;
      store<u8>(columns + <usize>x, load<u8>(columns + <usize>x) | voxel);
    }
    const set = v128.any_true(some) || rest !== 0;
    store<u8>(used + <usize>row, <u8>set);
    any = any || set;
    mask += <usize>length;
  }
  return any;
}

/**
 * Where `mask` is 0 a label of 0 becomes -1; then every label is entered in `seen` (65536 bytes, index label + 32768)
 * and those below `least` become 0.
 */
export function markOutside(labels: usize, mask: usize, count: i32, seen: usize, least: i32): void {
  const zero = i16x8.splat(0);
  const lowest = i16x8.splat(<i16>least);
  const end = labels + ((<usize>count) << 1);
  let last = i16x8.splat(0);
  let first = true;
  for (; labels < end; labels += 16, mask += 8) {
    let label = v128.load(labels);
    const outside = i16x8.eq(v128.load_ext<u8>(mask), zero);
    label = v128.or(label, v128.and(outside, i16x8.eq(label, zero)));
    if (first || v128.any_true(v128.xor(label, last))) {
      first = false;
      const valid = min<i32>(8, <i32>((end - labels) >> 1));
      v128.store(labels, label);
      for (let i = 0; i < valid; i++) {
        store<u8>(seen + 32768 + <isize>load<i16>(labels + ((<usize>i) << 1)), 1);
      }
      last = label;
    }
    v128.store(labels, v128.and(label, i16x8.ge_s(label, lowest)));
  }
}
