import { NnprepError } from "../core/errors.js";
import { NdArray, PyDict, PyFloat, PyTuple, type PyValue } from "../core/python.js";
import type { Vec3 } from "../core/volume.js";

/** Reads values out of a pickled document; every error names the document's key and what stands there. */

function fail(key: string, expected: string, found: PyValue | undefined): never {
  throw new NnprepError("INVALID_PLANS", `${key}: expected ${expected}, found ${describe(found)}`, { key, expected });
}

function describe(value: PyValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value instanceof PyDict) return `a dict of ${value.entries.length} entries`;
  if (value instanceof PyTuple) return `a tuple of ${value.items.length} values`;
  if (value instanceof NdArray) return `an array of shape (${value.shape.join(", ")})`;
  if (Array.isArray(value)) return `a list of ${value.length} values`;
  return value instanceof PyFloat ? `${value.value}` : `${typeof value} ${String(value)}`;
}

/** A number, whether Python's or a NumPy scalar; undefined if `value` is no number. */
function scalar(value: PyValue | undefined): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof PyFloat) return value.value;
  if (value instanceof NdArray && value.data.length === 1 && value.shape.length === 0) return Number(value.data[0]);
  return undefined;
}

function sequence(value: PyValue | undefined): readonly PyValue[] | undefined {
  if (value instanceof PyTuple) return value.items;
  return Array.isArray(value) ? value : undefined;
}

export function toDict(value: PyValue | undefined, key: string): PyDict {
  return value instanceof PyDict ? value : fail(key, "a dict", value);
}

export function toNumber(value: PyValue | undefined, key: string): number {
  return scalar(value) ?? fail(key, "a number", value);
}

export function toText(value: PyValue | undefined, key: string): string {
  return typeof value === "string" ? value : fail(key, "a string", value);
}

/** A bool, also as a NumPy scalar or the numbers 0 and 1. */
export function toBoolean(value: PyValue | undefined, key: string): boolean {
  if (typeof value === "boolean") return value;
  const number = scalar(value);
  return number === 0 || number === 1 ? number === 1 : fail(key, "True or False", value);
}

export function toList<T>(value: PyValue | undefined, key: string, read: (item: PyValue, key: string) => T): T[] {
  const items = sequence(value) ?? fail(key, "a list", value);
  return items.map((item, i) => read(item, `${key}[${i}]`));
}

/** A list, tuple or one-dimensional array of numbers. */
export function toNumbers(value: PyValue | undefined, key: string): number[] {
  if (value instanceof NdArray && value.shape.length === 1) return Array.from(value.data, Number);
  return toList(value, key, toNumber);
}

/** Three numbers. */
export function toVec3(value: PyValue | undefined, key: string): Vec3 {
  const numbers = toNumbers(value, key);
  return numbers.length === 3 ? (numbers as unknown as Vec3) : fail(key, "three numbers", value);
}

/** A dict with whole numbers as keys, in its order. */
export function toNumberedMap<T>(
  value: PyValue | undefined,
  key: string,
  read: (item: PyValue, key: string) => T,
): Map<number, T> {
  return new Map(
    toDict(value, key).entries.map(([k, item]) => [toNumber(k, `${key}: a key`), read(item, `${key}[${String(k)}]`)]),
  );
}

/** A dict with strings as keys, in its order. */
export function toNamedMap<T>(
  value: PyValue | undefined,
  key: string,
  read: (item: PyValue, key: string) => T,
): Map<string, T> {
  return new Map(
    toDict(value, key).entries.map(([k, item]) => [toText(k, `${key}: a key`), read(item, `${key}[${String(k)}]`)]),
  );
}

/** A dict, entries in the order of the map. */
export function fromMap<K extends string | number, T>(
  map: ReadonlyMap<K, T>,
  write: (value: T) => PyValue,
  ordered = false,
): PyDict {
  return new PyDict(
    [...map].map(([k, value]) => [k, write(value)] as const),
    ordered,
  );
}

/** NumPy float64 array with one dimension. */
export function float64Array(values: readonly number[]): NdArray {
  return new NdArray(Float64Array.from(values), [values.length]);
}

/** NumPy int64 array with one dimension. */
export function int64Array(values: readonly number[]): NdArray {
  return new NdArray(BigInt64Array.from(values, BigInt), [values.length]);
}
