import { beforeAll, describe, expect, test } from "vitest";
import { type Shape3, voxelCount } from "../../src/core/volume.js";
import { resizeNearest } from "../../src/kernels/nearest.js";
import { init } from "../../src/runtime/instantiate.js";
import images from "../golden/resample/images.json";
import labels from "../golden/resample/labels.json";
import { countDifferences, decode } from "../golden.js";

beforeAll(() => init());

describe.each(images)("image: $name", (golden) => {
  test("as scikit-image", () => {
    const shape = golden.input.shape as unknown as Shape3;
    const result = resizeNearest(decode<Float32Array>(golden.input), shape, golden.newShape as unknown as Shape3);
    const expected = decode<Float32Array>(golden.order0);
    // By value: the reference adds each value to 0, which makes negative zeros positive.
    expect(result.every((x, i) => x === expected[i])).toBe(true);
  });
});

describe.each(labels)("label: $name", (golden) => {
  test("as scikit-image", () => {
    const shape = golden.input.shape as unknown as Shape3;
    const result = resizeNearest(decode<Int16Array>(golden.input), shape, golden.newShape as unknown as Shape3);
    expect(countDifferences(result, decode(golden.order0))).toBe(0);
  });
});

test("nearest of bytes equals nearest of float32", () => {
  const bytes = Uint8Array.from({ length: 5 * 6 * 35 }, (_, i) => (i * 37) % 251);
  const expected = resizeNearest(Float32Array.from(bytes), [5, 6, 35], [9, 6, 50]);
  expect(countDifferences(resizeNearest(bytes, [5, 6, 35], [9, 6, 50]), expected)).toBe(0);
});

test.each([
  [
    [2, 20, 400],
    [3, 30, 37],
  ],
  [
    [2, 9, 70],
    [2, 4, 61],
  ],
  [
    [1, 3, 5],
    [1, 700, 1000],
  ],
  [
    [1, 700, 1000],
    [2, 3, 1],
  ],
] as [Shape3, Shape3][])("bytes %j -> %j take the voxel that the rule names", (shape, newShape) => {
  const bytes = Uint8Array.from({ length: voxelCount(shape) }, (_, i) => (i * 7919) >> 3);
  const nearest = (k: number, axis: number) => {
    const n = shape[axis];
    const position = (k + 0.5) * (n / newShape[axis]) - 0.5;
    return Math.min(Math.max(Math.floor(position + 0.5), 0), n - 1);
  };
  const [, m1, m2] = newShape;
  const expected = Uint8Array.from({ length: voxelCount(newShape) }, (_, i) => {
    const [k0, k1, k2] = [Math.floor(i / (m1 * m2)), Math.floor(i / m2) % m1, i % m2];
    return bytes[(nearest(k0, 0) * shape[1] + nearest(k1, 1)) * shape[2] + nearest(k2, 2)];
  });
  expect(countDifferences(resizeNearest(bytes, shape, newShape), expected)).toBe(0);
});
