import { NnprepError } from "../core/errors.js";
import type { Volume, VoxelArray } from "../core/volume.js";
import { gunzip, gunzipPrefix, isGzip, largestInflatedLength } from "./gzip.js";
import { NIFTI_HEADER_LENGTH, parseNiftiFields } from "./nifti-fields.js";
import { interpretNiftiFields, type NiftiDtype, type NiftiHeader } from "./nifti-header.js";

export { type NiftiHeader, readNiftiHeader } from "./nifti-header.js";
export { formatNifti } from "./nifti-writer.js";

export interface ParseNiftiOptions {
  /** Bytes of the .img file (gzipped or not) when `bytes` are those of its .hdr. */
  readonly pairedImage?: Uint8Array;
}

type NiftiArray = VoxelArray | BigInt64Array | BigUint64Array;
type Constructor = new (buffer: ArrayBuffer, byteOffset: number, length: number) => NiftiArray;

const ARRAYS: Readonly<Record<NiftiDtype, Constructor & { readonly BYTES_PER_ELEMENT: number }>> = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
};

/**
 * Reads a NIfTI-1 or NIfTI-2 file (.nii, .nii.gz, or .hdr with `pairedImage`) as SimpleITK 2.5 reads it: axes slowest
 * first, scl_slope and scl_inter applied, geometry in LPS. Voxels keep their type, but for 64-bit integers (float64)
 * and scaled integers (float32). The volume owns its memory.
 *
 * Throws CORRUPT_FILE (no NIfTI, cut off, damaged, impossible header) or UNSUPPORTED (colour, complex, more than three
 * axes, no orthogonal geometry, integers beyond 2^53).
 */
export async function parseNifti(bytes: Uint8Array, options: ParseNiftiOptions = {}): Promise<Volume> {
  const head = isGzip(bytes) ? gunzipPrefix(bytes, NIFTI_HEADER_LENGTH) : bytes;
  const header = interpretNiftiFields(parseNiftiFields(head));
  if (!header.singleFile && options.pairedImage === undefined) {
    throw new NnprepError("INVALID_ARGUMENT", "NIfTI header of a pair (.hdr and .img): the .img file is needed too", {
      expected: "pairedImage",
    });
  }
  const source = header.singleFile ? bytes : (options.pairedImage as Uint8Array);
  const memory = await voxelMemory(source, header);
  const data = scaled(valuesOf(memory, header), header);
  return { data, shape: header.shape, geometry: header.geometry };
}

function tooShort(header: NiftiHeader, found: number, where: string): NnprepError {
  const itemSize = ARRAYS[header.dtype].BYTES_PER_ELEMENT;
  const expected = header.voxelByteLength / itemSize;
  const there = Math.max(0, Math.floor((found - header.voxelOffset) / itemSize));
  return new NnprepError(
    "CORRUPT_FILE",
    `NIfTI header promises ${expected} voxels (${header.shape[2]} x ${header.shape[1]} x ${header.shape[0]}, ${header.dtype}), but ${where} ${there}; the file is cut off or its header is damaged`,
    { expected, found: there, byteLength: found },
  );
}

/** The bytes of the voxels in memory of their own, aligned for their type, still in the file's byte order. */
async function voxelMemory(source: Uint8Array, header: NiftiHeader): Promise<Uint8Array<ArrayBuffer>> {
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
  return voxels.byteOffset % ARRAYS[header.dtype].BYTES_PER_ELEMENT === 0 ? voxels : new Uint8Array(voxels);
}

/** Turns the bytes of every element round, in place. */
function swapInPlace(bytes: Uint8Array, itemSize: number): void {
  const half = itemSize >> 1;
  for (let at = 0; at < bytes.length; at += itemSize) {
    for (let i = 0, j = itemSize - 1; i < half; i++, j--) {
      const byte = bytes[at + i];
      bytes[at + i] = bytes[at + j];
      bytes[at + j] = byte;
    }
  }
}

function valuesOf(memory: Uint8Array<ArrayBuffer>, { dtype, littleEndian }: NiftiHeader): VoxelArray {
  const ArrayOfType = ARRAYS[dtype];
  const itemSize = ArrayOfType.BYTES_PER_ELEMENT;
  if (!littleEndian && itemSize > 1) swapInPlace(memory, itemSize);
  if (dtype === "int64" || dtype === "uint64") return wideIntegers(memory, dtype === "int64");
  return new ArrayOfType(memory.buffer, memory.byteOffset, memory.length / itemSize) as VoxelArray;
}

/** 64-bit integers as float64; refuses those that float64 does not hold. */
function wideIntegers(memory: Uint8Array<ArrayBuffer>, signed: boolean): Float64Array {
  const low = new Uint32Array(memory.buffer, memory.byteOffset, memory.length / 4);
  const high = signed ? new Int32Array(memory.buffer, memory.byteOffset, memory.length / 4) : low;
  const result = new Float64Array(memory.length / 8);
  for (let i = 0; i < result.length; i++) {
    const value = high[2 * i + 1] * 4294967296 + low[2 * i];
    // 2^53 + 1 is rounded to 2^53; its low half gives it away.
    if (Math.abs(value) > 2 ** 53 || (Math.abs(value) === 2 ** 53 && low[2 * i] !== 0)) {
      throw new NnprepError(
        "UNSUPPORTED",
        `NIfTI voxel ${i} is a 64-bit integer beyond 2^53 (about ${value}), which cannot be kept exactly; store smaller numbers`,
        { found: value, voxel: i },
      );
    }
    result[i] = value;
  }
  return result;
}

/** ITK's rescaling: integers become float32 first, the arithmetic is float64, the result has the type it had before. */
function scaled(values: VoxelArray, { dtype, slope, inter }: NiftiHeader): VoxelArray {
  if (slope === 1 && inter === 0) return values;
  const isFloat = dtype === "float32" || dtype === "float64";
  const result = isFloat ? values : Float32Array.from(values);
  for (let i = 0; i < result.length; i++) result[i] = result[i] * slope + inter;
  return result;
}
