import { expect, test } from "vitest";
import { extractFingerprint } from "../../src/recipes/v2/stages/fingerprint.js";
import { planDataset } from "../../src/recipes/v2/stages/plan.js";
import { preprocessDataset } from "../../src/recipes/v2/stages/preprocess.js";
import { gatherReport } from "../../src/report/gather.js";
import { forgetLooks, lookAtPart } from "../../src/report/looks.js";
import { reportSourceV2 } from "../../src/report/source-v2.js";
import { formatHtmlReport } from "../../src/view/report.js";
import { openTinyDataset } from "../recipes/v2/stages/tiny-dataset.js";

const LOOKS = { pictures: 2, sample: 3 };
const RECORDS = ".nnprep/report";

async function openPrepared() {
  const { dataset, raw } = await openTinyDataset();
  await extractFingerprint(dataset);
  await planDataset(dataset);
  await preprocessDataset(dataset);
  const source = await reportSourceV2(dataset, {});
  const page = async () => formatHtmlReport(await gatherReport(source, { ...LOOKS, verify: false }), "");
  return { source, raw, preprocessed: dataset.stores.preprocessed, page };
}

test("a report of what parts have left, in any order, is that of one machine in every byte", async () => {
  const { source, preprocessed, page } = await openPrepared();
  const alone = await page();
  expect(await preprocessed.list(RECORDS)).toEqual([]);
  for (const index of [1, 0, 1]) {
    const { failures } = await lookAtPart(source, { index, count: 2 }, LOOKS);
    expect(failures).toEqual([]);
  }
  expect(await preprocessed.list(RECORDS)).toEqual(["ct_1.json", "ct_2.json", "ct_3.json"]);
  expect(await page()).toBe(alone);
  await forgetLooks(source);
  expect(await preprocessed.list(RECORDS)).toEqual([]);
});

test("what a part has left is taken, unless files or settings are others", async () => {
  const { source, raw, preprocessed, page } = await openPrepared();
  const alone = await page();
  await lookAtPart(source, { index: 0, count: 1 }, LOOKS);
  const path = `${RECORDS}/ct_1.json`;
  const record = JSON.parse(new TextDecoder().decode(await preprocessed.read(path)));
  record.result.picture.text = "as a part has left it";
  await preprocessed.write(path, new TextEncoder().encode(JSON.stringify(record)));
  expect(await page()).toContain("as a part has left it");
  // The other file of the same case; then another number of cases.
  const label = await raw.read("labelsTr/ct_1.nii.gz");
  await raw.write(
    "labelsTr/ct_1.nii.gz",
    await raw.read("labelsTr/ct_1.nii.gz").then((bytes) => Uint8Array.of(...bytes, 0)),
  );
  expect(await page()).not.toContain("as a part has left it");
  await raw.write("labelsTr/ct_1.nii.gz", label);
  expect(await page()).toContain("as a part has left it");
  await preprocessed.write("nnUNetPlans_3d_fullres/ct_1.pkl", new Uint8Array());
  expect(await page()).not.toContain("as a part has left it");
  expect(await page()).not.toBe(alone);
});

test("a case that cannot be read is named, and a part of other cases takes the place of an older one", async () => {
  const { source, raw, preprocessed } = await openPrepared();
  await lookAtPart(source, { index: 0, count: 1 }, LOOKS);
  await raw.write("labelsTr/ct_1.nii.gz", new Uint8Array(3));
  const { cases, failures } = await lookAtPart(source, { index: 0, count: 1 }, { ...LOOKS, sample: 1 });
  expect(cases).toBe(1);
  expect(failures).toEqual([expect.stringMatching(/^ct_1: .*labelsTr\/ct_1\.nii\.gz/)]);
  expect(await preprocessed.list(RECORDS)).toEqual(["ct_1.json"]);
});
