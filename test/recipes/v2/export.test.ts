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
import torched from "../../golden/v2-export/torch.json";
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

async function gather({ volumes }: Awaited<ReturnType<typeof exportProbabilities>>, length: number) {
  const found = new Float32Array(length);
  let at = 0;
  for (const volume of volumes()) {
    found.set(volume, at);
    at += volume.length;
  }
  expect(at).toBe(length);
  return found;
}

describe("with probabilities", () => {
  test.each(probable as unknown as (GoldenCase & { probabilities: GoldenArray })[])("$name", async (golden) => {
    const exported = await exportProbabilities(logitsOf(golden), propertiesOf(golden), settingsOf(golden));
    expect(countDifferences(exported.labels, decode(golden.expected))).toBe(0);
    const expected = decode<Float32Array>(golden.probabilities);
    const found = await gather(exported, expected.length);
    expect([exported.classes, ...exported.shape]).toEqual(golden.probabilities.shape);
    // PyTorch's own results differ by as much between machines.
    expect(largestDifference(found, expected)).toBeLessThanOrEqual(2.4e-7);
  });
});

function torchSettings(golden: GoldenCase): ExportSettings {
  const settings = settingsOf(golden);
  const { force_separate_z: forceSeparateZ } = golden.kwargs;
  const rule = { kind: "torch", isSeg: false, forceSeparateZ, separateZThreshold: 3, memoryEfficient: false } as const;
  return { ...settings, configuration: { ...settings.configuration, resampleProbabilities: rule } };
}

describe("plans that resample with torch", () => {
  const all = torched as unknown as (GoldenCase & { probabilities: GoldenArray | null })[];

  test.each(all)("$name", async (golden) => {
    const { labels } = await exportSegmentation(logitsOf(golden), propertiesOf(golden), torchSettings(golden));
    expect(countDifferences(labels, decode(golden.expected))).toBe(0);
    const exported = await exportProbabilities(logitsOf(golden), propertiesOf(golden), torchSettings(golden));
    expect(countDifferences(exported.labels, decode(golden.expected))).toBe(0);
    if (golden.probabilities === null) return;
    const expected = decode<Float32Array>(golden.probabilities);
    const found = await gather(exported, expected.length);
    // Logits may differ by 1e-6 of the largest where a build of PyTorch fuses products and sums.
    expect(largestDifference(found, expected)).toBeLessThanOrEqual(1e-6);
  });

  test("slabs are taken as they come", async () => {
    const golden = all[0] as GoldenCase;
    const { classes, shape, data } = logitsOf(golden);
    const size = shape[1] * shape[2];
    const slabs = Array.from({ length: shape[0] }, (_, plane) => {
      const slab = new Uint16Array(classes * size);
      for (let c = 0; c < classes; c++) {
        slab.set(data.subarray((c * shape[0] + plane) * size, (c * shape[0] + plane + 1) * size), c * size);
      }
      return slab;
    });
    const source = { classes, shape, precision: "float16", slabs } as const;
    const { labels } = await exportSegmentation(source, propertiesOf(golden), torchSettings(golden));
    expect(countDifferences(labels, decode(golden.expected))).toBe(0);
  });
});

test("values that are probabilities, not logits, are told", async () => {
  const golden = cases.find(({ name }) => name.startsWith("noise float32 up")) as unknown as GoldenCase;
  const logits = logitsOf(golden);
  const probabilities = { ...logits, data: Float32Array.from(logits.data, (_, i) => (i % 5) / 4) };
  const { warnings } = await exportSegmentation(probabilities, propertiesOf(golden), settingsOf(golden));
  expect(warnings).toMatchObject([{ code: "NO_LOGITS", message: expect.stringMatching(/in \[0, 1\].*logits/) }]);
  expect((await exportSegmentation(logits, propertiesOf(golden), settingsOf(golden))).warnings).toEqual([]);
});

describe("what does not belong together is refused with both sides", () => {
  const golden = cases[0] as unknown as GoldenCase;
  const shape = logitsOf(golden).shape;

  test("logits with another number of heads", async () => {
    const { data } = logitsOf(golden);
    const three = { classes: 3, shape, data: data.subarray(0, (data.length / 4) * 3) };
    await expect(exportSegmentation(three, propertiesOf(golden), settingsOf(golden))).rejects.toThrow(
      /3 channels of logits found, but dataset.json has 4 labels to predict/,
    );
  });

  test("logits of another plan", async () => {
    const other = {
      ...settingsOf(golden),
      configuration: { ...settingsOf(golden).configuration, spacingMm: [3, 3, 3] },
    };
    await expect(exportSegmentation(logitsOf(golden), propertiesOf(golden), other)).rejects.toThrow(
      /logits of shape \(5, 6, 7\) found, but configuration "3d_fullres" makes \(3, 3, 4\) of this case/,
    );
  });

  test("a resampling that nobody knows", async () => {
    const settings = settingsOf(golden);
    const rule = { ...settings.configuration.resampleProbabilities, order: 3 } as const;
    const other = { ...settings, configuration: { ...settings.configuration, resampleProbabilities: rule } };
    await expect(exportSegmentation(logitsOf(golden), propertiesOf(golden), other as ExportSettings)).rejects.toThrow(
      /"3d_fullres" resamples logits with order 3 and order_z 0/,
    );
  });
});
