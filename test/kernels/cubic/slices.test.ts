import { beforeAll, describe, expect, test } from "vitest";
import type { Shape3 } from "../../../src/core/volume.js";
import { resizeCubicSlices } from "../../../src/kernels/cubic/slices.js";
import { init, kernels } from "../../../src/runtime/instantiate.js";
import images from "../../golden/resample/images.json";
import { countDifferences, decode } from "../../golden.js";

beforeAll(() => init());

describe.each(images)("image: $name", (golden) => {
  test("every slice as scikit-image", () => {
    const [, m1, m2] = golden.newShape as unknown as Shape3;
    const result = resizeCubicSlices(decode(golden.input), golden.input.shape as unknown as Shape3, [m1, m2]);
    expect(countDifferences(result, decode(golden.slices3))).toBe(0);
  });
});

test("the kernels' memory stays small for planes that do not fit the window at once", () => {
  const data = Float32Array.from({ length: 1500 * 2100 }, (_, i) => (i % 977) - (i % 13));
  const whole = resizeCubicSlices(data, [1, 1500, 2100], [1500, 1700]);
  // Rows that are far from the end cannot depend on what follows there, nor on how the plane was cut.
  const top = resizeCubicSlices(data.subarray(0, 400 * 2100), [1, 400, 2100], [400, 1700]);
  expect(countDifferences(whole.subarray(0, 300 * 1700), top.subarray(0, 300 * 1700))).toBe(0);
  expect(kernels().window.byteLength).toBeLessThanOrEqual(64 << 20);
});
