/*
 * Probabilities of single classes out of logits that are resampled linearly. Interpolated values are those of argmax.ts:
 * float64 sums over the taps in C order, rounded to float32 or float16. Softmax over classes and sigmoid are those of
 * PyTorch in float32, except for the exponential function: that is computed in float64 and rounded once, so it is the
 * float32 nearest to e^x but for one in some 2^28 arguments, while libraries for float32 are off by a unit now and then.
 */
import { roundToHalf } from "./argmax/argmax-exact";

/** Bytes of a tap table's entry, as `storeLinearTaps` writes them. */
const ENTRY: usize = 24;

const LOG2E: f64 = Math.LOG2E;
/** ln 2 in two parts; the first has zeros enough that its products with small whole numbers are exact. */
const LN2_HIGH: f64 = 0.69314718036912381649;
const LN2_LOW: f64 = 1.90821492927058770002e-10;
/** 1.5 * 2^52: the sum with it has a small number, rounded to a whole one, in its last bits. */
const ROUND: f64 = 6755399441055744;
/** Beyond this float32 knows 0 and infinity only. */
const FARTHEST: f64 = 200;

/**
 * `rows` output rows between two source planes, whose weights (f64) are at `weights`; 1 and 0 where one plane counts.
 * Entries of `rowTable` are those of the rows. `half`: round to float16.
 */
export function interpolateRows(
  lower: usize,
  upper: usize,
  weights: usize,
  columns: i32,
  rowTable: usize,
  rows: i32,
  columnTable: usize,
  m: i32,
  half: i32,
  output: usize,
): void {
  const rowBytes = (<usize>columns) << 2;
  const w0 = load<f64>(weights, 0);
  const w1 = load<f64>(weights, 8);
  for (let row = 0; row < rows; row++, rowTable += ENTRY) {
    const u0 = load<f64>(rowTable, 0);
    const u1 = load<f64>(rowTable, 8);
    const offsetA = <usize>load<i32>(rowTable, 16) * rowBytes;
    const offsetB = <usize>load<i32>(rowTable, 20) * rowBytes;
    for (let k = 0; k < m; k++, output += 4) {
      const column = columnTable + <usize>k * ENTRY;
      const v0 = load<f64>(column, 0);
      const v1 = load<f64>(column, 8);
      const i = (<usize>load<i32>(column, 16)) << 2;
      const j = (<usize>load<i32>(column, 20)) << 2;
      let sum = <f64>load<f32>(lower + offsetA + i) * w0 * u0 * v0;
      sum += <f64>load<f32>(lower + offsetA + j) * w0 * u0 * v1;
      sum += <f64>load<f32>(lower + offsetB + i) * w0 * u1 * v0;
      sum += <f64>load<f32>(lower + offsetB + j) * w0 * u1 * v1;
      sum += <f64>load<f32>(upper + offsetA + i) * w1 * u0 * v0;
      sum += <f64>load<f32>(upper + offsetA + j) * w1 * u0 * v1;
      sum += <f64>load<f32>(upper + offsetB + i) * w1 * u1 * v0;
      sum += <f64>load<f32>(upper + offsetB + j) * w1 * u1 * v1;
      store<f32>(output, <f32>(half ? roundToHalf(sum) : sum));
    }
  }
}

/** e^x: x = k ln 2 + r, |r| <= ln 2 / 2; the Taylor series to r^13, whose rest is below 2^-57, times 2^k. */
function exponential(given: v128): v128 {
  // In this order of arguments a NaN stays one.
  const x = f64x2.pmax(f64x2.pmin(given, f64x2.splat(FARTHEST)), f64x2.splat(-FARTHEST));
  const shifted = f64x2.add(f64x2.mul(x, f64x2.splat(LOG2E)), f64x2.splat(ROUND));
  const k = f64x2.sub(shifted, f64x2.splat(ROUND));
  const r = f64x2.sub(f64x2.sub(x, f64x2.mul(k, f64x2.splat(LN2_HIGH))), f64x2.mul(k, f64x2.splat(LN2_LOW)));
  let sum = f64x2.splat(1.0 / 6227020800);
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 479001600));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 39916800));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 3628800));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 362880));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 40320));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 5040));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 720));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 120));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 24));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 6));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(0.5));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1));
  sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1));
  const power = i64x2.shl(i64x2.add(shifted, i64x2.splat(1023)), 52);
  return f64x2.mul(sum, power);
}

/** e^x of four float32. */
function exponentials(x: v128): v128 {
  const low = f32x4.demote_f64x2_zero(exponential(f64x2.promote_low_f32x4(x)));
  const high = f32x4.demote_f64x2_zero(exponential(f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 0))));
  return v128.shuffle<i64>(low, high, 0, 2);
}

/**
 * The largest value, the sum of e^(value - largest), and the first class with the largest probability, of `count` voxels
 * whose classes lie `classBytes` apart at `values`. Buffers are written in whole vectors. `labels` are u16.
 */
export function summarizeClasses(
  values: usize,
  classBytes: usize,
  classes: i32,
  count: i32,
  largest: usize,
  sums: usize,
  labels: usize,
): void {
  for (let i: usize = 0; i < (<usize>count) << 2; i += 16) {
    const first = values + i;
    let most = v128.load(first);
    for (let c = 1; c < classes; c++) {
      const v = v128.load(first + <usize>c * classBytes);
      // Written so that a NaN wins, as in PyTorch.
      most = v128.bitselect(most, v, v128.or(f32x4.ge(most, v), f32x4.ne(most, most)));
    }
    let sum = f32x4.splat(0);
    for (let c = 0; c < classes; c++) {
      const at = first + <usize>c * classBytes;
      const e = exponentials(f32x4.sub(v128.load(at), most));
      v128.store(at, e);
      sum = f32x4.add(sum, e);
    }
    let best = f32x4.div(v128.load(first), sum);
    let label = i32x4.splat(0);
    for (let c = 1; c < classes; c++) {
      const p = f32x4.div(v128.load(first + <usize>c * classBytes), sum);
      const wins = f32x4.gt(p, best);
      label = v128.bitselect(i32x4.splat(c), label, wins);
      best = v128.bitselect(p, best, wins);
    }
    v128.store(largest + i, most);
    v128.store(sums + i, sum);
    v128.store64_lane(labels + (i >> 1), i16x8.narrow_i32x4_u(label, label), 0);
  }
}

/** Softmax in place of one class, with what `summarizeClasses` found for the voxels. */
export function softmaxOf(values: usize, count: i32, largest: usize, sums: usize): void {
  for (let i: usize = 0; i < (<usize>count) << 2; i += 16) {
    const e = exponentials(f32x4.sub(v128.load(values + i), v128.load(largest + i)));
    v128.store(values + i, f32x4.div(e, v128.load(sums + i)));
  }
}

/** 1 / (1 + e^-x) in place. */
export function sigmoidOf(values: usize, count: i32): void {
  const one = f32x4.splat(1);
  for (let i: usize = 0; i < (<usize>count) << 2; i += 16) {
    const e = exponentials(f32x4.neg(v128.load(values + i)));
    v128.store(values + i, f32x4.div(one, f32x4.add(one, e)));
  }
}
