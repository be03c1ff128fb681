import { beforeAll, describe, expect, test } from "vitest";
import type { Shape3 } from "../../../../src/core/volume.js";
import { writeVolume } from "../../../../src/io/formats.js";
import { parseJsonDict } from "../../../../src/io/ordered-json.js";
import { readDatasetJson } from "../../../../src/recipes/v2/documents/dataset-json.js";
import type { Plans } from "../../../../src/recipes/v2/documents/plans.js";
import { formatPostprocessing, parsePostprocessing } from "../../../../src/recipes/v2/documents/postprocessing.js";
import { formatSummary, parseSummary } from "../../../../src/recipes/v2/documents/summary.js";
import { evaluateFolder, summarizeOutcomes } from "../../../../src/recipes/v2/stages/evaluate.js";
import { loadLabel } from "../../../../src/recipes/v2/stages/label-files.js";
import {
  applyToFolder,
  type DecisionTask,
  decidePostprocessing,
  evaluationSettings,
  loadPostprocessing,
} from "../../../../src/recipes/v2/stages/postprocess.js";
import { LocalExecutor } from "../../../../src/runner/local-executor.js";
import { MemoryStore } from "../../../../src/runner/memory-store.js";
import { init } from "../../../../src/runtime/instantiate.js";
import goldens from "../../../golden/v2-postprocessing/decisions.json";
import { countDifferences, decode, type GoldenArray } from "../../../golden.js";

beforeAll(() => init());

const GEOMETRY = {
  spacingMm: [2, 1.5, 0.75],
  originMm: [3.5, -4.25, 10],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
} as const;
const PLANS = { readerName: "SimpleITKIO" } as Plans;

type Golden = (typeof goldens)[number];

async function saveLabel(store: MemoryStore, name: string, golden: GoldenArray): Promise<void> {
  const volume = { data: decode<Uint8Array>(golden), shape: golden.shape as unknown as Shape3, geometry: GEOMETRY };
  await store.write(name, await writeVolume(name, volume));
}

async function open(golden: Golden): Promise<DecisionTask & { model: MemoryStore; reference: MemoryStore }> {
  const root = new MemoryStore([], "ROOT");
  const [model, reference] = [root.below("pred"), root.below("ref")];
  for (const [i, one] of golden.cases.entries()) {
    await saveLabel(model, `case_${i}.nii.gz`, one.prediction);
    await saveLabel(reference, `case_${i}.nii.gz`, one.reference);
  }
  const executor = new LocalExecutor({ prediction: model, input: model, output: model, reference });
  const dataset = readDatasetJson(parseJsonDict(golden.dataset));
  return { model, reference, executor, documents: { dataset, plans: PLANS } };
}

async function text(store: MemoryStore, path: string): Promise<string> {
  return new TextDecoder().decode(await store.read(path));
}

function pickleOf(golden: Golden): Uint8Array {
  return Uint8Array.from(atob(golden.pickle), (c) => c.charCodeAt(0));
}

describe("determine_postprocessing", () => {
  test.each(goldens)("$name", async (golden) => {
    const task = await open(golden);
    const { steps } = await decidePostprocessing(task);
    expect(await text(task.model, "summary.json")).toBe(golden.summary);
    expect(await text(task.model, "postprocessing.json")).toBe(golden.postprocessing);
    expect(parsePostprocessing(pickleOf(golden))).toEqual(steps);
    expect(await loadPostprocessing(task.model)).toEqual(steps);
    for (const [i, expected] of golden.final.entries()) {
      const { label } = await loadLabel(task.model, `postprocessed/case_${i}.nii.gz`, "SimpleITKIO");
      expect(countDifferences(label, decode(expected))).toBe(0);
    }
  });
});

test("evaluation of a folder, without leaving anything there", async () => {
  for (const golden of goldens) {
    const { model, reference, documents, executor } = await open(golden);
    const before = await model.list();
    const task = { stores: { prediction: model, reference }, executor };
    const outcomes = await evaluateFolder(task, evaluationSettings(documents));
    expect(formatSummary(summarizeOutcomes(outcomes))).toBe(golden.summary);
    expect(formatSummary(parseSummary(golden.summary))).toBe(golden.summary);
    expect(await model.list()).toEqual(before);
  }
});

test("nnU-Net's own postprocessing.pkl is applied", async () => {
  const golden = goldens.find(({ name }) => name === "regions") as Golden;
  const { model, documents } = await open(golden);
  const output = new MemoryStore();
  const executor = new LocalExecutor({ input: model, output });
  const steps = parsePostprocessing(pickleOf(golden));
  const outcomes = await applyToFolder(executor, { input: model, output }, steps, documents);
  expect(outcomes.every((outcome) => outcome.ok)).toBe(true);
  for (const [i, expected] of golden.final.entries()) {
    const { label } = await loadLabel(output, `case_${i}.nii.gz`, "SimpleITKIO");
    expect(countDifferences(label, decode(expected))).toBe(0);
  }
});

test("a pickle with any other function is refused by name", () => {
  const bytes = formatPostprocessing([{ region: 1 }]);
  const hostile = String.fromCharCode(...bytes).replace("remove_all_but_largest_component_from_segmentation", "x");
  const changed = Uint8Array.from(hostile, (c) => c.charCodeAt(0));
  expect(() => parsePostprocessing(changed)).toThrow(/nnunetv2\.postprocessing\.remove_connected_components\.x/);
  // posix.system("true")
  const system = Uint8Array.from("\x80\x03cposix\nsystem\nX\x04\x00\x00\x00true\x85R.", (c) => c.charCodeAt(0));
  expect(() => parsePostprocessing(system)).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
});

test("what a case lacks or does not fit is told", async () => {
  const golden = goldens[0] as Golden;
  const { model, reference, documents, executor } = await open(golden);
  const task = { stores: { prediction: model, reference }, executor };
  const settings = evaluationSettings(documents);
  await saveLabel(model, "stranger.nii.gz", (golden.cases[0] as Golden["cases"][number]).prediction);
  await expect(evaluateFolder(task, settings)).rejects.toThrow(/stranger.*no reference/s);
  await model.remove("stranger.nii.gz");
  await model.remove("case_1.nii.gz");
  const small = { dtype: "uint8", shape: [1, 1, 2], base64: btoa("\x01\x02") };
  await saveLabel(model, "case_2.nii.gz", small);
  const outcomes = await evaluateFolder(task, settings);
  expect(outcomes.map(({ identifier, ok }) => [identifier, ok])).toEqual([
    ["case_0", true],
    ["case_2", false],
    ["case_3", true],
    ["case_1", false],
  ]);
  const messages = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error.message]));
  expect(messages[0]).toMatch(/case_2\.nii\.gz: shape \(1, 1, 2\), but the reference/);
  expect(messages[1]).toMatch(/case_1 has a reference but no prediction/);
  expect(await evaluateFolder(task, settings, { chill: true })).toHaveLength(3);
  await expect(decidePostprocessing({ model, reference, documents, executor })).rejects.toThrow(/case_2/);
  expect(await model.exists("postprocessing.pkl")).toBe(false);
  await expect(
    evaluateFolder({ ...task, stores: { prediction: new MemoryStore(), reference } }, settings),
  ).rejects.toThrow(/no predictions found/);
});
