import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { parseNifti } from "../../src/io/nifti.js";
import { writeNpz } from "../../src/io/npz.js";
import { formatPickle } from "../../src/io/pickle.js";
import type { CaseProperties } from "../../src/recipes/v1/documents/properties.js";
import { propertiesToPython } from "../../src/recipes/v1/documents/properties.js";
import { runCli } from "./run-cli.js";

// Every run starts processes.
vi.setConfig({ testTimeout: 60_000 });

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "nnprep-export-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const properties: CaseProperties = {
  original_size_of_raw_data: [5, 6, 7],
  original_spacing: [2, 1, 1],
  list_of_data_files: ["scan.nii.gz"],
  seg_file: null,
  itk_origin: [1, 2, 3],
  itk_spacing: [1, 1, 2],
  itk_direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  crop_bbox: [
    [1, 5],
    [0, 4],
    [2, 6],
  ],
  size_after_cropping: [4, 4, 4],
  spacing_after_resampling: [4, 2, 2],
};

/** Two classes on 2 x 2 x 2 voxels: class 1 in the upper half along axis 0. */
async function writeCase(folder: string, identifier: string, lead = 0.75): Promise<void> {
  mkdirSync(join(root, folder), { recursive: true });
  const first = [lead, lead, lead, lead, 1 - lead, 1 - lead, 1 - lead, 1 - lead];
  const data = Float32Array.from([...first, ...first.map((p) => 1 - p)]);
  const softmax = { chunks: [data], shape: [2, 2, 2, 2] };
  writeFileSync(join(root, folder, `${identifier}.npz`), await writeNpz({ softmax }, { compression: "fast" }));
  writeFileSync(join(root, folder, `${identifier}.pkl`), formatPickle(propertiesToPython(properties)));
}

/** Class 1 in the upper half of the box, 0 elsewhere. */
const EXPECTED = Array.from({ length: 210 }, (_, i) => {
  const [z, y, x] = [Math.floor(i / 42), Math.floor(i / 7) % 6, i % 7];
  return Number(z >= 3 && y < 4 && x >= 2 && x < 6);
});

const at = (...parts: string[]) => join(root, ...parts);

test("exports a folder with two workers", async () => {
  await writeCase("in", "a");
  await writeCase("in", "b");
  const { code, stdout, stderr } = await runCli(["export", "-i", at("in"), "-o", at("out"), "-w", "2"]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/a +2 +2 x 2 x 2 +5 x 6 x 7 +0 1/)]);
  expect(stderr).toMatch(/export/);
  expect(readdirSync(at("out")).sort()).toEqual(["a.nii.gz", "b.nii.gz"]);
  const { data, geometry } = await parseNifti(new Uint8Array(readFileSync(at("out", "a.nii.gz"))));
  expect([...data]).toEqual(EXPECTED);
  expect(geometry.spacingMm).toEqual([2, 1, 1]);
});

test("a case that fails is named, the others are written, the exit code is 1", async () => {
  await writeCase("in", "good");
  await writeCase("in", "lost");
  rmSync(at("in", "lost.pkl"));
  const { code, stdout } = await runCli(["export", "-i", at("in"), "-o", at("out"), "--json", "--no-progress"]);
  const report = JSON.parse(stdout);
  expect([code, report.ok]).toEqual([1, false]);
  expect(report.cases).toMatchObject([
    { identifier: "good", ok: true, value: { labels: [0, 1] } },
    { identifier: "lost", ok: false, error: { code: "FILE_NOT_FOUND", message: expect.stringMatching(/lost\.pkl/) } },
  ]);
  expect(readdirSync(at("out"))).toEqual(["good.nii.gz"]);
});

test("an empty or missing folder is an error", async () => {
  const { code, stderr } = await runCli(["export", "-i", at("nothing"), "-o", at("out"), "--no-progress"]);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/no \.npz files in .*nothing/)]);
});

test("regions, and probabilities that are kept", async () => {
  await writeCase("in", "a");
  const options = ["--regions", "7,9", "--save-probabilities", "--no-progress"];
  const { code } = await runCli(["export", "-i", at("in"), "-o", at("out"), ...options]);
  expect(code).toBe(0);
  expect(readdirSync(at("out")).sort()).toEqual(["a.nii.gz", "a.npz", "a.pkl"]);
  const { data } = await parseNifti(new Uint8Array(readFileSync(at("out", "a.nii.gz"))));
  expect([...new Set(data)].sort()).toEqual([0, 7, 9]);
});

test("an ensemble is averaged and exported", async () => {
  await writeCase("one", "a", 0.875);
  await writeCase("two", "a", 0.25);
  const { code } = await runCli(["ensemble", "-f", at("one"), at("two"), "-o", at("out"), "--export", "--npz"]);
  expect(code).toBe(0);
  expect(readdirSync(at("out")).sort()).toEqual(["a.nii.gz", "a.npz", "a.pkl"]);
  const { data } = await parseNifti(new Uint8Array(readFileSync(at("out", "a.nii.gz"))));
  expect([...data]).toEqual(EXPECTED);
});

test("an ensemble is post-processed on the way, as nnUNet_ensemble -pp does", async () => {
  await writeCase("one", "a", 0.875);
  await writeCase("two", "a", 0.25);
  const rules = { for_which_classes: [1], min_valid_object_sizes: "None" };
  writeFileSync(at("rules.json"), JSON.stringify(rules));
  const call = ["ensemble", "-f", at("one"), at("two"), "-o", at("out"), "-pp", at("rules.json"), "--no-progress"];
  const { code, stdout } = await runCli(call);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/a +2 +2 +2 x 2 x 2 +0 1 +0 /)]);
  expect(readdirSync(at("out")).sort()).toEqual(["a.nii.gz", "not_postprocessed", "postprocessing.json"]);
  expect(readdirSync(at("out", "not_postprocessed"))).toEqual(["a.nii.gz"]);
  const { data } = await parseNifti(new Uint8Array(readFileSync(at("out", "a.nii.gz"))));
  expect([...data]).toEqual(EXPECTED);
  const lost = await runCli([...call.slice(0, -2), at("lost.json"), "--no-progress"]);
  expect([lost.code, lost.stderr]).toEqual([1, expect.stringMatching(/lost\.json: no such file/)]);
});

test("a case beyond the memory limit runs alone, with a warning", async () => {
  await writeCase("in", "a");
  const { code, stdout } = await runCli(["export", "-i", at("in"), "-o", at("out"), "--memory-limit", "1M"]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/warning: a: .*memory limit of 1 MiB; it ran alone/)]);
});

test.each([
  [["export", "-i", "in"], /required option '-o/],
  [["export", "-i", "in", "-o", "out", "--regions", "1,256"], /labels from 0 to 255/],
  [["export", "-i", "in", "-o", "out", "--transpose-forward", "0,1,1"], /an order of 0, 1 and 2/],
  [["export", "-i", "in", "-o", "in", "--save-probabilities"], /overwrite its own input/],
  [["ensemble", "-f", "one", "-o", "out"], /at least two folders/],
  [["ensemble", "-f", "one", "one", "-o", "out"], /given twice/],
  [["ensemble", "-f", "one", "two", "-o", "two"], /is a member/],
])("wrong usage: %s", async (parameters, message) => {
  const { code, stderr } = await runCli(parameters);
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
});
