import { expect, test } from "vitest";
import { extractFingerprint } from "../../../../src/recipes/v2/stages/fingerprint.js";
import { planDataset } from "../../../../src/recipes/v2/stages/plan.js";
import { preprocessDataset } from "../../../../src/recipes/v2/stages/preprocess.js";
import { datasetStatus } from "../../../../src/recipes/v2/stages/status.js";
import { IDENTIFIERS, openTinyDataset, text } from "./tiny-dataset.js";

const FULLRES = "nnUNetPlans_3d_fullres";

test("how far a dataset is, stage by stage, over all parts", async () => {
  const { dataset, raw, preprocessed } = await openTinyDataset();
  const rows = async () =>
    (await datasetStatus(dataset)).map(({ stage, done, missing, failed }) => [
      stage,
      done,
      missing.join(" "),
      failed.map(({ identifier, error }) => `${identifier} ${error.code}`).join(" "),
    ]);
  const documents = "dataset_fingerprint.json nnUNetPlans.json";
  const all = IDENTIFIERS.join(" ");
  expect(await rows()).toEqual([
    ["extract-fingerprint", 0, all, ""],
    ["plan", 0, documents, ""],
    ["preprocess", 0, all, ""],
  ]);
  const scan = await raw.read("imagesTr/ct_2_0000.nii.gz");
  await raw.write("imagesTr/ct_2_0000.nii.gz", text("no scan"));
  for (const index of [1, 0]) await extractFingerprint(dataset, { part: { index, count: 3 } });
  expect((await rows())[0]).toEqual(["extract-fingerprint", 1, "ct_3", "ct_2 CORRUPT_FILE"]);
  await raw.write("imagesTr/ct_2_0000.nii.gz", scan);
  await extractFingerprint(dataset);
  await planDataset(dataset);
  await preprocessDataset(dataset, { configurations: ["3d_fullres"], part: { index: 2, count: 3 } });
  expect(await rows()).toEqual([
    ["extract-fingerprint", 3, "", ""],
    ["plan", 2, "", ""],
    ["preprocess 2d", 0, all, ""],
    ["preprocess 3d_fullres", 1, "ct_1 ct_2", ""],
  ]);
  await preprocessDataset(dataset);
  expect((await rows()).slice(2)).toEqual([
    ["preprocess 2d", 3, "", ""],
    ["preprocess 3d_fullres", 3, "", ""],
  ]);
  // A file that was cut off is not done; nor is what other plans made.
  await preprocessed.write(`${FULLRES}/ct_1.b2nd`, new Uint8Array(10));
  expect((await rows())[3]).toEqual(["preprocess 3d_fullres", 2, "ct_1", ""]);
  await planDataset(dataset, { targetSpacingMm: [3, 3, 3] });
  expect((await rows())[3]).toEqual(["preprocess 3d_fullres", 0, all, ""]);
});
