import { expect, test } from "vitest";
import { NnprepError } from "../../../src/core/errors.js";
import { parseDatasetJson } from "../../../src/recipes/v2/documents/dataset-json.js";
import {
  channelFileName,
  datasetNumber,
  findDataset,
  foldFolderName,
  isHiddenIdentifier,
  modelFolderName,
  plansFileName,
  preparedFileNames,
  preparedIdentifiers,
  trainingCases,
} from "../../../src/recipes/v2/layout.js";
import golden from "../../golden/v2-documents/layout.json" with { type: "json" };
import goldenText from "../../golden/v2-documents/layout.json?raw";

test.each(golden.listings.map((entry) => [entry.files.join(" "), entry] as const))("cases of %s", (_, entry) => {
  // Folders list their files in any order.
  const files = [...entry.files].reverse();
  expect(trainingCases({ cases: undefined, fileEnding: entry.ending }, files)).toEqual(entry.cases);
});

test("100,000 cases are found in a second", () => {
  const files = Array.from({ length: 100_000 }, (_, i) => `case_${i}_0000.nii.gz`);
  const start = performance.now();
  expect(trainingCases({ cases: undefined, fileEnding: ".nii.gz" }, files)).toHaveLength(files.length);
  // Looking through all files for each case would take minutes.
  expect(performance.now() - start).toBeLessThan(10_000);
});

test("cases that dataset.json lists, in its order, with variables", () => {
  // As text: JavaScript would put the keys that are numbers first.
  const listed = /"dataset":(\{.*?\}\}),"environment"/.exec(goldenText)?.[1];
  const dataset = parseDatasetJson(
    `{"channel_names": {"0": "a"}, "labels": {"background": 0}, "numTraining": 3, "file_ending": ".nii.gz", "dataset": ${listed}}`,
  );
  expect(trainingCases(dataset, [], golden.listed.environment)).toEqual(golden.listed.cases);
});

test.each(golden.lookups.entries.map((entry) => [entry.asked, entry] as const))("dataset %s", (asked, entry) => {
  const find = () => findDataset(asked, Object.values(golden.lookups.folders));
  if (entry.found !== null) expect(find()).toBe(entry.found);
  else expect(find).toThrow(NnprepError);
});

test("lookups that fail say why", () => {
  const found = (asked: string | number) => () => findDataset(asked, Object.values(golden.lookups.folders));
  expect(found(3)).toThrow(/^no folder Dataset003_NAME in nnUNet_raw, nnUNet_preprocessed and nnUNet_results/);
  expect(found(12)).toThrow(/^2 folders for dataset 12 in .* \(Dataset012_P, Dataset012_Q\); leave only one name/);
  for (const asked of ["x", "", -1, 1.5]) expect(found(asked)).toThrow(/expected a number such as 5 or a name/);
});

test("identifiers of preprocessed cases", () => {
  expect(preparedIdentifiers(golden.prepared.files)).toEqual(golden.prepared.identifiers);
  expect([isHiddenIdentifier("x_seg"), isHiddenIdentifier("seg")]).toEqual([true, false]);
});

test("names", () => {
  expect(channelFileName("case", 12, ".png")).toBe("case_0012.png");
  expect(datasetNumber("Dataset012_P")).toBe(12);
  expect(datasetNumber("Task012_P")).toBeUndefined();
  expect(plansFileName("nnUNetPlans")).toBe("nnUNetPlans.json");
  expect(modelFolderName("nnUNetTrainer", "nnUNetPlans", "2d")).toBe("nnUNetTrainer__nnUNetPlans__2d");
  expect([foldFolderName(3), foldFolderName("all")]).toEqual(["fold_3", "fold_all"]);
  expect(preparedFileNames("a")).toEqual({ data: "a.b2nd", seg: "a_seg.b2nd", npz: "a.npz", properties: "a.pkl" });
});

test.each(["../evil", "a/b", "a\\b", "..", ".nnprep", ""])(
  "a case listed as %j is refused: its files would lie elsewhere",
  (id) => {
    const document = {
      channel_names: { "0": "CT" },
      labels: { background: 0, a: 1 },
      numTraining: 1,
      file_ending: ".nii.gz",
      dataset: { [id]: { images: ["imagesTr/a_0000.nii.gz"], label: "labelsTr/a.nii.gz" } },
    };
    expect(() => parseDatasetJson(JSON.stringify(document))).toThrow(/dataset: a case: expected a name without "\/"/);
  },
);
