import { inverseAxes, permute, transpose } from "../core/axes.js";
import { roundHalfEven } from "../core/numeric.js";
import { type Axes3, type Shape3, sameShape, voxelCount } from "../core/volume.js";

/*
 * What `resample_torch_fornnunet` of nnU-Net v2 does on a CPU: `torch.nn.functional.interpolate` without aligned corners,
 * linear in all axes, or in plane with the nearest slice along a separate axis. Operations are rounded as by PyTorch 2.15
 * on x86-64; where another build fuses products and sums, values may differ by 1e-6 of the largest, and labels where two
 * shares are as good as equal.
 */

interface Taps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** Weight of the upper tap, float32. */
  readonly upper: Float32Array;
}

/** Torch computes positions in float32, each operation rounded. */
function tapsOf(n: number, m: number): Taps {
  const scale = Math.fround(n / m);
  const low = new Int32Array(m);
  const high = new Int32Array(m);
  const upper = new Float32Array(m);
  for (let k = 0; k < m; k++) {
    const position = Math.max(0, Math.fround(Math.fround(scale * (k + 0.5)) - 0.5));
    const floor = Math.min(Math.floor(position), n - 1);
    low[k] = floor;
    high[k] = Math.min(floor + 1, n - 1);
    upper[k] = Math.min(Math.max(position - floor, 0), 1);
  }
  return { low, high, upper };
}

/** Torch's "nearest-exact". */
function nearestExact(n: number, m: number): Int32Array {
  const scale = Math.fround(n / m);
  return Int32Array.from({ length: m }, (_, k) => Math.min(Math.floor(Math.fround((k + 0.5) * scale)), n - 1));
}

/** What one axis of a new grid takes of the old one: a voxel, or a share of two. */
export interface TorchTaps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** Weight of the upper one, float32; null where `low` is taken as it is. */
  readonly upper: Float32Array | null;
}

/** @param nearest the nearest voxel instead of a share of two */
export function torchTaps(n: number, m: number, nearest: boolean): TorchTaps {
  if (!nearest && n !== m) return tapsOf(n, m);
  const low = nearest ? nearestExact(n, m) : Int32Array.from({ length: m }, (_, k) => k);
  return { low, high: low, upper: null };
}

/** The sum of two arrays with the weights of torch; each operation is rounded to float32. */
export function blendAsTorch(low: Float32Array, high: Float32Array, upper: number): Float32Array {
  const lower = Math.fround(1 - upper);
  return low.map((value, i) => Math.fround(value * lower) + Math.fround(high[i] * upper));
}

/** Slices along the first axis, each the nearest. */
function nearestSlices<T extends Float32Array | Int16Array>(
  data: T,
  count: number,
  newCount: number,
  plane: number,
): T {
  const result = new (data.constructor as new (length: number) => T)(newCount * plane);
  nearestExact(count, newCount).forEach((i, k) => {
    result.set(data.subarray(i * plane, (i + 1) * plane) as never, k * plane);
  });
  return result;
}

/** Does `inPlane` to the slices across `axis`, and takes the nearest of them along it. */
function separately<T extends Float32Array | Int16Array>(
  data: T,
  shape: Shape3,
  newShape: Shape3,
  axis: number,
  resample: (data: T, shape: Shape3, newShape: Shape3) => T,
): T {
  const forward = [axis, ...[0, 1, 2].filter((a) => a !== axis)] as unknown as Axes3;
  const from: Shape3 = permute(shape as [number, number, number], forward);
  const to: Shape3 = permute(newShape as [number, number, number], forward);
  const slices = resample(transpose(data, shape, forward), from, [from[0], to[1], to[2]]);
  const result = from[0] === to[0] ? slices : nearestSlices(slices, from[0], to[0], to[1] * to[2]);
  return transpose(result, to, inverseAxes(forward));
}

/** One axis of an array of `outer` x `n` x `inner` values; each operation is rounded to float32. */
function resizeAxis(data: Float32Array, outer: number, n: number, inner: number, taps: TorchTaps): Float32Array {
  const { low, high, upper } = taps;
  const m = low.length;
  const result = new Float32Array(outer * m * inner);
  let out = 0;
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < m; k++) {
      let a = (o * n + low[k]) * inner;
      if (upper === null) {
        result.set(data.subarray(a, a + inner), out);
        out += inner;
        continue;
      }
      const w1 = upper[k];
      const w0 = Math.fround(1 - w1);
      let b = (o * n + high[k]) * inner;
      for (let i = 0; i < inner; i++, out++, a++, b++) {
        result[out] = Math.fround(data[a] * w0) + Math.fround(data[b] * w1);
      }
    }
  }
  return result;
}

/** A plane of `n1` x `n2` values; torch goes from the last axis to the first. */
export function resizePlaneAsTorch(
  plane: Float32Array,
  [n1, n2]: readonly [number, number],
  rows: TorchTaps,
  columns: TorchTaps,
): Float32Array {
  const wide = n2 === columns.low.length && columns.upper === null ? plane : resizeAxis(plane, n1, n2, 1, columns);
  return resizeAxis(wide, 1, n1, columns.low.length, rows);
}

/** Torch goes from the last axis to the first. */
function resizeLinearFloat32(data: Float32Array, [n0, n1, n2]: Shape3, [m0, m1, m2]: Shape3): Float32Array {
  const along = (values: Float32Array, n: number, m: number, outer: number, inner: number) =>
    n === m ? values : resizeAxis(values, outer, n, inner, tapsOf(n, m));
  const rows = along(data, n2, m2, n0 * n1, 1);
  const planes = along(rows, n1, m1, n0, m2);
  return along(planes, n0, m0, 1, m1 * m2);
}

/** A channel resampled linearly. @param axis from `separateAxis` */
export function resampleImageAsTorch(
  data: Float32Array,
  shape: Shape3,
  newShape: Shape3,
  axis: number | null,
): Float32Array {
  if (sameShape(shape, newShape)) return data;
  if (axis === null) return resizeLinearFloat32(data, shape, newShape);
  return separately(data, shape, newShape, axis, resizeLinearFloat32);
}

/** What torch's one-hot volumes are multiplied by before float16 takes them. */
const SHARE = 1000;

/** A share as float16. One of eight labels has 125 or more, so that nothing below 1 needs to be exact. */
function toHalf(share: number): number {
  if (share < 1) return share;
  const step = (1 << (31 - Math.clz32(share))) / 1024;
  return roundHalfEven(share / step) * step;
}

/** Torch's sum over the eight taps for one label, one axis after the other, each operation in float32. */
function shareOf(taps: Int16Array, label: number, w0: number, w1: number, w2: number, scale: number): number {
  const along = (at: number) =>
    Math.fround(
      Math.fround((taps[at] === label ? scale : 0) * Math.fround(1 - w2)) +
        Math.fround((taps[at + 1] === label ? scale : 0) * w2),
    );
  const plane = (at: number) =>
    Math.fround(Math.fround(along(at) * Math.fround(1 - w1)) + Math.fround(along(at + 2) * w1));
  return Math.fround(Math.fround(plane(0) * Math.fround(1 - w0)) + Math.fround(plane(4) * w0));
}

function decide(taps: Int16Array, w0: number, w1: number, w2: number, memoryEfficient: boolean): number {
  const labels = [...new Set(taps)].sort((a, b) => a - b);
  if (memoryEfficient) return labels.findLast((label) => shareOf(taps, label, w0, w1, w2, 1) > 0.5) ?? 0;
  let best = labels[0];
  let largest = -1;
  for (const label of labels) {
    const share = toHalf(shareOf(taps, label, w0, w1, w2, SHARE));
    if (share <= largest) continue;
    largest = share;
    best = label;
  }
  return best;
}

function resizeLabelsFloat32(label: Int16Array, shape: Shape3, newShape: Shape3, memoryEfficient: boolean): Int16Array {
  if (sameShape(shape, newShape)) return label;
  const [taps0, taps1, taps2] = [0, 1, 2].map((a) => tapsOf(shape[a], newShape[a])) as [Taps, Taps, Taps];
  const [, n1, n2] = shape;
  const [m0, m1, m2] = newShape;
  const result = new Int16Array(voxelCount(newShape));
  const cell = new Int16Array(8);
  let out = 0;
  for (let k0 = 0; k0 < m0; k0++) {
    for (let k1 = 0; k1 < m1; k1++) {
      const rows = [taps0.low, taps0.high].flatMap((of0) =>
        [taps1.low, taps1.high].map((of1) => (of0[k0] * n1 + of1[k1]) * n2),
      );
      for (let k2 = 0; k2 < m2; k2++) {
        const low = taps2.low[k2];
        const high = taps2.high[k2];
        let equal = true;
        for (let r = 0; r < 4; r++) {
          cell[2 * r] = label[rows[r] + low];
          cell[2 * r + 1] = label[rows[r] + high];
          equal = equal && cell[2 * r] === cell[0] && cell[2 * r + 1] === cell[0];
        }
        const weights = [taps0.upper[k0], taps1.upper[k1], taps2.upper[k2]] as [number, number, number];
        result[out++] = equal ? cell[0] : decide(cell, ...weights, memoryEfficient);
      }
    }
  }
  return result;
}

/**
 * A label resampled by the largest share of a voxel, in float16; of equal ones the smallest label wins.
 *
 * @param memoryEfficient only a label that holds more than half of a voxel gets it, else 0 does
 */
export function resampleLabelAsTorch(
  label: Int16Array,
  shape: Shape3,
  newShape: Shape3,
  axis: number | null,
  memoryEfficient: boolean,
): Int16Array {
  const resize = (data: Int16Array, from: Shape3, to: Shape3) => resizeLabelsFloat32(data, from, to, memoryEfficient);
  if (sameShape(shape, newShape)) return label;
  return axis === null ? resize(label, shape, newShape) : separately(label, shape, newShape, axis, resize);
}
