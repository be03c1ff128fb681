import { expect, test } from "vitest";
import { loadArrays, loadProperties, saveCase, saveProperties } from "../../../../src/recipes/v1/stages/case-files.js";
import { cropDataset } from "../../../../src/recipes/v1/stages/crop.js";
import { fingerprintDataset } from "../../../../src/recipes/v1/stages/fingerprint.js";
import { loadPlans, planDataset } from "../../../../src/recipes/v1/stages/plan.js";
import { preprocessDataset } from "../../../../src/recipes/v1/stages/preprocess.js";
import type { Task } from "../../../../src/recipes/v1/stages/task.js";
import { verifyDataset } from "../../../../src/recipes/v1/stages/verify-task.js";
import { LocalExecutor } from "../../../../src/runner/local-executor.js";
import { MemoryStore } from "../../../../src/runner/memory-store.js";
import { CT_TASK, MR_TASK, type TinyTask, taskFiles } from "./tiny-task.js";

interface MemoryTask extends Task {
  readonly stores: { raw: MemoryStore; cropped: MemoryStore; preprocessed: MemoryStore };
}

/** The task without any folder or process, as in a browser. */
async function openInMemory(task: TinyTask): Promise<MemoryTask> {
  const stores = {
    raw: new MemoryStore(await taskFiles(task), "raw"),
    cropped: new MemoryStore([], "cropped"),
    preprocessed: new MemoryStore([], "preprocessed"),
  };
  return { stores, executor: new LocalExecutor(stores) };
}

test.each([
  ["CT", CT_TASK],
  ["MR", MR_TASK],
])("%s: the whole preparation in memory", async (_, tiny) => {
  const task = await openInMemory(tiny);
  const { cropped, preprocessed } = task.stores;
  const ids = Object.keys(tiny.cases);
  expect((await verifyDataset(task)).findings).toEqual([]);
  expect((await cropDataset(task)).every((outcome) => outcome.ok)).toBe(true);
  const { plans } = await planDataset(task);
  expect(plans.get("3d")?.all_classes).toEqual([1, 2]);
  const stages = await preprocessDataset(task);
  expect(stages.map((stage) => stage.cases.map((outcome) => outcome.ok))).toEqual([
    [true, true, true],
    [true, true, true],
  ]);
  expect(await preprocessed.list()).toEqual([
    "dataset.json",
    "dataset_properties.pkl",
    "nnUNetPlansv2.1_plans_2D.pkl",
    "nnUNetPlansv2.1_plans_3D.pkl",
  ]);
  expect(await preprocessed.list("gt_segmentations")).toEqual(ids.map((id) => `${id}.nii.gz`));
  for (const id of ids) {
    const folder = "nnUNetData_plans_v2.1_stage0";
    const arrays = await loadArrays(preprocessed, id, folder);
    const properties = await loadProperties(preprocessed, id, folder);
    expect(arrays.shape).toEqual(properties.size_after_resampling);
    expect(arrays.channels.length).toBe(tiny.modality.length);
    expect([...(properties.class_locations?.keys() ?? [])]).toEqual([1, 2]);
    expect(properties.use_nonzero_mask_for_norm).toEqual(tiny.modality.map((name) => name !== "CT"));
  }
  expect(await cropped.exists("intensityproperties.pkl")).toBe(tiny === CT_TASK);
  expect(await loadPlans(preprocessed, "3d")).toEqual({ ...plans.get("3d") });
});

test("properties are loaded and saved by themselves", async () => {
  const task = await openInMemory(MR_TASK);
  await cropDataset(task);
  const properties = await loadProperties(task.stores.cropped, "mr_1");
  expect(properties.original_size_of_raw_data).toEqual(MR_TASK.cases.mr_1?.shape);
  expect(properties.list_of_data_files).toEqual(["raw/imagesTr/mr_1_0000.nii.gz", "raw/imagesTr/mr_1_0001.nii.gz"]);
  await saveProperties(task.stores.cropped, "mr_1", { ...properties, seg_file: null });
  expect(await loadProperties(task.stores.cropped, "mr_1")).toEqual({ ...properties, seg_file: null });
});

test.each(["none", "fast"] as const)(
  "a stored case can be read as often as one likes: compression %s",
  async (compression) => {
    const task = await openInMemory(MR_TASK);
    const { cropped } = task.stores;
    await cropDataset(task);
    const case1 = await loadArrays(cropped, "mr_1");
    await saveCase(cropped, "copy", case1, await loadProperties(cropped, "mr_1"), "", compression);
    // The label is made in the memory that it was read into, which must not be the store's own.
    for (let time = 0; time < 2; time++) expect(await loadArrays(cropped, "copy")).toEqual(case1);
  },
);

test("cropping skips what is done, redoes what is half done, and overwrites on request", async () => {
  const task = await openInMemory(MR_TASK);
  const { cropped } = task.stores;
  await cropDataset(task);
  const before = await cropped.read("mr_1.npz");
  const skipped = async (overwrite: boolean) =>
    (await cropDataset(task, { overwrite })).map((outcome) => outcome.ok && outcome.value.skipped);
  expect(await skipped(false)).toEqual([true, true, true]);
  await cropped.remove("mr_1.npz");
  await cropped.write("mr_2.pkl", Uint8Array.of(1, 2, 3));
  await cropped.remove("gt_segmentations/mr_3.nii.gz");
  expect(await skipped(false)).toEqual([false, false, false]);
  expect(await skipped(false)).toEqual([true, true, true]);
  expect(await cropped.read("mr_1.npz")).toEqual(before);
  expect(await cropped.list("gt_segmentations")).toHaveLength(3);
  await cropped.write("stale.npz", Uint8Array.of(1));
  expect(await skipped(true)).toEqual([false, false, false]);
  expect(await cropped.exists("stale.npz")).toBe(false);
});

test("what was made of other files, plans or options is made anew, what is gone is removed", async () => {
  const task = await openInMemory(MR_TASK);
  const { raw, cropped, preprocessed } = task.stores;
  const skippedCrops = async () => (await cropDataset(task)).map((outcome) => outcome.ok && outcome.value.skipped);
  const skipped = async (options = {}) => {
    const [stage] = await preprocessDataset(task, { planners: ["3d"], ...options });
    return stage?.cases.map((outcome) => outcome.ok && outcome.value.skipped);
  };
  await cropDataset(task);
  await planDataset(task);
  expect(await skipped()).toEqual([false, false, false]);
  expect(await skipped()).toEqual([true, true, true]);
  expect(await skipped({ overwrite: true })).toEqual([false, false, false]);
  expect(await skipped({ labelOrder: 0 })).toEqual([false, false, false]);
  // Another label under the same name.
  await raw.write("labelsTr/mr_2.nii.gz", await raw.read("labelsTr/mr_1.nii.gz"));
  await raw.write("imagesTr/mr_2_0000.nii.gz", await raw.read("imagesTr/mr_1_0000.nii.gz"));
  await raw.write("imagesTr/mr_2_0001.nii.gz", await raw.read("imagesTr/mr_1_0001.nii.gz"));
  expect(await skippedCrops()).toEqual([true, false, true]);
  expect(await cropped.read("gt_segmentations/mr_2.nii.gz")).toEqual(await raw.read("labelsTr/mr_1.nii.gz"));
  expect(await skipped({ labelOrder: 0 })).toEqual([true, false, true]);
  // A file that was cut off, and a case that the task has no more.
  const arrays = "nnUNetData_plans_v2.1_stage0/mr_1.npz";
  await preprocessed.write(arrays, (await preprocessed.read(arrays)).slice(0, 100));
  const dataset = JSON.parse(new TextDecoder().decode(await raw.read("dataset.json")));
  dataset.training = dataset.training.filter(({ image }: { image: string }) => !image.includes("mr_3"));
  await raw.write("dataset.json", new TextEncoder().encode(JSON.stringify(dataset)));
  expect(await skippedCrops()).toEqual([true, true]);
  expect(await skipped({ labelOrder: 0 })).toEqual([false, true]);
  expect(await cropped.list()).not.toContain("mr_3.npz");
  expect(await cropped.list("gt_segmentations")).toEqual(["mr_1.nii.gz", "mr_2.nii.gz"]);
  expect(await preprocessed.list("nnUNetData_plans_v2.1_stage0")).toEqual([
    "mr_1.npz",
    "mr_1.pkl",
    "mr_2.npz",
    "mr_2.pkl",
  ]);
});

/** All files of a task's two result folders, as text of their bytes. */
async function contents({ cropped, preprocessed }: MemoryTask["stores"]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const store of [cropped, preprocessed]) {
    for (const folder of ["", "gt_segmentations", "nnUNetData_plans_v2.1_stage0", "nnUNetData_plans_v2.1_2D_stage0"]) {
      for (const name of await store.list(folder)) {
        const path = folder === "" ? name : `${folder}/${name}`;
        found.set(store.location(path), Array.from(await store.read(path)).join());
      }
    }
  }
  return found;
}

test.each([2, 7])("%i parts in any order leave the bytes of one run", async (count) => {
  const whole = await openInMemory(MR_TASK);
  await cropDataset(whole);
  await planDataset(whole);
  await preprocessDataset(whole);
  const task = await openInMemory(MR_TASK);
  const parts = Array.from({ length: count }, (_, i) => ({ index: count - 1 - i, count }));
  for (const part of parts) {
    if (part.index === 0) await expect(planDataset(task)).rejects.toThrow(/cases are not cropped \(mr_1/);
    const findings = await verifyDataset(task, { part });
    expect(findings.findings).toEqual([]);
    const expected = Object.keys(MR_TASK.cases).filter((_, i) => i % count === part.index);
    expect((await cropDataset(task, { part, overwrite: true })).map(({ identifier }) => identifier)).toEqual(expected);
  }
  await planDataset(task);
  for (const part of parts) await preprocessDataset(task, { part });
  expect(await contents(task.stores)).toEqual(await contents(whole.stores));
});

test("the fingerprint is never a stale one, and counts only the cases of dataset.json", async () => {
  const task = await openInMemory(CT_TASK);
  const { cropped } = task.stores;
  await cropDataset(task);
  const first = await fingerprintDataset(task);
  await cropped.write("intensityproperties.pkl", Uint8Array.of(0));
  await cropped.write("stranger.npz", await cropped.read("ct_1.npz"));
  await cropped.write("stranger.pkl", await cropped.read("ct_1.pkl"));
  expect(await fingerprintDataset(task)).toEqual(first);
  expect([...first.size_reductions.keys()]).toEqual(["ct_1", "ct_2", "ct_3"]);
  await cropped.remove("ct_2.pkl");
  await expect(fingerprintDataset(task)).rejects.toThrow(/1 of 3 training cases are not cropped \(ct_2\)/);
});

test("preprocessing without plans says so", async () => {
  const task = await openInMemory(CT_TASK);
  await cropDataset(task);
  await expect(preprocessDataset(task)).rejects.toThrow(/no plans found/);
});
