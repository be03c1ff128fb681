import { NnprepError } from "../core/errors.js";
import type { VoxelArray } from "../core/volume.js";
import { gunzip, isGzip, largestInflatedLength } from "./gzip.js";
import type { NiftiHeader } from "./nifti-header.js";
import type { NonFiniteCounts } from "./scan-file.js";
import { alignedBytes, itemSizeOf } from "./voxel-bytes.js";

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

/** ITK's rescaling: integers become float32 first, the arithmetic is float64, the result has the type it had before. */
export function scaled(values: VoxelArray, { dtype, slope, inter }: NiftiHeader): VoxelArray {
  if (slope === 1 && inter === 0) return values;
  const isFloat = dtype === "float32" || dtype === "float64";
  const result = isFloat ? values : Float32Array.from(values);
  for (let i = 0; i < result.length; i++) result[i] = result[i] * slope + inter;
  return result;
}
