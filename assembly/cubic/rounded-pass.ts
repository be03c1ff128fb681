/*
 * The last pass of the exact cubic resampling: along one axis, rounded to float32, with the voxels whose rounding the
 * arithmetic cannot decide (src/kernels/cubic/README.md).
 */
import { RoundedArgument } from "../../src/kernels/cubic/rounded-arguments";
import { address, integer, real } from "../arguments";
import { CHUNK, combine, filterBackwards, filterForwards, loadSamples, ROW, turnAround } from "./filter";
import { ENTRY, firstTap } from "./plane-pass";

/**
 * The last pass: rounds to float32 and clips to [low, high]. A value v within its tolerance t of a rounding tie
 * (float32(v - t) differs from float32(v + t), after the clip) is uncertain: its row k, lane and float64 value are
 * listed. Returns how many there are. `structure` holds the arguments as `RoundedArgument` names them.
 */
export function cubicColumnsRounded(structure: usize): i32 {
  const input = address(structure, RoundedArgument.input);
  const inputStride = address(structure, RoundedArgument.inputStride);
  const groupBytes = address(structure, RoundedArgument.groupBytes);
  const n = integer(structure, RoundedArgument.n);
  const lanes = integer(structure, RoundedArgument.lanes);
  const table = address(structure, RoundedArgument.table);
  const m = integer(structure, RoundedArgument.m);
  const output = address(structure, RoundedArgument.output);
  const outputStride = address(structure, RoundedArgument.outputStride);
  const lowest = f32x4.splat(<f32>real(structure, RoundedArgument.low));
  const highest = f32x4.splat(<f32>real(structure, RoundedArgument.high));
  const tolerances = address(structure, RoundedArgument.tolerances);
  const blocks = address(structure, RoundedArgument.blocks);
  const blockOf = address(structure, RoundedArgument.blockOf);
  const within = address(structure, RoundedArgument.within);
  let scratch = address(structure, RoundedArgument.scratch);
  let count = 0;
  for (let lane = 0; lane < lanes; lane += 16) {
    if (inputStride !== 0) {
      for (let i = 0; i < n; i += CHUNK) {
        const end = min(i + CHUNK, n);
        loadSamples(input + <usize>i * inputStride + ((<usize>lane) << 3), inputStride, i, end, scratch);
        filterForwards<f64>(scratch, n, i, end);
      }
    } else {
      scratch = input + <usize>(lane >> 4) * groupBytes;
      filterForwards<f64>(scratch, n, 0, n);
    }
    turnAround<f64>(scratch, n);
    const tolerance = tolerances + ((<usize>(lane >> 4) * blocks) << 3);
    let k = m - 1;
    for (let ready = n - 1; ready >= 0; ) {
      ready = filterBackwards<f64>(scratch, n, ready);
      for (; k >= 0; k--) {
        const entry = table + <usize>k * ENTRY;
        if (firstTap(entry) < ready) break;
        const out = output + <usize>k * outputStride + ((<usize>lane) << 2);
        const tap = scratch + <usize>load<i32>(entry, 32) * ROW;
        const w0 = v128.load64_splat(entry, 0);
        const w1 = v128.load64_splat(entry, 8);
        const w2 = v128.load64_splat(entry, 16);
        const w3 = v128.load64_splat(entry, 24);
        const t = v128.load64_splat(tolerance + ((<usize>load<i32>(blockOf + ((<usize>k) << 2))) << 3));
        // Differences are looked for before the clip, which can only take some away.
        let a = combine<f64>(tap, w0, w1, w2, w3);
        let b = combine<f64>(tap + 16, w0, w1, w2, w3);
        let below = round(f64x2.sub(a, t), f64x2.sub(b, t));
        let different = v128.xor(below, round(f64x2.add(a, t), f64x2.add(b, t)));
        v128.store(out, clip(below, lowest, highest));
        a = combine<f64>(tap + 32, w0, w1, w2, w3);
        b = combine<f64>(tap + 48, w0, w1, w2, w3);
        below = round(f64x2.sub(a, t), f64x2.sub(b, t));
        different = v128.or(different, v128.xor(below, round(f64x2.add(a, t), f64x2.add(b, t))));
        v128.store(out, clip(below, lowest, highest), 16);
        a = combine<f64>(tap + 64, w0, w1, w2, w3);
        b = combine<f64>(tap + 80, w0, w1, w2, w3);
        below = round(f64x2.sub(a, t), f64x2.sub(b, t));
        different = v128.or(different, v128.xor(below, round(f64x2.add(a, t), f64x2.add(b, t))));
        v128.store(out, clip(below, lowest, highest), 32);
        a = combine<f64>(tap + 96, w0, w1, w2, w3);
        b = combine<f64>(tap + 112, w0, w1, w2, w3);
        below = round(f64x2.sub(a, t), f64x2.sub(b, t));
        different = v128.or(different, v128.xor(below, round(f64x2.add(a, t), f64x2.add(b, t))));
        v128.store(out, clip(below, lowest, highest), 48);
        if (v128.any_true(different) && (within === 0 || anyWithin(within + ((<usize>(k * lanes + lane)) << 1)))) {
          count += listUncertain(structure, tap, entry, t, out, k, lane, count);
        }
      }
    }
  }
  return count;
}

/** Whether one of 16 labels is not negative. */
function anyWithin(labels: usize): bool {
  return !i16x8.all_true(i16x8.shr_s(v128.and(v128.load(labels), v128.load(labels, 16)), 15));
}

/** The tolerances of two neighbouring lanes by their levels, which are 4 bytes apart. */
function tolerancesOf(level: usize, tolerancesOfLevels: usize, coarse: v128): v128 {
  const first = v128.load64_zero(tolerancesOfLevels + ((<usize>load<u8>(level)) << 3));
  return f64x2.pmin(coarse, v128.load64_lane(tolerancesOfLevels + ((<usize>load<u8>(level, 4)) << 3), first, 1));
}

/**
 * Row k of 16 lanes from `lane` on again, where some may be uncertain: the exact values, and every uncertain voxel, each
 * with its own tolerance, behind the `count` that are listed. Returns how many there are.
 */
function listUncertain(
  structure: usize,
  tap: usize,
  entry: usize,
  coarse: v128,
  out: usize,
  k: i32,
  lane: i32,
  count: i32,
): i32 {
  const lanes = integer(structure, RoundedArgument.lanes);
  const lowest = f32x4.splat(<f32>real(structure, RoundedArgument.low));
  const highest = f32x4.splat(<f32>real(structure, RoundedArgument.high));
  const tolerancesOfLevels = address(structure, RoundedArgument.tolerancesOfLevels);
  let labels = address(structure, RoundedArgument.within);
  if (labels !== 0) labels += (<usize>(k * lanes + lane)) << 1;
  let level = address(structure, RoundedArgument.levels);
  if (level !== 0) {
    const sample = load<i32>(address(structure, RoundedArgument.sampleOf) + ((<usize>k) << 2));
    level += ((<usize>((sample >> 2) * lanes + lane)) << 2) + <usize>(sample & 3);
  }
  const start = address(structure, RoundedArgument.places) + ((<usize>count) << 3);
  let place = start;
  let value = address(structure, RoundedArgument.values) + ((<usize>count) << 3);
  const w0 = v128.load64_splat(entry, 0);
  const w1 = v128.load64_splat(entry, 8);
  const w2 = v128.load64_splat(entry, 16);
  const w3 = v128.load64_splat(entry, 24);
  let ta = coarse;
  let tb = coarse;
  for (let j = 0; j < 16; j += 4, tap += 32, out += 16) {
    const a = combine<f64>(tap, w0, w1, w2, w3);
    const b = combine<f64>(tap + 16, w0, w1, w2, w3);
    if (level !== 0) {
      ta = tolerancesOf(level, tolerancesOfLevels, coarse);
      tb = tolerancesOf(level + 8, tolerancesOfLevels, coarse);
      level += 16;
    }
    v128.store(out, clip(round(a, b), lowest, highest));
    const lower = clip(round(f64x2.sub(a, ta), f64x2.sub(b, tb)), lowest, highest);
    const upper = clip(round(f64x2.add(a, ta), f64x2.add(b, tb)), lowest, highest);
    for (let bits = i32x4.bitmask(f32x4.ne(lower, upper)); bits !== 0; bits &= bits - 1) {
      const i = ctz(bits);
      if (labels !== 0 && load<i16>(labels + ((<usize>(j + i)) << 1)) < 0) continue;
      store<i32>(place, k);
      store<i32>(place, lane + j + i, 4);
      const pair = i < 2 ? a : b;
      store<f64>(value, (i & 1) === 0 ? f64x2.extract_lane(pair, 0) : f64x2.extract_lane(pair, 1));
      place += 8;
      value += 8;
    }
  }
  return <i32>((place - start) >> 3);
}

function clip(values: v128, lowest: v128, highest: v128): v128 {
  return f32x4.pmin(highest, f32x4.pmax(lowest, values));
}

function round(a: v128, b: v128): v128 {
  return v128.shuffle<f64>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 2);
}
