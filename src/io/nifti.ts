import { NnprepError } from "../core/errors.js";
import type { NiftiForms, Volume } from "../core/volume.js";
import { gunzipPrefix, isGzip } from "./gzip.js";
import { affineWarnings } from "./nifti-affine.js";
import { NIFTI_HEADER_LENGTH, type NiftiFields, parseNiftiFields } from "./nifti-fields.js";
import { interpretNiftiFields } from "./nifti-header.js";
import {
  NO_NON_FINITE,
  nonFiniteWarnings,
  scaled,
  voxelMemory,
  type WiderDtype,
  widenedVoxels,
  zeroNonFinite,
} from "./nifti-voxels.js";
import type { ScanReading } from "./scan-file.js";
import { voxelsFromBytes } from "./voxel-bytes.js";

export { type NiftiHeader, readNiftiHeader } from "./nifti-header.js";
export { formatNifti } from "./nifti-writer.js";

/** What is accepted of a NIfTI file that ITK, and so nnU-Net, refuses. */
export type NiftiAllowance = "sheared";

/** What is accepted of a NIfTI file. */
export interface ReadNiftiOptions {
  /**
   * What is accepted, with a warning.
   * - `sheared`: the file has only an sform, and its axes are not at right angles. They are kept in `direction`.
   */
  readonly allow?: readonly NiftiAllowance[];
  /**
   * What NaN and infinite voxels of float files become before the slope is applied. "zero" (default): 0 with a warning,
   * as in ITK and so in both nnU-Nets; "keep": what they are, as in nibabel.
   */
  readonly nonFinite?: "zero" | "keep";
}

export interface ParseNiftiOptions extends ReadNiftiOptions {
  /** Bytes of the .img file (gzipped or not) when `bytes` are those of its .hdr. */
  readonly pairedImage?: Uint8Array;
}

/**
 * Reads a NIfTI-1 or NIfTI-2 file (.nii, .nii.gz, or .hdr with `pairedImage`) as SimpleITK 2.5 reads it: axes slowest
 * first, NaN and infinite voxels 0, scl_slope and scl_inter applied, geometry in LPS. Voxels keep their type, but for
 * 64-bit integers (float64) and scaled integers (float32). The volume owns its memory.
 *
 * Throws CORRUPT_FILE (no NIfTI, cut off, damaged, impossible header) or UNSUPPORTED (colour, complex, more than three
 * axes, no orthogonal geometry, integers beyond 2^53).
 */
export async function parseNifti(bytes: Uint8Array, options: ParseNiftiOptions = {}): Promise<Volume> {
  return (await readNifti(bytes, options)).volume;
}

/**
 * The same with what the user should know about the file. Voxels that are to become `wider` anyway may come so, which
 * takes less memory.
 */
export async function readNifti(
  bytes: Uint8Array,
  options: ParseNiftiOptions = {},
  wider?: WiderDtype,
): Promise<ScanReading> {
  const fields = fieldsOf(bytes);
  const header = interpretNiftiFields(fields, options.allow?.includes("sheared") === true ? "keep" : "refuse");
  if (!header.singleFile && options.pairedImage === undefined) {
    throw new NnprepError("INVALID_ARGUMENT", "NIfTI header of a pair (.hdr and .img): the .img file is needed too", {
      expected: "pairedImage",
    });
  }
  const source = header.singleFile ? bytes : (options.pairedImage as Uint8Array);
  const widened = wider === undefined ? null : await widenedVoxels(source, header, wider);
  const stored = widened ?? voxelsFromBytes(await voxelMemory(source, header), header.dtype, header.littleEndian);
  const finite = widened !== null || options.nonFinite === "keep";
  const nonFinite = finite ? NO_NON_FINITE : zeroNonFinite(stored);
  const data = scaled(stored, header);
  const volume: Volume = { data, shape: header.shape, geometry: header.geometry, niftiForms: niftiForms(fields) };
  return { volume, warnings: [...affineWarnings(fields), ...nonFiniteWarnings(nonFinite, data.length)], nonFinite };
}

/**
 * Reads a NIfTI file of three or four axes as the volumes along its fourth axis, as nnU-Net splits the tasks of the
 * Medical Segmentation Decathlon (`split_4d_nifti` of 1.7.1). Throws as {@link parseNifti}.
 */
export async function parseNiftiChannels(bytes: Uint8Array): Promise<Volume[]> {
  const fields = fieldsOf(bytes);
  const [axes] = fields.dim;
  const count = fields.dim[4];
  if (axes !== 4 || !(count > 1) || !fields.singleFile) return [await parseNifti(bytes)];
  const header = interpretNiftiFields({ ...fields, dim: [3, fields.dim[1], fields.dim[2], fields.dim[3], 1, 1, 1, 1] });
  const { voxelByteLength, dtype, littleEndian, shape, geometry } = header;
  const memory = await voxelMemory(bytes, { ...header, voxelByteLength: count * voxelByteLength });
  return Array.from({ length: count }, (_, channel) => {
    const own = memory.slice(channel * voxelByteLength, (channel + 1) * voxelByteLength);
    const stored = voxelsFromBytes(own, dtype, littleEndian);
    zeroNonFinite(stored);
    return { data: scaled(stored, header), shape, geometry };
  });
}

/** The fields of a header out of uncompressed or gzipped bytes. */
export function fieldsOf(bytes: Uint8Array): NiftiFields {
  return parseNiftiFields(isGzip(bytes) ? gunzipPrefix(bytes, NIFTI_HEADER_LENGTH) : bytes);
}

/** Whether uncompressed or gzipped bytes are the header of a pair, whose voxels are in an .img file. */
export function needsPairedImage(bytes: Uint8Array): boolean {
  return !fieldsOf(bytes).singleFile;
}

function niftiForms({ qformCode, sformCode, pixdim, quatern, qoffset, srow, xyztUnits }: NiftiFields): NiftiForms {
  return { qformCode, sformCode, pixdim: pixdim.slice(0, 4), quatern, qoffset, srow, xyztUnits };
}
