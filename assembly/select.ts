/**
 * Radix selection on a key that orders float32 like their values: negative numbers have all bits flipped, others the
 * sign bit. -0 counts as +0. Keys are looked at 16 bits at a time.
 */
function keysOf(address: usize): v128 {
  const bits = f32x4.add(v128.load(address), f32x4.splat(0));
  return v128.xor(bits, v128.or(i32x4.shr_s(bits, 31), i32x4.splat(0x80000000)));
}

function increment(table: usize, index: u32): void {
  const entry = table + ((<usize>index) << 2);
  store<u32>(entry, load<u32>(entry) + 1);
}

/**
 * Counts the upper halves of the keys in two tables of 65536 u32 that follow each other and count alternate voxels, so
 * that equal neighbours do not wait for each other. Returns whether a voxel is NaN.
 */
export function countUpper(values: usize, count: i32, even: usize): bool {
  const odd = even + 65536 * 4;
  let ordered = i8x16.splat(-1);
  const end = values + ((<usize>(count & ~3)) << 2);
  for (; values < end; values += 16) {
    const x = v128.load(values);
    ordered = v128.and(ordered, f32x4.eq(x, x));
    const upper = i32x4.shr_u(keysOf(values), 16);
    increment(even, i32x4.extract_lane(upper, 0));
    increment(odd, i32x4.extract_lane(upper, 1));
    increment(even, i32x4.extract_lane(upper, 2));
    increment(odd, i32x4.extract_lane(upper, 3));
  }
  let nan = !i32x4.all_true(ordered);
  for (let i = count & 3; i > 0; i--, values += 4) {
    increment(even, i32x4.extract_lane(keysOf(values), 0) >>> 16);
    nan = nan || Number.isNaN(load<f32>(values));
  }
  return nan;
}

/**
 * Counts the lower halves of those keys whose upper half is one of four, each in its own table of 65536 u32; the tables
 * follow each other. An unused bin is -1.
 */
export function countLower(values: usize, count: i32, a: i32, b: i32, c: i32, d: i32, tables: usize): void {
  const binA = i32x4.splat(a);
  const binB = i32x4.splat(b);
  const binC = i32x4.splat(c);
  const binD = i32x4.splat(d);
  for (let i = 0; i < count; i += 4, values += 16) {
    const keys = keysOf(values);
    const upper = i32x4.shr_u(keys, 16);
    const inA = i32x4.eq(upper, binA);
    const inB = i32x4.eq(upper, binB);
    const inC = i32x4.eq(upper, binC);
    const inD = i32x4.eq(upper, binD);
    if (!v128.any_true(v128.or(v128.or(inA, inB), v128.or(inC, inD)))) continue;
    // Index into the four tables; all ones where the key is in none of the bins.
    const table = v128.or(
      v128.or(v128.and(inB, i32x4.splat(0x10000)), v128.and(inC, i32x4.splat(0x20000))),
      v128.or(v128.and(inD, i32x4.splat(0x30000)), v128.not(v128.or(v128.or(inA, inB), v128.or(inC, inD)))),
    );
    const entry = v128.or(v128.and(keys, i32x4.splat(0xffff)), table);
    const e0 = i32x4.extract_lane(entry, 0);
    const e1 = i32x4.extract_lane(entry, 1);
    const e2 = i32x4.extract_lane(entry, 2);
    const e3 = i32x4.extract_lane(entry, 3);
    if (e0 >= 0) increment(tables, e0);
    if (e1 >= 0 && i + 1 < count) increment(tables, e1);
    if (e2 >= 0 && i + 2 < count) increment(tables, e2);
    if (e3 >= 0 && i + 3 < count) increment(tables, e3);
  }
}
