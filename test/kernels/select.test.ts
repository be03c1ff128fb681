import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { medianFloat32, orderStatistics, percentiles } from "../../src/kernels/select.js";
import { TILE } from "../../src/kernels/tile.js";
import { init } from "../../src/runtime/instantiate.js";
import { countDifferences, decode } from "../golden.js";
import { fromPython, qs, statisticsCases } from "../statistics-cases.js";

beforeAll(() => init());

test.each(statisticsCases)("percentiles and median equal NumPy's: %s", (_, c) => {
  const values = decode<Float32Array>(c.values);
  expect(percentiles(values, qs)).toEqual(c.percentiles32.map(fromPython));
  expect(percentiles(values, qs, "float64")).toEqual(c.percentiles64.map(fromPython));
  expect(medianFloat32(values)).toBe(fromPython(c.statistics.median as number));
});

test("order statistics are those of the sorted array, in one go", () => {
  fc.assert(
    fc.property(fc.float32Array({ minLength: 1, maxLength: 200, noNaN: true }), (values) => {
      const sorted = Float32Array.from(values, (x) => x + 0).sort();
      expect(countDifferences(orderStatistics(values, [...values.keys()]), sorted)).toBe(0);
    }),
  );
});

test("tiles and their ends are all read", () => {
  for (const n of [TILE - 1, TILE, TILE + 1, 2 * TILE + 3]) {
    const values = Float32Array.from({ length: n }, (_, i) => ((i * 7919) % n) - n / 2);
    const sorted = values.slice().sort();
    const ranks = [0, 1, n >> 2, n >> 1, n - 2, n - 1, 5];
    expect([...orderStatistics(values, ranks)]).toEqual(ranks.map((rank) => sorted[rank]));
  }
});

test.each([
  ["spread", (i: number) => ((i * 7919) % 300007) / 3 - 5e4],
  ["many equal", (i: number) => ((i * 7919) % 11) - 5],
  ["equal at the wanted places", (i: number) => Math.min(Math.max(((i * 7919) % 300007) - 9000, 0), 280000)],
  ["ascending", (i: number) => i],
  ["not what a sample of them tells", (i: number) => (Math.abs((i % 36.62109375) - 0.5) < 1 ? 0 : i % 1000)],
  ["zeros of both signs", (i: number) => (i % 3 === 0 ? -0 : (i % 5) * 1e-3)],
  ["infinite at both ends", (i: number) => (i % 100 < 2 ? Number.NEGATIVE_INFINITY : i % 100 > 97 ? Infinity : i)],
] as [string, (i: number) => number][])("a large array, read once or more: %s", (_, make) => {
  const n = 300_003;
  const values = Float32Array.from({ length: n }, (_, i) => make(i));
  const sorted = Float32Array.from(values, (x) => x + 0).sort();
  for (const ranks of [
    [1500, 1501, n - 1501, n - 1500],
    [n >> 1, (n >> 1) + 1],
    [0, n - 1],
    [0, 1000, n >> 1, n - 1],
  ]) {
    const found = orderStatistics(values, ranks);
    expect([...found]).toEqual(ranks.map((rank) => sorted[rank]));
  }
  values[n - 2] = Number.NaN;
  expect([...orderStatistics(values, [1500, n - 1500])]).toEqual([Number.NaN, Number.NaN]);
});

test("the order of the values does not matter", () => {
  fc.assert(
    fc.property(
      fc.float32Array({ minLength: 1, maxLength: 50, noNaN: true }),
      fc.double({ min: 0, max: 100, noNaN: true }),
      (x, q) => {
        expect(percentiles(x, [q])).toEqual(percentiles(x.slice().reverse(), [q]));
      },
    ),
  );
});

test("one NaN anywhere makes everything NaN; no values give NaN", () => {
  for (const at of [0, 3, 4, 6]) {
    const values = new Float32Array(7);
    values[at] = -Number.NaN;
    expect(percentiles(values, [0, 100])).toEqual([Number.NaN, Number.NaN]);
    expect(medianFloat32(values)).toBeNaN();
  }
  expect(percentiles(new Float32Array(0), [50])).toEqual([Number.NaN]);
  expect(medianFloat32(new Float32Array(0))).toBeNaN();
});

test("ranks and percentiles out of range are refused", () => {
  expect(() => orderStatistics(new Float32Array(3), [3])).toThrow(/rank 3 found; 3 values/);
  expect(() => orderStatistics(new Float32Array(3), [-1])).toThrow(/rank -1/);
  expect(() => percentiles(new Float32Array(3), [100.5])).toThrow(/percentile 100.5/);
  expect(orderStatistics(new Float32Array(3), [])).toHaveLength(0);
});

test("-0 counts and comes out as 0", () => {
  const values = new Float32Array(40).fill(-0);
  values.fill(2, 32);
  expect([...orderStatistics(values, [0, 31, 32])]).toEqual([0, 0, 2]);
  values[33] = -1e-45;
  expect([...orderStatistics(values, [0, 1, 32])]).toEqual([Math.fround(-1e-45), 0, 0]);
});
