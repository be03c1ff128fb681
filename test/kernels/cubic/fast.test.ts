import { beforeAll, describe, expect, test } from "vitest";
import type { Shape3 } from "../../../src/core/volume.js";
import { resizeCubicFast } from "../../../src/kernels/cubic/fast.js";
import { resizeCubic } from "../../../src/kernels/cubic/resize.js";
import { init } from "../../../src/runtime/instantiate.js";
import images from "../../golden/resample/images.json";
import { decode, largestDifference } from "../../golden.js";

beforeAll(() => init());

describe.each(images)("image: $name", (golden) => {
  test("within 3e-7 of the range", () => {
    const input = decode<Float32Array>(golden.input);
    const range = input.reduce((m, x) => Math.max(m, x), -Infinity) - input.reduce((m, x) => Math.min(m, x), Infinity);
    const shape = golden.input.shape as unknown as Shape3;
    const result = resizeCubicFast(input, shape, golden.newShape as unknown as Shape3);
    expect(largestDifference(result, decode(golden.order3))).toBeLessThanOrEqual(3e-7 * range);
  });
});

test("more planes than the output has room for goes through in bands", () => {
  const shape: Shape3 = [190, 30, 33];
  const newShape: Shape3 = [60, 160, 141];
  const data = Float32Array.from({ length: 190 * 30 * 33 }, (_, i) => ((i * 7919) % 1009) - 500);
  const exact = resizeCubic(data, shape, newShape);
  expect(largestDifference(resizeCubicFast(data, shape, newShape), exact)).toBeLessThanOrEqual(3e-7 * 1008);
});

test("an empty background stays empty", () => {
  const shape: Shape3 = [30, 40, 50];
  const data = new Float32Array(30 * 40 * 50);
  for (let i = 0; i < 10; i++) data.fill(900 + i, 5000 + 50 * i, 5010 + 50 * i);
  const result = resizeCubicFast(data, shape, [34, 44, 55]);
  expect(result.subarray((3 * result.length) / 4).every((x) => Math.abs(x) < 1e-6)).toBe(true);
});
