/*
 * Cubic B-spline resampling in float32: twice the lanes, errors below 4e-7 of the input's range. For display and for
 * networks that do not mind the last bits; never used where bit-equality is promised.
 *
 * Scratch: 32 lanes (128 bytes) a coefficient with a halo of 2 on both sides. Table entry (32 bytes): four weights
 * (f32) with the prefilter's gain, then the first tap's index relative to c[-2] (i32).
 */
import { FastColumnsArgument } from "../../src/kernels/cubic/fast-arguments";
import { address, integer, real } from "../arguments";
import { CHUNK, coefficient, combine, filterBackwards, filterForwards, loadSamples, ROW, turnAround } from "./filter";

const ENTRY: usize = 32;

/** Index of the first tap of an entry of the table of taps. */
function firstTap(entry: usize): i32 {
  return load<i32>(entry, 16) - 2;
}

/** Columns, 32 float32 lanes at a time. `structure` holds the arguments as `FastColumnsArgument` names them. */
export function fastColumns(structure: usize): void {
  const input = address(structure, FastColumnsArgument.input);
  const inputStride = address(structure, FastColumnsArgument.inputStride);
  const n = integer(structure, FastColumnsArgument.n);
  const lanes = integer(structure, FastColumnsArgument.lanes);
  const table = address(structure, FastColumnsArgument.table);
  const m = integer(structure, FastColumnsArgument.m);
  const scratch = address(structure, FastColumnsArgument.scratch);
  const output = address(structure, FastColumnsArgument.output);
  const outputStride = address(structure, FastColumnsArgument.outputStride);
  const center: f32 = <f32>real(structure, FastColumnsArgument.center);
  const low: f32 = <f32>real(structure, FastColumnsArgument.low);
  const high: f32 = <f32>real(structure, FastColumnsArgument.high);
  const middle = f32x4.splat(center);
  const lowest = f32x4.splat(low);
  const highest = f32x4.splat(high);
  for (let lane = 0; lane < lanes; lane += 32) {
    for (let i = 0; i < n; i += CHUNK) {
      const end = min(i + CHUNK, n);
      loadSamples(input + <usize>i * inputStride + ((<usize>lane) << 2), inputStride, i, end, scratch);
      filterForwards<f32>(scratch, n, i, end);
    }
    turnAround<f32>(scratch, n);
    let k = m - 1;
    for (let ready = n - 1; ready >= 0; ) {
      ready = filterBackwards<f32>(scratch, n, ready);
      for (; k >= 0; k--) {
        const entry = table + <usize>k * ENTRY;
        if (firstTap(entry) < ready) break;
        const tap = scratch + <usize>load<i32>(entry, 16) * ROW;
        const out = output + <usize>k * outputStride + ((<usize>lane) << 2);
        const w0 = v128.load32_splat(entry, 0);
        const w1 = v128.load32_splat(entry, 4);
        const w2 = v128.load32_splat(entry, 8);
        const w3 = v128.load32_splat(entry, 12);
        for (let at: usize = 0; at < ROW; at += 64) {
          const a = f32x4.add(middle, combine<f32>(tap + at, w0, w1, w2, w3));
          const b = f32x4.add(middle, combine<f32>(tap + at + 16, w0, w1, w2, w3));
          const c = f32x4.add(middle, combine<f32>(tap + at + 32, w0, w1, w2, w3));
          const d = f32x4.add(middle, combine<f32>(tap + at + 48, w0, w1, w2, w3));
          v128.store(out + at, f32x4.pmin(highest, f32x4.pmax(lowest, a)));
          v128.store(out + at, f32x4.pmin(highest, f32x4.pmax(lowest, b)), 16);
          v128.store(out + at, f32x4.pmin(highest, f32x4.pmax(lowest, c)), 32);
          v128.store(out + at, f32x4.pmin(highest, f32x4.pmax(lowest, d)), 48);
        }
      }
    }
  }
}

/** Four vectors of four rows become four vectors of four columns. */
function storeTransposed(a: v128, b: v128, c: v128, d: v128, to: usize, stride: usize): void {
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f64>(ab0, cd0, 0, 2));
  v128.store(to + stride, v128.shuffle<f64>(ab0, cd0, 1, 3));
  v128.store(to + 2 * stride, v128.shuffle<f64>(ab1, cd1, 0, 2));
  v128.store(to + 3 * stride, v128.shuffle<f64>(ab1, cd1, 1, 3));
}

/**
 * Rows: along the last axis, 32 rows at a time, transposed on the way in and out, `center` taken off: errors grow with
 * the magnitude of what is summed. Buffers need room for rows rounded up
 * to 32 and 12 bytes more than a row at their ends; the output's stride must hold m rounded up to 4.
 */
export function fastRows(
  input: usize,
  inputStride: usize,
  rows: i32,
  n: i32,
  center: f32,
  table: usize,
  m: i32,
  scratch: usize,
  output: usize,
  outputStride: usize,
): void {
  const middle = f32x4.splat(center);
  for (let row = 0; row < rows; row += 32) {
    for (let i = 0; i < n; i += CHUNK) {
      const end = min(i + CHUNK, n);
      for (let quad: usize = 0; quad < 8; quad++) {
        let from = input + (<usize>row + (quad << 2)) * inputStride + ((<usize>i) << 2);
        const stop = coefficient(scratch, end);
        // The last step may transpose up to three columns too many: they land in the halo, which is written later.
        for (let to = coefficient(scratch, i); to < stop; to += 4 * ROW) {
          storeTransposed(
            f32x4.sub(v128.load(from), middle),
            f32x4.sub(v128.load(from + inputStride), middle),
            f32x4.sub(v128.load(from + 2 * inputStride), middle),
            f32x4.sub(v128.load(from + 3 * inputStride), middle),
            to + (quad << 4),
            ROW,
          );
          from += 16;
        }
      }
      filterForwards<f32>(scratch, n, i, end);
    }
    turnAround<f32>(scratch, n);
    let k = (m - 1) & ~3;
    for (let ready = n - 1; ready >= 0; ) {
      ready = filterBackwards<f32>(scratch, n, ready);
      for (; k >= 0; k -= 4) {
        const a = table + <usize>k * ENTRY;
        if (firstTap(a) < ready) break;
        const b = table + <usize>min(k + 1, m - 1) * ENTRY;
        const c = table + <usize>min(k + 2, m - 1) * ENTRY;
        const d = table + <usize>min(k + 3, m - 1) * ENTRY;
        let to = output + <usize>row * outputStride + ((<usize>k) << 2);
        for (let lane: usize = 0; lane < ROW; lane += 16) {
          storeTransposed(
            weigh(a, scratch + lane),
            weigh(b, scratch + lane),
            weigh(c, scratch + lane),
            weigh(d, scratch + lane),
            to,
            outputStride,
          );
          to += outputStride << 2;
        }
      }
    }
  }
}

function weigh(entry: usize, scratch: usize): v128 {
  return combine<f32>(
    scratch + <usize>load<i32>(entry, 16) * ROW,
    v128.load32_splat(entry, 0),
    v128.load32_splat(entry, 4),
    v128.load32_splat(entry, 8),
    v128.load32_splat(entry, 12),
  );
}
