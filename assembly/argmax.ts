/*
 * The decision for one class per voxel on probabilities that are resampled linearly, without ever holding the resampled
 * probabilities. Classes are the innermost axis here (groups of four, the last class repeated to fill the last group),
 * so that every operation runs along SIMD lanes and no gather is needed.
 *
 * The result is that of the reference: float64 sums over the taps in C order of ((value * w0) * w1) * w2, rounded to
 * float32 or float16, then the first maximum, or the last region above 0.5. Three levels, each exact:
 *
 *  1. Cells. Interpolated values are weighted means. If one class leads at all eight taps by more than the rounding
 *     of the result, it leads anywhere in the cell. Source voxels carry their decision, or UNCLEAR when it is narrow.
 *  2. float32, separable. Decides where the lead is larger than `tolerance`, which bounds all rounding errors.
 *  3. What is left is summed in the reference's own order, only for the groups of classes in question.
 *
 * The reference clips to the range of the class at the end. All weights are in [0, 1] and sum to 1 within 2^-52, so the
 * sum leaves that range by less than half a unit of the float32 it is rounded to: the clip never changes a result.
 */
const ENTRY: usize = 32;
const UNCLEAR: i32 = 0xffff;

/** Fields of a job; addresses and whole numbers are i32. */
const LOWER_PLANE: usize = 0;
const UPPER_PLANE: usize = 4;
const LOWER_MARKS: usize = 8;
const UPPER_MARKS: usize = 12;
const WEIGHT0: usize = 16;
const WEIGHT1: usize = 24;
const FIRST_ROW: usize = 32;
const COLUMNS: usize = 36;
const PADDED_COLUMNS: usize = 40;
const GROUPS: usize = 44;
const LAST_CLASS: usize = 48;
const ROW_TABLE: usize = 52;
const FROM_ROW: usize = 56;
const TO_ROW: usize = 60;
const COLUMN_TABLE: usize = 64;
const OUTPUT_COLUMNS: usize = 68;
const TOLERANCE: usize = 72;
const REGIONS: usize = 76;
const EXACT_ONLY: usize = 80;
const HALF: usize = 84;
const CELLS: usize = 88;
const COMBINED: usize = 92;
const STAMPS: usize = 96;
const VALUES: usize = 100;
const LABELS: usize = 104;
const OUTPUT: usize = 108;
/** Three blocks of 32 bytes, in the order of multiplication: two offsets (i32), number of taps (i32), two weights (f64). */
const TAPS: usize = 112;
/** Addresses of the blocks of the slice, row and column axis (i32). */
const TAP_BLOCKS: usize = 208;

/**
 * Turns four classes of `count` voxels, `input` + 0 ... 3 * `classBytes`, into one group: 16 bytes at every `voxelBytes`
 * from `output` on. `range` gathers three vectors: the largest magnitude, set bits if anything is not finite, the
 * smallest value.
 */
export function interleaveClasses(
  input: usize,
  classBytes: i32,
  count: i32,
  output: usize,
  voxelBytes: i32,
  range: usize,
): void {
  const a = input;
  const b = a + <usize>classBytes;
  const c = b + <usize>classBytes;
  const d = c + <usize>classBytes;
  let largest = v128.load(range, 0);
  let bits = v128.load(range, 16);
  let smallest = v128.load(range, 32);
  const whole = count & ~3;
  let i: usize = 0;
  for (; i < (<usize>whole) << 2; i += 16) {
    const x = v128.load(a + i);
    const y = v128.load(b + i);
    const z = v128.load(c + i);
    const w = v128.load(d + i);
    largest = f32x4.pmax(f32x4.pmax(largest, f32x4.abs(x)), f32x4.abs(y));
    largest = f32x4.pmax(f32x4.pmax(largest, f32x4.abs(z)), f32x4.abs(w));
    smallest = f32x4.pmin(f32x4.pmin(smallest, x), f32x4.pmin(y, f32x4.pmin(z, w)));
    bits = v128.or(v128.or(bits, f32x4.sub(x, x)), f32x4.sub(y, y));
    bits = v128.or(v128.or(bits, f32x4.sub(z, z)), f32x4.sub(w, w));
    const xyLow = v128.shuffle<i32>(x, y, 0, 4, 1, 5);
    const xyHigh = v128.shuffle<i32>(x, y, 2, 6, 3, 7);
    const zwLow = v128.shuffle<i32>(z, w, 0, 4, 1, 5);
    const zwHigh = v128.shuffle<i32>(z, w, 2, 6, 3, 7);
    v128.store(output, v128.shuffle<i64>(xyLow, zwLow, 0, 2));
    output += <usize>voxelBytes;
    v128.store(output, v128.shuffle<i64>(xyLow, zwLow, 1, 3));
    output += <usize>voxelBytes;
    v128.store(output, v128.shuffle<i64>(xyHigh, zwHigh, 0, 2));
    output += <usize>voxelBytes;
    v128.store(output, v128.shuffle<i64>(xyHigh, zwHigh, 1, 3));
    output += <usize>voxelBytes;
  }
  for (; i < (<usize>count) << 2; i += 4) {
    let x = v128.load32_splat(a + i);
    x = f32x4.replace_lane(x, 1, load<f32>(b + i));
    x = f32x4.replace_lane(x, 2, load<f32>(c + i));
    x = f32x4.replace_lane(x, 3, load<f32>(d + i));
    largest = f32x4.pmax(largest, f32x4.abs(x));
    smallest = f32x4.pmin(smallest, x);
    bits = v128.or(bits, f32x4.sub(x, x));
    v128.store(output, x);
    output += <usize>voxelBytes;
  }
  v128.store(range, largest, 0);
  v128.store(range, bits, 16);
  v128.store(range, smallest, 32);
}

/** All lanes the largest of the four. */
function spreadMaximum(v: v128): v128 {
  const pair = f32x4.pmax(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return f32x4.pmax(pair, v128.shuffle<i32>(pair, pair, 1, 0, 3, 2));
}

/** The class whose value leads all others by more than `tolerance`, or UNCLEAR. */
function leadingClass(values: usize, groups: i32, best: v128, last: i32, tolerance: v128): i32 {
  const threshold = f32x4.sub(spreadMaximum(best), tolerance);
  let found = -1;
  for (let g = 0; g < groups; g++) {
    const mask = i32x4.bitmask(f32x4.ge(v128.load(values), threshold));
    if (mask) {
      const first = (g << 2) + ctz(mask);
      // The last class stands in the rest of its group too; only a second class is a rival.
      if (found >= 0 || (first < last && mask & (mask - 1))) return UNCLEAR;
      found = min(first, last);
    }
    values += 16;
  }
  return found < 0 ? UNCLEAR : found;
}

/** 1 + the last region above 0.5, 0 if there is none; UNCLEAR if a value within `tolerance` of 0.5 decides. */
function lastRegion(values: usize, groups: i32, last: i32, tolerance: f32): i32 {
  const threshold = f32x4.splat(<f32>0.5 - tolerance);
  for (let g = groups - 1; g >= 0; g--) {
    const mask = i32x4.bitmask(f32x4.ge(v128.load(values + ((<usize>g) << 4)), threshold));
    if (mask) {
      const index = (g << 2) + 31 - clz(mask);
      if (!(load<f32>(values + ((<usize>index) << 2)) > <f32>0.5 + tolerance)) return UNCLEAR;
      return min(index, last) + 1;
    }
  }
  return 0;
}

/**
 * Decision of each source voxel, or UNCLEAR: `rows` rows of `columns` voxels at `plane`, marks in rows of
 * `paddedColumns` (a multiple of eight, filled up with the last mark).
 */
export function markVoxels(
  plane: usize,
  rows: i32,
  columns: i32,
  paddedColumns: i32,
  groups: i32,
  lastClass: i32,
  tolerance: f32,
  regions: i32,
  marks: usize,
): void {
  const spread = f32x4.splat(tolerance);
  for (let row = 0; row < rows; row++) {
    let mark = 0;
    for (let column = 0; column < columns; column++) {
      if (regions) {
        mark = lastRegion(plane, groups, lastClass, tolerance);
      } else {
        let best = v128.load(plane);
        for (let g = 1; g < groups; g++) best = f32x4.pmax(best, v128.load(plane + ((<usize>g) << 4)));
        mark = leadingClass(plane, groups, best, lastClass, spread);
      }
      store<u16>(marks, <u16>mark);
      marks += 2;
      plane += (<usize>groups) << 4;
    }
    for (let column = columns; column < paddedColumns; column++) {
      store<u16>(marks, <u16>mark);
      marks += 2;
    }
  }
}

/**
 * Writes the common mark of four rows, UNCLEAR (all bits set) where they differ. Returns the mark if the whole row has
 * one, else UNCLEAR.
 */
function markCells(a: usize, b: usize, c: usize, d: usize, count: i32, cells: usize): i32 {
  const first = load<u16>(a);
  const firsts = i16x8.splat(<i16>first);
  let differences = i16x8.splat(0);
  for (let i = 0; i < count; i += 8) {
    const offset = (<usize>i) << 1;
    const x = v128.load(a + offset);
    const same = v128.and(
      i16x8.eq(x, v128.load(b + offset)),
      v128.and(i16x8.eq(x, v128.load(c + offset)), i16x8.eq(x, v128.load(d + offset))),
    );
    const cell = v128.or(x, v128.not(same));
    differences = v128.or(differences, v128.xor(cell, firsts));
    v128.store(cells + offset, cell);
  }
  return v128.any_true(differences) ? UNCLEAR : <i32>first;
}

/** Rounds to a multiple of the 11th bit of x, ties to even: float64 to float16, still held as float64. */
function roundToHalf(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  let exponent = <i32>((bits >> 52) & 0x7ff) - 1023;
  if (exponent > 15) return x == x && abs(x) < 65520 ? x : x * Infinity;
  exponent = max(exponent, -14);
  const magic = reinterpret<f64>((<u64>(exponent + 42 + 1023)) << 52);
  const rounded = abs(x) + magic - magic;
  return copysign(abs(rounded) >= 65520 ? Infinity : rounded, x);
}

/** Values of one group of classes at the voxel of the job's taps, summed as the reference sums. */
function sumExactly(job: usize, group: usize, output: usize): void {
  const taps = job + TAPS;
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  const n0 = <usize>load<i32>(taps, 8);
  const n1 = <usize>load<i32>(taps, 40);
  const n2 = <usize>load<i32>(taps, 72);
  for (let i: usize = 0; i < n0; i++) {
    const address0 = <usize>load<i32>(taps + (i << 2)) + group;
    const w0 = v128.load64_splat(taps + (i << 3), 16);
    for (let j: usize = 0; j < n1; j++) {
      const address1 = address0 + <usize>load<i32>(taps + (j << 2), 32);
      const w1 = v128.load64_splat(taps + (j << 3), 48);
      for (let k: usize = 0; k < n2; k++) {
        const x = v128.load(address1 + <usize>load<i32>(taps + (k << 2), 64));
        const w2 = v128.load64_splat(taps + (k << 3), 80);
        const xLow = f64x2.promote_low_f32x4(x);
        const xHigh = f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 0, 1));
        low = f64x2.add(low, f64x2.mul(f64x2.mul(f64x2.mul(xLow, w0), w1), w2));
        high = f64x2.add(high, f64x2.mul(f64x2.mul(f64x2.mul(xHigh, w0), w1), w2));
      }
    }
  }
  if (load<i32>(job, HALF)) {
    store<f32>(output, <f32>roundToHalf(f64x2.extract_lane(low, 0)), 0);
    store<f32>(output, <f32>roundToHalf(f64x2.extract_lane(low, 1)), 4);
    store<f32>(output, <f32>roundToHalf(f64x2.extract_lane(high, 0)), 8);
    store<f32>(output, <f32>roundToHalf(f64x2.extract_lane(high, 1)), 12);
  } else {
    const roundedLow = f32x4.demote_f64x2_zero(low);
    const roundedHigh = f32x4.demote_f64x2_zero(high);
    v128.store(output, v128.shuffle<i64>(roundedLow, roundedHigh, 0, 2));
  }
}

/** First maximum among the groups that reach `threshold` (all of them if `all`); a NaN wins, as in NumPy. */
function decideClassExactly(job: usize, values: usize, groups: i32, threshold: v128, all: i32): i32 {
  const last = load<i32>(job, LAST_CLASS);
  let best: f32 = -Infinity;
  let found = 0;
  for (let g = 0; g < groups; g++) {
    const address = values + ((<usize>g) << 4);
    if (!all && !v128.any_true(f32x4.ge(v128.load(address), threshold))) continue;
    sumExactly(job, (<usize>g) << 4, address);
    for (let lane = 0; lane < 4; lane++) {
      const value = load<f32>(address + ((<usize>lane) << 2));
      // biome-ignore lint/suspicious/noSelfCompare: only a NaN differs from itself.
      if (!(value <= best) && best == best) {
        best = value;
        found = (g << 2) + lane;
      }
    }
  }
  return min(found, last);
}

/** 1 + the last region above 0.5, or 0. Only groups with values from 0.5 - tolerance on are summed, from the last. */
function decideRegionExactly(job: usize, values: usize, groups: i32, tolerance: f32, all: i32): i32 {
  const last = load<i32>(job, LAST_CLASS);
  const threshold = f32x4.splat(<f32>0.5 - tolerance);
  for (let g = groups - 1; g >= 0; g--) {
    const address = values + ((<usize>g) << 4);
    if (!all && !v128.any_true(f32x4.ge(v128.load(address), threshold))) continue;
    sumExactly(job, (<usize>g) << 4, address);
    const mask = i32x4.bitmask(f32x4.gt(v128.load(address), f32x4.splat(0.5)));
    if (mask) return min((g << 2) + 31 - clz(mask), last) + 1;
  }
  return 0;
}

/** Sets the taps of the axis whose block is number `axis`. */
function setTaps(job: usize, axis: usize, offset0: usize, offset1: usize, w0: f64, w1: f64): void {
  const block = <usize>load<i32>(job + (axis << 2), TAP_BLOCKS);
  store<i32>(block, <i32>offset0, 0);
  store<i32>(block, <i32>offset1, 4);
  store<f64>(block, w0, 16);
  store<f64>(block, w1, 24);
}

/** One column of the four source rows, combined with their weights in float32. */
function combineColumn(a: usize, b: usize, c: usize, d: usize, weights: usize, groups: i32, output: usize): void {
  const wa = v128.load32_splat(weights, 0);
  const wb = v128.load32_splat(weights, 4);
  const wc = v128.load32_splat(weights, 8);
  const wd = v128.load32_splat(weights, 12);
  for (let g = 0; g < groups; g++) {
    const low = f32x4.add(f32x4.mul(v128.load(a), wa), f32x4.mul(v128.load(b), wb));
    const high = f32x4.add(f32x4.mul(v128.load(c), wc), f32x4.mul(v128.load(d), wd));
    v128.store(output, f32x4.add(low, high));
    a += 16;
    b += 16;
    c += 16;
    d += 16;
    output += 16;
  }
}

/** The decision at one output voxel from the combined columns `low` and `high` of weights w0 and w1. */
function decideVoxel(job: usize, low: usize, high: usize, w0: v128, w1: v128): i32 {
  const groups = load<i32>(job, GROUPS);
  const values = <usize>load<i32>(job, VALUES);
  const tolerance = load<f32>(job, TOLERANCE);
  let best = f32x4.splat(-Infinity);
  let to = values;
  for (let g = 0; g < groups; g++) {
    const v = f32x4.add(f32x4.mul(v128.load(low), w0), f32x4.mul(v128.load(high), w1));
    best = f32x4.pmax(best, v);
    v128.store(to, v);
    low += 16;
    high += 16;
    to += 16;
  }
  const all = load<i32>(job, EXACT_ONLY);
  const last = load<i32>(job, LAST_CLASS);
  const spread = f32x4.splat(tolerance);
  if (load<i32>(job, REGIONS)) {
    const region = all ? UNCLEAR : lastRegion(values, groups, last, tolerance);
    return region == UNCLEAR ? decideRegionExactly(job, values, groups, tolerance, all) : region;
  }
  const leader = all ? UNCLEAR : leadingClass(values, groups, best, last, spread);
  if (leader != UNCLEAR) return leader;
  return decideClassExactly(job, values, groups, f32x4.sub(spreadMaximum(best), spread), all);
}

/** Output rows FROM_ROW ... TO_ROW of one output slice, as labels (u16). */
export function decideRows(job: usize): void {
  const groups = load<i32>(job, GROUPS);
  const voxelBytes = (<usize>groups) << 4;
  const columns = load<i32>(job, COLUMNS);
  const rowBytes = <usize>columns * voxelBytes;
  const padded = load<i32>(job, PADDED_COLUMNS);
  const firstRow = load<i32>(job, FIRST_ROW);
  const lower = <usize>load<i32>(job, LOWER_PLANE);
  const upper = <usize>load<i32>(job, UPPER_PLANE);
  const lowerMarks = <usize>load<i32>(job, LOWER_MARKS);
  const w0 = load<f64>(job, WEIGHT0);
  const w1 = load<f64>(job, WEIGHT1);
  // A plane without weight has no say, unless it holds infinities: zero times those is not zero.
  const alone = w1 == 0 && !load<i32>(job, EXACT_ONLY);
  const upperMarks = alone ? lowerMarks : <usize>load<i32>(job, UPPER_MARKS);
  const cells = <usize>load<i32>(job, CELLS);
  const combined = <usize>load<i32>(job, COMBINED);
  const stamps = <usize>load<i32>(job, STAMPS);
  const labels = <usize>load<i32>(job, LABELS);
  const columnTable = <usize>load<i32>(job, COLUMN_TABLE);
  const m = load<i32>(job, OUTPUT_COLUMNS);
  const rowWeights = <usize>load<i32>(job, VALUES) + voxelBytes;
  let output = <usize>load<i32>(job, OUTPUT);
  memory.fill(stamps, 0, (<usize>columns) << 2);
  setTaps(job, 0, lower, upper, w0, w1);
  let markedA = -1;
  let markedB = -1;
  let rowMark = UNCLEAR;
  const toRow = load<i32>(job, TO_ROW);
  for (let row = load<i32>(job, FROM_ROW); row < toRow; row++) {
    const entry = <usize>load<i32>(job, ROW_TABLE) + <usize>row * ENTRY;
    const indexA = <usize>(load<i32>(entry, 16) - firstRow);
    const indexB = <usize>(load<i32>(entry, 20) - firstRow);
    const clearB = <usize>(load<i32>(entry, 24) - firstRow);
    const u0 = load<f64>(entry, 0);
    const u1 = load<f64>(entry, 8);
    if (<i32>indexA != markedA || <i32>clearB != markedB) {
      const markA = (indexA * <usize>padded) << 1;
      const markB = (clearB * <usize>padded) << 1;
      rowMark = markCells(
        lowerMarks + markA,
        lowerMarks + markB,
        upperMarks + markA,
        upperMarks + markB,
        padded,
        cells,
      );
      markedA = <i32>indexA;
      markedB = <i32>clearB;
    }
    if (rowMark != UNCLEAR) {
      const label = i16x8.splat(load<i16>(labels + ((<usize>rowMark) << 1)));
      for (let k = 0; k < m; k += 8) v128.store(output + ((<usize>k) << 1), label);
      output += (<usize>m) << 1;
      continue;
    }
    const rowA = indexA * rowBytes;
    const rowB = indexB * rowBytes;
    setTaps(job, 1, rowA, rowB, u0, u1);
    store<f32>(rowWeights, <f32>(w0 * u0), 0);
    store<f32>(rowWeights, <f32>(w0 * u1), 4);
    store<f32>(rowWeights, <f32>(w1 * u0), 8);
    store<f32>(rowWeights, <f32>(w1 * u1), 12);
    const stamp = row + 1;
    let column = columnTable;
    for (let k = 0; k < m; k++) {
      const low = <usize>load<i32>(column, 16);
      const cell = load<u16>(cells + (low << 1));
      let decision = <i32>cell;
      if (cell == UNCLEAR || cell != load<u16>(cells + ((<usize>load<i32>(column, 24)) << 1))) {
        const high = <usize>load<i32>(column, 20);
        const lowBytes = low * voxelBytes;
        const highBytes = high * voxelBytes;
        if (load<i32>(stamps + (low << 2)) != stamp) {
          store<i32>(stamps + (low << 2), stamp);
          const a = lower + lowBytes;
          const c = upper + lowBytes;
          combineColumn(a + rowA, a + rowB, c + rowA, c + rowB, rowWeights, groups, combined + lowBytes);
        }
        if (load<i32>(stamps + (high << 2)) != stamp) {
          store<i32>(stamps + (high << 2), stamp);
          const a = lower + highBytes;
          const c = upper + highBytes;
          combineColumn(a + rowA, a + rowB, c + rowA, c + rowB, rowWeights, groups, combined + highBytes);
        }
        const v0 = load<f64>(column, 0);
        const v1 = load<f64>(column, 8);
        setTaps(job, 2, lowBytes, highBytes, v0, v1);
        decision = decideVoxel(job, combined + lowBytes, combined + highBytes, f32x4.splat(<f32>v0), f32x4.splat(<f32>v1));
      }
      store<u16>(output, load<u16>(labels + ((<usize>decision) << 1)));
      output += 2;
      column += ENTRY;
    }
  }
}
