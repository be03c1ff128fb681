import type { Shape3, Volume, VoxelArray } from "nnprep";
import { formatNifti } from "nnprep/io";
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
