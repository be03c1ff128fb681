import { beforeAll, describe, expect, test } from "vitest";
import type { Shape3 } from "../../src/core/volume.js";
import { resizeLinear } from "../../src/kernels/linear.js";
import { init } from "../../src/runtime/instantiate.js";
import images from "../golden/resample/images.json";
import { countDifferences, decode } from "../golden.js";

beforeAll(() => init());

describe.each(images)("image: $name", (golden) => {
  test("in three axes and in every slice, as scikit-image", () => {
    const input = decode<Float32Array>(golden.input);
    const shape = golden.input.shape as unknown as Shape3;
    const newShape = golden.newShape as unknown as Shape3;
    expect(countDifferences(resizeLinear(input, shape, newShape), decode(golden.order1))).toBe(0);
    const slices = resizeLinear(input, shape, [shape[0], newShape[1], newShape[2]], true);
    expect(countDifferences(slices, decode(golden.slices1))).toBe(0);
  });
});
