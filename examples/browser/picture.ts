import { type Box3, formatNifti, type Geometry, type Shape3, type Volume, type VoxelArray } from "nnprep";
import type { Picture } from "./protocol.js";

/** Voxels that a picture may have: larger volumes are thinned out for the screen only. */
const PICTURE_VOXELS = 24e6;

function keepEvery(volume: Volume, stride: number): Volume {
  if (stride === 1) return volume;
  const { data, shape, geometry } = volume;
  const thin = shape.map((n) => Math.ceil(n / stride)) as unknown as Shape3;
  const kept = new (data.constructor as new (length: number) => VoxelArray)(thin[0] * thin[1] * thin[2]);
  let out = 0;
  for (let i = 0; i < shape[0]; i += stride) {
    for (let j = 0; j < shape[1]; j += stride) {
      const row = (i * shape[1] + j) * shape[2];
      for (let k = 0; k < shape[2]; k += stride) kept[out++] = data[row + k] as number;
    }
  }
  const [s0, s1, s2] = geometry.spacingMm;
  return { data: kept, shape: thin, geometry: { ...geometry, spacingMm: [s0 * stride, s1 * stride, s2 * stride] } };
}

/** NIfTI bytes of a volume for the viewer. */
export async function takePicture(volume: Volume, window: readonly [number, number]): Promise<Picture> {
  const [n0, n1, n2] = volume.shape;
  let stride = 1;
  while ((n0 * n1 * n2) / stride ** 3 > PICTURE_VOXELS) stride++;
  const bytes = await formatNifti(keepEvery(volume, stride), { gzip: false });
  return { bytes: bytes.buffer, window, stride };
}

/**
 * Where a resampled part of a scan lies in the patient. Resampling keeps the outer faces of the box, so the first
 * voxel's centre moves.
 *
 * @param axes axis i of the result is axis `axes[i]` of the scan
 */
export function partGeometry(
  scan: Geometry,
  box: Box3,
  axes: readonly [number, number, number],
  newShape: Shape3,
): Geometry {
  const spacingMm = axes.map((axis, i) => {
    const [low, high] = box[axis] as readonly [number, number];
    return ((high - low) * (scan.spacingMm[axis] as number)) / (newShape[i] as number);
  }) as [number, number, number];
  // Columns of the direction are the axes fastest first.
  const column = (axis: number) => [0, 1, 2].map((row) => scan.direction[3 * row + 2 - axis] as number);
  const origin = [...scan.originMm];
  axes.forEach((axis, i) => {
    const shift = ((box[axis] as readonly [number, number])[0] - 0.5) * (scan.spacingMm[axis] as number);
    const offset = shift + (spacingMm[i] as number) / 2;
    column(axis).forEach((cosine, row) => {
      origin[row] = (origin[row] as number) + cosine * offset;
    });
  });
  const columns = [column(axes[2]), column(axes[1]), column(axes[0])];
  const direction = [0, 1, 2].flatMap((row) => columns.map((c) => c[row] as number));
  return {
    spacingMm,
    originMm: origin as unknown as Geometry["originMm"],
    direction: direction as unknown as Geometry["direction"],
  };
}
