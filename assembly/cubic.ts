/*
 * Cubic B-spline resampling along one axis, prefilter and evaluation fused.
 *
 * The interpolating spline has the coefficients  c = g * (anticausal * causal) x  with one pole z
 * (Unser, Aldroubi, Eden: B-spline signal processing, IEEE TSP 1993). The gain g is left to the caller, who puts it
 * into the weights. A line of n samples lives in scratch with a halo of 2 on both sides:
 *
 *   scratch:  c[-2] c[-1] | c[0] ... c[n-1] | c[n] c[n+1]        (one vector of lanes per coefficient)
 *
 * The reference pads 12 samples with the edge value and mirrors the padded line. Edge extension to infinity has a
 * closed form, and the mirrored line adds only  z^(25+i) * (c[0] - x[0]/g)  to c[i], i samples from the edge; both are
 * written out below, so no padding is needed and the coefficients agree to rounding.
 */

/** sqrt(3) - 2, correctly rounded; the literal SciPy uses. */
const Z: f64 = -0.2679491924311227;
const GAIN: f64 = (1.0 - Z) * (1.0 - 1.0 / Z);
const INVERSE_GAIN: f64 = 1.0 / GAIN;
/** z^23, where the mirror correction of c[-2] starts. */
const Z4: f64 = Z * Z * Z * Z;
const Z23: f64 = Z4 * Z4 * Z4 * Z4 * Z4 * Z * Z * Z;
/** Coefficients on each side that the mirror correction can change in the last bit. */
const CORRECTED: i32 = 10;

/** Bytes of one coefficient of a tile of 16 lanes. */
export const ROW: usize = 128;
/** Bytes of an entry of the table of taps: four weights, then the first tap's index relative to c[-2]. */
export const ENTRY: usize = 40;

export function coefficient(scratch: usize, i: i32): usize {
  return scratch + <usize>(i + 2) * ROW;
}

/**
 * Samples that are loaded and filtered forwards at a time, and filtered backwards and evaluated, while they lie in the
 * first-level cache.
 */
export const CHUNK: i32 = 32;

/** The left edge of a tile, the right one; for `finishTile`. */
const LEFT: i32 = 1;
const RIGHT: i32 = 2;

/**
 * Forwards: turns the samples x[from..to-1] of n in scratch (16 lanes a sample, from coefficient index 0) into the
 * causal recursion's, with 8 independent chains. The edge samples are needed after they have been overwritten: they are
 * kept in the halo.
 */
export function filterForwards(scratch: usize, n: i32, from: i32, to: i32): void {
  const z = f64x2.splat(Z);
  if (to === n) memory.copy(coefficient(scratch, n + 1), coefficient(scratch, n - 1), ROW);
  if (from === 0) {
    const first = coefficient(scratch, 0);
    memory.copy(coefficient(scratch, -2), first, ROW);
    for (let lane: usize = 0; lane < ROW; lane += 16) {
      v128.store(first + lane, f64x2.mul(v128.load(first + lane), f64x2.splat(1.0 / (1.0 - Z))));
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
    p0 = f64x2.add(v128.load(at, 0), f64x2.mul(z, p0));
    p1 = f64x2.add(v128.load(at, 16), f64x2.mul(z, p1));
    p2 = f64x2.add(v128.load(at, 32), f64x2.mul(z, p2));
    p3 = f64x2.add(v128.load(at, 48), f64x2.mul(z, p3));
    p4 = f64x2.add(v128.load(at, 64), f64x2.mul(z, p4));
    p5 = f64x2.add(v128.load(at, 80), f64x2.mul(z, p5));
    p6 = f64x2.add(v128.load(at, 96), f64x2.mul(z, p6));
    p7 = f64x2.add(v128.load(at, 112), f64x2.mul(z, p7));
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
export function turnAround(scratch: usize, n: i32): void {
  // c[n-1+j] = -z * (R / (1 - z) + D * z^j / (1 - z^2)) with R = x[n-1] / (1 - z), D = p[n-1] - R
  const scaleStart = f64x2.splat(1.0 / (1.0 - Z));
  const decay = f64x2.splat(1.0 / (1.0 - Z * Z));
  const minusZ = f64x2.splat(-Z);
  const last = coefficient(scratch, n - 1);
  const keepLast = coefficient(scratch, n + 1);
  for (let lane: usize = 0; lane < ROW; lane += 16) {
    const r = f64x2.mul(v128.load(keepLast + lane), scaleStart);
    const steady = f64x2.mul(r, scaleStart);
    const d = f64x2.mul(f64x2.sub(v128.load(last + lane), r), decay);
    const dz = f64x2.mul(d, f64x2.splat(Z));
    v128.store(last + ROW + lane, f64x2.mul(minusZ, f64x2.add(steady, dz)));
    // c[n+1] shares its place with the kept edge sample: it is written last, when nothing needs the sample.
    v128.store(last + lane, f64x2.mul(minusZ, f64x2.add(steady, d)));
  }
}

/**
 * Backwards: coefficients below `from`, which is one already, for another chunk; returns the lowest index that is ready
 * to be evaluated.
 */
export function filterBackwards(scratch: usize, n: i32, from: i32): i32 {
  const z = f64x2.splat(Z);
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
    p0 = f64x2.mul(z, f64x2.sub(p0, v128.load(at, 0)));
    p1 = f64x2.mul(z, f64x2.sub(p1, v128.load(at, 16)));
    p2 = f64x2.mul(z, f64x2.sub(p2, v128.load(at, 32)));
    p3 = f64x2.mul(z, f64x2.sub(p3, v128.load(at, 48)));
    p4 = f64x2.mul(z, f64x2.sub(p4, v128.load(at, 64)));
    p5 = f64x2.mul(z, f64x2.sub(p5, v128.load(at, 80)));
    p6 = f64x2.mul(z, f64x2.sub(p6, v128.load(at, 96)));
    p7 = f64x2.mul(z, f64x2.sub(p7, v128.load(at, 112)));
    v128.store(at, p0, 0);
    v128.store(at, p1, 16);
    v128.store(at, p2, 32);
    v128.store(at, p3, 48);
    v128.store(at, p4, 64);
    v128.store(at, p5, 80);
    v128.store(at, p6, 96);
    v128.store(at, p7, 112);
  }
  // The first chunk is longer than the mirror corrections reach, so that the recursion goes on from what it has made.
  const sides = (from === n - 1 ? RIGHT : 0) | (to === 0 ? LEFT : 0);
  if (sides !== 0) finishTile(scratch, n, sides);
  return to === 0 ? -2 : to;
}

/** The halo: c[n+1], and c[-1] = z (c[0] - L), c[-2] = z (c[-1] - L) with L = x[0] / (1 - z); then the corrections. */
function finishTile(scratch: usize, n: i32, sides: i32): void {
  const z = f64x2.splat(Z);
  const scaleStart = f64x2.splat(1.0 / (1.0 - Z));
  const inverseGain = f64x2.splat(INVERSE_GAIN);
  const first = coefficient(scratch, 0);
  const last = coefficient(scratch, n - 1);
  const keepFirst = coefficient(scratch, -2);
  const keepLast = coefficient(scratch, n + 1);
  const corrected = min(n + 4, CORRECTED);
  for (let lane: usize = 0; lane < ROW; lane += 16) {
    let left = f64x2.splat(0);
    let right = f64x2.splat(0);
    if (sides & RIGHT) {
      const xLast = v128.load(keepLast + lane);
      const steady = f64x2.mul(f64x2.mul(xLast, scaleStart), f64x2.splat(-Z / (1.0 - Z)));
      const beyond = v128.load(last + ROW + lane);
      v128.store(keepLast + lane, f64x2.add(steady, f64x2.mul(z, f64x2.sub(beyond, steady))));
      right = f64x2.mul(f64x2.splat(Z23), f64x2.sub(v128.load(last + lane), f64x2.mul(xLast, inverseGain)));
    }
    if (sides & LEFT) {
      const xFirst = v128.load(keepFirst + lane);
      const l = f64x2.mul(xFirst, scaleStart);
      const c0 = v128.load(first + lane);
      const before = f64x2.mul(z, f64x2.sub(c0, l));
      v128.store(first - ROW + lane, before);
      v128.store(keepFirst + lane, f64x2.mul(z, f64x2.sub(before, l)));
      left = f64x2.mul(f64x2.splat(Z23), f64x2.sub(c0, f64x2.mul(xFirst, inverseGain)));
    }
    let atLeft = keepFirst + lane;
    let atRight = keepLast + lane;
    for (let i = 0; i < corrected; i++) {
      if (sides & LEFT) v128.store(atLeft, f64x2.add(v128.load(atLeft), left));
      if (sides & RIGHT) v128.store(atRight, f64x2.add(v128.load(atRight), right));
      left = f64x2.mul(left, z);
      right = f64x2.mul(right, z);
      atLeft += ROW;
      atRight -= ROW;
    }
  }
}

/** Index of the first tap of an entry of the table of taps. */
export function firstTap(entry: usize): i32 {
  return load<i32>(entry, 32) - 2;
}

export function combine(tap: usize, w0: v128, w1: v128, w2: v128, w3: v128): v128 {
  return f64x2.add(
    f64x2.add(f64x2.mul(w0, v128.load(tap)), f64x2.mul(w1, v128.load(tap, 128))),
    f64x2.add(f64x2.mul(w2, v128.load(tap, 256)), f64x2.mul(w3, v128.load(tap, 384))),
  );
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
    filterForwards(group, n, 0, n);
    turnAround(group, n);
    let k = m - 1;
    for (let ready = n - 1; ready >= 0; ) {
      ready = filterBackwards(group, n, ready);
      for (; k >= 0; k--) {
        const entry = table + <usize>k * ENTRY;
        if (firstTap(entry) < ready) break;
        const tap = group + <usize>load<i32>(entry, 32) * ROW;
        const out = output + <usize>k * outputStride + ((<usize>lane) << 3);
        const w0 = v128.load64_splat(entry, 0);
        const w1 = v128.load64_splat(entry, 8);
        const w2 = v128.load64_splat(entry, 16);
        const w3 = v128.load64_splat(entry, 24);
        v128.store(out, combine(tap, w0, w1, w2, w3), 0);
        v128.store(out, combine(tap + 16, w0, w1, w2, w3), 16);
        v128.store(out, combine(tap + 32, w0, w1, w2, w3), 32);
        v128.store(out, combine(tap + 48, w0, w1, w2, w3), 48);
        v128.store(out, combine(tap + 64, w0, w1, w2, w3), 64);
        v128.store(out, combine(tap + 80, w0, w1, w2, w3), 80);
        v128.store(out, combine(tap + 96, w0, w1, w2, w3), 96);
        v128.store(out, combine(tap + 112, w0, w1, w2, w3), 112);
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
      filterForwards(scratch, n, i, end);
    }
    turnAround(scratch, n);
    const out = coefficient(output, row);
    let k = padded - 2;
    for (let ready = n - 1; ready >= 0; ) {
      ready = filterBackwards(scratch, n, ready);
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
          const a = combine(tapA + lane, a0, a1, a2, a3);
          const b = combine(tapB + lane, b0, b1, b2, b3);
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
