import { NIFTI1, NIFTI2 } from "nifti-reader-js";
import { NnprepError } from "../core/errors.js";

/** The header's own fields, as they stand in the file but for the byte order. Axes in file order x, y, z. */
export interface NiftiFields {
  readonly version: 1 | 2;
  readonly littleEndian: boolean;
  /** Header and voxels in one file (.nii), not in a pair (.hdr, .img). */
  readonly singleFile: boolean;
  readonly dim: readonly number[];
  readonly pixdim: readonly number[];
  readonly datatype: number;
  readonly voxOffset: number;
  readonly sclSlope: number;
  readonly sclInter: number;
  readonly xyztUnits: number;
  /** Where the fourth axis begins. */
  readonly toffset: number;
  readonly qformCode: number;
  readonly sformCode: number;
  /** b, c, d of the unit quaternion. */
  readonly quatern: readonly [number, number, number];
  readonly qoffset: readonly [number, number, number];
  /** Three rows of four. */
  readonly srow: readonly number[];
}

const NIFTI1_LENGTH = 348;
const NIFTI2_LENGTH = 540;

/** Bytes that `parseNiftiFields` needs of an uncompressed file. */
export const NIFTI_HEADER_LENGTH = NIFTI2_LENGTH;

function magicOf(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

/** 1, 2, or 0 when the (uncompressed) bytes do not begin with a NIfTI header. */
export function niftiVersion(head: Uint8Array): 0 | 1 | 2 {
  if (head.length >= NIFTI1_LENGTH && ["n+1\0", "ni1\0"].includes(magicOf(head, 344))) return 1;
  if (head.length >= 12 && ["n+2\0", "ni2\0"].includes(magicOf(head, 4))) return 2;
  return 0;
}

/** A damaged header. */
export function corrupt(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", message, detail);
}

function refuseOther(head: Uint8Array): never {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const size = head.length >= 4 ? [view.getInt32(0, true), view.getInt32(0, false)] : [];
  if (size.includes(NIFTI1_LENGTH) && head.length >= NIFTI1_LENGTH) {
    throw new NnprepError(
      "UNSUPPORTED",
      "Analyze 7.5 header or damaged NIfTI header (348 bytes, but no NIfTI magic); convert the scan to NIfTI",
      { found: Array.from(head.subarray(344, 348)), expected: "n+1, ni1, n+2 or ni2" },
    );
  }
  throw corrupt(`not a NIfTI file: ${head.length} bytes found without a NIfTI header`, { byteLength: head.length });
}

/** Reads the fields of a NIfTI-1 or NIfTI-2 header, either byte order, from uncompressed bytes. Throws CORRUPT_FILE. */
export function parseNiftiFields(head: Uint8Array): NiftiFields {
  const version = niftiVersion(head);
  if (version === 0) refuseOther(head);
  const length = version === 1 ? NIFTI1_LENGTH : NIFTI2_LENGTH;
  if (head.length < length) throw corrupt(`NIfTI-2 header of 540 bytes is cut off after ${head.length}`);
  // Only the header proper: the reader's handling of extensions throws on broken ones, and they carry nothing of use.
  const bytes = new Uint8Array(head.subarray(0, length));
  const view = new DataView(bytes.buffer);
  const sizes = [view.getInt32(0, true), view.getInt32(0, false)];
  if (!sizes.includes(length)) {
    throw corrupt(`NIfTI-${version} header gives its own length as ${sizes[0]}, ${length} expected`, {
      found: sizes[0],
      expected: length,
    });
  }
  const header = version === 1 ? new NIFTI1() : new NIFTI2();
  header.readHeader(bytes.buffer);
  const { littleEndian } = header;
  const wide = (at: number) => Number(view.getBigInt64(at, littleEndian));
  return {
    version,
    littleEndian,
    singleFile: magicOf(bytes, version === 1 ? 344 : 4)[1] === "+",
    // nifti-reader-js misreads negative and big-endian 64-bit integers, and overwrites the sform by the qform.
    dim: version === 1 ? header.dims : Array.from({ length: 8 }, (_, i) => wide(16 + 8 * i)),
    pixdim: header.pixDims,
    datatype: header.datatypeCode,
    voxOffset: version === 1 ? header.vox_offset : wide(168),
    sclSlope: header.scl_slope,
    sclInter: header.scl_inter,
    xyztUnits: header.xyzt_units,
    toffset: header.toffset,
    qformCode: header.qform_code,
    sformCode: header.sform_code,
    quatern: [header.quatern_b, header.quatern_c, header.quatern_d],
    qoffset: [header.qoffset_x, header.qoffset_y, header.qoffset_z],
    srow: Array.from({ length: 12 }, (_, i) =>
      version === 1 ? view.getFloat32(280 + 4 * i, littleEndian) : view.getFloat64(400 + 8 * i, littleEndian),
    ),
  };
}
