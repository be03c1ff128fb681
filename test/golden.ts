import type { VoxelArray } from "../src/core/volume.js";

/** An array in a fixture, as `test/oracle/fixture.py` writes it: C order, base64 of little-endian bytes. */
export interface GoldenArray {
  readonly dtype: string;
  readonly shape: number[];
  readonly base64: string;
}

const constructors = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** The typed array of a fixture's entry; `T` is what the test knows it to be. */
export function decode<T extends VoxelArray>(array: GoldenArray): T {
  const bytes = Uint8Array.from(atob(array.base64), (c) => c.charCodeAt(0));
  const kind = constructors[array.dtype as keyof typeof constructors];
  if (kind === undefined) throw new Error(`fixture dtype ${array.dtype} is not known`);
  return new kind(bytes.buffer) as T;
}

/** Number of elements that are not the same bits (NaN equals NaN, -0 differs from 0). */
export function countDifferences(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Math.max(a.length, b.length);
  let count = 0;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) count++;
  return count;
}

/** Largest absolute difference. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}
