import { NnprepError } from "../core/errors.js";
import type { VoxelArray } from "../core/volume.js";
import { borrowBuffer } from "../runtime/scratch.js";
import { gunzip, gunzipPieces, isGzip, largestInflatedLength, statedLength } from "./gzip.js";
import type { NiftiHeader } from "./nifti-header.js";
import type { NonFiniteCounts } from "./scan-file.js";
import { alignedBytes, itemSizeOf, type VoxelDtype, voxelsFromBytes } from "./voxel-bytes.js";

/** What voxels may be asked for as: intensities or labels. */
export type WiderDtype = "float32" | "int16";

/** Types in a file whose every value the wider one has. */
const WIDENED: Readonly<Record<WiderDtype, readonly VoxelDtype[]>> = {
  float32: ["int8", "uint8", "int16", "uint16"],
  int16: ["int8", "uint8"],
};

/** All voxels are finite. */
export const NO_NON_FINITE: NonFiniteCounts = { nan: 0, infinite: 0 };

/** niftilib's reading of float voxels: what is not finite becomes 0, in place. */
export function zeroNonFinite(values: VoxelArray): NonFiniteCounts {
  if (!(values instanceof Float32Array || values instanceof Float64Array)) return NO_NON_FINITE;
  let nan = 0;
  let infinite = 0;
  const n = values.length;
  for (let i = 0; i < n; i++) {
    const x = values[i];
    // True for NaN and the infinities only.
    if (x - x !== 0) {
      if (Number.isNaN(x)) nan++;
      else infinite++;
      values[i] = 0;
    }
  }
  return { nan, infinite };
}

/** A sentence on voxels that are not finite numbers; none when there are none. */
export function nonFiniteWarnings({ nan, infinite }: NonFiniteCounts, voxels: number): string[] {
  if (nan + infinite === 0) return [];
  return [
    `${nan + infinite} of ${voxels} voxels are no finite numbers (${nan} NaN, ${infinite} infinite); they are read as 0, as ITK and nnU-Net do`,
  ];
}

function tooShort(header: NiftiHeader, found: number, where: string): NnprepError {
  const itemSize = itemSizeOf(header.dtype);
  const expected = header.voxelByteLength / itemSize;
  const there = Math.max(0, Math.floor((found - header.voxelOffset) / itemSize));
  return new NnprepError(
    "CORRUPT_FILE",
    `NIfTI header promises ${expected} voxels (${header.shape[2]} x ${header.shape[1]} x ${header.shape[0]}, ${header.dtype}), but ${where} ${there}; the file is cut off or its header is damaged`,
    { expected, found: there, byteLength: found },
  );
}

/** The bytes of the voxels in memory of their own, aligned for their type, still in the file's byte order. */
export async function voxelMemory(source: Uint8Array, header: NiftiHeader): Promise<Uint8Array<ArrayBuffer>> {
  const { voxelOffset, voxelByteLength } = header;
  const end = voxelOffset + voxelByteLength;
  if (!isGzip(source)) {
    if (source.length < end) throw tooShort(header, source.length, "the file has");
    return new Uint8Array(source.subarray(voxelOffset, end));
  }
  if (largestInflatedLength(source.length) < end) {
    throw tooShort(header, largestInflatedLength(source.length), `${source.length} gzipped bytes hold at most`);
  }
  const inflated = await gunzip(source, { expectedByteLength: end });
  if (inflated.length < end) throw tooShort(header, inflated.length, "the file has");
  const voxels = inflated.subarray(voxelOffset, end);
  return alignedBytes(voxels, header.dtype);
}

/**
 * The voxels of a gzipped file in a wider type, widened piece by piece as they are inflated: the bytes of the file are
 * never there as a whole. Its memory is borrowed (`borrowBuffer`). null for files that have to be read as they are stored.
 */
export async function widenedVoxels(
  source: Uint8Array,
  header: NiftiHeader,
  wider: WiderDtype,
): Promise<Float32Array | Int16Array | null> {
  const { dtype, littleEndian, voxelOffset, voxelByteLength } = header;
  const itemSize = itemSizeOf(dtype);
  const end = voxelOffset + voxelByteLength;
  if (!WIDENED[wider].includes(dtype) || (itemSize > 1 && !littleEndian) || !isGzip(source)) return null;
  // Room is made by the header's word only where the stream says the same.
  if (statedLength(source) < end || largestInflatedLength(source.length) < end) return null;
  const count = voxelByteLength / itemSize;
  const result =
    wider === "float32"
      ? new Float32Array(borrowBuffer(4 * count), 0, count)
      : new Int16Array(borrowBuffer(2 * count), 0, count);
  const split = new Uint8Array(itemSize);
  const place = (bytes: Uint8Array, at: number) => {
    const voxels = voxelsFromBytes(alignedBytes(bytes as Uint8Array<ArrayBuffer>, dtype), dtype, true);
    result.set(voxels as Float32Array, at / itemSize);
  };
  const found = await gunzipPieces(source, end, (piece, pieceAt) => {
    let at = Math.max(0, pieceAt - voxelOffset);
    let rest = piece.subarray(Math.max(0, voxelOffset - pieceAt), Math.max(0, end - pieceAt));
    // A voxel may be cut between two pieces.
    for (; at % itemSize !== 0 && rest.length > 0; at++, rest = rest.subarray(1)) {
      split[at % itemSize] = rest[0];
      if ((at + 1) % itemSize === 0) place(split.slice(), at + 1 - itemSize);
    }
    const whole = rest.length - (rest.length % itemSize);
    if (whole > 0) place(rest.subarray(0, whole), at);
    split.set(rest.subarray(whole));
  });
  if (found < end) throw tooShort(header, found, "the file has");
  return result;
}

/** ITK's rescaling: integers become float32 first, the arithmetic is float64, the result has the type it had before. */
export function scaled(values: VoxelArray, { dtype, slope, inter }: NiftiHeader): VoxelArray {
  if (slope === 1 && inter === 0) return values;
  const keeps = dtype === "float32" || dtype === "float64" || values instanceof Float32Array;
  const result = keeps ? values : Float32Array.from(values);
  for (let i = 0; i < result.length; i++) result[i] = result[i] * slope + inter;
  return result;
}
