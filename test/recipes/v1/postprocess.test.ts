import { beforeAll, describe, expect, test } from "vitest";
import { type Shape3, type Vec3, voxelCount } from "../../../src/core/volume.js";
import { formatPostprocessing, parsePostprocessing } from "../../../src/recipes/v1/documents/postprocessing.js";
import {
  addForegroundMean,
  type CaseScores,
  formatSummary,
  meanForegroundDice,
  parseSummary,
  sortedScores,
  summarize,
  summaryClasses,
} from "../../../src/recipes/v1/documents/summary.js";
import {
  applyPostprocessing,
  choosePostprocessing,
  type PredictedCase,
  scoreChains,
} from "../../../src/recipes/v1/postprocess.js";
import { init } from "../../../src/runtime/instantiate.js";
import { evaluateLabels } from "../../../src/steps/metrics.js";
import { countDifferences, decode, type GoldenArray } from "../../golden.js";

interface Scenario {
  readonly name: string;
  readonly advanced: boolean;
  readonly labels: number[];
  readonly shape: Shape3;
  readonly spacingMm: Vec3;
  readonly predictions: GoldenArray;
  readonly references: GoldenArray;
  readonly final: GoldenArray;
  readonly meanForegroundDice: number | null;
  readonly postprocessing: string;
  readonly folder?: string;
  readonly rawSummary?: string;
  readonly finalSummary?: string;
  readonly withForegroundMean?: string;
}

const golden = import.meta.glob<{ cases: Scenario[] }>("../../golden/postprocessing/decisions.json", {
  eager: true,
  import: "default",
});
const scenarios = Object.values(golden).flatMap((file) => file.cases);
const documented = scenarios.filter((s) => s.rawSummary !== undefined);

/** The fixtures hold two voxels to a byte. */
function unpack(array: GoldenArray, shape: Shape3): Uint8Array[] {
  const bytes = decode<Uint8Array>(array);
  const labels = new Uint8Array(2 * bytes.length);
  for (const [i, byte] of bytes.entries()) labels.set([byte >> 4, byte & 15], 2 * i);
  const n = voxelCount(shape);
  return Array.from({ length: Math.floor(labels.length / n) }, (_, i) => labels.slice(i * n, (i + 1) * n));
}

function casesOf({
  predictions,
  references,
  shape,
  spacingMm,
}: Scenario): (PredictedCase & { prediction: Uint8Array })[] {
  const test = unpack(predictions, shape);
  return unpack(references, shape).map((reference, i) => ({
    prediction: test[i],
    reference,
    shape,
    spacingMm,
  }));
}

function summaryOf(
  scenario: Scenario,
  predictions: readonly Uint8Array[],
  labels: number[],
  folder: string,
  text: string,
) {
  const references = unpack(scenario.references, scenario.shape);
  const all = predictions.map((prediction, i): CaseScores => {
    const { metrics } = evaluateLabels({ prediction, reference: references[i], shape: scenario.shape }, labels);
    const file = `case_${String(i).padStart(2, "0")}.nii.gz`;
    return {
      labels: new Map(labels.map((label, j) => [`${label}`, sortedScores(metrics[j] as object)])),
      test: `${scenario.folder}/${folder}/${file}`,
      reference: `${scenario.folder}/gt/${file}`,
    };
  });
  return summarize(all, { author: "Fabian", timestamp: /"timestamp": "(.*)"/.exec(text)?.[1] as string });
}

/** nnU-Net's order of the labels: those of the file, as text. */
function classesOf({ labels }: Scenario): number[] {
  return summaryClasses({ mean: new Map(labels.map((label) => [`${label}`, new Map()])) });
}

beforeAll(() => init());

describe.each(scenarios.map((s) => [s.name, s] as const))("as determine_postprocessing: %s", (_name, scenario) => {
  test("same decision, same document", async () => {
    const classes = classesOf(scenario);
    const cases = casesOf(scenario);
    let passes = 0;
    const decision = await choosePostprocessing(
      classes,
      async (chains) => {
        passes++;
        return cases.map((one) => scoreChains(one, classes, chains));
      },
      { advanced: scenario.advanced, rawFolder: "raw", finalFolder: "final" },
    );
    // NumPy 2 prints its floats in a way that nnU-Net itself cannot read.
    const expected = scenario.postprocessing.replace(/np\.float64\(([^)]*)\)/g, "$1");
    expect(formatPostprocessing(decision)).toBe(expected);
    expect(passes).toBe(scenario.advanced ? (classes.length > 1 ? 4 : 2) : 1);
  });

  test("the same voxels are removed", () => {
    const postprocessing = parsePostprocessing(scenario.postprocessing);
    const final = unpack(scenario.final, scenario.shape);
    for (const [i, { prediction }] of casesOf(scenario).entries()) {
      const before = prediction.slice();
      const { changed } = applyPostprocessing(prediction, scenario.shape, scenario.spacingMm, postprocessing);
      expect(countDifferences(prediction, final[i])).toBe(0);
      expect(changed).toBe(countDifferences(prediction, before) > 0);
    }
  });
});

test("decisions of every kind are among the fixtures", () => {
  const decisions = scenarios.map((s) => parsePostprocessing(s.postprocessing).for_which_classes);
  const isRegion = (entry: unknown) => Array.isArray(entry);
  expect(decisions.some((d) => d.length === 0)).toBe(true);
  expect(decisions.some((d) => d.length === 1 && d.every(isRegion))).toBe(true);
  expect(decisions.some((d) => d.length > 0 && !d.some(isRegion))).toBe(true);
  expect(decisions.some((d) => d.length > 1 && d.some(isRegion))).toBe(true);
});

test.each(documented.map((s) => [s.name, s] as const))("summary.json, byte by byte: %s", (_name, scenario) => {
  const raw = scenario.rawSummary as string;
  const summary = summaryOf(scenario, unpack(scenario.predictions, scenario.shape), scenario.labels, "raw", raw);
  expect(formatSummary(summary)).toBe(raw);
  expect(formatSummary(parseSummary(raw))).toBe(raw);
  expect(meanForegroundDice(summary)).toBe(scenario.meanForegroundDice ?? Number.NaN);
  expect(formatSummary(addForegroundMean(summary))).toBe(scenario.withForegroundMean);
  const final = scenario.finalSummary as string;
  const after = summaryOf(scenario, unpack(scenario.final, scenario.shape), classesOf(scenario), "final", final);
  expect(formatSummary(after)).toBe(final);
  expect(summaryClasses(parseSummary(scenario.withForegroundMean as string))).toEqual(classesOf(scenario));
});
