import { beforeAll, expect, test } from "vitest";
import type { Shape3, Vec3, VoxelArray } from "../../src/core/volume.js";
import { init } from "../../src/runtime/instantiate.js";
import { compareLabels, evaluateLabels, overlapMetrics, type SurfaceMetrics } from "../../src/steps/metrics.js";
import { decode, type GoldenArray } from "../golden.js";

interface MetricsCase {
  readonly name: string;
  readonly shape: Shape3;
  readonly prediction: GoldenArray;
  readonly reference: GoldenArray;
  readonly spacingMm: Vec3;
  readonly toleranceMm: number;
  readonly regions: { readonly labels: number[]; readonly metrics: Record<string, number | null> }[];
}

const SURFACE: ReadonlySet<string> = new Set<keyof SurfaceMetrics>([
  "Hausdorff Distance",
  "Hausdorff Distance 95",
  "Avg. Surface Distance",
  "Avg. Symmetric Surface Distance",
  "Normalized Surface Dice",
]);

const golden = import.meta.glob<{ cases: MetricsCase[] }>("../golden/metrics/metrics.json", {
  eager: true,
  import: "default",
});
const cases = Object.values(golden).flatMap((file) => file.cases);

beforeAll(() => init());

test.each(cases.map((c) => [c.name, c.shape.join("x"), c] as const))(
  "equals nnU-Net's Evaluator and MedPy: %s, %s",
  (_name, _shape, c) => {
    const pair = {
      prediction: decode<VoxelArray>(c.prediction),
      reference: decode<VoxelArray>(c.reference),
      shape: c.shape,
    };
    const regions = c.regions.map(({ labels }) => (labels.length === 1 ? labels[0] : labels));
    const { metrics } = evaluateLabels(pair, regions, c);
    const plain = evaluateLabels(pair, regions);
    expect(metrics.length).toBe(c.regions.length);
    for (const [i, { labels, metrics: expected }] of c.regions.entries()) {
      const found = metrics[i] as unknown as Record<string, number>;
      expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
      for (const [name, value] of Object.entries(expected)) {
        const what = `${name} of ${labels.join()}`;
        if (value !== null && SURFACE.has(name)) {
          expect(Math.abs(found[name] - value), what).toBeLessThanOrEqual(1e-15 * Math.abs(value));
        } else {
          expect(found[name], what).toBe(value ?? Number.NaN);
          if (!SURFACE.has(name)) expect((plain.metrics[i] as unknown as typeof found)[name]).toBe(found[name]);
        }
      }
    }
  },
);

test("labels that are there are listed, whatever is asked for", () => {
  const prediction = Int16Array.from([0, 5, 300, -1]);
  const { predictionLabels, referenceLabels, confusions } = compareLabels(
    { prediction, reference: new Uint8Array([0, 5, 0, 7]), shape: [1, 2, 2] },
    [5, 999],
  );
  expect(predictionLabels).toEqual([-1, 0, 5, 300]);
  expect(referenceLabels).toEqual([0, 5, 7]);
  expect(confusions).toEqual([
    { truePositives: 1, falsePositives: 0, falseNegatives: 0, trueNegatives: 3 },
    { truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 4 },
  ]);
});

test("grids of different size are refused", () => {
  const pair = { prediction: new Uint8Array(12), reference: new Uint8Array(24), shape: [2, 3, 4] as const };
  expect(() => compareLabels(pair, [1])).toThrow(expect.objectContaining({ code: "SHAPE_MISMATCH" }));
  const good = { ...pair, prediction: new Uint8Array(24) };
  expect(() => evaluateLabels(good, [1], { spacingMm: [1, 1, 1], toleranceMm: -1 })).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
});

test("counts are whole and ratios of nothing are NaN", () => {
  const metrics = overlapMetrics({ truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 8 });
  expect(metrics).toMatchObject({ Dice: Number.NaN, Precision: Number.NaN, Recall: Number.NaN, Accuracy: 1 });
  expect(metrics["False Positive Rate"]).toBe(0);
});
