/*
 * How far magnitudes of blocks reach: each block takes the largest of its own, its neighbours', those two blocks away
 * times `gap`, and whatever comes along from farther times `decay` a block. All values are f64, and maxima are taken
 * without branches, because nobody can guess which of two magnitudes is larger.
 */

function larger(a: v128, b: v128): v128 {
  return f64x2.pmax(a, b);
}

/** Two values, or only the first where the row ends. */
function loadPair(address: usize, both: bool): v128 {
  return both ? v128.load(address) : v128.load64_zero(address);
}

/** Spreads along the planes of (count, inner) from `source` to `target`. */
export function spreadPlanes(source: usize, target: usize, count: i32, inner: i32, gap: f64, decay: f64): void {
  const row = (<usize>inner) << 3;
  const gaps = f64x2.splat(gap);
  const decays = f64x2.splat(decay);
  for (let j: usize = 0; j < row; j += 16) {
    const both = j + 16 <= row;
    let last = f64x2.splat(0);
    let beforeLast = f64x2.splat(0);
    let carried = f64x2.splat(0);
    let from = source + j;
    let to = target + j;
    let here = loadPair(from, both);
    let next = count > 1 ? loadPair(from + row, both) : f64x2.splat(0);
    for (let i = 0; i < count; i++) {
      const afterNext = i + 2 < count ? loadPair(from + 2 * row, both) : f64x2.splat(0);
      const near = larger(here, larger(last, next));
      carried = larger(f64x2.mul(carried, decays), larger(near, f64x2.mul(gaps, larger(beforeLast, afterNext))));
      if (both) v128.store(to, carried);
      else v128.store64_lane(to, carried, 0);
      beforeLast = last;
      last = here;
      here = next;
      next = afterNext;
      from += row;
      to += row;
    }
    for (let i = count - 2; i >= 0; i--) {
      const at = target + <usize>i * row + j;
      carried = larger(f64x2.mul(carried, decays), loadPair(at, both));
      if (both) v128.store(at, carried);
      else v128.store64_lane(at, carried, 0);
    }
  }
}

function loadTwo(a: usize, b: usize): v128 {
  return v128.load64_lane(b, v128.load64_zero(a), 1);
}

/** Spreads along each of `rows` rows of `count` values from `source` to `target`, two rows at a time. */
export function spreadRows(source: usize, target: usize, rows: i32, count: i32, gap: f64, decay: f64): void {
  const length = (<usize>count) << 3;
  const gaps = f64x2.splat(gap);
  const decays = f64x2.splat(decay);
  for (let row = 0; row < rows; row += 2) {
    const first = <usize>row * length;
    const step = row + 1 < rows ? length : 0;
    let from = source + first;
    let to = target + first;
    let last = f64x2.splat(0);
    let beforeLast = f64x2.splat(0);
    let carried = f64x2.splat(0);
    let here = loadTwo(from, from + step);
    let next = count > 1 ? loadTwo(from + 8, from + 8 + step) : f64x2.splat(0);
    for (let i = 0; i < count; i++) {
      const afterNext = i + 2 < count ? loadTwo(from + 16, from + 16 + step) : f64x2.splat(0);
      const near = larger(here, larger(last, next));
      carried = larger(f64x2.mul(carried, decays), larger(near, f64x2.mul(gaps, larger(beforeLast, afterNext))));
      v128.store64_lane(to, carried, 0);
      v128.store64_lane(to + step, carried, 1);
      beforeLast = last;
      last = here;
      here = next;
      next = afterNext;
      from += 8;
      to += 8;
    }
    for (let i = count - 2; i >= 0; i--) {
      const at = target + first + ((<usize>i) << 3);
      carried = larger(f64x2.mul(carried, decays), loadTwo(at, at + step));
      v128.store64_lane(at, carried, 0);
      v128.store64_lane(at + step, carried, 1);
    }
  }
}

/**
 * The largest value under each group of output samples, at least `least`: `output` gets one f32 per (row, group).
 * `spans` holds the first and the last block (i32) of each group.
 */
export function largestOfGroups(
  values: usize,
  rows: i32,
  count: i32,
  spans: usize,
  groups: i32,
  least: f64,
  output: usize,
): void {
  for (let row = 0; row < rows; row++, values += (<usize>count) << 3) {
    let span = spans;
    for (let group = 0; group < groups; group++, span += 8, output += 4) {
      let most = f64x2.splat(least);
      const last = values + ((<usize>load<i32>(span, 4)) << 3);
      for (let at = values + ((<usize>load<i32>(span)) << 3); at <= last; at += 8) {
        most = f64x2.pmax(most, v128.load64_zero(at));
      }
      store<f32>(output, <f32>f64x2.extract_lane(most, 0));
    }
  }
}
