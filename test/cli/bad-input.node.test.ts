import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Volume } from "../../src/core/volume.js";
import { imagePath, labelPath, writeTask, writeVolume } from "../recipes/v1/stages/tiny-folder.js";
import {
  CT_TASK,
  datasetText,
  geometryOf,
  MR_TASK,
  type TinyGrid,
  type TinyTask,
  tinyCase,
} from "../recipes/v1/stages/tiny-task.js";
import { type CliResult, hashFolder, runCli } from "./run-cli.js";

// Every run starts processes.
vi.setConfig({ testTimeout: 30_000 });

let root: string;
let raw: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "nnprep-bad-"));
  raw = join(root, "nnUNet_raw_data");
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

interface Outcome {
  readonly identifier: string;
  readonly ok: boolean;
  readonly error?: { readonly code: string; readonly message: string };
}

function run(...parameters: string[]): Promise<CliResult> {
  const places = ["--raw", raw, "--preprocessed", join(root, "preprocessed")];
  const [command, ...rest] = parameters as [string, ...string[]];
  return runCli([command, ...places, "--workers", "2", "--no-progress", "--json", ...rest]);
}

async function verify(number: string): Promise<{ severity: string; kind: string; file: string; found: string }[]> {
  const { stdout } = await run("verify", "-t", number);
  return JSON.parse(stdout).tasks[0].verify.findings;
}

/** Changes the header inside a .nii.gz: int16 number `index` of `dim`. */
function patchDimension(file: string, index: number, value: number): void {
  const bytes = gunzipSync(readFileSync(file));
  bytes.writeInt16LE(value, 40 + 2 * index);
  writeFileSync(file, gzipSync(bytes));
}

const GRID: TinyGrid = { shape: [8, 10, 9], spacingMm: [2, 1, 1] };
const { images, label } = tinyCase(GRID, 2, 3);
const first = images[0];

/** How to spoil a case of a two-channel task, what cropping says, and what the check finds. */
const SPOILED: readonly {
  readonly name: string;
  readonly spoil: (folder: string, id: string) => Promise<void> | void;
  readonly crop: string;
  readonly finding: string;
  readonly says: RegExp;
}[] = [
  {
    name: "missing-channel",
    spoil: (folder, id) => rmSync(imagePath(folder, id, 1)),
    crop: "FILE_NOT_FOUND",
    finding: "missing-file",
    says: /_0001\.nii\.gz/,
  },
  {
    name: "missing-label",
    spoil: (folder, id) => rmSync(labelPath(folder, id)),
    crop: "FILE_NOT_FOUND",
    finding: "missing-file",
    says: /labelsTr/,
  },
  {
    name: "channel-shape",
    spoil: (folder, id) =>
      writeVolume(imagePath(folder, id, 1), tinyCase({ ...GRID, shape: [8, 10, 8] }, 1, 0).images[0]),
    crop: "SHAPE_MISMATCH",
    finding: "geometry-mismatch",
    says: /\(8, 10, 8\).*\(8, 10, 9\)/,
  },
  {
    name: "channel-geometry",
    spoil: (folder, id) =>
      writeVolume(imagePath(folder, id, 1), { ...first, geometry: { ...geometryOf([2, 1, 1]), originMm: [0, 5, 30] } }),
    crop: "GEOMETRY_MISMATCH",
    finding: "geometry-mismatch",
    says: /origin/,
  },
  {
    name: "label-geometry",
    spoil: (folder, id) => writeVolume(labelPath(folder, id), { ...label, geometry: geometryOf([2.5, 1, 1]) }),
    crop: "GEOMETRY_MISMATCH",
    finding: "geometry-mismatch",
    says: /spacing/,
  },
  {
    name: "half-label",
    spoil: (folder, id) =>
      writeVolume(labelPath(folder, id), { ...label, data: Float32Array.from(label.data, (x) => x / 2) }),
    crop: "INVALID_VALUES",
    finding: "non-integer-label",
    says: /0\.5/,
  },
  {
    name: "truncated",
    spoil: (folder, id) => {
      const bytes = readFileSync(imagePath(folder, id, 0));
      writeFileSync(imagePath(folder, id, 0), bytes.subarray(0, bytes.length / 2));
    },
    crop: "CORRUPT_FILE",
    finding: "unreadable-file",
    says: /_0000\.nii\.gz/,
  },
  {
    name: "corrupt",
    spoil: (folder, id) => {
      const bytes = readFileSync(imagePath(folder, id, 0));
      for (let i = 200; i < 220; i++) bytes[i] = bytes[i] ^ 0x55;
      writeFileSync(imagePath(folder, id, 0), bytes);
    },
    crop: "CORRUPT_FILE",
    finding: "unreadable-file",
    says: /_0000\.nii\.gz/,
  },
  {
    name: "more-promised",
    spoil: (folder, id) => patchDimension(imagePath(folder, id, 0), 3, 800),
    crop: "CORRUPT_FILE",
    finding: "unreadable-file",
    says: /_0000\.nii\.gz/,
  },
  {
    name: "zero-dimension",
    spoil: (folder, id) => patchDimension(imagePath(folder, id, 0), 2, 0),
    crop: "CORRUPT_FILE",
    finding: "unreadable-file",
    says: /_0000\.nii\.gz/,
  },
  {
    name: "negative-dimension",
    spoil: (folder, id) => patchDimension(imagePath(folder, id, 0), 1, -9),
    crop: "CORRUPT_FILE",
    finding: "unreadable-file",
    says: /_0000\.nii\.gz/,
  },
  {
    name: "absurd-dimensions",
    spoil: (folder, id) => {
      for (const axis of [1, 2, 3]) patchDimension(imagePath(folder, id, 0), axis, 32767);
    },
    crop: "CORRUPT_FILE",
    finding: "unreadable-file",
    says: /32767/,
  },
  {
    name: "four-dimensions",
    spoil: (folder, id) => {
      const file = imagePath(folder, id, 0);
      const bytes = gunzipSync(readFileSync(file));
      const voxels = bytes.subarray(352);
      const doubled = Buffer.concat([bytes, voxels]);
      doubled.writeInt16LE(4, 40);
      doubled.writeInt16LE(2, 48);
      writeFileSync(file, gzipSync(doubled));
    },
    crop: "UNSUPPORTED",
    finding: "not-3d",
    says: /_0000\.nii\.gz/,
  },
  {
    name: "all-zero",
    spoil: async (folder, id) => {
      const empty = { ...first, data: new Int16Array(first.data.length) };
      for (const channel of [0, 1]) await writeVolume(imagePath(folder, id, channel), empty);
    },
    crop: "EMPTY_IMAGE",
    finding: "empty-image",
    says: /0/,
  },
];

describe("a task with every kind of bad case", () => {
  const good = ["good_1", "good_2"];
  const task: TinyTask = {
    ...MR_TASK,
    cases: Object.fromEntries(["good_1", ...SPOILED.map((s) => s.name), "good_2"].map((id) => [id, GRID])),
  };
  beforeEach(async () => {
    const folder = await writeTask(raw, task);
    for (const { name, spoil } of SPOILED) await spoil(folder, name);
  });

  test("cropping names each and does the others", async () => {
    const { code, stdout } = await run("crop", "-t", "2");
    expect(code).toBe(1);
    const outcomes: Outcome[] = JSON.parse(stdout).tasks[0].crop;
    expect(outcomes.map((o) => o.identifier)).toEqual(Object.keys(task.cases));
    for (const { name, crop, says } of SPOILED) {
      const outcome = outcomes.find((o) => o.identifier === name) as Outcome;
      expect(`${name}: ${outcome.error?.code}`).toBe(`${name}: ${crop}`);
      expect(outcome.error?.message).toMatch(says);
      expect(outcome.error?.message).toContain(raw);
    }
    expect(outcomes.filter((o) => o.ok).map((o) => o.identifier)).toEqual(good);
    const files = readdirSync(join(root, "nnUNet_cropped_data", task.name)).sort();
    const cases = good.flatMap((id) => [`${id}.npz`, `${id}.pkl`]);
    expect(files).toEqual([".nnprep", "dataset.json", ...cases, "gt_segmentations"]);
  });

  test("the check finds each in one pass", async () => {
    const { code, stdout } = await run("verify", "-t", "2");
    expect(code).toBe(1);
    const { findings } = JSON.parse(stdout).tasks[0].verify;
    for (const { name, finding } of SPOILED) {
      const kinds = findings
        .filter((f: { file: string }) => f.file.includes(name))
        .map((f: { kind: string }) => f.kind);
      expect(`${name}: ${kinds}`).toContain(finding);
    }
    expect(findings.filter((f: { file: string }) => f.file.includes("good"))).toEqual([]);
  });

  test("nothing is planned from an incomplete task", async () => {
    const { code, stdout } = await run("plan-and-preprocess", "-t", "2");
    expect(code).toBe(1);
    const [report] = JSON.parse(stdout).tasks;
    expect(report.error.code).toBe("INVALID_DATASET");
    expect(report.error.message).toContain("all-zero");
    expect(report.plans).toBeUndefined();
    const later = await run("plan", "-t", "2");
    expect(later.code).toBe(1);
    expect(JSON.parse(later.stdout).tasks[0].error.message).toContain("are not cropped");
  });
});

describe("dataset.json", () => {
  test("missing", async () => {
    const folder = await writeTask(raw, CT_TASK);
    rmSync(join(folder, "dataset.json"));
    const { code, stdout } = await run("crop", "-t", "1");
    expect(code).toBe(1);
    expect(JSON.parse(stdout).tasks[0].error).toMatchObject({ code: "FILE_NOT_FOUND" });
    expect((await verify("1")).map((f) => [f.kind, f.file])).toEqual([["missing-file", "dataset.json"]]);
  });

  test("broken: key and value are named", async () => {
    const folder = await writeTask(raw, CT_TASK);
    const file = join(folder, "dataset.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"0": "CT"', '"0": 17'));
    const { code, stdout } = await run("crop", "-t", "1");
    expect(code).toBe(1);
    const { error } = JSON.parse(stdout).tasks[0];
    expect(error.code).toBe("INVALID_DATASET");
    expect(error.message).toMatch(/modality.*17/);
    writeFileSync(file, "{ ");
    expect((await verify("1")).map((f) => f.kind)).toEqual(["invalid-dataset-json"]);
  });

  test("labels that are not consecutive, and values that are not declared", async () => {
    const folder = await writeTask(raw, CT_TASK);
    const labels = [
      [0, "background"],
      [1, "left"],
      [3, "right"],
    ] as const;
    writeFileSync(join(folder, "dataset.json"), datasetText(CT_TASK, Object.keys(CT_TASK.cases), labels));
    const findings = await verify("1");
    expect(findings.map((f) => f.kind).sort()).toEqual(["label-numbering", ...Array(3).fill("unexpected-label")]);
    expect(findings.find((f) => f.kind === "unexpected-label")?.found).toMatch(/^2 /);
  });
});

test("an empty label is a warning, and the case is prepared", async () => {
  const folder = await writeTask(raw, CT_TASK);
  const { label } = tinyCase(CT_TASK.cases.ct_2, 1, 0);
  await writeVolume(labelPath(folder, "ct_2"), { ...label, data: new Uint8Array(label.data.length) });
  const { code, stdout } = await run("plan-and-preprocess", "-t", "1", "--verify-dataset-integrity");
  expect(code).toBe(0);
  const { findings } = JSON.parse(stdout).tasks[0].verify;
  expect(findings.map((f: { severity: string; kind: string }) => [f.severity, f.kind])).toEqual([
    ["warning", "empty-label"],
  ]);
});

test("NaN and infinities of NIfTI are 0, as for nnU-Net: found by the check, told by cropping", async () => {
  const folder = await writeTask(raw, MR_TASK);
  const { images } = tinyCase(MR_TASK.cases.mr_2, 2, 5);
  const data = Float32Array.from(images[1].data);
  data.set([Number.NaN, Number.POSITIVE_INFINITY], Math.floor(data.length / 2));
  await writeVolume(imagePath(folder, "mr_2", 1), { ...images[1], data });
  const file = "imagesTr/mr_2_0001.nii.gz";
  expect((await verify("2")).map((f) => [f.severity, f.kind, f.file])).toEqual([
    ["warning", "nan-voxels", file],
    ["warning", "infinite-voxels", file],
  ]);
  const { code, stdout } = await run("plan-and-preprocess", "-t", "2");
  expect(code, stdout).toBe(0);
  const [report] = JSON.parse(stdout).tasks;
  expect(report.crop[1].warnings).toEqual([expect.stringMatching(`^${file}: 2 of .* no finite numbers`)]);
  expect(report.stages[0].cases[1].warnings).toEqual([]);
});

test("sheared axes: an error of the check and of cropping, unless allowed by name", async () => {
  const folder = await writeTask(raw, CT_TASK);
  const { images, label } = tinyCase(CT_TASK.cases.ct_2, 1, 0);
  const sheared = (volume: Volume): Volume => ({
    ...volume,
    geometry: { ...volume.geometry, direction: [1, 0.3, 0, 0, 1, 0, 0, 0, 1] },
  });
  await writeVolume(imagePath(folder, "ct_2", 0), sheared(images[0]));
  await writeVolume(labelPath(folder, "ct_2"), sheared(label));
  const findings = await verify("1");
  expect(findings.map((f) => [f.severity, f.kind])).toEqual(Array(2).fill(["error", "unreadable-file"]));
  expect(findings[0]).toMatchObject({ action: expect.stringContaining("--allow sheared") });
  const refused = JSON.parse((await run("crop", "-t", "1")).stdout).tasks[0].crop;
  expect(refused.map((c: Outcome) => c.error?.code)).toEqual([undefined, "UNSUPPORTED", undefined]);
  const { stdout } = await run("crop", "-t", "1", "--allow", "sheared");
  const { ok, warnings } = JSON.parse(stdout).tasks[0].crop[1];
  expect([ok, warnings[0]]).toEqual([true, expect.stringContaining("sheared")]);
});

test("a case that resampling would leave without a voxel fails alone", async () => {
  const flat: TinyTask = {
    ...CT_TASK,
    cases: { ...CT_TASK.cases, flat: { shape: [1, 20, 20], spacingMm: [0.5, 1, 1] } },
  };
  await writeTask(raw, flat);
  const { code, stdout } = await run("plan-and-preprocess", "-t", "1", "-pl2d", "None");
  expect(code).toBe(1);
  const { cases } = JSON.parse(stdout).tasks[0].stages[0];
  expect(cases.map((c: Outcome) => c.ok)).toEqual([true, true, true, false]);
  expect(cases[3].error.message).toMatch(/flat.*at least one voxel/s);
});

test("an output folder that cannot be written", async () => {
  await writeTask(raw, CT_TASK);
  writeFileSync(join(root, "file"), "");
  const blocked = await run("crop", "-t", "1", "--cropped", join(root, "file"));
  expect(blocked.code).toBe(1);
  expect(JSON.parse(blocked.stdout).tasks[0].error.code).toBe("CANNOT_WRITE");
  const later = await run("plan-and-preprocess", "-t", "1", "--preprocessed", join(root, "file", "x"));
  expect(later.code).toBe(1);
  expect(JSON.parse(later.stdout).tasks[0].error.code).toBe("CANNOT_WRITE");
  expect(Object.keys(hashFolder(root)).filter((file) => file.endsWith(".tmp"))).toEqual([]);
});
