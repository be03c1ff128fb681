import { expect, test } from "vitest";
import { formatNifti } from "../../../../src/io/nifti.js";
import { verifyDataset } from "../../../../src/recipes/v2/stages/verify.js";
import type { Finding } from "../../../../src/recipes/verify/findings.js";
import type { MemoryStore } from "../../../../src/runner/memory-store.js";
import { geometryOf } from "../../v1/stages/tiny-task.js";
import { datasetJson, openTinyDataset, text } from "./tiny-dataset.js";

async function findings(change: (raw: MemoryStore) => Promise<void>): Promise<string[]> {
  const { dataset, raw } = await openTinyDataset();
  await change(raw);
  const found = await verifyDataset(dataset);
  return found.findings.map(({ severity, kind, file }: Finding) => `${severity} ${kind} ${file}`);
}

test("nothing is wrong with a sound dataset", async () => {
  const { dataset } = await openTinyDataset();
  expect(await verifyDataset(dataset)).toEqual({ trainingCases: 3, testCases: 0, findings: [] });
});

const scan = (shape: [number, number, number], data: Int16Array | Float32Array, spacing = 2) =>
  formatNifti({ data, shape, geometry: geometryOf([spacing, 1, 1]) }, { gzip: true });

test.each<[string, (raw: MemoryStore) => Promise<void>, string[]]>([
  ["no dataset.json", (raw) => raw.remove("dataset.json"), ["error missing-file dataset.json"]],
  [
    "a dataset.json of v1",
    (raw) => raw.write("dataset.json", text({ modality: { "0": "CT" }, labels: { "0": "background" }, training: [] })),
    ["error invalid-dataset-json dataset.json"],
  ],
  [
    "labels with a gap, another count, an unknown ending of a name",
    (raw) => raw.write("dataset.json", datasetJson({ labels: { background: 0, left: 1, right: 3 }, numTraining: 5 })),
    [
      "error label-numbering dataset.json",
      "error case-count dataset.json",
      "error unexpected-label labelsTr/ct_1.nii.gz",
      "error unexpected-label labelsTr/ct_2.nii.gz",
      "error unexpected-label labelsTr/ct_3.nii.gz",
    ],
  ],
  [
    "a name that only looks like a normalisation",
    (raw) => raw.write("dataset.json", datasetJson({ channel_names: { "0": "rescale_0_1" } })),
    ["warning channel-name dataset.json"],
  ],
  [
    "an ending that no reader knows",
    (raw) => raw.write("dataset.json", datasetJson({ file_ending: ".xyz", numTraining: 0 })),
    [
      "error no-cases dataset.json",
      "warning stray-file imagesTr/ct_1_0000.nii.gz",
      "warning stray-file imagesTr/ct_2_0000.nii.gz",
      "warning stray-file imagesTr/ct_3_0000.nii.gz",
      "warning stray-file labelsTr/ct_1.nii.gz",
      "warning stray-file labelsTr/ct_2.nii.gz",
      "warning stray-file labelsTr/ct_3.nii.gz",
      "error unreadable-file dataset.json",
    ],
  ],
  ["a label that is missing", (raw) => raw.remove("labelsTr/ct_2.nii.gz"), ["error missing-file labelsTr/ct_2.nii.gz"]],
  [
    "files that belong to nobody",
    async (raw) => {
      await raw.write("imagesTr/notes.txt", text("x"));
      await raw.write("labelsTr/ct_9.nii.gz", await raw.read("labelsTr/ct_1.nii.gz"));
    },
    ["warning stray-file imagesTr/notes.txt", "warning stray-file labelsTr/ct_9.nii.gz"],
  ],
  [
    "a second channel that dataset.json does not name",
    async (raw) => raw.write("imagesTr/ct_1_0001.nii.gz", await raw.read("imagesTr/ct_1_0000.nii.gz")),
    ["error channel-count imagesTr/ct_1_0000.nii.gz"],
  ],
  [
    "an image that cannot be read",
    (raw) => raw.write("imagesTr/ct_3_0000.nii.gz", text("no scan")),
    ["error unreadable-file imagesTr/ct_3_0000.nii.gz"],
  ],
  [
    "a label on another grid",
    async (raw) => raw.write("labelsTr/ct_1.nii.gz", await scan([14, 22, 19], new Int16Array(14 * 22 * 19).fill(1))),
    ["error geometry-mismatch labelsTr/ct_1.nii.gz"],
  ],
  [
    "a label with another spacing",
    async (raw) => raw.write("labelsTr/ct_1.nii.gz", await scan([14, 22, 20], new Int16Array(14 * 22 * 20).fill(1), 3)),
    ["error geometry-mismatch labelsTr/ct_1.nii.gz"],
  ],
  [
    "a label with fractions",
    async (raw) =>
      raw.write("labelsTr/ct_1.nii.gz", await scan([14, 22, 20], new Float32Array(14 * 22 * 20).fill(0.5))),
    ["error non-integer-label labelsTr/ct_1.nii.gz"],
  ],
  [
    "an image and a label of nothing",
    async (raw) => {
      await raw.write("imagesTr/ct_1_0000.nii.gz", await scan([14, 22, 20], new Int16Array(14 * 22 * 20)));
      await raw.write("labelsTr/ct_1.nii.gz", await scan([14, 22, 20], new Int16Array(14 * 22 * 20)));
    },
    ["warning empty-image imagesTr/ct_1_0000.nii.gz", "warning empty-label labelsTr/ct_1.nii.gz"],
  ],
  [
    "a case that training would take for a label",
    async (raw) => {
      await raw.write("imagesTr/ct_1_seg_0000.nii.gz", await raw.read("imagesTr/ct_1_0000.nii.gz"));
      await raw.write("labelsTr/ct_1_seg.nii.gz", await raw.read("labelsTr/ct_1.nii.gz"));
      await raw.write("dataset.json", datasetJson({ numTraining: 4 }));
    },
    ["error case-name imagesTr/ct_1_seg_0000.nii.gz"],
  ],
])("%s", async (_, change, expected) => {
  expect(await findings(change)).toEqual(expected);
});
