import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { meanAndStd, minAndMax, voxelsWhere } from "../../src/kernels/moments.js";
import { TILE } from "../../src/kernels/tile.js";
import { init } from "../../src/runtime/instantiate.js";
import { decode } from "../golden.js";
import { fromPython, statisticsCases } from "../statistics-cases.js";

beforeAll(() => init());

/** Equal up to the rounding of float64 sums. */
function expectClose(found: number, expected: number, scale: number): void {
  if (Number.isFinite(expected)) expect(Math.abs(found - expected)).toBeLessThanOrEqual(scale);
  else expect(found).toBe(expected);
}

test.each(statisticsCases)("mean, deviation and range equal NumPy's in float64: %s", (_, c) => {
  const values = decode<Float32Array>(c.values);
  const mean = fromPython(c.mean64);
  const std = fromPython(c.std64);
  const found = meanAndStd(values);
  expect(found.count).toBe(values.length);
  expectClose(found.mean, mean, 1e-13 * (Math.abs(mean) + std));
  // NumPy's own float64 sum is off by some 1e-16 of the mean where all values are equal.
  expectClose(found.std, std, 1e-12 * std + 1e-15 * Math.abs(mean));
  expect(minAndMax(values)).toEqual({ min: fromPython(c.statistics.mn), max: fromPython(c.statistics.mx) });
});

test("a mean of 1e6 does not spoil a deviation of 1/2 over three million voxels", () => {
  const values = Float32Array.from({ length: 3_000_000 }, (_, i) => 1e6 + (i % 2 === 0 ? 0.5 : -0.5));
  expect(meanAndStd(values)).toEqual({ count: 3_000_000, mean: 1e6, std: 0.5 });
});

test("an outlier in front, far from all others, does no harm", () => {
  const values = new Float32Array(1_000_000).fill(1);
  values.fill(3, 500_000);
  values[0] = 1e6;
  const mean = (1e6 + 499_999 + 1_500_000) / 1e6;
  const variance = ((1e6 - mean) ** 2 + 499_999 * (1 - mean) ** 2 + 500_000 * (3 - mean) ** 2) / 1e6;
  const found = meanAndStd(values);
  expectClose(found.mean, mean, 1e-12);
  expectClose(found.std, Math.sqrt(variance), 1e-11 * found.std);
});

test("a selection has the moments of its voxels", () => {
  const some = fc.integer({ min: 1, max: 200 }).chain((n) =>
    fc.record({
      values: fc.float32Array({ minLength: n, maxLength: n, noNaN: true, min: -1000, max: 1000 }),
      label: fc.int16Array({ min: -1, max: 1, minLength: n, maxLength: n }),
    }),
  );
  fc.assert(
    fc.property(some, ({ values, label }) => {
      const masked = values.filter((_, i) => label[i] >= 0);
      expect(voxelsWhere(values, { label, least: 0 })).toEqual(masked);
      expect(meanAndStd(values, { label, least: 0 })).toEqual(meanAndStd(masked));
      const inside = values.filter((x) => x > -500 && x < 500);
      expect(voxelsWhere(values, { above: -500, below: 500 })).toEqual(inside);
      expect(meanAndStd(values, { above: -500, below: 500 })).toEqual(meanAndStd(inside));
    }),
  );
});

test("selections go on over tiles of every kind", () => {
  for (const n of [TILE - 1, TILE, TILE + 1, 3 * TILE + 5]) {
    const values = Float32Array.from({ length: n }, (_, i) => i);
    for (const keep of [(i: number) => i % 3 > 0, () => true, () => false, (i: number) => i > TILE + 2]) {
      const label = Int16Array.from(values, (i) => (keep(i) ? 5 : -1));
      const masked = values.filter((i) => keep(i));
      expect(voxelsWhere(values, { label, least: 0 })).toEqual(masked);
      expect(meanAndStd(values, { label, least: 0 })).toEqual(meanAndStd(masked));
    }
  }
});

test("what is outside the mask has no influence, not even NaN", () => {
  const values = new Float32Array([Number.NaN, 1, 3, Infinity]);
  expect(meanAndStd(values, { label: new Int16Array([-1, 0, 7, -2]), least: 0 })).toEqual({
    count: 2,
    mean: 2,
    std: 1,
  });
});

test("nothing selected gives NaN", () => {
  expect(meanAndStd(new Float32Array(0))).toEqual({ count: 0, mean: Number.NaN, std: Number.NaN });
  expect(meanAndStd(new Float32Array(3), { above: 0, below: 1 }).count).toBe(0);
  expect(minAndMax(new Float32Array(0))).toEqual({ min: Number.NaN, max: Number.NaN });
});

test("the range is found at every place", () => {
  for (const n of [1, 2, 3, 4, 5, 15, 16, 17, TILE + 1]) {
    for (const at of [0, n - 1]) {
      const values = new Float32Array(n);
      values[at] = 5;
      expect(minAndMax(values).max).toBe(5);
      values[at] = -5;
      expect(minAndMax(values).min).toBe(-5);
      values[at] = Number.NaN;
      expect(minAndMax(values).min).toBeNaN();
    }
  }
});

test("a label of another length is refused", () => {
  expect(() => meanAndStd(new Float32Array(3), { label: new Int16Array(2), least: 0 })).toThrow(/2 voxels .* 3 voxels/);
});
