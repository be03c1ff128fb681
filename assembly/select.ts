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
 * Counts the upper halves of the keys in four tables of 65536 u32 that follow each other and take turns, so that equal
 * neighbours do not wait for each other. Returns whether a voxel is NaN.
 */
export function countUpper(values: usize, count: i32, tables: usize): bool {
  const second = tables + 65536 * 4;
  const third = tables + 65536 * 8;
  const fourth = tables + 65536 * 12;
  let ordered = i8x16.splat(-1);
  const end = values + ((<usize>(count & ~3)) << 2);
  for (; values < end; values += 16) {
    const x = v128.load(values);
    ordered = v128.and(ordered, f32x4.eq(x, x));
    const upper = i32x4.shr_u(keysOf(values), 16);
    increment(tables, i32x4.extract_lane(upper, 0));
    increment(second, i32x4.extract_lane(upper, 1));
    increment(third, i32x4.extract_lane(upper, 2));
    increment(fourth, i32x4.extract_lane(upper, 3));
  }
  for (let i = count & 3; i > 0; i--, values += 4) {
    const x = v128.load32_zero(values);
    ordered = v128.and(ordered, f32x4.eq(x, x));
    increment(tables, i32x4.extract_lane(keysOf(values), 0) >>> 16);
  }
  return !i32x4.all_true(ordered);
}

/** Adds the second to fourth table to the first. */
export function joinTables(tables: usize): void {
  const end = tables + 65536 * 4;
  for (; tables < end; tables += 16) {
    const two = i32x4.add(v128.load(tables), v128.load(tables, 262144));
    const others = i32x4.add(v128.load(tables, 524288), v128.load(tables, 786432));
    v128.store(tables, i32x4.add(two, others));
  }
}

/** Upper half of the float32 with a given upper half of the key, in all lanes; -1 gives one that only NaN has. */
function floatsOf(bin: i32): v128 {
  return i16x8.splat(<i16>(bin < 0 ? 0xffff : bin >= 0x8000 ? bin ^ 0x8000 : ~bin));
}

/**
 * Counts the lower halves of those keys whose upper half is one of four, each in its own table of 65536 u32; the tables
 * follow each other. An unused bin is -1. Values are passed over eight at a time where none lies in a bin.
 */
export function countLower(values: usize, count: i32, a: i32, b: i32, c: i32, d: i32, tables: usize): void {
  const binA = i32x4.splat(a);
  const binB = i32x4.splat(b);
  const binC = i32x4.splat(c);
  const binD = i32x4.splat(d);
  const floatA = floatsOf(a);
  const floatB = floatsOf(b);
  const floatC = floatsOf(c);
  const floatD = floatsOf(d);
  // -0 has the key of +0 but not its bits.
  const zero = i16x8.splat(-0x8000);
  for (let i = 0; i < count; i += 8, values += 32) {
    const uppers = v128.shuffle<u16>(v128.load(values), v128.load(values, 16), 1, 3, 5, 7, 9, 11, 13, 15);
    const hit = v128.or(
      v128.or(
        v128.or(i16x8.eq(uppers, floatA), i16x8.eq(uppers, floatB)),
        v128.or(i16x8.eq(uppers, floatC), i16x8.eq(uppers, floatD)),
      ),
      i16x8.eq(uppers, zero),
    );
    if (!v128.any_true(hit)) continue;
    countFour(values, count - i, binA, binB, binC, binD, tables);
    countFour(values + 16, count - i - 4, binA, binB, binC, binD, tables);
  }
}

/** `countLower` of up to four values. */
function countFour(values: usize, count: i32, a: v128, b: v128, c: v128, d: v128, tables: usize): void {
  const keys = keysOf(values);
  const upper = i32x4.shr_u(keys, 16);
  const inA = i32x4.eq(upper, a);
  const inB = i32x4.eq(upper, b);
  const inC = i32x4.eq(upper, c);
  const inD = i32x4.eq(upper, d);
  const inNone = v128.not(v128.or(v128.or(inA, inB), v128.or(inC, inD)));
  // Index into the four tables; negative where the key is in none of the bins.
  const table = v128.or(
    v128.or(v128.and(inB, i32x4.splat(0x10000)), v128.and(inC, i32x4.splat(0x20000))),
    v128.or(v128.and(inD, i32x4.splat(0x30000)), inNone),
  );
  const entry = v128.or(v128.and(keys, i32x4.splat(0xffff)), table);
  const e0 = i32x4.extract_lane(entry, 0);
  const e1 = i32x4.extract_lane(entry, 1);
  const e2 = i32x4.extract_lane(entry, 2);
  const e3 = i32x4.extract_lane(entry, 3);
  if (e0 >= 0 && count > 0) increment(tables, e0);
  if (e1 >= 0 && count > 1) increment(tables, e1);
  if (e2 >= 0 && count > 2) increment(tables, e2);
  if (e3 >= 0 && count > 3) increment(tables, e3);
}

/** Appends the float32 of one of eight values whose bit is set. */
function append(values: usize, taken: u32, out: usize): usize {
  while (taken !== 0) {
    store<f32>(out, load<f32>(values + ((<usize>ctz(taken)) << 2)));
    out += 4;
    taken &= taken - 1;
  }
  return out;
}

/**
 * For two intervals `[low, high]` of values, `bounds` (four f32: low, high, low, high): counts the values below each
 * and copies those inside to `insideA` and `insideB`. `counts` receives the four numbers (i32): below A, below B, inside
 * A, inside B. Returns whether a value is NaN.
 */
export function takeIntervals(
  values: usize,
  count: i32,
  bounds: usize,
  insideA: usize,
  insideB: usize,
  counts: usize,
): bool {
  const lowA = v128.load32_splat(bounds);
  const highA = v128.load32_splat(bounds, 4);
  const lowB = v128.load32_splat(bounds, 8);
  const highB = v128.load32_splat(bounds, 12);
  let ordered = i8x16.splat(-1);
  let belowA = i32x4.splat(0);
  let belowB = i32x4.splat(0);
  let outA = insideA;
  let outB = insideB;
  const whole = values + ((<usize>(count & ~7)) << 2);
  for (; values < whole; values += 32) {
    const x = v128.load(values);
    const y = v128.load(values, 16);
    ordered = v128.and(ordered, v128.and(f32x4.eq(x, x), f32x4.eq(y, y)));
    const lessA = f32x4.lt(x, lowA);
    const lessB = f32x4.lt(x, lowB);
    const alsoLessA = f32x4.lt(y, lowA);
    const alsoLessB = f32x4.lt(y, lowB);
    belowA = i32x4.sub(i32x4.sub(belowA, lessA), alsoLessA);
    belowB = i32x4.sub(i32x4.sub(belowB, lessB), alsoLessB);
    const xInA = v128.andnot(f32x4.le(x, highA), lessA);
    const xInB = v128.andnot(f32x4.le(x, highB), lessB);
    const yInA = v128.andnot(f32x4.le(y, highA), alsoLessA);
    const yInB = v128.andnot(f32x4.le(y, highB), alsoLessB);
    if (v128.any_true(v128.or(v128.or(xInA, xInB), v128.or(yInA, yInB)))) {
      outA = append(values, i32x4.bitmask(xInA) | (i32x4.bitmask(yInA) << 4), outA);
      outB = append(values, i32x4.bitmask(xInB) | (i32x4.bitmask(yInB) << 4), outB);
    }
  }
  let restA = 0;
  let restB = 0;
  for (let i = count & 7; i > 0; i--, values += 4) {
    const x = load<f32>(values);
    const both = f32x4.splat(x);
    ordered = v128.and(ordered, f32x4.eq(both, both));
    if (x < load<f32>(bounds)) restA++;
    else if (x <= load<f32>(bounds, 4)) outA = append(values, 1, outA);
    if (x < load<f32>(bounds, 8)) restB++;
    else if (x <= load<f32>(bounds, 12)) outB = append(values, 1, outB);
  }
  store<i32>(counts, sumLanes(belowA) + restA);
  store<i32>(counts, sumLanes(belowB) + restB, 4);
  store<i32>(counts, <i32>((outA - insideA) >> 2), 8);
  store<i32>(counts, <i32>((outB - insideB) >> 2), 12);
  return !i32x4.all_true(ordered);
}

function sumLanes(x: v128): i32 {
  return i32x4.extract_lane(x, 0) + i32x4.extract_lane(x, 1) + i32x4.extract_lane(x, 2) + i32x4.extract_lane(x, 3);
}
