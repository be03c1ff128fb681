/*
 * The cubic spline of cubic.ts in float32: twice the lanes, errors below 4e-7 of the input's range. For display and
 * for networks that do not mind the last bits; never used where bit-equality is promised.
 *
 * Scratch: 32 lanes (128 bytes) a coefficient with a halo of 2 on both sides. Table entry (32 bytes): four weights
 * (f32) with the prefilter's gain, then the first tap's index relative to c[-2] (i32).
 */
const Z: f64 = -0.2679491924311227;
const ROW: usize = 128;
const ENTRY: usize = 32;

/** Samples that are loaded and filtered forwards at a time, and filtered backwards and evaluated, as in cubic.ts. */
const CHUNK: i32 = 32;

function coefficient(scratch: usize, i: i32): usize {
  return scratch + <usize>(i + 2) * ROW;
}

/** `filterForwards` of cubic.ts. */
function filterForwards(scratch: usize, n: i32, from: i32, to: i32): void {
  const z = f32x4.splat(<f32>Z);
  if (to === n) memory.copy(coefficient(scratch, n + 1), coefficient(scratch, n - 1), ROW);
  if (from === 0) {
    const first = coefficient(scratch, 0);
    memory.copy(scratch, first, ROW);
    for (let lane: usize = 0; lane < ROW; lane += 16) {
      v128.store(first + lane, f32x4.mul(v128.load(first + lane), f32x4.splat(<f32>(1.0 / (1.0 - Z)))));
    }
    from = 1;
  }
  const before = coefficient(scratch, from - 1);
  let p0 = v128.load(before, 0);
  let p1 = v128.load(before, 16);
  let p2 = v128.load(before, 32);
  let p3 = v128.load(before, 48);
  let p4 = v128.load(before, 64);
  let p5 = v128.load(before, 80);
  let p6 = v128.load(before, 96);
  let p7 = v128.load(before, 112);
  const end = coefficient(scratch, to);
  for (let at = before + ROW; at < end; at += ROW) {
    p0 = f32x4.add(v128.load(at, 0), f32x4.mul(z, p0));
    p1 = f32x4.add(v128.load(at, 16), f32x4.mul(z, p1));
    p2 = f32x4.add(v128.load(at, 32), f32x4.mul(z, p2));
    p3 = f32x4.add(v128.load(at, 48), f32x4.mul(z, p3));
    p4 = f32x4.add(v128.load(at, 64), f32x4.mul(z, p4));
    p5 = f32x4.add(v128.load(at, 80), f32x4.mul(z, p5));
    p6 = f32x4.add(v128.load(at, 96), f32x4.mul(z, p6));
    p7 = f32x4.add(v128.load(at, 112), f32x4.mul(z, p7));
    v128.store(at, p0, 0);
    v128.store(at, p1, 16);
    v128.store(at, p2, 32);
    v128.store(at, p3, 48);
    v128.store(at, p4, 64);
    v128.store(at, p5, 80);
    v128.store(at, p6, 96);
    v128.store(at, p7, 112);
  }
}

/** After the last sample: c[n-1] and c[n]. */
function turnAround(scratch: usize, n: i32): void {
  const scaleStart = f32x4.splat(<f32>(1.0 / (1.0 - Z)));
  const decay = f32x4.splat(<f32>(1.0 / (1.0 - Z * Z)));
  const minusZ = f32x4.splat(<f32>-Z);
  const last = coefficient(scratch, n - 1);
  const keepLast = coefficient(scratch, n + 1);
  for (let lane: usize = 0; lane < ROW; lane += 16) {
    const r = f32x4.mul(v128.load(keepLast + lane), scaleStart);
    const steady = f32x4.mul(r, scaleStart);
    const d = f32x4.mul(f32x4.sub(v128.load(last + lane), r), decay);
    v128.store(last + ROW + lane, f32x4.mul(minusZ, f32x4.add(steady, f32x4.mul(d, f32x4.splat(<f32>Z)))));
    v128.store(last + lane, f32x4.mul(minusZ, f32x4.add(steady, d)));
  }
}

/** `filterBackwards` of cubic.ts. */
function filterBackwards(scratch: usize, n: i32, from: i32): i32 {
  const z = f32x4.splat(<f32>Z);
  const to = max<i32>(from - CHUNK, 0);
  const before = coefficient(scratch, from);
  let p0 = v128.load(before, 0);
  let p1 = v128.load(before, 16);
  let p2 = v128.load(before, 32);
  let p3 = v128.load(before, 48);
  let p4 = v128.load(before, 64);
  let p5 = v128.load(before, 80);
  let p6 = v128.load(before, 96);
  let p7 = v128.load(before, 112);
  const end = coefficient(scratch, to);
  for (let at = before - ROW; at >= end; at -= ROW) {
    p0 = f32x4.mul(z, f32x4.sub(p0, v128.load(at, 0)));
    p1 = f32x4.mul(z, f32x4.sub(p1, v128.load(at, 16)));
    p2 = f32x4.mul(z, f32x4.sub(p2, v128.load(at, 32)));
    p3 = f32x4.mul(z, f32x4.sub(p3, v128.load(at, 48)));
    p4 = f32x4.mul(z, f32x4.sub(p4, v128.load(at, 64)));
    p5 = f32x4.mul(z, f32x4.sub(p5, v128.load(at, 80)));
    p6 = f32x4.mul(z, f32x4.sub(p6, v128.load(at, 96)));
    p7 = f32x4.mul(z, f32x4.sub(p7, v128.load(at, 112)));
    v128.store(at, p0, 0);
    v128.store(at, p1, 16);
    v128.store(at, p2, 32);
    v128.store(at, p3, 48);
    v128.store(at, p4, 64);
    v128.store(at, p5, 80);
    v128.store(at, p6, 96);
    v128.store(at, p7, 112);
  }
  if (from === n - 1) finishRight(scratch, n);
  if (to > 0) return to;
  finishLeft(scratch);
  return -2;
}

/** c[n+1], from the edge sample kept there. */
function finishRight(scratch: usize, n: i32): void {
  const keepLast = coefficient(scratch, n + 1);
  const scale = f32x4.splat(<f32>(1.0 / (1.0 - Z)));
  for (let lane: usize = 0; lane < ROW; lane += 16) {
    const steady = f32x4.mul(f32x4.mul(v128.load(keepLast + lane), scale), f32x4.splat(<f32>(-Z / (1.0 - Z))));
    const beyond = v128.load(keepLast - ROW + lane);
    v128.store(keepLast + lane, f32x4.add(steady, f32x4.mul(f32x4.splat(<f32>Z), f32x4.sub(beyond, steady))));
  }
}

/** c[-1] and c[-2], from the edge sample kept there. */
function finishLeft(scratch: usize): void {
  const z = f32x4.splat(<f32>Z);
  const first = coefficient(scratch, 0);
  for (let lane: usize = 0; lane < ROW; lane += 16) {
    const l = f32x4.mul(v128.load(scratch + lane), f32x4.splat(<f32>(1.0 / (1.0 - Z))));
    const before = f32x4.mul(z, f32x4.sub(v128.load(first + lane), l));
    v128.store(first - ROW + lane, before);
    v128.store(scratch + lane, f32x4.mul(z, f32x4.sub(before, l)));
  }
}

/** Index of the first tap of an entry of the table of taps. */
function firstTap(entry: usize): i32 {
  return load<i32>(entry, 16) - 2;
}

function combine(tap: usize, w0: v128, w1: v128, w2: v128, w3: v128): v128 {
  return f32x4.add(
    f32x4.add(f32x4.mul(w0, v128.load(tap)), f32x4.mul(w1, v128.load(tap, 128))),
    f32x4.add(f32x4.mul(w2, v128.load(tap, 256)), f32x4.mul(w3, v128.load(tap, 384))),
  );
}

/** Columns: along the rows of `input`, 32 float32 lanes at a time; `center` is added and the sum clipped to [low, high]. */
export function fastColumns(
  input: usize,
  inputStride: usize,
  n: i32,
  lanes: i32,
  table: usize,
  m: i32,
  scratch: usize,
  output: usize,
  outputStride: usize,
  center: f32,
  low: f32,
  high: f32,
): void {
  const middle = f32x4.splat(center);
  const lowest = f32x4.splat(low);
  const highest = f32x4.splat(high);
  for (let lane = 0; lane < lanes; lane += 32) {
    for (let i = 0; i < n; i += CHUNK) {
      const end = min(i + CHUNK, n);
      let from = input + <usize>i * inputStride + ((<usize>lane) << 2);
      const stop = coefficient(scratch, end);
      for (let to = coefficient(scratch, i); to < stop; to += ROW) {
        v128.store(to, v128.load(from, 0), 0);
        v128.store(to, v128.load(from, 16), 16);
        v128.store(to, v128.load(from, 32), 32);
        v128.store(to, v128.load(from, 48), 48);
        v128.store(to, v128.load(from, 64), 64);
        v128.store(to, v128.load(from, 80), 80);
        v128.store(to, v128.load(from, 96), 96);
        v128.store(to, v128.load(from, 112), 112);
        from += inputStride;
      }
      filterForwards(scratch, n, i, end);
    }
    turnAround(scratch, n);
    let k = m - 1;
    for (let ready = n - 1; ready >= 0; ) {
      ready = filterBackwards(scratch, n, ready);
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
          const a = f32x4.add(middle, combine(tap + at, w0, w1, w2, w3));
          const b = f32x4.add(middle, combine(tap + at + 16, w0, w1, w2, w3));
          const c = f32x4.add(middle, combine(tap + at + 32, w0, w1, w2, w3));
          const d = f32x4.add(middle, combine(tap + at + 48, w0, w1, w2, w3));
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
      filterForwards(scratch, n, i, end);
    }
    turnAround(scratch, n);
    let k = (m - 1) & ~3;
    for (let ready = n - 1; ready >= 0; ) {
      ready = filterBackwards(scratch, n, ready);
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
  return combine(
    scratch + <usize>load<i32>(entry, 16) * ROW,
    v128.load32_splat(entry, 0),
    v128.load32_splat(entry, 4),
    v128.load32_splat(entry, 8),
    v128.load32_splat(entry, 12),
  );
}
