import { beforeAll, expect, test } from "vitest";
import type { Geometry, Shape3, Vec3, VoxelArray } from "../../../../src/core/volume.js";
import { formatNifti, parseNifti } from "../../../../src/io/nifti.js";
import { formatEvaluationCsv, parseSummary } from "../../../../src/recipes/v1/documents/summary.js";
import { consolidateFolds } from "../../../../src/recipes/v1/stages/cross-validation.js";
import { evaluateFolders, summarizeOutcomes } from "../../../../src/recipes/v1/stages/evaluate.js";
import { applyToFiles, filesToApply } from "../../../../src/recipes/v1/stages/postprocess.js";
import { LocalExecutor } from "../../../../src/runner/local-executor.js";
import { MemoryStore } from "../../../../src/runner/memory-store.js";
import { init } from "../../../../src/runtime/instantiate.js";

const SHAPE: Shape3 = [2, 3, 4];
const HERE: Geometry = {
  spacingMm: [2, 1, 0.5],
  originMm: [1, 2, 3],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
};

beforeAll(() => init());

function nifti(data: VoxelArray, shape: Shape3 = SHAPE, geometry: Geometry = HERE): Promise<Uint8Array> {
  return formatNifti({ data, shape, geometry }, { gzip: true });
}

function labels(...voxels: number[]): Uint8Array {
  const data = new Uint8Array(24);
  data.set(voxels);
  return data;
}

async function evaluation(prediction: Record<string, Uint8Array>, reference: Record<string, Uint8Array>) {
  const stores = {
    prediction: new MemoryStore(Object.entries(prediction), "pred"),
    reference: new MemoryStore(Object.entries(reference), "ref"),
  };
  return { stores, executor: new LocalExecutor(stores) };
}

test("every kind of bad case is named, the good ones are evaluated", async () => {
  const good = await nifti(labels(1, 1, 2, 0, 7));
  const moved = { ...HERE, originMm: [1, 2, 30] as Vec3 };
  const task = await evaluation(
    {
      "a.nii.gz": await nifti(labels(1, 1, 0, 2, 9)),
      "b.nii.gz": await nifti(new Uint8Array(30), [2, 3, 5]),
      "c.nii.gz": await nifti(labels(1), SHAPE, moved),
      "d.nii.gz": new Uint8Array([1, 2, 3]),
      "e.nii.gz": good,
      "g.nii.gz": await nifti(
        Float32Array.from({ length: 600 }, (_, i) => i / 8),
        [6, 10, 10],
      ),
      "notes.txt": new Uint8Array(),
    },
    {
      "a.nii.gz": good,
      "b.nii.gz": good,
      "c.nii.gz": good,
      "d.nii.gz": good,
      "f.nii.gz": good,
      "g.nii.gz": await nifti(new Uint8Array(600), [6, 10, 10]),
    },
  );
  const outcomes = await evaluateFolders(task, [1, 2, [1, 2]]);
  const failures = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome]));
  const described = failures.map(({ identifier, error }) => [identifier, (error as { code?: string }).code]);
  expect(described).toEqual([
    ["b", "SHAPE_MISMATCH"],
    ["c", "GEOMETRY_MISMATCH"],
    ["d", "CORRUPT_FILE"],
    ["g", "INVALID_VALUES"],
    ["e", "FILE_NOT_FOUND"],
    ["f", "FILE_NOT_FOUND"],
  ]);
  const messages = failures.map(({ error }) => error.message);
  expect(messages[0]).toMatch(/pred\/b\.nii\.gz: shape \(2, 3, 5\).*ref\/b\.nii\.gz has \(2, 3, 4\)/);
  expect(messages[1]).toMatch(/pred\/c\.nii\.gz: origin \(1, 2, 30\).*\(1, 2, 3\)/);
  expect(messages[3]).toContain("pred/g.nii.gz");
  expect(messages[4]).toMatch(/ref\/e\.nii\.gz.*no reference/);
  expect(messages[5]).toMatch(/pred\/f\.nii\.gz.*no prediction/);
  const summary = summarizeOutcomes(outcomes, { timestamp: "2020-01-01 00:00:00" });
  expect(summary.all.length).toBe(1);
  const [first] = outcomes;
  expect(first).toMatchObject({ ok: true, value: { unexpectedLabels: { prediction: [9], reference: [7] } } });
  expect(summary.mean.get("1")?.get("Dice")).toBe(1);
  expect(summary.mean.get("2")?.get("Dice")).toBe(0);
  expect(summary.mean.get("1+2")?.get("Dice")).toBe(4 / 6);
  const csv = formatEvaluationCsv(summary).trim().split("\n");
  expect(csv.length).toBe(7);
  expect(csv[0]).toMatch(/^case,label,Accuracy,Dice,/);
  expect(csv[1]).toMatch(/^pred\/a\.nii\.gz,1,1,1,/);

  const ignoring = await evaluateFolders(task, [1], { ignoreGeometry: true });
  expect(ignoring.filter(({ ok }) => ok).map(({ identifier }) => identifier)).toEqual(["a", "c"]);
});

test("an empty folder is named", async () => {
  const good = await nifti(labels(1));
  for (const [prediction, reference, message] of [
    [{}, { "a.nii.gz": good }, /pred: no NIfTI files/],
    [{ "a.nii.gz": good }, { "a.nrrd": good }, /ref: no NIfTI files/],
  ] as const) {
    await expect(evaluateFolders(await evaluation(prediction, reference), [1])).rejects.toMatchObject({
      code: "INVALID_DATASET",
      message: expect.stringMatching(message),
    });
  }
});

test("surface distances use the spacing of the files", async () => {
  const far = labels();
  far[12] = 1;
  const task = await evaluation({ "a.nii": await nifti(labels(1)) }, { "a.nii": await nifti(far) });
  const [outcome] = await evaluateFolders(task, [1], { surface: { toleranceMm: 2 } });
  const scores = outcome?.ok ? outcome.value.scores.labels.get("1") : undefined;
  expect(scores?.get("Hausdorff Distance 95")).toBe(2);
  expect(scores?.get("Normalized Surface Dice")).toBeCloseTo(1, 7);
});

test("post-processing is applied file by file, in the files' own type and geometry", async () => {
  const data = Int16Array.from(labels(1, 1, 0, 1, 2, 0, 2, 2));
  const input = new MemoryStore([
    ["a.nii.gz", await nifti(data)],
    ["b.nii", await formatNifti({ data: labels(1, 1), shape: SHAPE, geometry: HERE }, { gzip: false })],
    ["c.nii.gz", new Uint8Array([0])],
  ]);
  const output = new MemoryStore();
  const postprocessing = { for_which_classes: [1, [2]], min_valid_object_sizes: [{ classes: [2], sizeMm3: 1 }] };
  const executor = new LocalExecutor({ input, output });
  const outcomes = await applyToFiles(executor, await filesToApply(input), postprocessing);
  expect(outcomes.map((outcome) => (outcome.ok ? outcome.value.changed : "failed"))).toEqual([true, false, "failed"]);
  const a = await parseNifti(await output.read("a.nii.gz"));
  expect(a.data).toEqual(Int16Array.from(labels(1, 1, 0, 0, 2, 0, 2, 2)));
  expect(a.geometry).toEqual(HERE);
  expect(outcomes[0]).toMatchObject({
    value: {
      voxelsRemoved: 1,
      outcomes: [
        { largestRemoved: 1, keptSize: 2 },
        { largestRemoved: null, keptSize: 2 },
      ],
    },
  });
  expect(await output.read("b.nii")).toEqual(await input.read("b.nii"));
  await expect(filesToApply(new MemoryStore())).rejects.toMatchObject({ code: "INVALID_DATASET" });
});

test("a cross-validation in memory: documents and predictions are written, nothing if a case fails", async () => {
  const prediction = await nifti(labels(1, 1, 0, 1));
  const reference = new MemoryStore([
    ["a.nii.gz", await nifti(labels(1, 1))],
    ["b.nii.gz", await nifti(labels(1, 1))],
  ]);
  const run = (model: MemoryStore, folds: number[]) => {
    const executor = new LocalExecutor({ prediction: model, input: model, output: model, reference });
    return consolidateFolds({ model, reference, executor }, { folds, labels: [0, 1] });
  };
  const model = new MemoryStore([
    ["fold_0/validation_raw/a.nii.gz", prediction],
    ["fold_1/validation_raw/b.nii.gz", prediction],
    ["cv_niftis_raw/old.nii.gz", prediction],
  ]);
  const { decision, raw, final } = await run(model, [0, 1]);
  expect(decision.for_which_classes).toEqual([[1]]);
  expect(raw.mean.get("1")?.get("Dice")).toBe(0.8);
  expect(final.mean.get("1")?.get("Dice")).toBe(1);
  expect(await model.list("cv_niftis_raw")).toEqual(["a.nii.gz", "b.nii.gz", "summary.json"]);
  expect(await model.list("cv_niftis_postprocessed")).toEqual(["a.nii.gz", "b.nii.gz", "summary.json"]);
  const written = parseSummary(new TextDecoder().decode(await model.read("cv_niftis_postprocessed/summary.json")));
  expect(written.id).toBe(final.id);
  expect(written.all[0]?.test).toBe("memory/cv_niftis_postprocessed/a.nii.gz");

  const broken = new MemoryStore([
    ["fold_0/validation_raw/a.nii.gz", prediction],
    ["fold_1/validation_raw/b.nii.gz", new Uint8Array([5])],
  ]);
  await expect(run(broken, [0, 1])).rejects.toMatchObject({
    code: "INVALID_DATASET",
    message: expect.stringMatching(/1 of 2 cases could not be evaluated.*b: /s),
  });
  expect(await broken.exists("postprocessing.json")).toBe(false);
  await expect(run(broken, [0])).rejects.toMatchObject({ message: expect.stringContaining("without a prediction: b") });
  await expect(run(new MemoryStore(), [0])).rejects.toMatchObject({ message: expect.stringContaining("fold_0") });
});
