import type { Shape3, Volume, VoxelArray } from "nnprep";
import type { Picture } from "./protocol.js";

/** Voxels that a picture may have: larger volumes are thinned out for the screen only. */
const PICTURE_VOXELS = 24e6;
/** Numbers that a label's picture can hold beside 0; more values share them. */
const LABEL_NUMBERS = 255;

function strideOf([n0, n1, n2]: Shape3): number {
  let stride = 1;
  while ((n0 * n1 * n2) / stride ** 3 > PICTURE_VOXELS) stride++;
  return stride;
}

/** A copy, which can be given away; every `stride`-th voxel of each axis, by `value`. */
function thinned<T extends VoxelArray>(
  { data, shape, geometry }: Volume,
  make: (length: number) => T,
  value: (voxel: number) => number = (voxel) => voxel,
): Pick<Picture, "shape" | "geometry" | "stride"> & { data: T } {
  const stride = strideOf(shape);
  const thin = shape.map((n) => Math.ceil(n / stride)) as unknown as Shape3;
  const kept = make(thin[0] * thin[1] * thin[2]);
  let out = 0;
  for (let i = 0; i < shape[0]; i += stride) {
    for (let j = 0; j < shape[1]; j += stride) {
      const row = (i * shape[1] + j) * shape[2];
      for (let k = 0; k < shape[2]; k += stride) kept[out++] = value(data[row + k] as number);
    }
  }
  const [s0, s1, s2] = geometry.spacingMm;
  const spacingMm = [s0 * stride, s1 * stride, s2 * stride] as const;
  return { data: kept, shape: thin, geometry: { ...geometry, spacingMm }, stride };
}

/** Types that the viewer draws as they are; all others become float32. */
function viewerArray(data: VoxelArray): (length: number) => VoxelArray {
  if (data instanceof Int16Array) return (n) => new Int16Array(n);
  if (data instanceof Uint8Array) return (n) => new Uint8Array(n);
  if (data instanceof Uint16Array) return (n) => new Uint16Array(n);
  return (n) => new Float32Array(n);
}

/** A scan for the viewer, whatever the type of its voxels. */
export function takePicture(volume: Volume, window: readonly [number, number]): Picture {
  return { ...thinned(volume, viewerArray(volume.data)), window, values: null };
}

/**
 * A label for the viewer: 8 bits whatever its type, because the viewer takes labels of 32 bits for intensities. Values
 * below 0, which nnU-Net puts outside its mask, are nothing.
 */
export function takeLabelPicture(volume: Volume): Picture {
  const found = new Set<number>();
  let last = 0;
  for (const value of volume.data) {
    if (value === last) continue;
    last = value;
    if (value > 0) found.add(value);
  }
  const values = [0, ...[...found].sort((a, b) => a - b)];
  const numbers = new Map(values.map((value, i) => [value, i === 0 ? 0 : ((i - 1) % LABEL_NUMBERS) + 1]));
  const small = thinned(
    volume,
    (n) => new Uint8Array(n),
    (voxel) => numbers.get(voxel) ?? 0,
  );
  return { ...small, window: [0, 255], values: values.slice(0, LABEL_NUMBERS + 1) };
}
