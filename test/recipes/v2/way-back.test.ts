import { beforeAll, expect, test } from "vitest";
import type { Shape3 } from "../../../src/core/volume.js";
import { init } from "../../../src/index.js";
import { parseJsonDict } from "../../../src/io/ordered-json.js";
import {
  applyPostprocessing,
  choosePostprocessing,
  ensembleProbabilities,
  evaluatedRegions,
  evaluateRegions,
  exportProbabilities,
  exportSegmentation,
  formatPostprocessing,
  formatSummary,
  parsePostprocessing,
  parseSummary,
  scoreChains,
  summarize,
} from "../../../src/public/v2.js";
import { readLabels } from "../../../src/recipes/v2/documents/labels.js";

// Everything after the network on volumes in memory, by the names that a page has.

beforeAll(() => init());

const SHAPE: Shape3 = [4, 6, 8];
const COUNT = 4 * 6 * 8;
const properties = {
  spacingMm: [2, 1, 1],
  shapeBeforeCropping: SHAPE,
  bbox: [
    [0, 4],
    [0, 6],
    [0, 8],
  ],
  shapeAfterCropping: SHAPE,
} as const;
const labels = readLabels(parseJsonDict('{"background": 0, "a": 1, "b": 2}'), undefined);
const settings = {
  plans: { transposeForward: [0, 1, 2] },
  configuration: {
    name: "3d_fullres",
    spacingMm: [2, 1, 1],
    resampleProbabilities: {
      kind: "default",
      isSeg: false,
      order: 1,
      orderZ: 0,
      forceSeparateZ: null,
      separateZThreshold: 3,
    },
  },
  labels,
} as const;

/** A block of label 1 beside one of label 2. */
const reference = Int16Array.from({ length: COUNT }, (_, i) => {
  const [z, y, x] = [Math.floor(i / 48), Math.floor(i / 8) % 6, i % 8];
  return z >= 1 && z < 3 && y >= 1 && y < 4 && x >= 1 && x < 6 ? (x < 4 ? 1 : 2) : 0;
});

/** Logits whose labels are the reference, with an island of label 1 in the far corner. */
function logits(island: number) {
  const data = new Float32Array(3 * COUNT);
  reference.forEach((label, i) => {
    data[label * COUNT + i] = 4;
  });
  data[COUNT + COUNT - 1] = 4 + island;
  return { classes: 3, shape: SHAPE, data };
}

async function probabilitiesOf(island: number) {
  const { volumes, classes, shape } = await exportProbabilities(logits(island), properties, settings);
  const data = new Float32Array(classes * COUNT);
  let c = 0;
  for (const volume of volumes()) data.set(volume, COUNT * c++);
  return { classes, shape, data };
}

test("logits to labels, an ensemble, its evaluation, the decision about its components, and what it changes", async () => {
  const single = await exportSegmentation(logits(-8), properties, settings);
  expect(single.labels).toEqual(Uint8Array.from(reference));
  const members = [await probabilitiesOf(2), await probabilitiesOf(-1)];
  const { labels: found, shape, probabilities } = await ensembleProbabilities(members, labels);
  expect([shape, found.at(-1), probabilities.data.constructor]).toEqual([SHAPE, 1, Float32Array]);

  const rule = { regions: evaluatedRegions(labels) };
  const pair = { prediction: Int16Array.from(found), reference, shape };
  const files = { predictionFile: "a.nii.gz", referenceFile: "b.nii.gz" };
  const raw = summarize([{ ...evaluateRegions(pair, rule), ...files }]);
  expect(raw.mean.get("1")?.get("FP")).toBe(1);
  expect(raw.mean.get("2")?.get("Dice")).toBe(1);
  expect(formatSummary(parseSummary(formatSummary(raw)))).toBe(formatSummary(raw));

  const { steps } = await choosePostprocessing(labels, raw, async (chains) => [scoreChains(pair, rule, chains)]);
  expect(steps).toEqual([{ together: [1, 2] }]);
  const { changed } = applyPostprocessing(pair.prediction, shape, parsePostprocessing(formatPostprocessing(steps)));
  expect(changed).toBe(true);
  expect(pair.prediction).toEqual(reference);
});

test("members that do not fit are refused", async () => {
  const first = await probabilitiesOf(0);
  const two = { ...first, classes: 2, data: first.data.subarray(COUNT) };
  await expect(ensembleProbabilities([first, two], labels)).rejects.toThrow(
    /member 2 of the ensemble .*\(2, 4, 6, 8\)/,
  );
  await expect(ensembleProbabilities([two], labels)).rejects.toThrow(/2 channels of probabilities found, .* 3 labels/);
  await expect(ensembleProbabilities([], labels)).rejects.toThrow(/without members/);
});
