import { beforeAll, describe, expect, test } from "vitest";
import type { Axes3, Box3, Shape3, Vec3 } from "../../../src/core/volume.js";
import { parseJsonDict } from "../../../src/io/ordered-json.js";
import { readLabels } from "../../../src/recipes/v2/documents/labels.js";
import {
  type ExportProperties,
  type ExportSettings,
  exportProbabilities,
  exportSegmentation,
} from "../../../src/recipes/v2/export.js";
import { init } from "../../../src/runtime/instantiate.js";
import type { ProbabilityArray } from "../../../src/steps/probabilities.js";
import cases from "../../golden/v2-export/labels.json";
import probable from "../../golden/v2-export/probabilities.json";
import { countDifferences, decode, type GoldenArray, largestDifference } from "../../golden.js";

beforeAll(() => init());

interface GoldenCase {
  readonly name: string;
  readonly logits: GoldenArray;
  readonly spacing: number[];
  readonly target: number[];
  readonly forward: number[];
  readonly before: number[];
  readonly low: number[];
  readonly after: number[];
  readonly labels: Record<string, unknown>;
  readonly order: number[] | null;
  readonly kwargs: { readonly force_separate_z: boolean | null };
  readonly expected: GoldenArray;
}

function logitsOf({ logits }: Pick<GoldenCase, "logits">): ProbabilityArray {
  const [classes, a0, a1, a2] = logits.shape as [number, number, number, number];
  return { classes, shape: [a0, a1, a2], data: decode<Float32Array | Uint16Array>(logits) };
}

function propertiesOf({ spacing, before, low, after }: GoldenCase): ExportProperties {
  return {
    spacingMm: spacing as unknown as Vec3,
    shapeBeforeCropping: before as unknown as Shape3,
    bbox: low.map((from, axis) => [from, from + after[axis]]) as unknown as Box3,
    shapeAfterCropping: after as unknown as Shape3,
  };
}

function settingsOf(golden: GoldenCase): ExportSettings {
  return {
    plans: { transposeForward: golden.forward as unknown as Axes3 },
    configuration: {
      name: "3d_fullres",
      spacingMm: golden.target,
      resampleProbabilities: {
        kind: "default",
        isSeg: false,
        order: 1,
        orderZ: 0,
        forceSeparateZ: golden.kwargs.force_separate_z,
        separateZThreshold: 3,
      },
    },
    labels: readLabels(parseJsonDict(JSON.stringify(golden.labels)), golden.order ?? undefined),
  };
}

describe("labels are those of convert_predicted_logits_to_segmentation_with_correct_shape", () => {
  test.each(cases as unknown as GoldenCase[])("$name", async (golden) => {
    const { labels, shape } = await exportSegmentation(logitsOf(golden), propertiesOf(golden), settingsOf(golden));
    expect(shape).toEqual(golden.expected.shape);
    expect(labels.BYTES_PER_ELEMENT).toBe(golden.expected.dtype === "uint8" ? 1 : 2);
    expect(countDifferences(labels, decode(golden.expected))).toBe(0);
  });
});

describe("with probabilities", () => {
  test.each(probable as unknown as (GoldenCase & { probabilities: GoldenArray })[])("$name", async (golden) => {
    const exported = await exportProbabilities(logitsOf(golden), propertiesOf(golden), settingsOf(golden));
    expect(countDifferences(exported.labels, decode(golden.expected))).toBe(0);
    const expected = decode<Float32Array>(golden.probabilities);
    const found = new Float32Array(expected.length);
    let at = 0;
    for (const volume of exported.volumes()) {
      found.set(volume, at);
      at += volume.length;
    }
    expect([exported.classes, ...exported.shape]).toEqual(golden.probabilities.shape);
    expect(at).toBe(expected.length);
    // PyTorch's own results differ by as much between machines.
    expect(largestDifference(found, expected)).toBeLessThanOrEqual(2.4e-7);
  });
});
