import { NnprepError } from "../core/errors.js";
import type { VoxelArray } from "../core/volume.js";

/** Voxel types of files; 64-bit integers become float64 in memory. */
export type VoxelDtype =
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float32"
  | "float64";

type AnyArray = VoxelArray | BigInt64Array | BigUint64Array;
type Constructor = new (buffer: ArrayBuffer, byteOffset: number, length: number) => AnyArray;

const ARRAYS: Readonly<Record<VoxelDtype, Constructor & { readonly BYTES_PER_ELEMENT: number }>> = {
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

/** Bytes per voxel. */
export function itemSizeOf(dtype: VoxelDtype): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/** The type that an array has in a file. */
export function dtypeOfArray(data: VoxelArray): VoxelDtype {
  const names = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"] as const;
  return names.find((name) => data instanceof ARRAYS[name]) ?? "float64";
}

/** The bytes in memory that may be kept, aligned for `dtype`. */
export function alignedBytes(bytes: Uint8Array<ArrayBuffer>, dtype: VoxelDtype): Uint8Array<ArrayBuffer> {
  return bytes.byteOffset % itemSizeOf(dtype) === 0 ? bytes : new Uint8Array(bytes);
}

/** Turns the bytes of every element round, in place. */
export function swapBytes(bytes: Uint8Array, itemSize: number): void {
  const half = itemSize >> 1;
  for (let at = 0; at < bytes.length; at += itemSize) {
    for (let i = 0, j = itemSize - 1; i < half; i++, j--) {
      const byte = bytes[at + i];
      bytes[at + i] = bytes[at + j];
      bytes[at + j] = byte;
    }
  }
}

/**
 * Voxels from the bytes of a file: `memory` is aligned, given up, and holds whole elements. Throws UNSUPPORTED for
 * integers beyond 2^53.
 */
export function voxelsFromBytes(memory: Uint8Array<ArrayBuffer>, dtype: VoxelDtype, littleEndian: boolean): VoxelArray {
  const itemSize = itemSizeOf(dtype);
  if (!littleEndian && itemSize > 1) swapBytes(memory, itemSize);
  if (dtype === "int64" || dtype === "uint64") return wideIntegers(memory, dtype === "int64");
  return new ARRAYS[dtype](memory.buffer, memory.byteOffset, memory.length / itemSize) as VoxelArray;
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
        `voxel ${i} is a 64-bit integer beyond 2^53 (about ${value}), which cannot be kept exactly; store smaller numbers`,
        { found: value, voxel: i },
      );
    }
    result[i] = value;
  }
  return result;
}

/** Smallest and largest whole number of each integer type; 64-bit ones as far as float64 holds them. */
const RANGES: Readonly<Partial<Record<VoxelDtype, readonly [number, number]>>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 53), 2 ** 53],
  uint64: [0, 2 ** 53],
};

/**
 * Voxels written as text, apart by white space or commas. Throws CORRUPT_FILE when there are too few, or when one is no
 * number of its type.
 */
export function voxelsFromText(text: Uint8Array, dtype: VoxelDtype, count: number): VoxelArray {
  const isWide = dtype === "int64" || dtype === "uint64";
  const ArrayOfType = ARRAYS[isWide ? "float64" : dtype];
  const range = RANGES[dtype];
  const result = new ArrayOfType(new ArrayBuffer(count * ArrayOfType.BYTES_PER_ELEMENT), 0, count) as VoxelArray;
  let at = 0;
  for (let i = 0; i < count; i++) {
    while (at < text.length && isSeparator(text[at])) at++;
    const begin = at;
    while (at < text.length && !isSeparator(text[at])) at++;
    const word = String.fromCharCode(...text.subarray(begin, Math.min(at, begin + 64)));
    const value = word === "" ? Number.NaN : Number(word);
    const fits =
      range === undefined
        ? word !== "" && (!Number.isNaN(value) || /^nan$/i.test(word))
        : value >= range[0] && value <= range[1] && Number.isInteger(value);
    if (!fits) {
      const found = word === "" ? "the end of the file" : `"${word}"`;
      throw new NnprepError(
        "CORRUPT_FILE",
        `${found} found as voxel ${i} of ${count}, a number of type ${dtype} expected; the file is cut off or damaged`,
        { found: word, voxel: i, expected: dtype },
      );
    }
    result[i] = value;
  }
  return result;
}

function isSeparator(byte: number): boolean {
  return byte === 32 || byte === 10 || byte === 13 || byte === 9 || byte === 44 || byte === 11 || byte === 12;
}
