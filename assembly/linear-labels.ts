/*
 * Labels resampled in one-hot form with linear weights: a label's share of a voxel is the sum of the weights of its taps
 * (batchgenerators.resize_segmentation, order 1). Two rules say which label wins:
 *
 *  - threshold (batchgenerators up to 0.25.3): the largest label with a share of 0.5 or more, 0 if there is none;
 *  - argmax-nearest (since 0.25.4): the label with the largest share; of several the one of the nearest voxel, or the
 *    smallest of them if that is none of them.
 *
 * Sums run over the taps in C order, so ties fall as in the reference. Most cells hold one label only: those are
 * recognised first, and the time does not depend on the number of labels.
 *
 * Table entry of an axis (24 bytes): weight of the lower tap, weight of the upper tap (f64), lower and upper index (i32).
 */
import { LabelArgument } from "../src/kernels/label-arguments";
import { address, integer, real } from "./arguments";

const ENTRY: usize = 24;

/** Writes 0xFFFF where all four rows hold the same label, else 0. */
function markEqual(a: usize, b: usize, c: usize, d: usize, count: i32, marks: usize): void {
  for (let i = 0; i < count; i += 8) {
    const offset = (<usize>i) << 1;
    const x = v128.load(a + offset);
    const same = v128.and(
      i16x8.eq(x, v128.load(b + offset)),
      v128.and(i16x8.eq(x, v128.load(c + offset)), i16x8.eq(x, v128.load(d + offset))),
    );
    v128.store(marks + offset, same);
  }
}

/** The first index from `from` on where a row does not hold `value`, or where it is not marked. */
function endOfUniform(row: usize, marks: usize, value: i32, from: i32, count: i32): i32 {
  const wanted = i16x8.splat(<i16>value);
  for (; from < count; from += 8) {
    const offset = (<usize>from) << 1;
    const uniform = v128.and(i16x8.eq(v128.load(row + offset), wanted), v128.load(marks + offset));
    const others = ~i16x8.bitmask(uniform) & 255;
    if (others !== 0) return min(from + <i32>ctz(others), count);
  }
  return count;
}

function label(row: usize, index: usize): i32 {
  return load<i16>(row + (index << 1));
}

/** Weights of the taps that hold `candidate`. */
function share(taps: usize, candidate: i32): f64 {
  let sum: f64 = 0;
  for (let j: usize = 0; j < 8; j++) {
    if (load<i32>(taps + (j << 4)) == candidate) sum += load<f64>(taps + (j << 4), 8);
  }
  return sum;
}

/** Threshold: the largest label whose share is 0.5 or more. */
function decideByThreshold(taps: usize): i32 {
  let best = i32.MIN_VALUE;
  for (let i: usize = 0; i < 8; i++) {
    const candidate = load<i32>(taps + (i << 4));
    if (candidate > best && share(taps, candidate) >= 0.5) best = candidate;
  }
  return best == i32.MIN_VALUE ? 0 : best;
}

/** Argmax-nearest; `nearest` is the label of the nearest voxel, which is one of the taps. */
function decideByShare(taps: usize, nearest: i32): i32 {
  // The reference clips a share to the range of the one-hot volume, whose largest value is 1.
  let largest = min<f64>(share(taps, nearest), 1);
  let best = nearest;
  for (let i: usize = 0; i < 8; i++) {
    const candidate = load<i32>(taps + (i << 4));
    if (candidate == nearest || candidate == best) continue;
    const found = min<f64>(share(taps, candidate), 1);
    if (found > largest || (found == largest && best != nearest && candidate < best)) {
      largest = found;
      best = candidate;
    }
  }
  return best;
}

/** Makes some output rows of a slice. `structure` holds the arguments as `LabelArgument` names them. */
export function resampleLabels(structure: usize): void {
  const columns = integer(structure, LabelArgument.columns);
  const rowBytes = (<usize>columns) << 1;
  const firstRow = integer(structure, LabelArgument.firstRow);
  const lower = address(structure, LabelArgument.lower);
  const upper = address(structure, LabelArgument.upper);
  const w0 = real(structure, LabelArgument.lowerWeight);
  const w1 = real(structure, LabelArgument.upperWeight);
  const rowTable = address(structure, LabelArgument.rowTable);
  const columnTable = address(structure, LabelArgument.columnTable);
  const m = integer(structure, LabelArgument.m);
  const marks = address(structure, LabelArgument.marks);
  const taps = address(structure, LabelArgument.taps);
  const byShare = integer(structure, LabelArgument.byShare) === 1;
  const upperNearest = integer(structure, LabelArgument.upperNearest) === 1;
  const rowNearest = address(structure, LabelArgument.rowNearest);
  const columnNearest = address(structure, LabelArgument.columnNearest);
  const toRow = integer(structure, LabelArgument.toRow);
  let output = address(structure, LabelArgument.output);
  let markedA = -1;
  let markedB = -1;
  for (let row = integer(structure, LabelArgument.fromRow); row < toRow; row++) {
    const entry = rowTable + <usize>row * ENTRY;
    const indexA = load<i32>(entry, 16) - firstRow;
    const indexB = load<i32>(entry, 20) - firstRow;
    const u0 = load<f64>(entry, 0);
    const u1 = load<f64>(entry, 8);
    const a = lower + <usize>indexA * rowBytes;
    const b = lower + <usize>indexB * rowBytes;
    const c = upper + <usize>indexA * rowBytes;
    const d = upper + <usize>indexB * rowBytes;
    if (indexA != markedA || indexB != markedB) {
      markEqual(a, b, c, d, columns, marks);
      markedA = indexA;
      markedB = indexB;
    }
    let nearestRow: usize = 0;
    if (byShare) {
      const isB = load<i32>(rowNearest + ((<usize>row) << 2)) - firstRow == indexB;
      nearestRow = upperNearest ? (isB ? d : c) : isB ? b : a;
    }
    const w00 = w0 * u0;
    const w01 = w0 * u1;
    const w10 = w1 * u0;
    const w11 = w1 * u1;
    for (let k = 0; k < m; k++) {
      const column = columnTable + <usize>k * ENTRY;
      const low = <usize>load<i32>(column, 16);
      const high = <usize>load<i32>(column, 20);
      const first = label(a, low);
      if (load<i16>(marks + (low << 1)) & load<i16>(marks + (high << 1)) & i32(label(a, high) == first)) {
        store<i16>(output, <i16>first);
        const end = endOfUniform(a, marks, first, <i32>high + 1, columns);
        for (; k + 1 < m && load<i32>(columnTable + <usize>(k + 1) * ENTRY, 20) < end; k++) {
          output += 2;
          store<i16>(output, <i16>first);
        }
      } else {
        const v0 = load<f64>(column, 0);
        const v1 = load<f64>(column, 8);
        store<i32>(taps, first, 0);
        store<f64>(taps, w00 * v0, 8);
        store<i32>(taps, label(a, high), 16);
        store<f64>(taps, w00 * v1, 24);
        store<i32>(taps, label(b, low), 32);
        store<f64>(taps, w01 * v0, 40);
        store<i32>(taps, label(b, high), 48);
        store<f64>(taps, w01 * v1, 56);
        store<i32>(taps, label(c, low), 64);
        store<f64>(taps, w10 * v0, 72);
        store<i32>(taps, label(c, high), 80);
        store<f64>(taps, w10 * v1, 88);
        store<i32>(taps, label(d, low), 96);
        store<f64>(taps, w11 * v0, 104);
        store<i32>(taps, label(d, high), 112);
        store<f64>(taps, w11 * v1, 120);
        const decided = byShare
          ? decideByShare(taps, label(nearestRow, load<i32>(columnNearest + ((<usize>k) << 2))))
          : decideByThreshold(taps);
        store<i16>(output, <i16>decided);
      }
      output += 2;
    }
  }
}
