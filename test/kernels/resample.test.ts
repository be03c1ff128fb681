import { beforeAll, describe, expect, test } from "vitest";
import { type Shape3, voxelCount } from "../../src/core/volume.js";
import { resizeCubic, resizeCubicSlices } from "../../src/kernels/cubic.js";
import { resizeCubicFast } from "../../src/kernels/cubic-fast.js";
import { resizeLinear } from "../../src/kernels/linear.js";
import { resizeLabels } from "../../src/kernels/linear-labels.js";
import { resizeNearest } from "../../src/kernels/nearest.js";
import { init, kernels } from "../../src/runtime/instantiate.js";
import images from "../golden/resample/images.json";
import labels from "../golden/resample/labels.json";
import { countDifferences, decode, type GoldenArray, largestDifference } from "../golden.js";

beforeAll(() => init());

const shapeOf = (array: GoldenArray) => array.shape as unknown as Shape3;
const inPlane = (shape: Shape3, newShape: Shape3): Shape3 => [shape[0], newShape[1], newShape[2]];

describe.each(images)("image: $name", (golden) => {
  const input = decode<Float32Array>(golden.input);
  const shape = shapeOf(golden.input);
  const newShape = golden.newShape as unknown as Shape3;
  test("cubic", () => {
    expect(countDifferences(resizeCubic(input, shape, newShape), decode(golden.order3))).toBe(0);
  });
  test("fast cubic: within 3e-7 of the range", () => {
    const range = input.reduce((m, x) => Math.max(m, x), -Infinity) - input.reduce((m, x) => Math.min(m, x), Infinity);
    const result = resizeCubicFast(input, shape, newShape);
    expect(largestDifference(result, decode(golden.order3))).toBeLessThanOrEqual(3e-7 * range);
  });
  test("cubic in every slice", () => {
    const result = resizeCubicSlices(input, shape, [newShape[1], newShape[2]]);
    expect(countDifferences(result, decode(golden.slices3))).toBe(0);
  });
  test("linear", () => {
    expect(countDifferences(resizeLinear(input, shape, newShape), decode(golden.order1))).toBe(0);
    const slices = resizeLinear(input, shape, inPlane(shape, newShape), true);
    expect(countDifferences(slices, decode(golden.slices1))).toBe(0);
  });
  test("nearest", () => {
    const expected = decode<Float32Array>(golden.order0);
    // By value: the reference adds each value to 0, which makes negative zeros positive.
    expect(resizeNearest(input, shape, newShape).every((x, i) => x === expected[i])).toBe(true);
  });
});

describe.each(labels)("label: $name", (golden) => {
  const input = decode<Int16Array>(golden.input);
  const shape = shapeOf(golden.input);
  const newShape = golden.newShape as unknown as Shape3;
  test("order 1, in three axes and in every slice", () => {
    expect(countDifferences(resizeLabels(input, shape, newShape), decode(golden.order1))).toBe(0);
    const slices = resizeLabels(input, shape, inPlane(shape, newShape), true);
    expect(countDifferences(slices, decode(golden.slices1))).toBe(0);
  });
  test("order 0", () => {
    expect(countDifferences(resizeNearest(input, shape, newShape), decode(golden.order0))).toBe(0);
  });
});

test("fast cubic with more planes than the output has room for goes through in bands", () => {
  const shape: Shape3 = [190, 30, 33];
  const newShape: Shape3 = [60, 160, 141];
  const data = Float32Array.from({ length: 190 * 30 * 33 }, (_, i) => ((i * 7919) % 1009) - 500);
  const exact = resizeCubic(data, shape, newShape);
  expect(largestDifference(resizeCubicFast(data, shape, newShape), exact)).toBeLessThanOrEqual(3e-7 * 1008);
});

test("fast cubic keeps an empty background empty", () => {
  const shape: Shape3 = [30, 40, 50];
  const data = new Float32Array(30 * 40 * 50);
  for (let i = 0; i < 10; i++) data.fill(900 + i, 5000 + 50 * i, 5010 + 50 * i);
  const result = resizeCubicFast(data, shape, [34, 44, 55]);
  expect(result.subarray((3 * result.length) / 4).every((x) => Math.abs(x) < 1e-6)).toBe(true);
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
    const n = shape[axis] as number;
    const position = (k + 0.5) * (n / (newShape[axis] as number)) - 0.5;
    return Math.min(Math.max(Math.floor(position + 0.5), 0), n - 1);
  };
  const [, m1, m2] = newShape;
  const expected = Uint8Array.from({ length: voxelCount(newShape) }, (_, i) => {
    const [k0, k1, k2] = [Math.floor(i / (m1 * m2)), Math.floor(i / m2) % m1, i % m2];
    return bytes[(nearest(k0, 0) * shape[1] + nearest(k1, 1)) * shape[2] + nearest(k2, 2)] as number;
  });
  expect(countDifferences(resizeNearest(bytes, shape, newShape), expected)).toBe(0);
});

test("one voxel that is not finite makes the whole cubic result NaN, as in the reference", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const data = new Float32Array(4 * 5 * 6).fill(1);
    data[17] = value;
    expect(resizeCubic(data, [4, 5, 6], [5, 6, 7]).every(Number.isNaN)).toBe(true);
  }
});

test("cubic resampling commutes with flips up to rounding, exactly after rounding to float32 on smooth data", () => {
  const shape: Shape3 = [6, 7, 18];
  const newShape: Shape3 = [9, 5, 33];
  const data = Float32Array.from({ length: 6 * 7 * 18 }, (_, i) => ((i * 7919) % 1013) - 500);
  const flip = (a: Float32Array) => Float32Array.from(a).reverse();
  const once = resizeCubic(flip(data), shape, newShape);
  const twice = flip(resizeCubic(data, shape, newShape));
  for (let i = 0; i < once.length; i++) {
    expect(Math.abs((once[i] as number) - (twice[i] as number))).toBeLessThanOrEqual(6e-5);
  }
});

test("a label spares only voxels where it is negative", () => {
  const shape: Shape3 = [21, 50, 53];
  const newShape: Shape3 = [27, 61, 70];
  // A block of noise in exact zeros: far from it everything is in doubt.
  const scan = new Float32Array(voxelCount(shape));
  for (let i = 0; i < scan.length; i++) {
    const inside = i % 53 < 20 && Math.floor(i / 53) % 50 < 18;
    if (inside) scan[i] = 100 + ((i * 2654435761) % 4096) / 7;
  }
  const all = resizeCubic(scan, shape, newShape);
  const label = Int16Array.from({ length: all.length }, (_, i) =>
    i % 70 < 30 && Math.floor(i / 70) % 61 < 25 ? 1 : -1,
  );
  const spared = resizeCubic(scan, shape, newShape, undefined, label);
  expect(all.every((x, i) => label[i] === -1 || x === spared[i])).toBe(true);
  expect(spared.every((x, i) => Math.abs(x - (all[i] as number)) <= 1e-11 + 2 ** -23 * x)).toBe(true);
  expect(() => resizeCubic(scan, shape, newShape, undefined, new Int16Array(5))).toThrow(
    expect.objectContaining({ code: "SHAPE_MISMATCH" }),
  );
});

test("the kernels' memory stays small for planes that do not fit the window at once", () => {
  const data = Float32Array.from({ length: 1500 * 2100 }, (_, i) => (i % 977) - (i % 13));
  const whole = resizeCubicSlices(data, [1, 1500, 2100], [1500, 1700]);
  // Rows that are far from the end cannot depend on what follows there, nor on how the plane was cut.
  const top = resizeCubicSlices(data.subarray(0, 400 * 2100), [1, 400, 2100], [400, 1700]);
  expect(countDifferences(whole.subarray(0, 300 * 1700), top.subarray(0, 300 * 1700))).toBe(0);
  expect(kernels().window.byteLength).toBeLessThanOrEqual(64 << 20);
});
