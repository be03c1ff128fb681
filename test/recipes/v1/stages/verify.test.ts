import { expect, test } from "vitest";
import { NnprepError } from "../../../../src/core/errors.js";
import { axisCodesOf } from "../../../../src/core/geometry.js";
import {
  type Geometry,
  IDENTITY_GEOMETRY,
  type Shape3,
  type Volume,
  type VoxelArray,
} from "../../../../src/core/volume.js";
import { formatDatasetJson, parseDatasetJson } from "../../../../src/recipes/v1/documents/dataset-json.js";
import { type DatasetStore, verifyFiles, verifyListing } from "../../../../src/recipes/v1/stages/verify.js";
import {
  describeFindings,
  type Finding,
  type FindingKind,
  groupFindings,
} from "../../../../src/recipes/verify/findings.js";
import { type CaseFile, verifyCase } from "../../../../src/recipes/verify/verify-case.js";

const SHAPE: Shape3 = [2, 2, 3];

function file(name: string, data: VoxelArray | number[], changes: Partial<Geometry> = {}, shape = SHAPE): CaseFile {
  const voxels = Array.isArray(data) ? Int16Array.from(data) : data;
  const whole = voxels.length === 1 ? new Int16Array(shape[0] * shape[1] * shape[2]).fill(voxels[0]) : voxels;
  const volume: Volume = { data: whole, shape, geometry: { ...IDENTITY_GEOMETRY, ...changes } };
  return { file: name, volume };
}

const LABEL = file("l", [0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1, 1]);
const kinds = (findings: readonly Finding[]) => findings.map((f) => f.kind);

test("a sound case has no findings", () => {
  const { findings, axisCodes } = verifyCase([file("a", [7]), file("b", [0])], LABEL, [0, 1, 2]);
  expect(findings).toEqual([]);
  expect(axisCodes).toEqual([
    { file: "a", codes: "LPS" },
    { file: "b", codes: "LPS" },
  ]);
});

test("geometry within numpy.isclose passes, beyond it fails with both values", () => {
  const at = (x: number) => file("a", [7], { originMm: [x, 0, 0] });
  const label = file("l", [1], { originMm: [100, 0, 0] });
  expect(verifyCase([at(100 + 0.00099)], label, [1]).findings).toEqual([]);
  expect(verifyCase([at(100 + 0.00101)], label, [1]).findings).toEqual([
    {
      severity: "error",
      kind: "geometry-mismatch",
      file: "a",
      found: "origin (100.00101, 0, 0)",
      expected: "(100, 0, 0) as in l",
      tolerance: "1e-8 + 1e-5 x |expected|",
      action: expect.stringContaining("one voxel grid"),
    },
  ]);
  // The tolerance is relative to the label's value, not to the larger one, and almost nothing at 0.
  expect(kinds(verifyCase([at(100.001000015)], label, [1]).findings)).toEqual(["geometry-mismatch"]);
  expect(kinds(verifyCase([file("a", [7], { originMm: [2e-8, 0, 0] })], LABEL, [0, 1, 2]).findings)).toEqual([
    "geometry-mismatch",
  ]);
});

test("spacing, direction and size are compared as well, and NaN never agrees", () => {
  const spacing = file("a", [7], { spacingMm: [1, 1, 1.1] });
  const direction = file("b", [7], { direction: [-1, 0, 0, 0, 1, 0, 0, 0, 1] });
  const size = file("c", [7], {}, [2, 2, 4]);
  const nan = file("d", [7], { originMm: [Number.NaN, 0, 0] });
  const { findings } = verifyCase([spacing, direction, size, nan], LABEL, [0, 1, 2]);
  expect(findings.map((f) => [f.file, f.found, f.expected])).toEqual([
    ["a", "spacing (1, 1, 1.1)", "(1, 1, 1) as in l"],
    ["b", "direction (-1, 0, 0, 0, 1, 0, 0, 0, 1)", "(1, 0, 0, 0, 1, 0, 0, 0, 1) as in l"],
    ["c", "size (2, 2, 4)", "(2, 2, 3) as in l"],
    ["d", "origin (NaN, 0, 0)", "(0, 0, 0) as in l"],
  ]);
});

test("without a label the channels are compared with channel 0", () => {
  const { findings } = verifyCase([file("a", [7]), file("b", [7], { spacingMm: [2, 1, 1] })], null, [0, 1]);
  expect(findings.map((f) => f.expected)).toEqual(["(1, 1, 1) as in a"]);
});

test("NaN and infinite voxels are counted in images and label", () => {
  const data = Float32Array.of(
    Number.NaN,
    1,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  );
  const label = Float32Array.from([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, Number.NaN]);
  const { findings } = verifyCase([file("a", data)], file("l", label), [0, 1]);
  expect(findings.map((f) => [f.file, f.found])).toEqual([
    ["a", "NaN in 1 of 12 voxels"],
    ["a", "an infinite value in 2 of 12 voxels"],
    ["l", "NaN in 1 of 12 voxels"],
  ]);
});

test("label values: unexpected, broken, none", () => {
  const values = Float32Array.of(0, 0, 1, 1, 7, 7, -1, 0.5, 0.5, 0, 1, 7);
  const { findings } = verifyCase([file("a", [7])], file("l", values), [0, 1]);
  expect(findings.map((f) => [f.severity, f.kind, f.found, f.expected])).toEqual([
    ["error", "non-integer-label", "0.5 (2 voxels)", "the labels of dataset.json: 0, 1"],
    ["error", "unexpected-label", "-1 (1 voxel), 7 (3 voxels)", "the labels of dataset.json: 0, 1"],
  ]);
  const many = Int16Array.from({ length: 12 }, (_, i) => i + 1);
  expect(verifyCase([file("a", [7])], file("l", many), [0]).findings[0].found).toMatch(/10 \(1 voxel\) and 2 more/);
  const empty = verifyCase([file("a", [7])], file("l", [0]), [0, 1]).findings;
  expect(empty.map((f) => [f.severity, f.kind])).toEqual([["warning", "empty-label"]]);
});

test("an image that is zero in every channel is an error, in one channel it is not", () => {
  expect(kinds(verifyCase([file("a", [0]), file("b", [0])], LABEL, [0, 1, 2]).findings)).toEqual(["empty-image"]);
  expect(
    verifyCase([file("a", [0]), file("b", Float32Array.of(...Array(11).fill(-0), 1e-40))], LABEL, [0, 1, 2]).findings,
  ).toEqual([]);
  expect(verifyCase([file("a", [0])], LABEL, [0, 1, 2], 2).findings).toEqual([]);
});

test("files that cannot be read are findings, the others are still checked", () => {
  const broken: CaseFile = { file: "a", error: new NnprepError("CORRUPT_FILE", "ends too early") };
  const series: CaseFile = { file: "b", error: new NnprepError("UNSUPPORTED", "4-D", { dimensions: 4 }) };
  const { findings } = verifyCase([broken, series, file("c", [7], { spacingMm: [2, 1, 1] })], LABEL, [0, 1, 2]);
  expect(findings.map((f) => [f.kind, f.file, f.found])).toEqual([
    ["unreadable-file", "a", "ends too early"],
    ["not-3d", "b", "4 dimensions"],
    ["geometry-mismatch", "c", "spacing (2, 1, 1)"],
  ]);
  const noLabel = verifyCase([file("a", [7])], { file: "l", error: broken.error }, [0]);
  expect(kinds(noLabel.findings)).toEqual(["unreadable-file"]);
});

const codes = Object.values(
  import.meta.glob<[Geometry["direction"], string][]>("../../../golden/verify/axis-codes.json", {
    eager: true,
    import: "default",
  }),
)[0];

test("axis codes are nibabel's", () => {
  for (const [direction, expected] of codes) expect(axisCodesOf(direction)).toBe(expected);
});

const dataset = parseDatasetJson(
  formatDatasetJson({
    name: "x",
    modality: new Map([
      [0, "T1"],
      [1, "T2"],
    ]),
    labels: new Map([
      [0, "background"],
      [1, "a"],
    ]),
    training: ["case_0001_0000", "b"].map((id) => ({
      image: `./imagesTr/${id}.nii.gz`,
      label: `./labelsTr/${id}.nii.gz`,
    })),
    test: ["./imagesTs/t.nii.gz"],
  }),
);
const listing = {
  imagesTr: ["case_0001_0000_0000.nii.gz", "case_0001_0000_0001.nii.gz", "b_0000.nii.gz", "b_0001.nii.gz", "notes.txt"],
  labelsTr: ["case_0001_0000.nii.gz", "b.nii.gz"],
  imagesTs: ["t_0000.nii.gz", "t_0001.nii.gz"],
};

test("a complete listing gives the cases to check and no findings", () => {
  const { findings, jobs } = verifyListing(dataset, listing);
  expect(findings).toEqual([]);
  expect(jobs).toEqual([
    {
      identifier: "case_0001_0000",
      images: ["imagesTr/case_0001_0000_0000.nii.gz", "imagesTr/case_0001_0000_0001.nii.gz"],
      label: "labelsTr/case_0001_0000.nii.gz",
      expectedLabels: [0, 1],
      channels: 2,
    },
    expect.objectContaining({ identifier: "b", label: "labelsTr/b.nii.gz" }),
    expect.objectContaining({ identifier: "t", label: null }),
  ]);
});

test("missing, stray and surplus files are told apart, all in one pass", () => {
  const { findings, jobs } = verifyListing(dataset, {
    imagesTr: ["case_0001_0000_0000.nii.gz", "b_0000.nii.gz", "b_0001.nii.gz", "b_0002.nii.gz", "old_0000.nii.gz"],
    labelsTr: ["case_0001_0000.nii.gz", "old.nii.gz"],
    imagesTs: ["t_0001.nii.gz", "u_0000.nii.gz"],
  });
  expect(findings.map((f) => [f.kind, f.file])).toEqual([
    ["missing-file", "imagesTr/case_0001_0000_0001.nii.gz"],
    ["missing-file", "labelsTr/b.nii.gz"],
    ["stray-file", "imagesTr/b_0002.nii.gz"],
    ["stray-file", "imagesTr/old_0000.nii.gz"],
    ["stray-file", "labelsTr/old.nii.gz"],
    ["missing-file", "imagesTs/t_0000.nii.gz"],
    ["stray-file", "imagesTs/u_0000.nii.gz"],
  ]);
  expect(findings[2].expected).toBe("2 channels as in modality");
  expect(jobs.map((job) => [job.identifier, job.images.length, job.label])).toEqual([
    ["case_0001_0000", 1, "labelsTr/case_0001_0000.nii.gz"],
    ["b", 2, null],
    ["t", 1, null],
  ]);
});

test("what dataset.json itself gets wrong", () => {
  const broken = {
    ...dataset,
    labels: new Map([1, 2, 4, 300].map((value) => [value, "x"] as const)),
    training: [...dataset.training, dataset.training[0], { image: "c.nii.gz", label: "c_seg.nii.gz" }],
    test: [],
    numTraining: 5,
  };
  const found = verifyListing(broken, { imagesTr: [], labelsTr: [], imagesTs: ["t_0000.nii.gz"] });
  const findings = found.findings.filter((f) => f.kind !== "missing-file");
  expect(found.jobs).toEqual([]);
  expect(findings.map((f) => [f.severity, f.kind, f.found])).toEqual([
    ["error", "missing-folder", "no folder, or one without files"],
    ["error", "missing-folder", "no folder, or one without files"],
    ["warning", "case-count", "numTraining: 5"],
    ["warning", "case-count", "numTest: 1"],
    ["error", "duplicate-case", "case_0001_0000 2 times in training"],
    ["error", "label-name", "label c_seg.nii.gz"],
    ["error", "label-numbering", "labels: smallest number 1"],
    ["error", "label-numbering", "labels: 4, 300 not following on the number before"],
    ["error", "label-numbering", "labels: 300"],
  ]);
  const none = verifyListing({ ...dataset, training: [], numTraining: 0 }, listing);
  expect(kinds(none.findings)).toContain("no-cases" satisfies FindingKind);
});

function store(files: Record<string, string>): DatasetStore {
  return {
    list: async (folder) =>
      Object.keys(files).flatMap((f) => (f.startsWith(`${folder}/`) ? [f.slice(folder.length + 1)] : [])),
    read: async (path) => new TextEncoder().encode(files[path]),
    exists: async (path) => path in files,
  };
}

const names = [
  ...listing.imagesTr.map((n) => `imagesTr/${n}`),
  ...listing.labelsTr.map((n) => `labelsTr/${n}`),
  ...listing.imagesTs.map((n) => `imagesTs/${n}`),
];
const complete = { "dataset.json": formatDatasetJson(dataset), ...Object.fromEntries(names.map((n) => [n, ""])) };

test("the whole check: axes that differ, a check that dies, the report", async () => {
  const verification = await verifyFiles(store(complete), async (jobs) =>
    jobs.map((job) => {
      if (job.identifier === "b") return new NnprepError("WORKER_DIED", "killed");
      const flipped = { direction: [-1, 0, 0, 0, 1, 0, 0, 0, 1] as const };
      const images = job.images.map((name, i) => file(name, [7], i === 1 ? flipped : {}));
      return verifyCase([images[0], ...images], null, job.expectedLabels);
    }),
  );
  expect(verification).toMatchObject({ trainingCases: 2, testCases: 1 });
  expect([...groupFindings(verification.findings).keys()]).toEqual(["check-failed", "geometry-mismatch", "axis-codes"]);
  const axes = verification.findings.filter((f) => f.kind === "axis-codes");
  expect(axes.map((f) => [f.severity, f.file, f.found, f.expected])).toEqual([
    ["warning", "imagesTr/case_0001_0000_0001.nii.gz", "axes RPS", "LPS as in most files of imagesTr"],
  ]);
  const report = describeFindings(verification).split("\n");
  expect(report[0]).toBe("2 training cases and 1 test case checked: 3 errors, 1 warning");
  expect(report).toContain("error: check-failed (1)");
  expect(report).toContain("  b: found killed; expected a check that runs to its end");
});

test("nothing wrong, no dataset.json, a broken one", async () => {
  const sound = await verifyFiles(store(complete), async (jobs) => jobs.map(() => ({ findings: [], axisCodes: [] })));
  expect(describeFindings(sound)).toBe("2 training cases and 1 test case checked: nothing wrong");
  const run = async () => [];
  expect(kinds((await verifyFiles(store({}), run)).findings)).toEqual(["missing-file"]);
  const broken = await verifyFiles(store({ "dataset.json": '{"labels": 3}' }), run);
  expect(broken.findings[0]).toMatchObject({ kind: "invalid-dataset-json", file: "dataset.json" });
  expect(broken.findings[0].found).toContain("labels: expected Object, found 3");
});
