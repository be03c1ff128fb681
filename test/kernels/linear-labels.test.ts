import { beforeAll, describe, expect, test } from "vitest";
import type { Shape3 } from "../../src/core/volume.js";
import { type LabelRule, resizeLabels } from "../../src/kernels/linear-labels.js";
import { init } from "../../src/runtime/instantiate.js";
import byThreshold from "../golden/resample/labels.json";
import byShare from "../golden/v2-resample/labels.json";
import { countDifferences, decode } from "../golden.js";

beforeAll(() => init());

const goldens = [
  ...byThreshold.map((golden) => ({ ...golden, rule: "threshold" as LabelRule })),
  ...byShare.map((golden) => ({ ...golden, rule: "argmax-nearest" as LabelRule })),
];

describe.each(goldens)("$rule: $name", (golden) => {
  test("in three axes and in every slice, as batchgenerators", () => {
    const input = decode<Int16Array>(golden.input);
    const shape = golden.input.shape as unknown as Shape3;
    const newShape = golden.newShape as unknown as Shape3;
    expect(countDifferences(resizeLabels(input, shape, newShape, golden.rule), decode(golden.order1))).toBe(0);
    const slices = resizeLabels(input, shape, [shape[0], newShape[1], newShape[2]], golden.rule, true);
    expect(countDifferences(slices, decode(golden.slices1))).toBe(0);
  });
});
