import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { clipAndScale } from "../../src/kernels/normalize.js";
import { TILE } from "../../src/kernels/tile.js";
import { init } from "../../src/runtime/instantiate.js";
import { countDifferences } from "../golden.js";

beforeAll(() => init());

const r = Math.fround;

test("every operation rounds to float32, at every length and place", () => {
  for (const n of [0, 1, 7, 8, 9, 15, 16, 17, TILE - 1, TILE, TILE + 1]) {
    const values = Float32Array.from({ length: n }, (_, i) => ((i * 7919) % 1009) / 7 - 50);
    const label = Int16Array.from(values, (_, i) => [-1, 0, 300, -2][i % 4]);
    const expected = values.map((x) => r(Math.min(Math.max(x, r(-30.1)), r(70.7)) - r(0.3)) / r(12.7));
    const scaling = { low: -30.1, high: 70.7, mean: 0.3, sd: 12.7 };
    const before = values.slice();
    expect(countDifferences(clipAndScale(values, scaling), expected)).toBe(0);
    expect(countDifferences(values, before)).toBe(0);
    const masked = expected.map((x, i) => (label[i] < 0 ? 0 : x));
    expect(clipAndScale(values, scaling, label, values)).toBe(values);
    expect(countDifferences(values, masked)).toBe(0);
  }
});

test("NaN stays, infinities are clipped, bounds are optional", () => {
  const values = new Float32Array([Number.NaN, Infinity, -Infinity, 5]);
  expect([...clipAndScale(values, { low: 0, high: 2, mean: 1, sd: 1 })]).toEqual([Number.NaN, 1, -1, 1]);
  expect([...clipAndScale(values, { mean: 1, sd: 2 })]).toEqual([Number.NaN, Infinity, -Infinity, 2]);
  expect([...clipAndScale(values, { low: Number.NaN, mean: 1, sd: 2 })]).toEqual(Array(4).fill(Number.NaN));
});

test("mean 0 and deviation 1 without bounds change nothing", () => {
  fc.assert(
    fc.property(fc.float32Array({ noNaN: true }), (values) => {
      expect(countDifferences(clipAndScale(values, { mean: 0, sd: 1 }), values)).toBe(0);
    }),
  );
});

test("arrays of another length are refused", () => {
  expect(() => clipAndScale(new Float32Array(3), { mean: 0, sd: 1 }, new Int16Array(2))).toThrow(/label has 2 voxels/);
  expect(() => clipAndScale(new Float32Array(3), { mean: 0, sd: 1 }, null, new Float32Array(4))).toThrow(
    /destination has 4 voxels, the image 3/,
  );
});
