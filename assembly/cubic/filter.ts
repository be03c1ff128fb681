/*
 * The filter of a cubic B-spline along one axis, for float64 (T = f64, 16 lanes) and float32 (f32, 32 lanes).
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
export const Z: f64 = -0.2679491924311227;
/** What the filter leaves to the weights. */
export const GAIN: f64 = (1.0 - Z) * (1.0 - 1.0 / Z);
const INVERSE_GAIN: f64 = 1.0 / GAIN;
/** z^23, where the mirror correction of c[-2] starts. */
const Z4: f64 = Z * Z * Z * Z;
const Z23: f64 = Z4 * Z4 * Z4 * Z4 * Z4 * Z * Z * Z;
/** Coefficients on each side that the mirror correction can change in the last bit. */
const CORRECTED: i32 = 10;

/** Bytes of one coefficient of a tile: 16 lanes of float64, or 32 of float32. */
export const ROW: usize = 128;

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
 * Forwards: turns the samples x[from..to-1] of n in scratch (`ROW` bytes a sample, from coefficient index 0) into the
 * causal recursion's, with 8 independent chains. The edge samples are needed after they have been overwritten: they are
 * kept in the halo.
 */
export function filterForwards<T>(scratch: usize, n: i32, from: i32, to: i32): void {
  const z = v128.splat<T>(<T>Z);
  if (to === n) memory.copy(coefficient(scratch, n + 1), coefficient(scratch, n - 1), ROW);
  if (from === 0) {
    const first = coefficient(scratch, 0);
    memory.copy(coefficient(scratch, -2), first, ROW);
    for (let lane: usize = 0; lane < ROW; lane += 16) {
      v128.store(first + lane, v128.mul<T>(v128.load(first + lane), v128.splat<T>(<T>(1.0 / (1.0 - Z)))));
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
    p0 = v128.add<T>(v128.load(at, 0), v128.mul<T>(z, p0));
    p1 = v128.add<T>(v128.load(at, 16), v128.mul<T>(z, p1));
    p2 = v128.add<T>(v128.load(at, 32), v128.mul<T>(z, p2));
    p3 = v128.add<T>(v128.load(at, 48), v128.mul<T>(z, p3));
    p4 = v128.add<T>(v128.load(at, 64), v128.mul<T>(z, p4));
    p5 = v128.add<T>(v128.load(at, 80), v128.mul<T>(z, p5));
    p6 = v128.add<T>(v128.load(at, 96), v128.mul<T>(z, p6));
    p7 = v128.add<T>(v128.load(at, 112), v128.mul<T>(z, p7));
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
export function turnAround<T>(scratch: usize, n: i32): void {
  // c[n-1+j] = -z * (R / (1 - z) + D * z^j / (1 - z^2)) with R = x[n-1] / (1 - z), D = p[n-1] - R
  const scaleStart = v128.splat<T>(<T>(1.0 / (1.0 - Z)));
  const decay = v128.splat<T>(<T>(1.0 / (1.0 - Z * Z)));
  const minusZ = v128.splat<T>(<T>-Z);
  const last = coefficient(scratch, n - 1);
  const keepLast = coefficient(scratch, n + 1);
  for (let lane: usize = 0; lane < ROW; lane += 16) {
    const r = v128.mul<T>(v128.load(keepLast + lane), scaleStart);
    const steady = v128.mul<T>(r, scaleStart);
    const d = v128.mul<T>(v128.sub<T>(v128.load(last + lane), r), decay);
    const dz = v128.mul<T>(d, v128.splat<T>(<T>Z));
    v128.store(last + ROW + lane, v128.mul<T>(minusZ, v128.add<T>(steady, dz)));
    // c[n+1] shares its place with the kept edge sample: it is written last, when nothing needs the sample.
    v128.store(last + lane, v128.mul<T>(minusZ, v128.add<T>(steady, d)));
  }
}

/**
 * Backwards: coefficients below `from`, which is one already, for another chunk; returns the lowest index that is ready
 * to be evaluated.
 */
export function filterBackwards<T>(scratch: usize, n: i32, from: i32): i32 {
  const z = v128.splat<T>(<T>Z);
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
    p0 = v128.mul<T>(z, v128.sub<T>(p0, v128.load(at, 0)));
    p1 = v128.mul<T>(z, v128.sub<T>(p1, v128.load(at, 16)));
    p2 = v128.mul<T>(z, v128.sub<T>(p2, v128.load(at, 32)));
    p3 = v128.mul<T>(z, v128.sub<T>(p3, v128.load(at, 48)));
    p4 = v128.mul<T>(z, v128.sub<T>(p4, v128.load(at, 64)));
    p5 = v128.mul<T>(z, v128.sub<T>(p5, v128.load(at, 80)));
    p6 = v128.mul<T>(z, v128.sub<T>(p6, v128.load(at, 96)));
    p7 = v128.mul<T>(z, v128.sub<T>(p7, v128.load(at, 112)));
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
  if (sides !== 0) finishTile<T>(scratch, n, sides);
  return to === 0 ? -2 : to;
}

/**
 * The halo: c[n+1], and c[-1] = z (c[0] - L), c[-2] = z (c[-1] - L) with L = x[0] / (1 - z); then the corrections, which
 * float32 is too coarse for.
 */
function finishTile<T>(scratch: usize, n: i32, sides: i32): void {
  const z = v128.splat<T>(<T>Z);
  const scaleStart = v128.splat<T>(<T>(1.0 / (1.0 - Z)));
  const inverseGain = v128.splat<T>(<T>INVERSE_GAIN);
  const first = coefficient(scratch, 0);
  const last = coefficient(scratch, n - 1);
  const keepFirst = coefficient(scratch, -2);
  const keepLast = coefficient(scratch, n + 1);
  const corrected = sizeof<T>() === 8 ? min(n + 4, CORRECTED) : 0;
  for (let lane: usize = 0; lane < ROW; lane += 16) {
    let left = v128.splat<T>(<T>0);
    let right = v128.splat<T>(<T>0);
    if (sides & RIGHT) {
      const xLast = v128.load(keepLast + lane);
      const steady = v128.mul<T>(v128.mul<T>(xLast, scaleStart), v128.splat<T>(<T>(-Z / (1.0 - Z))));
      const beyond = v128.load(last + ROW + lane);
      v128.store(keepLast + lane, v128.add<T>(steady, v128.mul<T>(z, v128.sub<T>(beyond, steady))));
      right = v128.mul<T>(v128.splat<T>(<T>Z23), v128.sub<T>(v128.load(last + lane), v128.mul<T>(xLast, inverseGain)));
    }
    if (sides & LEFT) {
      const xFirst = v128.load(keepFirst + lane);
      const l = v128.mul<T>(xFirst, scaleStart);
      const c0 = v128.load(first + lane);
      const before = v128.mul<T>(z, v128.sub<T>(c0, l));
      v128.store(first - ROW + lane, before);
      v128.store(keepFirst + lane, v128.mul<T>(z, v128.sub<T>(before, l)));
      left = v128.mul<T>(v128.splat<T>(<T>Z23), v128.sub<T>(c0, v128.mul<T>(xFirst, inverseGain)));
    }
    let atLeft = keepFirst + lane;
    let atRight = keepLast + lane;
    for (let i = 0; i < corrected; i++) {
      if (sides & LEFT) v128.store(atLeft, v128.add<T>(v128.load(atLeft), left));
      if (sides & RIGHT) v128.store(atRight, v128.add<T>(v128.load(atRight), right));
      left = v128.mul<T>(left, z);
      right = v128.mul<T>(right, z);
      atLeft += ROW;
      atRight -= ROW;
    }
  }
}

export function combine<T>(tap: usize, w0: v128, w1: v128, w2: v128, w3: v128): v128 {
  return v128.add<T>(
    v128.add<T>(v128.mul<T>(w0, v128.load(tap)), v128.mul<T>(w1, v128.load(tap, 128))),
    v128.add<T>(v128.mul<T>(w2, v128.load(tap, 256)), v128.mul<T>(w3, v128.load(tap, 384))),
  );
}

/** Samples [begin, end) from `input` on, `stride` bytes apart, into scratch. */
export function loadSamples(input: usize, stride: usize, begin: i32, end: i32, scratch: usize): void {
  const stop = coefficient(scratch, end);
  for (let to = coefficient(scratch, begin); to < stop; to += ROW) {
    v128.store(to, v128.load(input, 0), 0);
    v128.store(to, v128.load(input, 16), 16);
    v128.store(to, v128.load(input, 32), 32);
    v128.store(to, v128.load(input, 48), 48);
    v128.store(to, v128.load(input, 64), 64);
    v128.store(to, v128.load(input, 80), 80);
    v128.store(to, v128.load(input, 96), 96);
    v128.store(to, v128.load(input, 112), 112);
    input += stride;
  }
}
