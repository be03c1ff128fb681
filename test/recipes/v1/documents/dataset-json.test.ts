import { expect, test } from "vitest";
import {
  caseIdentifier,
  channelFileName,
  foregroundClasses,
  formatDatasetJson,
  parseDatasetJson,
  testIdentifiers,
  trainingCases,
} from "../../../../src/recipes/v1/documents/dataset-json.js";

const valid = {
  name: "Heart",
  modality: { "0": "MRI" },
  labels: { "0": "background", "1": "left atrium" },
  training: [{ image: "./imagesTr/la_003.nii.gz", label: "./labelsTr/la_003.nii.gz" }],
  test: ["./imagesTs/la_001.nii.gz"],
};

function parse(changes: object): unknown {
  return parseDatasetJson(JSON.stringify({ ...valid, ...changes }));
}

test("a Decathlon file", () => {
  const found = parseDatasetJson(new TextEncoder().encode(JSON.stringify({ ...valid, numTraining: 1, licence: "x" })));
  expect(found).toEqual({
    name: "Heart",
    modality: new Map([[0, "MRI"]]),
    labels: new Map([
      [0, "background"],
      [1, "left atrium"],
    ]),
    training: valid.training,
    test: valid.test,
    numTraining: 1,
    numTest: undefined,
  });
  expect(trainingCases(found)).toEqual([
    { identifier: "la_003", images: ["la_003_0000.nii.gz"], label: "la_003.nii.gz" },
  ]);
  expect(testIdentifiers(found)).toEqual(["la_001"]);
});

test("labels keep the order of the file, as in Python", () => {
  const text = '{"modality":{"0":"a: \\"1\\": {"},"labels":{"10":"x","0" : "b","2":"y"},"training":[]}';
  const found = parseDatasetJson(text);
  expect([...found.labels.keys()]).toEqual([10, 0, 2]);
  expect(foregroundClasses(found)).toEqual([10, 2]);
  expect(found.modality.get(0)).toBe('a: "1": {');
  expect(found.test).toEqual([]);
});

test("identifiers with underscores and digits", () => {
  expect(caseIdentifier("imagesTr/case_0001_0000.nii.gz")).toBe("case_0001_0000");
  expect(channelFileName("case_0001_0000", 12)).toBe("case_0001_0000_0012.nii.gz");
});

test.each([
  ["not json", '{"name": ', "not valid JSON"],
  ["an array", "[]", "expected an object with modality"],
  ["a key that JavaScript takes for another thing", '{"labels": {"__proto__": 1}}', 'key "__proto__"'],
  ["the same, spelt otherwise", '{"labels": {"\\u005f_proto__" : 1}}', 'key "__proto__"'],
  ["a label above 2^53", '{"modality":{"0":"MR"},"labels":{"9007199254740993":"x"},"training":[]}', "up to 2^53"],
] as const)("broken: %s", (_, text, message) => {
  expect(() => parseDatasetJson(text, "a/dataset.json")).toThrowError(message);
  expect(() => parseDatasetJson(text, "a/dataset.json")).toThrowError("a/dataset.json: ");
});

test.each([
  [{ modality: undefined }, 'modality: expected "modality", found undefined'],
  [{ modality: {} }, "modality: no channel named"],
  [{ modality: { "1": "CT" } }, "modality: keys 1 found, expected the channel numbers 0 to 0"],
  [{ modality: { "0": 3 } }, "modality.0: expected string, found 3"],
  [{ labels: { background: 0 } }, 'labels.background: expected a whole number as key, found "background"'],
  [{ labels: { "0": "b", "00": "c" } }, "labels: the number 0 appears twice"],
  [{ training: [{ image: "x.nii.gz" }] }, 'training.0.label: expected "label", found undefined'],
  [
    { training: [{ image: "x.dcm", label: "x.nii.gz" }] },
    'training.0.image: expected a path that ends in "ID.nii.gz", "ID.nrrd" or "ID.mha", found "x.dcm"',
  ],
  [{ test: [{ image: "x.nii.gz" }] }, "test.0: expected string, found Object"],
  [{ numTraining: "3" }, 'numTraining: expected number, found "3"'],
  [{ modality: undefined, channel_names: { "0": "CT" } }, "looks like a dataset.json of nnU-Net v2"],
] as const)("%j names key and value", (changes, message) => {
  expect(() => parse(changes)).toThrowError(message);
  expect(() => parse(changes)).toThrowError(expect.objectContaining({ code: "INVALID_DATASET" }));
});

test("all broken keys are named at once", () => {
  expect(() => parse({ modality: 3, labels: 4 })).toThrowError(/modality: .*; labels: /);
});

test("what is written is read back", () => {
  const dataset = parseDatasetJson('{"modality":{"0":"T1","1":"T2"},"labels":{"0":"b","2":"y","1":"x"},"training":[]}');
  const text = formatDatasetJson({ ...dataset, name: 'He said "1": ok', training: valid.training });
  expect(parseDatasetJson(text)).toEqual({
    ...dataset,
    name: 'He said "1": ok',
    training: valid.training,
    numTraining: 1,
    numTest: 0,
  });
});
