import { beforeAll, describe, expect, test } from "vitest";
import { type Shape3, voxelCount } from "../../../src/core/volume.js";
import { resizeCubic } from "../../../src/kernels/cubic/resize.js";
import { clipAndScale } from "../../../src/kernels/normalize.js";
import { init } from "../../../src/runtime/instantiate.js";
import images from "../../golden/resample/images.json";
import { countDifferences, decode } from "../../golden.js";

beforeAll(() => init());

describe.each(images)("image: $name", (golden) => {
  test("as scikit-image", () => {
    const shape = golden.input.shape as unknown as Shape3;
    const result = resizeCubic(decode(golden.input), shape, golden.newShape as unknown as Shape3);
    expect(countDifferences(result, decode(golden.order3))).toBe(0);
  });

  // The mean 0 keeps exact zeros, around which voxels are repaired.
  test.each([
    { mean: 0, sd: 2.7 },
    { low: -20, high: 31, mean: 7.3, sd: 0.9 },
  ])("scaled on the way as before it: %o", (scaling) => {
    const shape = golden.input.shape as unknown as Shape3;
    const newShape = golden.newShape as unknown as Shape3;
    const data = decode<Float32Array>(golden.input);
    const before = data.slice();
    const found = resizeCubic(data, shape, newShape, undefined, null, scaling);
    expect(countDifferences(found, resizeCubic(clipAndScale(data, scaling), shape, newShape))).toBe(0);
    expect(countDifferences(data, before)).toBe(0);
  });
});

test("one voxel that is not finite makes the whole cubic result NaN, as in the reference", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const data = new Float32Array(4 * 5 * 6).fill(1);
    data[17] = value;
    expect(resizeCubic(data, [4, 5, 6], [5, 6, 7]).every(Number.isNaN)).toBe(true);
  }
});

test("a flipped volume gives the flipped result: its sums differ only in bits that float32 does not have", () => {
  const shape: Shape3 = [6, 7, 18];
  const newShape: Shape3 = [9, 5, 33];
  const data = Float32Array.from({ length: 6 * 7 * 18 }, (_, i) => ((i * 7919) % 1013) - 500);
  const flip = (a: Float32Array) => Float32Array.from(a).reverse();
  const once = resizeCubic(flip(data), shape, newShape);
  expect(countDifferences(once, flip(resizeCubic(data, shape, newShape)))).toBe(0);
});

test("a label spares only voxels where it is negative", () => {
  const shape: Shape3 = [21, 50, 53];
  const newShape: Shape3 = [27, 61, 70];
  // A block of noise in exact zeros: far from it everything is uncertain.
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
  expect(spared.every((x, i) => Math.abs(x - all[i]) <= 1e-11 + 2 ** -23 * x)).toBe(true);
  expect(() => resizeCubic(scan, shape, newShape, undefined, new Int16Array(5))).toThrow(
    expect.objectContaining({ code: "SHAPE_MISMATCH" }),
  );
});
