import type { NdArrayData } from "../../src/core/python.js";

/** The formulas of `test/oracle/v2_b2nd.py`. */
const FORMULAS: Readonly<Record<string, (i: number, count: number, shape: readonly number[]) => number>> = {
  ramp: (i, count) => (i >= count - Math.floor(count / 4) ? 0 : (Math.floor(i / 3) * 7) % 101),
  noise: (i) => Math.imul(i, 2654435761) >>> 25,
  zeros: () => 0,
  nans: () => Number.NaN,
  "-3": () => -3,
  corner: (i) => (i < 4 * 40 && i % 40 < 20 ? -3 : 0),
};

const CONSTRUCTORS: Readonly<Record<string, (values: number[]) => NdArrayData>> = {
  u1: (values) => Uint8Array.from(values),
  i1: (values) => Int8Array.from(values),
  b1: (values) => Uint8Array.from(values, (value) => value % 2),
  u2: (values) => Uint16Array.from(values),
  i2: (values) => Int16Array.from(values),
  i4: (values) => Int32Array.from(values),
  u4: (values) => Uint32Array.from(values),
  i8: (values) => BigInt64Array.from(values.map(BigInt)),
  f2: (values) => Float32Array.from(values),
  f4: (values) => Float32Array.from(values),
  f8: (values) => Float64Array.from(values),
};

/** The array of a fixture; float16 as float32. */
export function makeContent(content: string, shape: readonly number[], dtype: string): NdArrayData {
  const count = shape.reduce((a, b) => a * b, 1);
  const formula = FORMULAS[content];
  const construct = CONSTRUCTORS[dtype.slice(1)];
  if (formula === undefined || construct === undefined) throw new Error(`${content}, ${dtype}: not known`);
  return construct(Array.from({ length: count }, (_, i) => formula(i, count, shape)));
}
