import { NnprepError } from "../core/errors.js";
import { NdArray, type NdArrayData } from "../core/python.js";

/** How the elements of a NumPy dtype lie in memory and become a typed array. */
export interface PlainDtype {
  /** Bytes per element. */
  readonly itemSize: number;
  readonly bigEndian: boolean;
  /** Makes the typed array of `count` elements of which `bytes` are the little-endian memory; copies if it must. */
  readonly decode: (bytes: Uint8Array, count: number) => NdArrayData;
}

type Constructor = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => NdArrayData;

const PLAIN: Readonly<Record<string, Constructor>> = {
  b1: Uint8Array,
  i1: Int8Array,
  u1: Uint8Array,
  i2: Int16Array,
  u2: Uint16Array,
  i4: Int32Array,
  u4: Uint32Array,
  i8: BigInt64Array,
  u8: BigUint64Array,
  f4: Float32Array,
  f8: Float64Array,
};

/** NumPy's name of a typed array's dtype, little endian, as in `array.dtype.str`. */
export function dtypeName(data: NdArrayData): string {
  if (data instanceof Int8Array) return "|i1";
  if (data instanceof Uint8Array) return "|u1";
  if (data instanceof Int16Array) return "<i2";
  if (data instanceof Uint16Array) return "<u2";
  if (data instanceof Int32Array) return "<i4";
  if (data instanceof Uint32Array) return "<u4";
  if (data instanceof BigInt64Array) return "<i8";
  if (data instanceof BigUint64Array) return "<u8";
  return data instanceof Float32Array ? "<f4" : "<f8";
}

/** The memory of a typed array, not copied. */
export function bytesOf(data: NdArrayData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Understands a dtype like `<f4`, `|b1`, `>i2`. Booleans become Uint8Array, float16 becomes Float32Array,
 * 64-bit integers BigInt64Array / BigUint64Array. Throws UNSUPPORTED for anything else.
 */
export function parseDtype(dtype: string): PlainDtype {
  const match = /^([<>|=]?)([biuf])([1248])$/.exec(dtype);
  const kind = match ? match[2] + match[3] : "";
  if (match !== null && kind === "f2") {
    return { itemSize: 2, bigEndian: match[1] === ">", decode: decodeFloat16 };
  }
  const ArrayOfKind = PLAIN[kind];
  if (match === null || ArrayOfKind === undefined) {
    throw new NnprepError(
      "UNSUPPORTED",
      `NumPy dtype "${dtype}" cannot be read; bool, integers and floats of up to 64 bits can`,
      { found: dtype },
    );
  }
  const itemSize = Number(match[3]);
  const decode = (bytes: Uint8Array, count: number) => {
    const aligned = bytes.byteOffset % itemSize === 0 ? bytes : new Uint8Array(bytes);
    return new ArrayOfKind(aligned.buffer, aligned.byteOffset, count);
  };
  return { itemSize, bigEndian: match[1] === ">", decode };
}

function decodeFloat16(bytes: Uint8Array, count: number): Float32Array {
  const result = new Float32Array(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < count; i++) {
    const half = view.getUint16(2 * i, true);
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    let value: number;
    if (exponent === 0) value = fraction * 2 ** -24;
    else if (exponent === 31) value = fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
    else value = (1024 + fraction) * 2 ** (exponent - 25);
    result[i] = half & 0x8000 ? -value : value;
  }
  return result;
}

/** Reverses the bytes of every element, in a copy. */
export function swapBytes(bytes: Uint8Array, itemSize: number): Uint8Array {
  const result = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += itemSize) {
    for (let i = 0; i < itemSize; i++) result[at + i] = bytes[at + itemSize - 1 - i];
  }
  return result;
}

/**
 * An array from raw memory. `fortranOrder` memory (first axis fastest) is turned to C order. `bytes` may be shared by
 * the result. Throws CORRUPT_FILE when there are fewer bytes than the shape needs.
 */
export function makeArray(bytes: Uint8Array, dtype: string, shape: readonly number[], fortranOrder: boolean): NdArray {
  const { itemSize, bigEndian, decode } = parseDtype(dtype);
  const count = shape.reduce((a, b) => a * b, 1);
  if (bytes.length < count * itemSize) {
    throw new NnprepError(
      "CORRUPT_FILE",
      `array of shape (${shape.join(", ")}) and dtype ${dtype} needs ${count * itemSize} bytes, ${bytes.length} found`,
      { found: bytes.length, expected: count * itemSize },
    );
  }
  const memory = bytes.subarray(0, count * itemSize);
  const data = decode(bigEndian && itemSize > 1 ? swapBytes(memory, itemSize) : memory, count);
  const order = fortranOrder && shape.filter((n) => n !== 1).length > 1 ? fromFortranOrder(data, shape) : data;
  return new NdArray(order, shape);
}

/** First axis fastest to last axis fastest. */
function fromFortranOrder(data: NdArrayData, shape: readonly number[]): NdArrayData {
  const result = data.slice();
  const strides: number[] = [];
  let stride = 1;
  for (const n of shape) {
    strides.push(stride);
    stride *= n;
  }
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < data.length; to++) {
    result[to] = data[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}

function corrupt(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", `not a NumPy array file: ${message}`, detail);
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

interface NpyHeader {
  readonly dtype: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Where the elements begin. */
  readonly start: number;
}

function readNpyHeader(bytes: Uint8Array): NpyHeader {
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw corrupt("it does not begin with \\x93NUMPY");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6];
  if (version < 1 || version > 3) throw corrupt(`format version ${version}, 1 to 3 expected`, { found: version });
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : bytes.length < 12 ? 0 : view.getUint32(8, true);
  if (start + length > bytes.length) throw corrupt(`its header of ${length} bytes is cut off`);
  const header = new TextDecoder().decode(bytes.subarray(start, start + length));
  const descr = /'descr'\s*:\s*(?:'([^']*)'|([[(][^\n]*))/.exec(header);
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(header);
  const shape = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(header);
  const isTwice = ["descr", "fortran_order", "shape"].some((key) => header.split(`'${key}'`).length > 2);
  if (descr === null || fortran === null || shape === null || isTwice)
    throw corrupt(`header "${header.trim().slice(0, 200)}"`);
  const sizes = shape[1]
    .split(",")
    .map((text) => text.trim().replace("L", ""))
    .filter((text) => text !== "")
    .map(Number);
  return {
    dtype: descr[1] ?? descr[2].slice(0, 80),
    fortranOrder: fortran[1] === "True",
    shape: sizes,
    start: start + length,
  };
}

/** Shape of the array, and bytes of its elements, from the first bytes of a `.npy` file. Throws CORRUPT_FILE, UNSUPPORTED. */
export function parseNpyGrid(head: Uint8Array): { readonly shape: readonly number[]; readonly byteLength: number } {
  const { dtype, shape } = readNpyHeader(head);
  const { itemSize } = parseDtype(dtype.replace("f2", "u2"));
  return { shape, byteLength: shape.reduce((a, b) => a * b, itemSize) };
}

/**
 * Parses a `.npy` file (format versions 1 to 3). The array may share the memory of `bytes`.
 * Throws CORRUPT_FILE, and UNSUPPORTED for dtypes that are not plain numbers.
 */
export function parseNpy(bytes: Uint8Array): NdArray {
  const { dtype, fortranOrder, shape, start } = readNpyHeader(bytes);
  return makeArray(bytes.subarray(start), dtype, shape, fortranOrder);
}

/** Floats as they are stored; float16 as its bits in a Uint16Array. */
export interface StoredFloats {
  readonly precision: "float16" | "float32" | "float64";
  readonly data: Uint16Array | Float32Array | Float64Array;
  readonly shape: readonly number[];
}

/** Parses a `.npy` file of floats without widening them. Throws UNSUPPORTED if it holds anything else. */
export function parseNpyFloats(bytes: Uint8Array): StoredFloats {
  const { dtype, fortranOrder, shape, start } = readNpyHeader(bytes);
  const kind = dtype.replace(/^[<>|=]/, "");
  if (kind !== "f2" && kind !== "f4" && kind !== "f8") {
    throw new NnprepError("UNSUPPORTED", `NumPy dtype "${dtype}" found, floating point (float16 or float32) expected`, {
      found: dtype,
    });
  }
  const { data } = makeArray(bytes.subarray(start), dtype.replace("f2", "u2"), shape, fortranOrder);
  const precision = kind === "f2" ? "float16" : kind === "f4" ? "float32" : "float64";
  return { precision, data: data as StoredFloats["data"], shape };
}

/** Header of a `.npy` file, version 1 (2 when it is too long), padded so that the data begin at a multiple of 64. */
export function formatNpyHeader(dtype: string, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dictionary = `{'descr': '${dtype}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const version = dictionary.length + 75 > 0xffff ? 2 : 1;
  const start = version === 1 ? 10 : 12;
  const total = Math.ceil((start + dictionary.length + 1) / 64) * 64;
  const text = `${dictionary.padEnd(total - start - 1)}\n`;
  const header = new Uint8Array(total);
  header.set([...MAGIC, version, 0]);
  const view = new DataView(header.buffer);
  if (version === 1) view.setUint16(8, text.length, true);
  else view.setUint32(8, text.length, true);
  header.set(new TextEncoder().encode(text), start);
  return header;
}

/** A `.npy` file of the array, C order, little endian. */
export function formatNpy(array: NdArray): Uint8Array<ArrayBuffer> {
  const header = formatNpyHeader(dtypeName(array.data), array.shape);
  const result = new Uint8Array(header.length + array.data.byteLength);
  result.set(header);
  result.set(bytesOf(array.data), header.length);
  return result;
}
