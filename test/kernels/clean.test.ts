import { beforeAll, expect, test } from "vitest";
import { clearLowLabels, countNan, wholeFloatLabels, wholeLabels } from "../../src/kernels/clean.js";
import { TILE } from "../../src/kernels/tile.js";
import { init } from "../../src/runtime/instantiate.js";

beforeAll(() => init());

const LENGTHS = [0, 1, 3, 15, 16, 17, 31, 32, 33, TILE - 1, TILE, TILE + 1, 2 * TILE + 5];

test.each(LENGTHS)("NaN is counted wherever it is, infinities are not: %i values", (n) => {
  const values = Float32Array.from({ length: n }, (_, i) => [1.5, Infinity, -Infinity, -0, 1e-40][i % 5]);
  expect(countNan(values)).toBe(0);
  for (const at of [0, n >> 1, n - 1]) if (at >= 0) values[at] = Number.NaN;
  expect(countNan(values)).toBe(values.filter(Number.isNaN).length);
  expect(countNan(values.fill(Number.NaN))).toBe(n);
});

test.each(LENGTHS)("labels below -1 become 0, others stay: %i labels", (n) => {
  const labels = Int16Array.from({ length: n }, (_, i) => [-1, 0, 7, 32767][i % 4]);
  const before = labels.slice();
  clearLowLabels(labels);
  expect(labels).toEqual(before);
  for (const [i, at] of [0, n >> 1, n - 1].entries()) if (at >= 0) labels[at] = [-2, -32768, -3][i];
  const expected = labels.map((x) => (x < -1 ? 0 : x));
  clearLowLabels(labels);
  expect(labels).toEqual(expected);
});

const KINDS = [Float32Array, Float64Array, Int32Array, Uint32Array, Uint16Array, Int16Array, Int8Array, Uint8Array];

test.each(LENGTHS)("labels of every type become int16, and the first that does not fit is named: %i labels", (n) => {
  const values = Float32Array.from({ length: n }, (_, i) => [-1, 0, 32767, -32768, -0, 61][i % 6]);
  for (const Kind of KINDS) {
    // What the type cannot hold itself is another number there.
    const labels = Kind.from(values.map((value) => (Kind.of(value)[0] === value ? value : 5)));
    expect(wholeLabels(labels)).toEqual(Int16Array.from(labels));
    for (const wrong of [0.5, 32768, -32769, 2 ** 100, Number.NaN, Infinity]) {
      if (n === 0 || !Object.is(Kind.of(wrong)[0], wrong)) continue;
      for (const at of [n - 1, n >> 1]) {
        const damaged = labels.slice();
        damaged[at] = wrong;
        expect(wholeLabels(damaged)).toBe(at);
      }
    }
  }
  const int16 = Int16Array.from(values);
  expect(wholeLabels(int16)).toBe(int16);
});

test.each(LENGTHS)("float32 labels become int16 in their own memory: %i labels", (n) => {
  const expected = Int16Array.from({ length: n }, (_, i) => (i * 7919) % 30000);
  const values = Float32Array.from(expected);
  expect(wholeFloatLabels(values, new Int16Array(values.buffer, 0, n))).toEqual(expected);
  if (n === 0) return;
  const damaged = Float32Array.from(expected);
  damaged[n - 1] = 0.5;
  expect(wholeFloatLabels(damaged, new Int16Array(damaged.buffer, 0, n))).toBe(n - 1);
  expect(damaged[n - 1]).toBe(0.5);
});
