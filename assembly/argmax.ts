/*
 * The decision for one class per voxel on probabilities that are resampled linearly, without ever holding the resampled
 * probabilities. Classes are the innermost axis here (groups of four, the last group filled up with PAD),
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
/** For each source column c, the number of output columns that need columns below c only (i32, COLUMNS + 1 of them). */
const UNTIL: usize = 220;

/** What fills the last group: below any value, and finite under any weight. */
const PAD: f32 = -1e30;

/**
 * Turns `count` voxels of all classes (class after class at `input`, `classBytes` apart, a multiple of four classes)
 * into groups of four classes, voxel after voxel at `output`. `range` gathers two vectors: the largest bits without
 * sign (magnitudes order as their bits do; infinities and NaN are 0x7f800000 and above) and the smallest value. The lanes of the last group from `lastLanes` on become PAD and do not count.
 */
export function interleaveClasses(
  input: usize,
  classBytes: i32,
  count: i32,
  output: usize,
  groups: i32,
  lastLanes: i32,
  range: usize,
): void {
  const step = (<usize>groups) << 4;
  const next = <usize>classBytes;
  const magnitude = i32x4.splat(0x7fffffff);
  let largest = v128.load(range, 0);
  let smallest = v128.load(range, 16);
  const wholeBytes = (<usize>(count & ~3)) << 2;
  const bytes = (<usize>count) << 2;
  for (let g = 0; g < groups; g++) {
    let to = output + ((<usize>g) << 4);
    const lanes = g == groups - 1 ? lastLanes : 4;
    // Lanes that stand for no class repeat the first of the group until they are overwritten.
    const a = input + <usize>(g << 2) * next;
    const b = lanes > 1 ? a + next : a;
    const c = lanes > 2 ? a + 2 * next : a;
    const d = lanes > 3 ? a + 3 * next : a;
    let i: usize = 0;
    for (; i < wholeBytes; i += 16) {
      const x = v128.load(a + i);
      const y = v128.load(b + i);
      const z = v128.load(c + i);
      const w = v128.load(d + i);
      largest = i32x4.max_s(i32x4.max_s(largest, v128.and(x, magnitude)), v128.and(y, magnitude));
      largest = i32x4.max_s(i32x4.max_s(largest, v128.and(z, magnitude)), v128.and(w, magnitude));
      smallest = f32x4.pmin(smallest, f32x4.pmin(f32x4.pmin(x, y), f32x4.pmin(z, w)));
      const xyLow = v128.shuffle<i32>(x, y, 0, 4, 1, 5);
      const xyHigh = v128.shuffle<i32>(x, y, 2, 6, 3, 7);
      const zwLow = v128.shuffle<i32>(z, w, 0, 4, 1, 5);
      const zwHigh = v128.shuffle<i32>(z, w, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<i64>(xyLow, zwLow, 0, 2));
      to += step;
      v128.store(to, v128.shuffle<i64>(xyLow, zwLow, 1, 3));
      to += step;
      v128.store(to, v128.shuffle<i64>(xyHigh, zwHigh, 0, 2));
      to += step;
      v128.store(to, v128.shuffle<i64>(xyHigh, zwHigh, 1, 3));
      to += step;
    }
    for (; i < bytes; i += 4) {
      let x = v128.load32_splat(a + i);
      x = f32x4.replace_lane(x, 1, load<f32>(b + i));
      x = f32x4.replace_lane(x, 2, load<f32>(c + i));
      x = f32x4.replace_lane(x, 3, load<f32>(d + i));
      largest = i32x4.max_s(largest, v128.and(x, magnitude));
      smallest = f32x4.pmin(smallest, x);
      v128.store(to, x);
      to += step;
    }
  }
  v128.store(range, largest, 0);
  v128.store(range, smallest, 16);
  for (let lane = lastLanes; lane < 4; lane++) {
    let to = output + step - 16 + ((<usize>lane) << 2);
    for (let i = 0; i < count; i++) {
      store<f32>(to, PAD);
      to += step;
    }
  }
}

/** All lanes the largest of the four. */
function spreadMaximum(v: v128): v128 {
  const pair = f32x4.pmax(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return f32x4.pmax(pair, v128.shuffle<i32>(pair, pair, 1, 0, 3, 2));
}

/**
 * The class that leads all others by more than `tolerance`, or UNCLEAR. Each lane has the best and the second best of
 * its classes, and the index of the best; `scratch` takes a vector.
 */
function leader(best: v128, second: v128, index: v128, tolerance: v128, scratch: usize): i32 {
  const threshold = f32x4.sub(spreadMaximum(best), tolerance);
  const mask = i32x4.bitmask(f32x4.ge(best, threshold));
  if (mask & (mask - 1) || v128.any_true(f32x4.ge(second, threshold))) return UNCLEAR;
  v128.store(scratch, index);
  return load<i32>(scratch + ((<usize>ctz(mask)) << 2));
}

/** 1 + the last region above 0.5, 0 if there is none; UNCLEAR if a value within `tolerance` of 0.5 decides. */
function lastRegion(values: usize, groups: i32, tolerance: f32): i32 {
  const threshold = f32x4.splat(<f32>0.5 - tolerance);
  for (let g = groups - 1; g >= 0; g--) {
    const mask = i32x4.bitmask(f32x4.ge(v128.load(values + ((<usize>g) << 4)), threshold));
    if (mask) {
      const index = (g << 2) + 31 - clz(mask);
      return load<f32>(values + ((<usize>index) << 2)) > <f32>0.5 + tolerance ? index + 1 : UNCLEAR;
    }
  }
  return 0;
}

/**
 * Decision of each source voxel, or UNCLEAR: `rows` rows of `columns` voxels at `plane`, marks in rows of
 * `paddedColumns` (a multiple of eight, filled up with the last mark). `scratch` takes a vector.
 */
export function markVoxels(
  plane: usize,
  rows: i32,
  columns: i32,
  paddedColumns: i32,
  groups: i32,
  tolerance: f32,
  regions: i32,
  scratch: usize,
  marks: usize,
): void {
  const spread = f32x4.splat(tolerance);
  const first = i32x4(0, 1, 2, 3);
  const four = i32x4.splat(4);
  const lowest = f32x4.splat(-Infinity);
  const bytes = (<usize>groups) << 4;
  for (let row = 0; row < rows; row++) {
    let mark = 0;
    for (let column = 0; column < columns; column++) {
      if (regions) {
        mark = lastRegion(plane, groups, tolerance);
      } else {
        let best = v128.load(plane);
        let second = lowest;
        let index = first;
        let candidate = first;
        for (let at: usize = 16; at < bytes; at += 16) {
          const v = v128.load(plane + at);
          candidate = i32x4.add(candidate, four);
          index = v128.bitselect(candidate, index, f32x4.gt(v, best));
          second = f32x4.pmax(second, f32x4.pmin(v, best));
          best = f32x4.pmax(best, v);
        }
        mark = leader(best, second, index, spread, scratch);
      }
      store<u16>(marks, <u16>mark);
      marks += 2;
      plane += bytes;
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
  if (exponent > 15) return abs(x) < 65520 ? x : x * Infinity;
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
    const lanes = min(4, last + 1 - (g << 2));
    for (let lane = 0; lane < lanes; lane++) {
      const value = load<f32>(address + ((<usize>lane) << 2));
      // biome-ignore lint/suspicious/noSelfCompare: only a NaN differs from itself.
      if (!(value <= best) && best == best) {
        best = value;
        found = (g << 2) + lane;
      }
    }
  }
  return found;
}

/** 1 + the last region above 0.5, or 0. Only groups with values from 0.5 - tolerance on are summed, from the last. */
function decideRegionExactly(job: usize, values: usize, groups: i32, tolerance: f32, all: i32): i32 {
  const threshold = f32x4.splat(<f32>0.5 - tolerance);
  for (let g = groups - 1; g >= 0; g--) {
    const address = values + ((<usize>g) << 4);
    if (!all && !v128.any_true(f32x4.ge(v128.load(address), threshold))) continue;
    sumExactly(job, (<usize>g) << 4, address);
    const mask = i32x4.bitmask(f32x4.gt(v128.load(address), f32x4.splat(0.5)));
    if (mask) return (g << 2) + 32 - clz(mask);
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

function combine(a: usize, b: usize, c: usize, d: usize, wa: v128, wb: v128, wc: v128, wd: v128, output: usize): void {
  const low = f32x4.add(f32x4.mul(v128.load(a), wa), f32x4.mul(v128.load(b), wb));
  const high = f32x4.add(f32x4.mul(v128.load(c), wc), f32x4.mul(v128.load(d), wd));
  v128.store(output, f32x4.add(low, high));
}

/** One column of the four source rows, combined with their weights in float32. */
function combineColumn(a: usize, b: usize, c: usize, d: usize, weights: usize, groups: i32, output: usize): void {
  const wa = v128.load32_splat(weights, 0);
  const wb = v128.load32_splat(weights, 4);
  const wc = v128.load32_splat(weights, 8);
  const wd = v128.load32_splat(weights, 12);
  const end = (<usize>groups) << 4;
  let i: usize = 0;
  for (; i + 32 < end; i += 48) {
    combine(a + i, b + i, c + i, d + i, wa, wb, wc, wd, output + i);
    combine(a + i + 16, b + i + 16, c + i + 16, d + i + 16, wa, wb, wc, wd, output + i + 16);
    combine(a + i + 32, b + i + 32, c + i + 32, d + i + 32, wa, wb, wc, wd, output + i + 32);
  }
  for (; i < end; i += 16) combine(a + i, b + i, c + i, d + i, wa, wb, wc, wd, output + i);
}

/** Interpolates between two combined columns into VALUES; returns the largest value in all lanes. */
function interpolate(low: usize, high: usize, w0: v128, w1: v128, groups: i32, values: usize): v128 {
  let best = f32x4.splat(-Infinity);
  for (let g = 0; g < groups; g++) {
    const at = (<usize>g) << 4;
    const v = f32x4.add(f32x4.mul(v128.load(low + at), w0), f32x4.mul(v128.load(high + at), w1));
    best = f32x4.pmax(best, v);
    v128.store(values + at, v);
  }
  return spreadMaximum(best);
}

/** The class at one output voxel between the combined columns `low` and `high` of weights w0 and w1, or UNCLEAR. */
function decideClass(low: usize, high: usize, w0: v128, w1: v128, groups: i32, tolerance: v128, scratch: usize): i32 {
  const four = i32x4.splat(4);
  let best = f32x4.add(f32x4.mul(v128.load(low), w0), f32x4.mul(v128.load(high), w1));
  let second = f32x4.splat(-Infinity);
  let index = i32x4(0, 1, 2, 3);
  let candidate = index;
  const end = low + ((<usize>groups) << 4);
  low += 16;
  high += 16;
  for (; low + 16 < end; low += 32) {
    const v = f32x4.add(f32x4.mul(v128.load(low), w0), f32x4.mul(v128.load(high), w1));
    candidate = i32x4.add(candidate, four);
    index = v128.bitselect(candidate, index, f32x4.gt(v, best));
    second = f32x4.pmax(second, f32x4.pmin(v, best));
    best = f32x4.pmax(best, v);
    const u = f32x4.add(f32x4.mul(v128.load(low, 16), w0), f32x4.mul(v128.load(high, 16), w1));
    candidate = i32x4.add(candidate, four);
    index = v128.bitselect(candidate, index, f32x4.gt(u, best));
    second = f32x4.pmax(second, f32x4.pmin(u, best));
    best = f32x4.pmax(best, u);
    high += 32;
  }
  if (low < end) {
    const v = f32x4.add(f32x4.mul(v128.load(low), w0), f32x4.mul(v128.load(high), w1));
    candidate = i32x4.add(candidate, four);
    index = v128.bitselect(candidate, index, f32x4.gt(v, best));
    second = f32x4.pmax(second, f32x4.pmin(v, best));
    best = f32x4.pmax(best, v);
  }
  return leader(best, second, index, tolerance, scratch);
}

/** The decision where float32 does not suffice, or for regions; taps of slice and row are set. */
function decideSlowly(job: usize, column: usize, low: usize, high: usize, w0: v128, w1: v128): i32 {
  const groups = load<i32>(job, GROUPS);
  const values = <usize>load<i32>(job, VALUES);
  const tolerance = load<f32>(job, TOLERANCE);
  const all = load<i32>(job, EXACT_ONLY);
  const combined = <usize>load<i32>(job, COMBINED);
  const best = interpolate(low, high, w0, w1, groups, values);
  const regions = load<i32>(job, REGIONS);
  if (regions && !all) {
    const region = lastRegion(values, groups, tolerance);
    if (region != UNCLEAR) return region;
  }
  setTaps(job, 2, low - combined, high - combined, load<f64>(column, 0), load<f64>(column, 8));
  return regions
    ? decideRegionExactly(job, values, groups, tolerance, all)
    : decideClassExactly(job, values, groups, f32x4.sub(best, f32x4.splat(tolerance)), all);
}

/** Where the run of equal cells that begins at `from` ends. */
function endOfRun(cells: usize, from: usize, code: i32, columns: usize): usize {
  const codes = i16x8.splat(<i16>code);
  for (; from < columns; from += 8) {
    const differs = i16x8.bitmask(i16x8.ne(v128.load(cells + (from << 1)), codes));
    if (differs) return min(columns, from + <usize>ctz(differs));
  }
  return columns;
}

/** Writes `count` bytes in whole vectors; what comes too many is overwritten later. */
function fillBytes(output: usize, value: i32, count: usize): void {
  const v = i8x16.splat(<i8>value);
  for (let i: usize = 0; i < count; i += 16) v128.store(output + i, v);
}

/** Output rows FROM_ROW ... TO_ROW of one output slice, as labels (u8). */
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
  const slowly = load<i32>(job, REGIONS) | load<i32>(job, EXACT_ONLY);
  // A plane without weight has no say, unless it holds infinities: zero times those is not zero.
  const alone = w1 == 0 && !load<i32>(job, EXACT_ONLY);
  const upperMarks = alone ? lowerMarks : <usize>load<i32>(job, UPPER_MARKS);
  const cells = <usize>load<i32>(job, CELLS);
  const combined = <usize>load<i32>(job, COMBINED);
  const stamps = <usize>load<i32>(job, STAMPS);
  const labels = <usize>load<i32>(job, LABELS);
  const until = <usize>load<i32>(job, UNTIL);
  const columnTable = <usize>load<i32>(job, COLUMN_TABLE);
  const m = load<i32>(job, OUTPUT_COLUMNS);
  const values = <usize>load<i32>(job, VALUES);
  const rowWeights = values + voxelBytes;
  const tolerance = f32x4.splat(load<f32>(job, TOLERANCE));
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
      fillBytes(output, load<u8>(labels + <usize>rowMark), <usize>m);
      output += <usize>m;
      continue;
    }
    const u0 = load<f64>(entry, 0);
    const u1 = load<f64>(entry, 8);
    const rowA = indexA * rowBytes;
    const rowB = indexB * rowBytes;
    setTaps(job, 1, rowA, rowB, u0, u1);
    store<f32>(rowWeights, <f32>(w0 * u0), 0);
    store<f32>(rowWeights, <f32>(w0 * u1), 4);
    store<f32>(rowWeights, <f32>(w1 * u0), 8);
    store<f32>(rowWeights, <f32>(w1 * u1), 12);
    const stamp = row + 1;
    for (let k = 0; k < m; ) {
      const column = columnTable + <usize>k * ENTRY;
      const low = <usize>load<i32>(column, 16);
      const cell = load<u16>(cells + (low << 1));
      if (cell != UNCLEAR) {
        const end = load<i32>(until + (endOfRun(cells, low, cell, <usize>columns) << 2));
        if (end > k) {
          fillBytes(output + <usize>k, load<u8>(labels + <usize>cell), <usize>(end - k));
          k = end;
          continue;
        }
      }
      const high = <usize>load<i32>(column, 20);
      const lowColumn = combined + low * voxelBytes;
      const highColumn = combined + high * voxelBytes;
      if (load<i32>(stamps + (low << 2)) != stamp) {
        store<i32>(stamps + (low << 2), stamp);
        const a = lower + low * voxelBytes;
        const c = upper + low * voxelBytes;
        combineColumn(a + rowA, a + rowB, c + rowA, c + rowB, rowWeights, groups, lowColumn);
      }
      if (load<i32>(stamps + (high << 2)) != stamp) {
        store<i32>(stamps + (high << 2), stamp);
        const a = lower + high * voxelBytes;
        const c = upper + high * voxelBytes;
        combineColumn(a + rowA, a + rowB, c + rowA, c + rowB, rowWeights, groups, highColumn);
      }
      const v0 = f32x4.splat(<f32>load<f64>(column, 0));
      const v1 = f32x4.splat(<f32>load<f64>(column, 8));
      let decision = UNCLEAR;
      if (!slowly) decision = decideClass(lowColumn, highColumn, v0, v1, groups, tolerance, values);
      if (decision == UNCLEAR) decision = decideSlowly(job, column, lowColumn, highColumn, v0, v1);
      store<u8>(output + <usize>k, load<u8>(labels + <usize>decision));
      k++;
    }
    output += <usize>m;
  }
}
