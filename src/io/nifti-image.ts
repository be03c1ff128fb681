import { NnprepError } from "../core/errors.js";
import { voxelCount } from "../core/volume.js";
import { geometryWarnings } from "./formats.js";
import { gunzipPrefix, isGzip } from "./gzip.js";
import { type ItkReading, itkImageOf } from "./itk-image.js";
import { fieldsOf, type ReadNiftiOptions, readNifti } from "./nifti.js";
import { affineWarnings, geometryOfNifti } from "./nifti-affine.js";
import { NIFTI_HEADER_LENGTH, type NiftiFields, niftiVersion } from "./nifti-fields.js";
import { interpretNiftiFields } from "./nifti-header.js";
import { nonFiniteWarnings, scaled, voxelMemory, type WiderDtype, zeroNonFinite } from "./nifti-voxels.js";
import { voxelsFromBytes } from "./voxel-bytes.js";

/** Axes as ITK counts them: those of length 1 after the third do not count. */
function axisCount({ dim }: NiftiFields): number {
  let axes = dim[0];
  while (axes > 3 && dim[axes] === 1) axes--;
  return axes;
}

/** Seconds of the header's unit of time; what is not said counts as seconds. */
function timeUnit({ xyztUnits }: NiftiFields): number {
  const code = xyztUnits & 0x38;
  return code === 16 ? 1e-3 : code === 24 ? 1e-6 : 1;
}

/**
 * Reads a NIfTI file (.nii, .nii.gz) of two, three or four axes as SimpleITK 2.5's `ReadImage` does. Throws as
 * {@link readNifti}, and UNSUPPORTED for pairs of files.
 */
export async function readNiftiImage(
  bytes: Uint8Array,
  options: ReadNiftiOptions = {},
  wider?: WiderDtype,
): Promise<ItkReading> {
  const fields = fieldsOf(bytes);
  if (!fields.singleFile) {
    throw new NnprepError("UNSUPPORTED", "NIfTI header of a pair (.hdr and .img); one file (.nii.gz) is expected", {});
  }
  const axes = axisCount(fields);
  if (axes !== 4) {
    const { volume, warnings } = await readNifti(bytes, options, wider);
    const planar = axes === 2;
    const sheared = options.allow?.includes("sheared") === true ? "keep" : "refuse";
    const geometry = planar ? geometryOfNifti(fields, sheared, 2) : volume.geometry;
    return {
      image: itkImageOf({ ...volume, geometry }, planar),
      warnings: [...warnings, ...geometryWarnings(volume.geometry)],
    };
  }
  return readSeries(bytes, fields, options);
}

/**
 * Throws what {@link readNiftiImage} would throw of the header, which the first bytes of the file hold; false if they do
 * not tell: they are no NIfTI, or of four axes.
 */
export function checkNiftiHeader(head: Uint8Array, options: ReadNiftiOptions = {}): boolean {
  if (niftiVersion(isGzip(head) ? gunzipPrefix(head, NIFTI_HEADER_LENGTH) : head) === 0) return false;
  const fields = fieldsOf(head);
  if (!fields.singleFile || axisCount(fields) === 4) return false;
  const sheared = options.allow?.includes("sheared") === true ? "keep" : "refuse";
  interpretNiftiFields(fields, sheared);
  if (axisCount(fields) === 2) geometryOfNifti(fields, sheared, 2);
  return true;
}

async function readSeries(bytes: Uint8Array, fields: NiftiFields, options: ReadNiftiOptions): Promise<ItkReading> {
  const [, x, y, z, count] = fields.dim;
  const sheared = options.allow?.includes("sheared") === true ? "keep" : "refuse";
  const header = interpretNiftiFields({ ...fields, dim: [3, x, y, z, 1, 1, 1, 1] }, sheared);
  if (!(count > 1)) {
    throw new NnprepError("CORRUPT_FILE", `NIfTI header has ${count} voxels along axis 4; at least 1 is expected`, {
      found: [...fields.dim],
    });
  }
  const memory = await voxelMemory(bytes, { ...header, voxelByteLength: count * header.voxelByteLength });
  const stored = voxelsFromBytes(memory, header.dtype, header.littleEndian);
  const nonFinite = options.nonFinite === "keep" ? { nan: 0, infinite: 0 } : zeroNonFinite(stored);
  const data = scaled(stored, header);
  const voxels = voxelCount(header.shape);
  const { spacing, origin, direction: d } = itkImageOf({ data, shape: header.shape, geometry: header.geometry }, false);
  const step = fields.pixdim[4];
  const second = timeUnit(fields);
  const start = fields.toffset * second;
  return {
    image: {
      channels: Array.from({ length: count }, (_, c) => data.subarray(c * voxels, (c + 1) * voxels)),
      shape: header.shape,
      spacing: [...spacing, (step === 0 || !Number.isFinite(step) ? 1 : step) * second],
      origin: [...(start === 0 ? origin : origin.map((value, i) => placed(fields, value, i))), start],
      direction: [d[0], d[1], d[2], 0, d[3], d[4], d[5], 0, d[6], d[7], d[8], 0, 0, 0, 0, 1],
    },
    warnings: [
      ...affineWarnings(fields),
      ...nonFiniteWarnings(nonFinite, data.length),
      ...geometryWarnings(header.geometry),
    ],
  };
}

/** An origin that is not 0 as a whole keeps the signs of its zeros, which LPS has turned round in x and y. */
function placed({ qformCode, sformCode }: NiftiFields, value: number, axis: number): number {
  return value === 0 && axis < 2 && (qformCode > 0 || sformCode > 0) ? -0 : value;
}
