import { NnprepError } from "../core/errors.js";
import {
  checkLength,
  type Geometry,
  type NiftiForms,
  type Shape3,
  type Volume,
  type VoxelArray,
} from "../core/volume.js";
import { gzipChunks, IMAGE_LEVEL } from "./gzip.js";
import { joinParts } from "./gzip-members.js";
import { geometryOfNifti } from "./nifti-affine.js";
import { orthogonalDirections, quaternionOf } from "./nifti-orthogonal.js";

export const HEADER_LENGTH = 348;
/** Four more bytes say that there are no extensions. */
export const VOXEL_OFFSET = 352;
/** dim is a signed 16-bit integer. */
const LONGEST_AXIS = 32767;
/** NIfTI's code for "coordinates of the scanner", which SimpleITK 2.5 writes for sform and qform alike. */
const SCANNER_ANATOMICAL = 1;
/** Millimetres and, because some programs insist on it, seconds. */
const UNITS = 2 + 8;
/** Entries of the direction matrix that are further off the nearest rotation are no rounding: ITK's tolerance. */
const LARGEST_SHEAR = 1e-4;

/** NIfTI's code of a voxel type. */
export function datatypeOf(data: VoxelArray): number {
  if (data instanceof Uint8Array) return 2;
  if (data instanceof Int16Array) return 4;
  if (data instanceof Int32Array) return 8;
  if (data instanceof Float32Array) return 16;
  if (data instanceof Float64Array) return 64;
  if (data instanceof Int8Array) return 256;
  return data instanceof Uint16Array ? 512 : 768;
}

/** Direction of the voxel axes in NIfTI's RAS coordinates, row-major, columns x, y, z. */
function toRas({ direction: d }: Geometry): number[] {
  return [-d[0], -d[1], -d[2], -d[3], -d[4], -d[5], d[6], d[7], d[8]];
}

function determinant(m: readonly number[]): number {
  return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
}

function checkGeometry({ spacingMm, originMm, direction }: Geometry): void {
  const det = determinant(direction);
  const finite = [...spacingMm, ...originMm, ...direction].every(Number.isFinite);
  if (finite && spacingMm.every((s) => s > 0) && Math.abs(det) > 1e-6) return;
  throw new NnprepError(
    "INVALID_ARGUMENT",
    `geometry cannot be written: spacing [${spacingMm.join(", ")}], origin [${originMm.join(", ")}], direction [${direction.join(", ")}]; finite numbers, positive spacing and independent axes are expected`,
    { spacingMm, originMm, direction },
  );
}

/** The centre of voxel (0, 0, 0), added up as ITK's writer does: that settles the signs of zeros. */
function firstVoxel({ spacingMm, originMm, direction }: Geometry): number[] {
  return originMm.map((x, i) => [0, 1, 2].reduce((sum, j) => sum + direction[3 * i + j] * spacingMm[2 - j] * 0, x));
}

/** The forms of the file that a volume came from, if they still say what its geometry says. */
function validForms({ geometry, niftiForms }: Volume): NiftiForms | undefined {
  if (niftiForms === undefined) return undefined;
  // Written in float32, so it is those numbers that must say the same.
  const round = (values: readonly number[]) => values.map(Math.fround);
  const triple = (values: readonly number[]) => round(values) as unknown as [number, number, number];
  const { pixdim, quatern, qoffset, srow } = niftiForms;
  const rounded = { pixdim: round(pixdim), quatern: triple(quatern), qoffset: triple(qoffset), srow: round(srow) };
  const fields = { ...niftiForms, ...rounded, version: 1 as const };
  try {
    const said = geometryOfNifti(fields, "keep");
    const isClose = (a: readonly number[], b: readonly number[]) =>
      a.every((x, i) => Math.abs(x - b[i]) <= 1e-6 * Math.max(1, Math.abs(x)));
    const same =
      isClose(said.spacingMm, geometry.spacingMm) &&
      isClose(said.originMm, geometry.originMm) &&
      isClose(said.direction, geometry.direction);
    return same ? { ...niftiForms, ...rounded } : undefined;
  } catch {
    return undefined;
  }
}

/** Puts the forms of another file in place of those that the geometry gives. */
function putForms(view: DataView, forms: NiftiForms): void {
  const floats = (at: number, values: readonly number[]) => {
    for (const [i, value] of values.entries()) view.setFloat32(at + 4 * i, value, true);
  };
  floats(76, forms.pixdim);
  view.setUint8(123, forms.xyztUnits);
  view.setInt16(252, forms.qformCode, true);
  view.setInt16(254, forms.sformCode, true);
  floats(256, [...forms.quatern, ...forms.qoffset]);
  floats(280, forms.srow);
}

/** A NIfTI-1 header of 348 bytes and the 4 after it, little endian. */
function formatHeader(volume: Volume, keepForms: boolean, planar: boolean): Uint8Array<ArrayBuffer> {
  const { data, shape, geometry } = volume;
  checkGeometry(geometry);
  const header = new Uint8Array(VOXEL_OFFSET);
  const view = new DataView(header.buffer);
  const floats = (at: number, values: readonly number[]) => {
    for (const [i, value] of values.entries()) view.setFloat32(at + 4 * i, value, true);
  };
  const ras = toRas(geometry);
  const orthogonal = orthogonalDirections(ras);
  const isSheared = ras.some((x, i) => Math.abs(x - orthogonal[i]) > LARGEST_SHEAR);
  const { quatern, qfac } = quaternionOf(orthogonal);
  const spacing = [geometry.spacingMm[2], geometry.spacingMm[1], geometry.spacingMm[0]].map(Math.fround);
  const origin = firstVoxel(geometry).map((x, i) => (i < 2 ? -x : x));

  view.setInt32(0, HEADER_LENGTH, true);
  header[38] = "r".charCodeAt(0); // `regular`, which Analyze 7.5 asked for
  for (const [i, n] of [planar ? 2 : 3, shape[2], shape[1], shape[0], 1, 1, 1, 1].entries())
    view.setInt16(40 + 2 * i, n, true);
  view.setInt16(70, datatypeOf(data), true);
  view.setInt16(72, 8 * data.BYTES_PER_ELEMENT, true);
  floats(76, [qfac, ...spacing]);
  floats(108, [VOXEL_OFFSET, 1, 0]); // vox_offset, scl_slope, scl_inter
  header[123] = UNITS;
  // A rotation would contradict sheared axes: there is none then.
  view.setInt16(252, isSheared ? 0 : SCANNER_ANATOMICAL, true);
  view.setInt16(254, SCANNER_ANATOMICAL, true);
  floats(256, [...quatern, ...origin]);
  for (let i = 0; i < 3; i++) {
    const row = [0, 1, 2].map((j) => (isSheared ? ras : orthogonal)[3 * i + j] * spacing[j]);
    floats(280 + 16 * i, [...row, origin[i]]);
  }
  header.set([0x6e, 0x2b, 0x31, 0], 344); // "n+1"
  const forms = keepForms ? validForms(volume) : undefined;
  if (forms !== undefined) putForms(view, forms);
  return header;
}

/** @throws NnprepError UNSUPPORTED */
export function checkAxisLengths(shape: Shape3): void {
  if (Math.max(...shape) > LONGEST_AXIS) {
    throw new NnprepError(
      "UNSUPPORTED",
      `NIfTI-1 holds at most ${LONGEST_AXIS} voxels along an axis; shape is (${shape.join(", ")})`,
      { found: shape, expected: LONGEST_AXIS },
    );
  }
}

/**
 * Writes a volume as NIfTI-1 (.nii, or .nii.gz with `gzip`): header, spacing, sform and qform as SimpleITK 2.5 writes
 * them. Spacing and origin are stored in float32; what was read from NIfTI is stored without loss. Axes that are not
 * at right angles (by more than 1e-4) stay as they are in the sform, and there is no qform.
 *
 * With `planar` a volume of depth 1 is written as an image of two axes.
 *
 * With `keepForms` a volume that was read from NIfTI, or a label on its grid, gets that file's own qform, sform, codes
 * and units instead.
 *
 * Throws INVALID_ARGUMENT for a geometry that makes no sense, UNSUPPORTED for an axis of more than 32767 voxels.
 */
export async function formatNifti(
  volume: Volume,
  options: { readonly gzip: boolean; readonly keepForms?: boolean; readonly planar?: boolean },
): Promise<Uint8Array<ArrayBuffer>> {
  const { data, shape } = volume;
  checkLength("volume", data, shape);
  checkAxisLengths(shape);
  const pieces = [
    formatHeader(volume, options.keepForms ?? false, options.planar ?? false),
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ];
  return options.gzip ? gzipChunks(pieces, IMAGE_LEVEL) : joinParts(pieces, VOXEL_OFFSET + data.byteLength);
}
