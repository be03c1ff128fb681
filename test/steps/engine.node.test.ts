import { afterAll, describe, expect, test } from "vitest";
import type { Shape3 } from "../../src/core/volume.js";
import { countDifferences } from "../golden.js";

// Threads are started from the built package: a worker cannot load TypeScript.
const { createEngine, init, resizeCubic, resizeCubicSlices } = await import("../../dist/node.js");

await init();
const shape: Shape3 = [37, 41, 45];
const newShape: Shape3 = [30, 53, 61];
const data = Float32Array.from(
  { length: 37 * 41 * 45 },
  (_, i) => (((i * 7919) % 4001) - 2000) * (i % 5 === 0 ? 0 : 1),
);
const expected = resizeCubic(data, shape, newShape);
const expectedSlices = resizeCubicSlices(data, shape, [53, 61]);

describe.each([
  { threads: 1 },
  { threads: 2 },
  { threads: 3 },
  { threads: 2, sharing: "transfer" as const },
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
  test("a voxel that is not finite makes the result NaN", async () => {
    const broken = data.slice();
    broken[1234] = Number.NaN;
    const result = await (await engine).resizeCubic(broken, shape, newShape);
    expect(result.every(Number.isNaN)).toBe(true);
  });
});
