import { expect, test, vi } from "vitest";
import { readB2nd } from "../../../../src/io/blosc2/read.js";
import { readNpz } from "../../../../src/io/npz.js";
import { parsePickle } from "../../../../src/io/pickle.js";
import { propertiesFromPython } from "../../../../src/recipes/v2/documents/properties.js";
import type { Dataset } from "../../../../src/recipes/v2/stages/dataset.js";
import { extractFingerprint } from "../../../../src/recipes/v2/stages/fingerprint.js";
import { planDataset } from "../../../../src/recipes/v2/stages/plan.js";
import { preprocessDataset } from "../../../../src/recipes/v2/stages/preprocess.js";
import { contents, datasetJson, IDENTIFIERS, openTinyDataset, text } from "./tiny-dataset.js";

// The intensities of a dataset are 100 million draws, whatever its size.
vi.setConfig({ testTimeout: 60_000 });

const FULLRES = "nnUNetPlans_3d_fullres";
const FOLDERS = ["", "nnUNetPlans_2d", FULLRES, "gt_segmentations"];

async function prepare(dataset: Dataset, part?: { index: number; count: number }) {
  if (part !== undefined) return preprocessDataset(dataset, { part });
  await extractFingerprint(dataset);
  await planDataset(dataset);
  return preprocessDataset(dataset);
}

const keptOf = (configurations: Awaited<ReturnType<typeof preprocessDataset>>) =>
  configurations.map(({ cases }) => cases.map((outcome) => (outcome.ok ? outcome.value.kept : outcome.error.message)));

test("from raw scans to what nnU-Net v2 trains from, under its names", async () => {
  const { dataset, preprocessed, raw } = await openTinyDataset();
  const [flat, full] = await prepare(dataset);
  expect([flat?.configuration, full?.configuration]).toEqual(["2d", "3d_fullres"]);
  expect(await preprocessed.list()).toEqual(["dataset.json", "dataset_fingerprint.json", "nnUNetPlans.json"]);
  const files = IDENTIFIERS.flatMap((id) => [`${id}.b2nd`, `${id}.pkl`, `${id}_seg.b2nd`]);
  expect(await preprocessed.list(FULLRES)).toEqual(files);
  expect(await preprocessed.list("nnUNetPlans_2d")).toEqual(files);
  const image = await readB2nd(await preprocessed.read(`${FULLRES}/ct_2.b2nd`), { dtype: "<f4" });
  const label = await readB2nd(await preprocessed.read(`${FULLRES}/ct_2_seg.b2nd`), { dtype: "<i2" });
  const shape = full?.cases[1]?.ok === true ? full.cases[1].value.shapeAfter : null;
  expect(image.shape).toEqual([1, ...(shape ?? [])]);
  expect(label.shape).toEqual(image.shape);
  expect(new Set(label.data as Int16Array)).toEqual(new Set([0, 1, 2]));
  const properties = propertiesFromPython(parsePickle(await preprocessed.read(`${FULLRES}/ct_2.pkl`)));
  expect(properties.shapeBeforeCropping).toEqual([6, 24, 22]);
  expect(properties.classLocations?.map(({ region }) => region)).toEqual([1, 2]);
  for (const id of IDENTIFIERS) {
    expect(await preprocessed.read(`gt_segmentations/${id}.nii.gz`)).toEqual(await raw.read(`labelsTr/${id}.nii.gz`));
  }
});

test("the same as npz, which nnU-Net trains from too; what was there as b2nd goes", async () => {
  const { dataset, preprocessed } = await openTinyDataset();
  await prepare(dataset);
  const expected = await readB2nd(await preprocessed.read(`${FULLRES}/ct_1.b2nd`));
  await preprocessDataset(dataset, { format: "npz", configurations: ["3d_fullres"] });
  expect(await preprocessed.list(FULLRES)).toEqual(IDENTIFIERS.flatMap((id) => [`${id}.npz`, `${id}.pkl`]));
  const arrays = await readNpz(await preprocessed.read(`${FULLRES}/ct_1.npz`));
  expect([...arrays.keys()]).toEqual(["data", "seg"]);
  expect(arrays.get("data")).toEqual(expected);
});

test("a second run keeps what still fits, and makes anew what does not", async () => {
  const { dataset, raw, preprocessed } = await openTinyDataset();
  await prepare(dataset);
  expect(keptOf(await preprocessDataset(dataset))).toEqual([
    [true, true, true],
    [true, true, true],
  ]);
  // Another label, a file that was cut off, another option.
  await raw.write(
    "labelsTr/ct_1.nii.gz",
    await raw.read("labelsTr/ct_1.nii.gz").then((b) => new Uint8Array([...b, 0])),
  );
  const image = await preprocessed.read(`${FULLRES}/ct_3.b2nd`);
  await preprocessed.write(`${FULLRES}/ct_3.b2nd`, image.slice(0, -5));
  expect(keptOf(await preprocessDataset(dataset))).toEqual([
    [false, true, true],
    [false, true, false],
  ]);
  expect(await preprocessed.read(`${FULLRES}/ct_3.b2nd`)).toEqual(image);
  const options = { configurations: ["3d_fullres"] };
  expect(keptOf(await preprocessDataset(dataset, { ...options, labelRule: "threshold" }))).toEqual([
    [false, false, false],
  ]);
  expect(keptOf(await preprocessDataset(dataset, { ...options, labelRule: "threshold", overwrite: true }))).toEqual([
    [false, false, false],
  ]);
  expect(await preprocessed.read("gt_segmentations/ct_1.nii.gz")).toEqual(await raw.read("labelsTr/ct_1.nii.gz"));
});

test("cases that are gone, and files that training would stumble over, leave the data folders", async () => {
  const { dataset, raw, preprocessed } = await openTinyDataset();
  await prepare(dataset);
  await raw.remove("imagesTr/ct_2_0000.nii.gz");
  await raw.remove("labelsTr/ct_2.nii.gz");
  await preprocessed.write(`${FULLRES}/.DS_Store`, text("x"));
  // The first part alone looks at the files of all cases.
  const [, second] = await preprocessDataset(dataset, { part: { index: 1, count: 2 } });
  expect(second?.removed).toEqual([]);
  expect(await preprocessed.list("gt_segmentations")).toEqual(["ct_1.nii.gz", "ct_2.nii.gz", "ct_3.nii.gz"]);
  const [, full] = await preprocessDataset(dataset);
  expect(full?.removed).toEqual(
    [".DS_Store", "ct_2.b2nd", "ct_2.pkl", "ct_2_seg.b2nd"].map((name) => `${FULLRES}/${name}`),
  );
  expect(await preprocessed.list("gt_segmentations")).toEqual(["ct_1.nii.gz", "ct_3.nii.gz"]);
  expect(full?.cases.map(({ identifier }) => identifier)).toEqual(["ct_1", "ct_3"]);
});

test.each([1, 2, 7])("%i parts in any order leave the bytes of one run", async (count) => {
  const whole = await openTinyDataset();
  await prepare(whole.dataset);
  const { dataset, preprocessed } = await openTinyDataset();
  const indices = Array.from({ length: count }, (_, i) => count - 1 - i);
  for (const index of indices) {
    const { fingerprint } = await extractFingerprint(dataset, { part: { index, count } });
    expect(fingerprint).toBeNull();
  }
  await expect(planDataset(dataset)).rejects.toThrow("all parts are there");
  await extractFingerprint(dataset);
  await planDataset(dataset);
  for (const index of indices) await preprocessDataset(dataset, { part: { index, count } });
  expect(await contents(preprocessed, FOLDERS)).toEqual(await contents(whole.preprocessed, FOLDERS));
});

test("planning names the cases that no part has read", async () => {
  const { dataset } = await openTinyDataset();
  await extractFingerprint(dataset, { part: { index: 1, count: 3 } });
  await expect(planDataset(dataset)).rejects.toMatchObject({ detail: { missing: ["ct_1", "ct_3"] } });
});

test("one bad case does not stop the others, and a fingerprint is not taken without it", async () => {
  const { dataset, raw } = await openTinyDataset();
  await prepare(dataset);
  await raw.write("imagesTr/ct_2_0000.nii.gz", text("no scan"));
  const [, full] = await preprocessDataset(dataset, { overwrite: true });
  expect(full?.cases.map(({ ok }) => ok)).toEqual([true, false, true]);
  await expect(extractFingerprint(dataset, { clean: true })).rejects.toMatchObject({
    code: "INVALID_DATASET",
    detail: { failed: ["ct_2"] },
  });
});

test("a fingerprint that is there is used again unless --clean", async () => {
  const { dataset, raw } = await openTinyDataset();
  const first = await extractFingerprint(dataset);
  await raw.write("imagesTr/ct_2_0000.nii.gz", text("no scan"));
  const second = await extractFingerprint(dataset);
  expect([first.reused, second.reused]).toEqual([false, true]);
  expect(second.fingerprint?.intensities).toEqual(first.fingerprint?.intensities);
});

test("what was not done before is named with the command that does it", async () => {
  const { dataset, raw, preprocessed } = await openTinyDataset();
  await expect(planDataset(dataset)).rejects.toThrow(/extract-fingerprint/);
  await expect(preprocessDataset(dataset)).rejects.toThrow(/nnUNetPlans\.json: no such file; plan first/);
  await prepare(dataset);
  await expect(preprocessDataset(dataset, { plansName: "Other" })).rejects.toThrow("there are nnUNetPlans.json");
  await expect(preprocessDataset(dataset, { configurations: ["4d"] })).rejects.toThrow('no configuration "4d"');
  await raw.write("splits_final.json", text([{ train: ["ct_1"], val: ["ct_2"] }]));
  await planDataset(dataset);
  expect(await preprocessed.exists("splits_final.json")).toBe(true);
  await raw.write("splits_final.json", text([{ train: ["ct_2"], val: ["ct_1"] }]));
  await expect(planDataset(dataset)).rejects.toThrow("other folds");
  await raw.write("dataset.json", datasetJson({ labels: { background: 0, both: [1, 2] } }));
  await expect(planDataset(dataset)).rejects.toThrow("regions_class_order");
});
