/* Cubic B-spline resampling along the last two axes in float64, prefilter and evaluation fused. */
import { CHUNK, coefficient, combine, filterBackwards, filterForwards, ROW, turnAround } from "./filter";

/** Bytes of an entry of the table of taps: four weights, then the first tap's index relative to c[-2]. */
export const ENTRY: usize = 40;

/** Index of the first tap of an entry of the table of taps. */
export function firstTap(entry: usize): i32 {
  return load<i32>(entry, 32) - 2;
}

/**
 * Columns: resamples along the `n` samples of `lanes` lanes that lie in groups of 16 as `cubicRows` leaves them, in
 * place: a group of `groupBytes` bytes is a scratch tile of its own. Output: m rows of `outputStride` bytes, float64.
 */
export function cubicColumns(
  group: usize,
  groupBytes: usize,
  n: i32,
  lanes: i32,
  table: usize,
  m: i32,
  output: usize,
  outputStride: usize,
): void {
  for (let lane = 0; lane < lanes; lane += 16, group += groupBytes) {
    filterForwards<f64>(group, n, 0, n);
    turnAround<f64>(group, n);
    let k = m - 1;
    for (let ready = n - 1; ready >= 0; ) {
      ready = filterBackwards<f64>(group, n, ready);
      for (; k >= 0; k--) {
        const entry = table + <usize>k * ENTRY;
        if (firstTap(entry) < ready) break;
        const tap = group + <usize>load<i32>(entry, 32) * ROW;
        const out = output + <usize>k * outputStride + ((<usize>lane) << 3);
        const w0 = v128.load64_splat(entry, 0);
        const w1 = v128.load64_splat(entry, 8);
        const w2 = v128.load64_splat(entry, 16);
        const w3 = v128.load64_splat(entry, 24);
        v128.store(out, combine<f64>(tap, w0, w1, w2, w3), 0);
        v128.store(out, combine<f64>(tap + 16, w0, w1, w2, w3), 16);
        v128.store(out, combine<f64>(tap + 32, w0, w1, w2, w3), 32);
        v128.store(out, combine<f64>(tap + 48, w0, w1, w2, w3), 48);
        v128.store(out, combine<f64>(tap + 64, w0, w1, w2, w3), 64);
        v128.store(out, combine<f64>(tap + 80, w0, w1, w2, w3), 80);
        v128.store(out, combine<f64>(tap + 96, w0, w1, w2, w3), 96);
        v128.store(out, combine<f64>(tap + 112, w0, w1, w2, w3), 112);
      }
    }
  }
}

/**
 * Rows: resamples along the last axis. `input` holds `rows` rows of n float32 (stride `inputStride` bytes). `output`
 * gets float64 in groups of 16 columns, `groupBytes` bytes apart, each with the rows one after the other as scratch
 * holds samples: the room for the halo comes before the first row. Columns that fill the last group up repeat the last
 * one. 16 rows at a time, transposed on the way in and out, so that the recursion runs along the lanes; both buffers
 * must have room for rows rounded up to 16.
 */
export function cubicRows(
  input: usize,
  inputStride: usize,
  rows: i32,
  n: i32,
  table: usize,
  m: i32,
  scratch: usize,
  output: usize,
  groupBytes: usize,
): void {
  const padded = (m + 15) & ~15;
  for (let row = 0; row < rows; row += 16) {
    for (let i = 0; i < n; i += CHUNK) {
      const end = min(i + CHUNK, n);
      loadRows(input + <usize>row * inputStride, inputStride, i, end, scratch);
      filterForwards<f64>(scratch, n, i, end);
    }
    turnAround<f64>(scratch, n);
    const out = coefficient(output, row);
    let k = padded - 2;
    for (let ready = n - 1; ready >= 0; ) {
      ready = filterBackwards<f64>(scratch, n, ready);
      for (; k >= 0; k -= 2) {
        const entryA = table + <usize>min(k, m - 1) * ENTRY;
        if (firstTap(entryA) < ready) break;
        const entryB = table + <usize>min(k + 1, m - 1) * ENTRY;
        const tapA = scratch + <usize>load<i32>(entryA, 32) * ROW;
        const tapB = scratch + <usize>load<i32>(entryB, 32) * ROW;
        const a0 = v128.load64_splat(entryA, 0);
        const a1 = v128.load64_splat(entryA, 8);
        const a2 = v128.load64_splat(entryA, 16);
        const a3 = v128.load64_splat(entryA, 24);
        const b0 = v128.load64_splat(entryB, 0);
        const b1 = v128.load64_splat(entryB, 8);
        const b2 = v128.load64_splat(entryB, 16);
        const b3 = v128.load64_splat(entryB, 24);
        let to = out + <usize>(k >> 4) * groupBytes + ((<usize>(k & 15)) << 3);
        for (let lane: usize = 0; lane < ROW; lane += 16) {
          const a = combine<f64>(tapA + lane, a0, a1, a2, a3);
          const b = combine<f64>(tapB + lane, b0, b1, b2, b3);
          v128.store(to, v128.shuffle<f64>(a, b, 0, 2));
          v128.store(to, v128.shuffle<f64>(a, b, 1, 3), 128);
          to += 256;
        }
      }
    }
  }
}

/** Samples [begin, end) of 16 rows of float32 from `rows` on, transposed and widened. */
function loadRows(rows: usize, stride: usize, begin: i32, end: i32, scratch: usize): void {
  for (let pair = 0; pair < 8; pair++) {
    const even = rows + <usize>(pair << 1) * stride;
    const odd = even + stride;
    let to = coefficient(scratch, begin) + ((<usize>pair) << 4);
    let i = begin;
    for (; i < end - 3; i += 4) {
      const a = v128.load(even + ((<usize>i) << 2));
      const b = v128.load(odd + ((<usize>i) << 2));
      const low = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
      const high = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      v128.store(to, f64x2.promote_low_f32x4(low));
      v128.store(to, f64x2.promote_low_f32x4(v128.shuffle<f64>(low, low, 1, 1)), 128);
      v128.store(to, f64x2.promote_low_f32x4(high), 256);
      v128.store(to, f64x2.promote_low_f32x4(v128.shuffle<f64>(high, high, 1, 1)), 384);
      to += 512;
    }
    for (; i < end; i++) {
      store<f64>(to, <f64>load<f32>(even + ((<usize>i) << 2)));
      store<f64>(to, <f64>load<f32>(odd + ((<usize>i) << 2)), 8);
      to += ROW;
    }
  }
}
