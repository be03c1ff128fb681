/*
 * The decision for one class per voxel on probabilities that are resampled linearly, without ever holding the resampled
 * probabilities. Classes are the innermost axis here (groups of four, the last group filled up with PAD),
 * so that every operation runs along SIMD lanes and no gather is needed.
 *
 * The result is that of the reference: float64 sums over the taps in C order of ((value * w0) * w1) * w2, rounded to
 * float32 or float16, then the first maximum, or the last region above a threshold. Three levels, each exact:
 *
 *  1. Cells. Interpolated values are weighted means. If one class leads at all eight taps by more than the rounding
 *     of the result, it leads anywhere in the cell. Source voxels carry their decision, or UNCLEAR when it is narrow.
 *  2. float32, separable. Decides where the lead is larger than `tolerance`, which bounds all rounding errors.
 *  3. What is left is summed in the reference's own order, only for the groups of classes in question.
 *
 * The reference clips to the range of the class at the end. All weights are in [0, 1] and sum to 1 within 2^-52, so the
 * sum leaves that range by less than half a unit of the float32 it is rounded to: the clip never changes a result.
 */
import {
  CELLS,
  COLUMN_TABLE,
  COLUMNS,
  COMBINED,
  EXACT_ONLY,
  FIRST_ROW,
  FROM_ROW,
  GROUPS,
  LABEL_BYTES,
  LABELS,
  LOWER_MARKS,
  LOWER_PLANE,
  OUTPUT,
  OUTPUT_COLUMNS,
  PADDED_COLUMNS,
  REGIONS,
  ROW_TABLE,
  STAMPS,
  THRESHOLD,
  TO_ROW,
  TOLERANCE,
  UNTIL,
  UPPER_MARKS,
  UPPER_PLANE,
  VALUES,
  WEIGHT0,
  WEIGHT1,
} from "../../src/kernels/argmax/argmax-job";
import { decideClassExactly, decideRegionExactly, setTaps } from "./argmax-exact";
import { lastRegion, leader, spreadMaximum, UNCLEAR } from "./argmax-marks";

export { interleaveClasses, markVoxels } from "./argmax-marks";

const ENTRY: usize = 32;

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
    const region = lastRegion(values, groups, load<f32>(job, THRESHOLD), tolerance);
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

/** Writes `count` labels in whole vectors; what comes too many is overwritten later. */
function fillLabels(output: usize, value: i32, count: usize, wide: usize): void {
  const v = wide ? i16x8.splat(<i16>value) : i8x16.splat(<i8>value);
  const bytes = count << wide;
  for (let i: usize = 0; i < bytes; i += 16) v128.store(output + i, v);
}

/** Output rows FROM_ROW ... TO_ROW of one output slice, as labels of LABEL_BYTES each. */
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
  const wide = <usize>(load<i32>(job, LABEL_BYTES) - 1);
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
      fillLabels(output, load<u16>(labels + ((<usize>rowMark) << 1)), <usize>m, wide);
      output += (<usize>m) << wide;
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
          const label = load<u16>(labels + ((<usize>cell) << 1));
          fillLabels(output + ((<usize>k) << wide), label, <usize>(end - k), wide);
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
      const label = load<u16>(labels + ((<usize>decision) << 1));
      if (wide) store<u16>(output + ((<usize>k) << 1), label);
      else store<u8>(output + <usize>k, <u8>label);
      k++;
    }
    output += (<usize>m) << wide;
  }
}
