import { beforeAll, describe, expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import type { Shape3, Vec3 } from "../../src/core/volume.js";
import { clipAndScale } from "../../src/kernels/normalize.js";
import { init } from "../../src/runtime/instantiate.js";
import { resampledShape, resampleImage, resampleLabel, separateAxis } from "../../src/steps/resample.js";
import { fastResampler } from "../../src/steps/resampler.js";
import patients from "../golden/resample/patients.json";
import { countDifferences, decode, type GoldenArray } from "../golden.js";

beforeAll(() => init());

describe.each(patients)("$original -> $target mm, force $force", (golden) => {
  const original = golden.original as unknown as Vec3;
  const target = golden.target as unknown as Vec3;
  const shape = (golden.data as GoldenArray).shape as unknown as Shape3;
  test("is what resample_patient gives", async () => {
    const newShape = resampledShape(shape, original, target);
    expect([...newShape]).toEqual(golden.expectedData.shape);
    const axis = separateAxis(original, target, { force: golden.force, threshold: 3 });
    const data = await resampleImage(decode<Float32Array>(golden.data), shape, newShape, axis, 3);
    expect(countDifferences(data, decode(golden.expectedData))).toBe(0);
    const label = resampleLabel(decode<Int16Array>(golden.label), shape, newShape, axis, "threshold");
    expect(countDifferences(label, decode(golden.expectedLabel))).toBe(0);
  });
});

test("an unchanged shape returns the input untouched", async () => {
  const data = new Float32Array(8);
  expect(await resampleImage(data, [2, 2, 2], [2, 2, 2], null, 3)).toBe(data);
});

test.each([
  [[9, 12, 11], null, 3],
  [[9, 12, 11], null, 1],
  [[9, 12, 11], 0, 3],
  [[6, 8, 14], null, 3],
] as const)("voxels are scaled first, to shape %j with axis %j and order %i", async (newShape, axis, order) => {
  const shape: Shape3 = [6, 8, 14];
  const data = Float32Array.from({ length: 6 * 8 * 14 }, (_, i) => ((i * 7919) % 1013) - 500);
  const scaling = { low: -300, high: 200, mean: 12.5, sd: 77.7 };
  const expected = await resampleImage(clipAndScale(data, scaling), shape, newShape, axis, order);
  const before = data.slice();
  expect(countDifferences(await resampleImage(data, shape, newShape, axis, order, { scaling }), expected)).toBe(0);
  expect(countDifferences(data, before)).toBe(0);
  const options = { scaling, inPlace: true, resampler: fastResampler };
  const fast = await resampleImage(clipAndScale(data, scaling), shape, newShape, axis, order, {
    resampler: fastResampler,
  });
  expect(countDifferences(await resampleImage(data, shape, newShape, axis, order, options), fast)).toBe(0);
});

test("shapes round half to even", () => {
  expect(resampledShape([1, 3, 5], [1, 1, 1], [2 / 3, 2, 2])).toEqual([2, 2, 2]);
});

test("more voxels than any memory holds are refused", () => {
  expect(() => resampledShape([1, 101, 122], [1, 1, 1], [1, 1e-6, 1e-6])).toThrow(
    /shape \(1, 101000000, 122000000\), but no memory holds so many voxels; check the spacings/,
  );
});

test("an axis that would vanish is refused", () => {
  expect(() => resampledShape([1, 10, 10], [1, 1, 1], [5, 1, 1])).toThrow(NnprepError);
  expect(() => resampledShape([1, 10, 10], [1, 1, 1], [5, 1, 1])).toThrow(/shape \(0, 10, 10\)/);
});
