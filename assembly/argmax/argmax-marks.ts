/*
 * Source planes for argmax.ts: classes of a voxel side by side, and the decision of each source voxel.
 */
import { COLUMNS, GROUPS, PADDED_COLUMNS, REGIONS, THRESHOLD, VALUES } from "../../src/kernels/argmax/argmax-job";

/** The mark of a voxel, or cell of voxels, where the decision needs a closer look. */
export const UNCLEAR: i32 = 0xffff;

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
export function spreadMaximum(v: v128): v128 {
  const pair = f32x4.pmax(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return f32x4.pmax(pair, v128.shuffle<i32>(pair, pair, 1, 0, 3, 2));
}

/**
 * The class that leads all others by more than `tolerance`, or UNCLEAR. Each lane has the best and the second best of
 * its classes, and the index of the best; `scratch` takes a vector.
 */
export function leader(best: v128, second: v128, index: v128, tolerance: v128, scratch: usize): i32 {
  const threshold = f32x4.sub(spreadMaximum(best), tolerance);
  const mask = i32x4.bitmask(f32x4.ge(best, threshold));
  if (mask & (mask - 1) || v128.any_true(f32x4.ge(second, threshold))) return UNCLEAR;
  v128.store(scratch, index);
  return load<i32>(scratch + ((<usize>ctz(mask)) << 2));
}

/** 1 + the last region above `threshold`, 0 if there is none; UNCLEAR if a value within `tolerance` of it decides. */
export function lastRegion(values: usize, groups: i32, threshold: f32, tolerance: f32): i32 {
  const lowest = f32x4.splat(threshold - tolerance);
  for (let g = groups - 1; g >= 0; g--) {
    const mask = i32x4.bitmask(f32x4.ge(v128.load(values + ((<usize>g) << 4)), lowest));
    if (mask) {
      const index = (g << 2) + 31 - clz(mask);
      return load<f32>(values + ((<usize>index) << 2)) > threshold + tolerance ? index + 1 : UNCLEAR;
    }
  }
  return 0;
}

/**
 * Decision of each source voxel, or UNCLEAR: `rows` rows of the job's columns at `plane`, marks in rows of its padded
 * columns, filled up with the last mark.
 */
export function markVoxels(job: usize, plane: usize, rows: i32, tolerance: f32, marks: usize): void {
  const columns = load<i32>(job, COLUMNS);
  const paddedColumns = load<i32>(job, PADDED_COLUMNS);
  const groups = load<i32>(job, GROUPS);
  const regions = load<i32>(job, REGIONS);
  const threshold = load<f32>(job, THRESHOLD);
  const scratch = <usize>load<i32>(job, VALUES);
  const spread = f32x4.splat(tolerance);
  const first = i32x4(0, 1, 2, 3);
  const four = i32x4.splat(4);
  const lowest = f32x4.splat(-Infinity);
  const bytes = (<usize>groups) << 4;
  for (let row = 0; row < rows; row++) {
    let mark = 0;
    for (let column = 0; column < columns; column++) {
      if (regions) {
        mark = lastRegion(plane, groups, threshold, tolerance);
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
