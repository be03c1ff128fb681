/*
 * The cubic B-spline in the reference's own order of operations (scipy.ndimage 1.17: ni_splines.c and
 * NI_ZoomShift with 12 samples of edge padding), for voxels whose float32 rounding the fast path cannot decide.
 * Every product and sum stands where the reference has it; do not rearrange.
 */

import { GAIN, Z } from "./filter";

/** One row of float32 widened to float64, its first and last sample repeated `left` and `right` times. */
export function padRow(input: usize, count: i32, left: i32, right: i32, output: usize): void {
  const first = <f64>load<f32>(input);
  const last = <f64>load<f32>(input + ((<usize>(count - 1)) << 2));
  for (let i = 0; i < left; i++) {
    store<f64>(output, first);
    output += 8;
  }
  let i = 0;
  for (; i + 4 <= count; i += 4, input += 16, output += 32) {
    v128.store(output, f64x2.promote_low_f32x4(v128.load64_zero(input)));
    v128.store(output, f64x2.promote_low_f32x4(v128.load64_zero(input, 8)), 16);
  }
  for (; i < count; i++) {
    store<f64>(output, <f64>load<f32>(input));
    input += 4;
    output += 8;
  }
  for (i = 0; i < right; i++) {
    store<f64>(output, last);
    output += 8;
  }
}

/**
 * `padRow` of the same row of `depth` slices `sliceBytes` apart, of which the window holds `slices`: the first of them
 * stands for `before` more, the last for those that are missing behind it.
 */
export function padLines(
  input: usize,
  sliceBytes: i32,
  slices: i32,
  before: i32,
  depth: i32,
  count: i32,
  left: i32,
  right: i32,
  output: usize,
): void {
  const rowBytes = (<usize>(left + count + right)) << 3;
  for (let i = 0; i < depth; i++, output += rowBytes) {
    const slice = min(max(i - before, 0), slices - 1);
    padRow(input + <usize>slice * <usize>sliceBytes, count, left, right, output);
  }
}

/**
 * Prefilters `lanes` (even) interleaved lines of `count` samples in place. `fromEdge` says that the lines begin at the
 * padded array's own edge, where the start value is the mirrored sum; otherwise they begin in steady state.
 * `zn` is z to the length of the whole padded line, or 0 where the line's far end is too far away to matter.
 */
export function filterLines(line: usize, count: i32, lanes: i32, fromEdge: i32, zn: f64): void {
  const stride = (<usize>lanes) << 3;
  let lane: usize = 0;
  // Neighbouring lanes together, because each waits for its own previous sample.
  for (; lane + 64 <= stride; lane += 64) filterEight(line + lane, count, stride, fromEdge, zn);
  for (; lane < stride; lane += 16) filterTwo(line + lane, count, stride, fromEdge, zn);
}

/** Start value of the causal recursion of two lanes. */
function startValue(first: usize, last: usize, stride: usize, fromEdge: i32, zn: f64): v128 {
  const gain = f64x2.splat(GAIN);
  const c0 = f64x2.mul(v128.load(first), gain);
  if (!fromEdge) return f64x2.mul(c0, f64x2.splat(1.0 / (1.0 - Z)));
  const zN = f64x2.splat(zn);
  let sum = f64x2.add(c0, f64x2.mul(zN, f64x2.mul(v128.load(last), gain)));
  let power = Z;
  let mirrored = last - stride;
  for (let at = first + stride; at <= last; at += stride) {
    const far = f64x2.mul(zN, f64x2.mul(v128.load(mirrored), gain));
    const term = f64x2.add(f64x2.mul(v128.load(at), gain), far);
    sum = f64x2.add(sum, f64x2.mul(f64x2.splat(power), term));
    power *= Z;
    mirrored -= stride;
  }
  return f64x2.add(f64x2.mul(sum, f64x2.splat(Z / (1.0 - zn * zn))), c0);
}

function filterTwo(first: usize, count: i32, stride: usize, fromEdge: i32, zn: f64): void {
  const gain = f64x2.splat(GAIN);
  const z = f64x2.splat(Z);
  const last = first + <usize>(count - 1) * stride;
  let previous = startValue(first, last, stride, fromEdge, zn);
  v128.store(first, previous);
  for (let at = first + stride; at <= last; at += stride) {
    previous = f64x2.add(f64x2.mul(v128.load(at), gain), f64x2.mul(z, previous));
    v128.store(at, previous);
  }
  previous = f64x2.mul(previous, f64x2.splat(Z / (Z - 1.0)));
  v128.store(last, previous);
  // Counted, because an address before the first line could be negative.
  for (let i = count - 2, at = last - stride; i >= 0; i--, at -= stride) {
    previous = f64x2.mul(z, f64x2.sub(previous, v128.load(at)));
    v128.store(at, previous);
  }
}

/** `filterTwo` for four pairs of lanes. */
function filterEight(first: usize, count: i32, stride: usize, fromEdge: i32, zn: f64): void {
  const gain = f64x2.splat(GAIN);
  const z = f64x2.splat(Z);
  const last = first + <usize>(count - 1) * stride;
  let a = startValue(first, last, stride, fromEdge, zn);
  let b = startValue(first + 16, last + 16, stride, fromEdge, zn);
  let c = startValue(first + 32, last + 32, stride, fromEdge, zn);
  let d = startValue(first + 48, last + 48, stride, fromEdge, zn);
  v128.store(first, a);
  v128.store(first, b, 16);
  v128.store(first, c, 32);
  v128.store(first, d, 48);
  for (let at = first + stride; at <= last; at += stride) {
    a = f64x2.add(f64x2.mul(v128.load(at), gain), f64x2.mul(z, a));
    b = f64x2.add(f64x2.mul(v128.load(at, 16), gain), f64x2.mul(z, b));
    c = f64x2.add(f64x2.mul(v128.load(at, 32), gain), f64x2.mul(z, c));
    d = f64x2.add(f64x2.mul(v128.load(at, 48), gain), f64x2.mul(z, d));
    v128.store(at, a);
    v128.store(at, b, 16);
    v128.store(at, c, 32);
    v128.store(at, d, 48);
  }
  const endScale = f64x2.splat(Z / (Z - 1.0));
  a = f64x2.mul(a, endScale);
  b = f64x2.mul(b, endScale);
  c = f64x2.mul(c, endScale);
  d = f64x2.mul(d, endScale);
  v128.store(last, a);
  v128.store(last, b, 16);
  v128.store(last, c, 32);
  v128.store(last, d, 48);
  for (let i = count - 2, at = last - stride; i >= 0; i--, at -= stride) {
    a = f64x2.mul(z, f64x2.sub(a, v128.load(at)));
    b = f64x2.mul(z, f64x2.sub(b, v128.load(at, 16)));
    c = f64x2.mul(z, f64x2.sub(c, v128.load(at, 32)));
    d = f64x2.mul(z, f64x2.sub(d, v128.load(at, 48)));
    v128.store(at, a);
    v128.store(at, b, 16);
    v128.store(at, c, 32);
    v128.store(at, d, 48);
  }
}

/** `filterLines` for one line of neighbouring samples. */
export function filterRow(line: usize, count: i32, fromEdge: i32, zn: f64): void {
  const last = line + ((<usize>(count - 1)) << 3);
  for (let at = line; at <= last; at += 8) store<f64>(at, load<f64>(at) * GAIN);
  const c0 = load<f64>(line);
  let previous: f64;
  if (fromEdge) {
    let sum = c0 + zn * load<f64>(last);
    let power = Z;
    let mirrored = last - 8;
    for (let at = line + 8; at <= last; at += 8) {
      sum += power * (load<f64>(at) + zn * load<f64>(mirrored));
      power *= Z;
      mirrored -= 8;
    }
    previous = sum * (Z / (1.0 - zn * zn)) + c0;
  } else {
    previous = c0 / (1.0 - Z);
  }
  store<f64>(line, previous);
  for (let at = line + 8; at <= last; at += 8) {
    previous = load<f64>(at) + Z * previous;
    store<f64>(at, previous);
  }
  previous *= Z / (Z - 1.0);
  store<f64>(last, previous);
  for (let at = last - 8; at >= line; at -= 8) {
    previous = Z * (previous - load<f64>(at));
    store<f64>(at, previous);
  }
}

/**
 * Voxels of one output row, chosen by `columns` (i32): sums over 4x4x4 taps in C order of
 * ((coefficient * w0) * w1) * w2 into `output` (f64). `firstTaps` (i32) is each column's first coefficient relative to
 * `row`, the row of the first tap; planes and rows are `planeStride` and `rowStride` bytes apart.
 */
export function sumTaps3(
  row: usize,
  planeStride: usize,
  rowStride: usize,
  weights0: usize,
  weights1: usize,
  weights2: usize,
  firstTaps: usize,
  columns: usize,
  count: i32,
  output: usize,
): void {
  for (let c = 0; c < count; c++) {
    const column = <usize>load<i32>(columns + ((<usize>c) << 2));
    const first = row + ((<usize>load<i32>(firstTaps + (column << 2))) << 3);
    const w = weights2 + (column << 5);
    let sum: f64 = 0;
    for (let i: usize = 0; i < 4; i++) {
      const w0 = load<f64>(weights0 + (i << 3));
      for (let j: usize = 0; j < 4; j++) {
        const w1 = load<f64>(weights1 + (j << 3));
        const at = first + i * planeStride + j * rowStride;
        sum += load<f64>(at) * w0 * w1 * load<f64>(w);
        sum += load<f64>(at, 8) * w0 * w1 * load<f64>(w, 8);
        sum += load<f64>(at, 16) * w0 * w1 * load<f64>(w, 16);
        sum += load<f64>(at, 24) * w0 * w1 * load<f64>(w, 24);
      }
    }
    store<f64>(output + ((<usize>c) << 3), sum);
  }
}

/** The same in a plane: sums over 4x4 taps of (coefficient * w1) * w2. */
export function sumTaps2(
  row: usize,
  rowStride: usize,
  weights1: usize,
  weights2: usize,
  firstTaps: usize,
  columns: usize,
  count: i32,
  output: usize,
): void {
  for (let c = 0; c < count; c++) {
    const column = <usize>load<i32>(columns + ((<usize>c) << 2));
    const first = row + ((<usize>load<i32>(firstTaps + (column << 2))) << 3);
    const w = weights2 + (column << 5);
    let sum: f64 = 0;
    for (let j: usize = 0; j < 4; j++) {
      const w1 = load<f64>(weights1 + (j << 3));
      const at = first + j * rowStride;
      for (let k: usize = 0; k < 4; k++) {
        sum += load<f64>(at + (k << 3)) * w1 * load<f64>(w + (k << 3));
      }
    }
    store<f64>(output + ((<usize>c) << 3), sum);
  }
}
