import { beforeAll, expect, test } from "vitest";
import { joinPath } from "../../src/core/paths.js";
import { formatNifti } from "../../src/io/nifti.js";
import { writeNpz } from "../../src/io/npz.js";
import { formatPickle } from "../../src/io/pickle.js";
import { forgetMeasured } from "../../src/recipes/evaluation-parts.js";
import { propertiesToPython } from "../../src/recipes/v1/documents/properties.js";
import { formatSummary as formatSummaryV1 } from "../../src/recipes/v1/documents/summary.js";
import { ensembleDataset } from "../../src/recipes/v1/stages/ensemble.js";
import { evaluateFolders, summarizeOutcomes as summarizeV1 } from "../../src/recipes/v1/stages/evaluate.js";
import { exportDataset } from "../../src/recipes/v1/stages/export.js";
import { applyToFiles, filesToApply } from "../../src/recipes/v1/stages/postprocess.js";
import { formatSummary } from "../../src/recipes/v2/documents/summary.js";
import { readDatasetJson } from "../../src/recipes/v2/stages/dataset.js";
import { ensembleFolders } from "../../src/recipes/v2/stages/ensemble.js";
import { type EvaluationSettings, evaluateFolder, summarizeOutcomes } from "../../src/recipes/v2/stages/evaluate.js";
import { exportFolder } from "../../src/recipes/v2/stages/export.js";
import { extractFingerprint } from "../../src/recipes/v2/stages/fingerprint.js";
import { planDataset } from "../../src/recipes/v2/stages/plan.js";
import { applyToFolder, decidePostprocessing } from "../../src/recipes/v2/stages/postprocess.js";
import { preprocessDataset } from "../../src/recipes/v2/stages/preprocess.js";
import { LocalExecutor } from "../../src/runner/local-executor.js";
import { MemoryStore } from "../../src/runner/memory-store.js";
import type { Part } from "../../src/runner/parts.js";
import { init } from "../../src/runtime/instantiate.js";
import { contents, openTinyDataset } from "./v2/stages/tiny-dataset.js";

beforeAll(() => init());

const COUNTS = [1, 7, 100];
const CASES = Array.from({ length: 9 }, (_, i) => `case_${i}`);
const SHAPE = [3, 4, 5] as const;

/** All parts, in an order that is not theirs. */
function partsOf(count: number): Part[] {
  const parts = Array.from({ length: count }, (_, index) => ({ index, count }));
  return [...parts.slice(Math.floor(count / 3)), ...parts.slice(0, Math.floor(count / 3))].reverse();
}

/** Labels 0 to 2 by a rule of their own for each case; the last case has no label at all. */
function label(i: number, shift: number): Promise<Uint8Array> {
  const data = Uint8Array.from({ length: 60 }, (_, v) => (i === 8 ? 0 : ((v * (i + 2) + shift) >> 3) % 3));
  const geometry = { spacingMm: [2, 1, 1], originMm: [0, 0, 0], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] } as const;
  return formatNifti({ data, shape: SHAPE, geometry }, { gzip: true });
}

async function labelStores(name: string) {
  const stores = { prediction: new MemoryStore([], `${name}/pred`), reference: new MemoryStore([], `${name}/ref`) };
  for (const [i, identifier] of CASES.entries()) {
    await stores.prediction.write(`${identifier}.nii.gz`, await label(i, i % 4));
    await stores.reference.write(`${identifier}.nii.gz`, await label(i, 0));
  }
  return { stores, executor: new LocalExecutor(stores) };
}

type Labels = Awaited<ReturnType<typeof labelStores>>;

const SETTINGS: EvaluationSettings = {
  regions: [1, [1, 2]],
  fileEnding: ".nii.gz",
  readerName: "SimpleITKIO",
  surface: { toleranceMm: 1 },
};

const evaluations = {
  v1: async (task: Labels, part?: Part) =>
    formatSummaryV1(
      summarizeV1(await evaluateFolders(task, [1, [1, 2]], { part, surface: { toleranceMm: 1 } }), {
        timestamp: "2020-01-31 12:00:00",
      }),
    ),
  v2: async (task: Labels, part?: Part) =>
    formatSummary(summarizeOutcomes(await evaluateFolder(task, SETTINGS, { part }))),
};

for (const [generation, evaluate] of Object.entries(evaluations)) {
  test.each(COUNTS)(`${generation}: %i parts of an evaluation are joined to the summary of one run`, async (count) => {
    const whole = await labelStores("here");
    const expected = await evaluate(whole);
    expect(expected).toContain("NaN");
    const task = await labelStores("elsewhere");
    for (const part of partsOf(count)) await evaluate(task, part);
    // The joining run reads no label any more, and sees the folders under other names.
    let read = 0;
    const moved = await labelStores("here");
    for (const name of await task.stores.prediction.list(".nnprep/evaluation")) {
      const path = joinPath(".nnprep/evaluation", name);
      await moved.stores.prediction.write(path, await task.stores.prediction.read(path));
    }
    const reference = moved.stores.reference;
    const readBytes = reference.read.bind(reference);
    reference.read = (path) => {
      read++;
      return readBytes(path);
    };
    expect(await evaluate(moved)).toBe(expected);
    expect(read).toBe(CASES.length);
    await forgetMeasured(moved.stores.prediction);
    expect(await moved.stores.prediction.list(".nnprep/evaluation")).toEqual([]);
  });
}

test("what a part measured of another file, or left in pieces, is measured again", async () => {
  const task = await labelStores("here");
  for (const part of partsOf(3)) await evaluateFolder(task, SETTINGS, { part });
  const { prediction } = task.stores;
  await prediction.write("case_2.nii.gz", await label(5, 1));
  await prediction.write(".nnprep/evaluation/case_3.json", new TextEncoder().encode('{"settings":'));
  const other = await labelStores("here");
  await other.stores.prediction.write("case_2.nii.gz", await label(5, 1));
  expect(await evaluations.v2(task)).toBe(await evaluations.v2(other));
  // Other regions: nothing of what is there fits.
  const regions = { ...SETTINGS, regions: [2] };
  const outcomes = await evaluateFolder(task, regions);
  expect(formatSummary(summarizeOutcomes(outcomes))).toBe(
    formatSummary(summarizeOutcomes(await evaluateFolder(other, regions))),
  );
});

/** Files of results after a whole run and after all parts. */
async function compare(count: number, run: (output: MemoryStore, part?: Part) => Promise<{ ok: boolean }[]>) {
  const [whole, parts] = [new MemoryStore(), new MemoryStore()];
  const all = await run(whole);
  expect(all.every(({ ok }) => ok)).toBe(true);
  let done = 0;
  for (const part of partsOf(count)) done += (await run(parts, part)).length;
  expect(done).toBe(all.length);
  expect((await contents(whole, [""])).size).toBeGreaterThanOrEqual(all.length);
  expect(await contents(parts, [""])).toEqual(await contents(whole, [""]));
}

test.each(COUNTS)("v1: %i parts export, ensemble and post-process what one run does", async (count) => {
  const input = new MemoryStore();
  const second = new MemoryStore();
  for (const [i, identifier] of CASES.entries()) {
    const first = Array.from({ length: 8 }, (_, v) => ((v * (i + 3)) % 8) / 8);
    for (const [store, shift] of [
      [input, 0],
      [second, 1 / 16],
    ] as const) {
      const softmax = [...first.map((p) => p + shift), ...first.map((p) => 1 - p - shift)];
      const array = { chunks: [Float32Array.from(softmax)], shape: [2, 2, 2, 2] };
      await store.write(`${identifier}.npz`, await writeNpz({ softmax: array }, { compression: "none" }));
      const properties = propertiesToPython({
        original_size_of_raw_data: [5, 6, 7],
        original_spacing: [2, 1, 1],
        list_of_data_files: ["scan.nii.gz"],
        seg_file: null,
        itk_origin: [1, 2, 3],
        itk_spacing: [1, 1, 2],
        itk_direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
        crop_bbox: [
          [1, 5],
          [0, 4],
          [2, 6],
        ],
        size_after_cropping: [4, 4, 4],
        spacing_after_resampling: [4, 2, 2],
      });
      await store.write(`${identifier}.pkl`, formatPickle(properties));
    }
  }
  await compare(count, (output, part) =>
    exportDataset(new LocalExecutor({ input, output }), { input, output }, { part }),
  );
  await compare(count, (output, part) => {
    const stores = { "member 0": input, "member 1": second, output };
    return ensembleDataset(new LocalExecutor(stores), stores, { part, export: true });
  });
  const { prediction } = (await labelStores("here")).stores;
  const rules = { for_which_classes: [1, [1, 2]], min_valid_object_sizes: null };
  await compare(count, async (output, part) =>
    applyToFiles(new LocalExecutor({ input: prediction, output }), await filesToApply(prediction), rules, { part }),
  );
});

test.each([1, 7])("v2: %i parts export, ensemble and post-process what one run does", async (count) => {
  const { dataset, raw, preprocessed } = await openTinyDataset();
  await extractFingerprint(dataset);
  const { plans } = await planDataset(dataset);
  const documents = { plans, dataset: await readDatasetJson(raw) };
  const [prepared] = await preprocessDataset(dataset, { configurations: ["3d_fullres"] });
  const [input, probabilities] = [new MemoryStore(), new MemoryStore()];
  for (const outcome of prepared?.cases ?? []) {
    if (!outcome.ok) throw outcome.error;
    const shape = [documents.dataset.labels.heads, ...outcome.value.shapeAfter];
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, v) => ((v * 37) % 101) / 50 - 1);
    const array = { chunks: [data], shape };
    await input.write(`${outcome.identifier}.npz`, await writeNpz({ logits: array }, { compression: "none" }));
    const pickle = await preprocessed.read(`nnUNetPlans_3d_fullres/${outcome.identifier}.pkl`);
    await input.write(`${outcome.identifier}.pkl`, pickle);
  }
  const exportTo = (output: MemoryStore, part?: Part) => {
    const stores = { input, output };
    return exportFolder(new LocalExecutor(stores), stores, documents, "3d_fullres", { part, saveProbabilities: true });
  };
  await compare(count, exportTo);
  await exportTo(probabilities);
  await compare(count, (output, part) => {
    const stores = { "member 0": probabilities, "member 1": probabilities, output };
    return ensembleFolders(new LocalExecutor(stores), stores, documents, { part, saveProbabilities: true });
  });
  await compare(count, (output, part) => {
    const stores = { input: probabilities, output };
    return applyToFolder(new LocalExecutor(stores), stores, [{ region: 1 }] as never, documents, { part });
  });
});

test("decisions refuse a part: they need all cases", async () => {
  const { stores } = await labelStores("here");
  const executor = new LocalExecutor({ ...stores, input: stores.prediction, output: stores.prediction });
  const task = { model: stores.prediction, reference: stores.reference, executor, documents: {} as never };
  await expect(decidePostprocessing(task, { part: { index: 0, count: 2 } })).rejects.toThrow(
    "part 0 of 2 found, but the decision on post-processing needs all cases",
  );
});
