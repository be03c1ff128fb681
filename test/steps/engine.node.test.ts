import { afterAll, describe, expect, test } from "vitest";
import type { Shape3 } from "../../src/core/volume.js";
import { countDifferences } from "../golden.js";

// Threads are started from the built package: a worker cannot load TypeScript.
const { createEngine, init } = await import("../../dist/node.js");
const { resizeCubic, resizeCubicSlices } = await import("../../dist/public/steps.js");

await init();
const shape: Shape3 = [37, 41, 45];
const newShape: Shape3 = [30, 53, 61];
const data = Float32Array.from(
  { length: 37 * 41 * 45 },
  (_, i) => (((i * 7919) % 4001) - 2000) * (i % 5 === 0 ? 0 : 1),
);
const expected = resizeCubic(data, shape, newShape);
const sparse = Float32Array.from({ length: 61 * 40 * 33 }, (_, i) => (i % 9973 === 0 ? 1 + (i % 7) : 0));
/** Volumes that go through the engine in other ways, one after the other. */
const volumes = [
  // Rows that are too long for one tile, and slabs of more than one size.
  {
    data: Float32Array.from({ length: 150 * 6 * 90 }, (_, i) => (i * 7919) % 4001),
    shape: [150, 6, 90],
    to: [190, 9, 560],
  },
  // A steep ramp, new samples of which lie half-way between two float32 values: most are uncertain.
  {
    data: Float32Array.from({ length: 9 * 40 * 60 }, (_, i) => 2 ** 24 + 4 * (i % 60)),
    shape: [9, 40, 60],
    to: [9, 40, 120],
  },
  // Tails of the spline as far as the eye reaches: levels are needed.
  { data: sparse, shape: [61, 40, 33], to: [80, 55, 47] },
  { data: sparse, shape: [61, 40, 33], to: [11, 70, 20] },
  { data: Float32Array.of(3, 1, 2, 5), shape: [2, 1, 2], to: [1, 3, 1] },
] as { data: Float32Array; shape: Shape3; to: Shape3 }[];
const expectedSlices = resizeCubicSlices(data, shape, [53, 61]);

describe.each([
  { threads: 1 },
  { threads: 2 },
  { threads: 3 },
  { threads: 2, sharing: "transfer" as const },
  { threads: 3, sharing: "transfer" as const },
  { threads: 4, sharing: "none" as const },
])("%o", (options) => {
  const engine = createEngine(options);
  afterAll(async () => (await engine).close());
  test("gives the bits of one thread, also for calls that overlap", async () => {
    const { resizeCubic: resize, resizeCubicSlices: resizeSlices } = {
      resizeCubic: (d: Float32Array) => engine.then((e) => e.resizeCubic(d, shape, newShape)),
      resizeCubicSlices: (d: Float32Array) => engine.then((e) => e.resizeCubicSlices(d, shape, [53, 61])),
    };
    const other = data.map((x) => -x);
    const [first, second, slices] = await Promise.all([resize(data), resize(other), resizeSlices(data)]);
    expect(countDifferences(first, expected)).toBe(0);
    expect(countDifferences(second, resizeCubic(other, shape, newShape))).toBe(0);
    expect(countDifferences(slices, expectedSlices)).toBe(0);
  });
  test("gives them for volumes of other sizes, one after the other, more than once", async () => {
    for (const { data, shape, to } of [...volumes, ...volumes]) {
      const found = await (await engine).resizeCubic(data, shape, to);
      expect(countDifferences(found, resizeCubic(data, shape, to))).toBe(0);
    }
  });
  test("spares voxels outside a label at most", async () => {
    const label = Int16Array.from({ length: expected.length }, (_, i) => (i % 61 < 30 ? 1 : -1));
    const found = await (await engine).resizeCubic(data, shape, newShape, undefined, label);
    expect(found.every((x, i) => label[i] === -1 || Object.is(x, expected[i]))).toBe(true);
    const wrong = (await engine).resizeCubic(data, shape, newShape, undefined, new Int16Array(3));
    await expect(wrong).rejects.toMatchObject({ code: "SHAPE_MISMATCH" });
  });
  test("scales voxels before it", async () => {
    const scaling = { low: -3, high: 250, mean: 1.5, sd: 12.3 };
    const found = await (await engine).resizeCubic(data, shape, newShape, undefined, null, scaling);
    const r = Math.fround;
    const scaled = data.map((x) => r(r(Math.min(Math.max(x, -3), 250) - 1.5) / r(12.3)));
    expect(countDifferences(found, resizeCubic(scaled, shape, newShape))).toBe(0);
  });
  test("a voxel that is not finite makes the result NaN", async () => {
    const broken = data.slice();
    broken[1234] = Number.NaN;
    const result = await (await engine).resizeCubic(broken, shape, newShape);
    expect(result.every(Number.isNaN)).toBe(true);
  });
});
