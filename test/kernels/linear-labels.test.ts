import { beforeAll, describe, expect, test } from "vitest";
import type { Shape3 } from "../../src/core/volume.js";
import { resizeLabels } from "../../src/kernels/linear-labels.js";
import { init } from "../../src/runtime/instantiate.js";
import labels from "../golden/resample/labels.json";
import { countDifferences, decode } from "../golden.js";

beforeAll(() => init());

describe.each(labels)("label: $name", (golden) => {
  test("in three axes and in every slice, as batchgenerators", () => {
    const input = decode<Int16Array>(golden.input);
    const shape = golden.input.shape as unknown as Shape3;
    const newShape = golden.newShape as unknown as Shape3;
    expect(countDifferences(resizeLabels(input, shape, newShape), decode(golden.order1))).toBe(0);
    const slices = resizeLabels(input, shape, [shape[0], newShape[1], newShape[2]], true);
    expect(countDifferences(slices, decode(golden.slices1))).toBe(0);
  });
});
