import { NnprepError } from "../core/errors.js";
import type { Shape3 } from "../core/volume.js";
import { nibabelAffine, nibabelZooms } from "./nibabel-affine.js";
import { fieldsOf } from "./nifti.js";
import { interpretNiftiFields } from "./nifti-header.js";
import { voxelMemory } from "./nifti-voxels.js";
import { voxelsFromBytes } from "./voxel-bytes.js";

/** A NIfTI file of three axes as nibabel gives it. */
export interface NibabelImage {
  /** `get_fdata()` rounded to float32, slowest axis first (z, y, x). */
  readonly data: Float32Array;
  readonly shape: Shape3;
  /** Row-major 4x4 matrix from voxels (x, y, z) to RAS. */
  readonly affine: readonly number[];
  /** mm, x y z: `header.get_zooms()`. */
  readonly zooms: readonly [number, number, number];
}

/**
 * Reads a NIfTI file (.nii, .nii.gz) as nibabel 5.4 does: NaN and infinite voxels stay, any affine is taken.
 * Throws CORRUPT_FILE, or UNSUPPORTED for what is not three axes of numbers in one file.
 */
export async function readNibabelImage(bytes: Uint8Array): Promise<NibabelImage> {
  const fields = fieldsOf(bytes);
  if (fields.dim[0] !== 3 || !fields.singleFile) {
    const found = fields.singleFile ? `${fields.dim[0]} axes` : "a pair of files";
    throw new NnprepError("UNSUPPORTED", `NIfTI file with ${found}; nnU-Net's nibabel readers take one of three axes`, {
      found: [...fields.dim],
      dimensions: fields.dim[0],
    });
  }
  // Where the grid lies is read below, in nibabel's way: no matrix may be refused here.
  const header = interpretNiftiFields({ ...fields, sformCode: 0, qformCode: 0 });
  const memory = await voxelMemory(bytes, header);
  const stored = voxelsFromBytes(memory, header.dtype, header.littleEndian);
  const { slope, inter } = scalingOf(fields.sclSlope, fields.sclInter);
  const isPlain = slope === 1 && inter === 0;
  const data = isPlain && stored instanceof Float32Array ? stored : new Float32Array(stored.length);
  if (!isPlain) for (let i = 0; i < data.length; i++) data[i] = stored[i] * slope + inter;
  else if (data !== stored) data.set(stored);
  return { data, shape: header.shape, affine: nibabelAffine(fields, header.shape), zooms: nibabelZooms(fields) };
}

function scalingOf(slope: number, inter: number): { slope: number; inter: number } {
  if (slope === 0 || !Number.isFinite(slope)) return { slope: 1, inter: 0 };
  if (Number.isFinite(inter)) return { slope, inter };
  throw new NnprepError("CORRUPT_FILE", `NIfTI header has the slope ${slope}, but the intercept ${inter}`, {
    found: inter,
  });
}
