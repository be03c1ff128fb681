import type { Axes3, Box3, Shape3, VoxelArray } from "nnprep";

/** Voxels that are compared: enough for percentiles. */
const SAMPLES = 40_000;
/** Shares between which the line is laid: values at the ends are clipped or overshoot. */
const [LOW, HIGH] = [0.05, 0.95];

export interface GreyLine {
  readonly slope: number;
  readonly offset: number;
}

interface Side<T extends VoxelArray> {
  readonly data: T;
  readonly shape: Shape3;
}

/**
 * What the scan's grey values are after preparation, as far as that is a line: normalisation scales and shifts, resampling
 * keeps the distribution. Found by comparing voxels of the same place whose value lies in `window`, sorted on both sides,
 * so that both pictures can be shown in one window. Null where there are too few.
 *
 * @param box what cropping kept of the scan. @param axes axis i after preparation is axis `axes[i]` of the scan
 * @param label of the prepared case: voxels with -1 are outside the mask and do not count
 */
export function findGreyLine(
  before: Side<VoxelArray>,
  after: Side<Float32Array>,
  box: Box3,
  axes: Axes3,
  label: Int16Array | null,
  window: readonly [number, number],
): GreyLine | null {
  const { shape } = after;
  // A step without small factors does not fall into step with rows and slices.
  let step = Math.max(1, Math.floor(after.data.length / SAMPLES));
  if (step > 1) while (step % 2 === 0 || step % 3 === 0 || step % 5 === 0) step++;
  const source = (axis: number, index: number): number => {
    const [low, high] = box[axes[axis] as number] as readonly [number, number];
    return Math.min(high - 1, low + Math.floor(((index + 0.5) * (high - low)) / (shape[axis] as number)));
  };
  const xs: number[] = [];
  const ys: number[] = [];
  for (let voxel = 0; voxel < after.data.length; voxel += step) {
    if (label !== null && label[voxel] === -1) continue;
    const place = [0, 0, 0];
    place[axes[2]] = source(2, voxel % shape[2]);
    place[axes[1]] = source(1, Math.floor(voxel / shape[2]) % shape[1]);
    place[axes[0]] = source(0, Math.floor(voxel / (shape[1] * shape[2])));
    const [i, j, k] = place as [number, number, number];
    const x = before.data[(i * before.shape[1] + j) * before.shape[2] + k] as number;
    if (x < window[0] || x > window[1]) continue;
    xs.push(x);
    ys.push(after.data[voxel] as number);
  }
  const at = (sorted: readonly number[], share: number) => sorted[Math.floor((sorted.length - 1) * share)] as number;
  if (xs.length < 100) return null;
  xs.sort((a, b) => a - b);
  ys.sort((a, b) => a - b);
  const width = at(xs, HIGH) - at(xs, LOW);
  const slope = (at(ys, HIGH) - at(ys, LOW)) / width;
  if (!(width > 0 && slope > 0)) return null;
  return { slope, offset: at(ys, LOW) - slope * at(xs, LOW) };
}
