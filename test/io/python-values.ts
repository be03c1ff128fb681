import { NdArray, type NdArrayData, PyDict, PyFloat, PyTuple, type PyValue } from "../../src/core/python.js";

/** A Python value as test/oracle/pickles.py describes it. */
export type Described =
  | null
  | boolean
  | string
  | { int: string }
  | { float: string }
  | { tuple: Described[] }
  | { list: Described[] }
  | { dict: [Described, Described][]; ordered: boolean }
  | { array: { dtype: string; shape: number[]; base64: string } };

const constructors: Record<string, new (buffer: ArrayBuffer) => NdArrayData> = {
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

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

/** Python's `float.hex()`. */
function parseHexFloat(text: string): number {
  const match = /^(-?)0x([01])\.?([0-9a-f]*)p([+-]\d+)$/.exec(text);
  if (match === null)
    return { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY }[text]!;
  const bits = match[3].padEnd(13, "0").slice(0, 13);
  const mantissa = Number.parseInt(match[2] + bits, 16);
  // In two steps, because 2 ** -1074 times 2 ** 52 may not be left out of range on the way.
  const exponent = Number(match[4]);
  const value = exponent < -1000 ? mantissa * 2 ** (exponent + 948) * 2 ** -1000 : mantissa * 2 ** (exponent - 52);
  return match[1] === "-" ? -value : value;
}

export function parseDescribed(value: Described): PyValue {
  if (value === null || typeof value !== "object") return value;
  if ("int" in value) {
    const number = Number(value.int);
    return Number.isSafeInteger(number) ? number : BigInt(value.int);
  }
  if ("float" in value) {
    const number = parseHexFloat(value.float);
    return Number.isInteger(number) ? new PyFloat(number) : number;
  }
  if ("tuple" in value) return new PyTuple(value.tuple.map(parseDescribed));
  if ("list" in value) return value.list.map(parseDescribed);
  if ("dict" in value) {
    return new PyDict(
      value.dict.map(([key, item]) => [parseDescribed(key), parseDescribed(item)] as const),
      value.ordered,
    );
  }
  const { dtype, shape, base64 } = value.array;
  return new NdArray(new constructors[dtype](fromBase64(base64).buffer), shape);
}
