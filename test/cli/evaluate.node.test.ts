import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { modelFolder } from "../../src/recipes/v1/layout.js";
import { FolderStore } from "../../src/runner/folder-store.js";
import { init } from "../../src/runtime/instantiate.js";
import { type ValidatedCase, writeCrossValidation, writeLabel } from "../recipes/v1/stages/cross-validation-folder.js";
import { hashFolder, runCli } from "./run-cli.js";

// Every run starts processes.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const GRID = { shape: [4, 6, 8] as const, spacingMm: [2, 1, 1] as const };
const TASK = "Task003_Tiny";
let root: string;

/** A block of label 1 beside one of label 2, and an island of label 1 in the prediction. */
function validatedCase(identifier: string, fold: number): ValidatedCase {
  const reference = new Uint8Array(4 * 6 * 8);
  const prediction = new Uint8Array(reference.length);
  for (let i = 0; i < reference.length; i++) {
    const [z, y, x] = [Math.floor(i / 48), Math.floor(i / 8) % 6, i % 8];
    if (z >= 1 && z < 3 && y >= 1 && y < 4 && x >= 1 && x < 6) reference[i] = x < 4 ? 1 : 2;
    prediction[i] = z === 3 && y === 5 && x === 7 ? 1 : reference[i];
  }
  return { identifier, fold, reference, prediction };
}

const cases = ["a_1", "a_2", "b_1", "b_2"].map((identifier, i) => validatedCase(identifier, i % 2));

beforeAll(async () => {
  await init();
  root = mkdtempSync(join(tmpdir(), "nnprep-evaluate-"));
  for (const folder of ["ref", "pred"]) mkdirSync(join(root, folder));
  for (const { identifier, reference, prediction } of cases) {
    await writeLabel(new FolderStore(join(root, "ref")), `${identifier}.nii.gz`, reference, GRID);
    await writeLabel(new FolderStore(join(root, "pred")), `${identifier}.nii.gz`, prediction, GRID);
  }
  const model = new FolderStore(join(root, "results/nnUNet", modelFolder("2d", TASK)));
  await writeCrossValidation(model, cases, [0, 1, 2], GRID);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const at = (...parts: string[]) => join(root, ...parts);

test("evaluate with nnU-Net's own flags: table, summary.json, CSV", async () => {
  const call = ["evaluate", "-ref", at("ref"), "-pred", at("pred"), "-l", "1", "2", "1+2", "--csv", at("scores.csv")];
  const { code, stdout, stderr } = await runCli([...call, "--tolerance", "1", "--no-progress", "-w", "2"]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toMatch(/a_1 +0\.98/);
  expect(stdout).toMatch(/^1\+2 +0\.98/m);
  expect(stdout).toContain("HD95 mm");
  const summary = JSON.parse(readFileSync(at("pred", "summary.json"), "utf8"));
  expect(Object.keys(summary)).toEqual(["author", "description", "id", "name", "results", "task", "timestamp"]);
  expect(summary.results.all[0].test).toBe(at("pred", "a_1.nii.gz"));
  expect(summary.results.mean["2"].Dice).toBe(1);
  expect(readFileSync(at("scores.csv"), "utf8").split("\n").length).toBe(1 + 12 + 3 + 1);
});

test("evaluate: a case that fails is named, the others are evaluated, the exit code is 1", async () => {
  mkdirSync(at("partly"));
  await writeLabel(new FolderStore(at("partly")), "a_1.nii.gz", cases[0].prediction, GRID);
  writeFileSync(at("partly", "a_2.nii.gz"), "nonsense");
  const { code, stdout } = await runCli(["evaluate", "-ref", at("ref"), "-pred", at("partly"), "-l", "2", "--json"]);
  expect(code).toBe(1);
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({ command: "evaluate", ok: false, mean: { "2": { Dice: 1 }, mean: { Dice: 1 } } });
  const found = document.cases.map((c: { identifier: string; error?: { code: string } }) => [
    c.identifier,
    c.error?.code,
  ]);
  expect(found).toEqual([
    ["a_1", undefined],
    ["a_2", "CORRUPT_FILE"],
    ["b_1", "FILE_NOT_FOUND"],
    ["b_2", "FILE_NOT_FOUND"],
  ]);
  const summary = JSON.parse(readFileSync(at("partly", "summary.json"), "utf8"));
  expect(summary.description).toBe("without a_2, b_1, b_2");
  const empty = await runCli(["evaluate", "-ref", at("ref"), "-pred", at("nowhere"), "-l", "1"]);
  expect(empty.code).toBe(1);
  expect(empty.stderr).toMatch(/nowhere: no NIfTI files/);
});

test("evaluate in parts: nothing is written until all are joined, in one run's bytes", async () => {
  for (const folder of ["whole", "parts"]) {
    cpSync(at("pred"), at(folder), { recursive: true, filter: (path) => !path.endsWith(".json") });
  }
  const call = (...more: string[]) => ["evaluate", at("ref"), at("parts"), "-l", "1", "2", "--no-progress", ...more];
  for (const part of ["2", "0", "1"]) {
    const { code, stdout } = await runCli(call("-num_parts", "3", "-part_id", part));
    expect([code, stdout]).toEqual([0, expect.stringContaining("the same command without parts joins them")]);
  }
  expect(readdirSync(at("parts"))).not.toContain("summary.json");
  expect((await runCli(call())).code).toBe(0);
  expect(readdirSync(at("parts", ".nnprep", "evaluation"))).toEqual([]);
  await runCli(["evaluate", at("ref"), at("whole"), "-l", "1", "2", "--no-progress"]);
  const [joined, expected] = ["parts", "whole"].map((folder) => readFileSync(at(folder, "summary.json"), "utf8"));
  expect(joined.replaceAll(at("parts"), at("whole"))).toBe(expected);
});

test("determine, then apply to a folder and to one file", async () => {
  const environment = { RESULTS_FOLDER: at("results") };
  const folder = at("results/nnUNet", modelFolder("2d", TASK));
  const determine = ["determine-postprocessing", "-m", "2d", "-t", "3", "--folds", "0", "1", "--no-progress"];
  const determined = await runCli(determine, environment);
  expect(determined.stderr).toBe("");
  expect(determined.code).toBe(0);
  expect(determined.stdout).toContain("Keep only the largest component of classes 1, 2 together.");
  const file = join(folder, "postprocessing.json");
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
    for_which_classes: [[1, 2]],
    min_valid_object_sizes: "None",
    num_samples: 4,
    validation_raw: "cv_niftis_raw",
    validation_final: "cv_niftis_postprocessed",
  });
  mkdirSync(at("final"));
  writeFileSync(
    at("final", `.a_1.nii.gz.nnprep-${hostname().replace(/[^a-zA-Z0-9]/g, "_")}-4194999-3.tmp`),
    "what a run that was killed left",
  );
  const call = ["apply-postprocessing", "-i", at("pred"), "-o", at("final"), "-pp", file, "--json"];
  const applied = JSON.parse((await runCli(call)).stdout);
  expect(applied).toMatchObject({ ok: true, changed: 4 });
  expect(readdirSync(at("final"))).toEqual(["a_1.nii.gz", "a_2.nii.gz", "b_1.nii.gz", "b_2.nii.gz"]);
  const final = Object.values(hashFolder(at("final")));
  expect(final).toEqual(Object.values(hashFolder(join(folder, "cv_niftis_postprocessed"))).slice(0, 4));
  const once = ["apply-postprocessing", "-i", at("final", "b_1.nii.gz"), "-o", at("once.nii.gz"), "-c", "1+2"];
  const again = await runCli([...once, "--no-progress"]);
  expect(again.code).toBe(0);
  expect(again.stdout).toContain("as it was");
  expect(readFileSync(at("once.nii.gz"))).toEqual(readFileSync(at("final", "b_1.nii.gz")));
});

test("find-best says what to submit and how", async () => {
  const call = ["find-best", "-t", "3", "--results", at("results/nnUNet"), "--folds", "0", "1", "--no-progress"];
  const { code, stdout, stderr } = await runCli(call);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toContain("Submit 2d");
  expect(stdout).toContain("nnUNet_predict -i FOLDER_WITH_TEST_CASES");
  expect(stdout).toContain("nnprep apply-postprocessing -i OUTPUT_FOLDER_MODEL1");
  expect(readFileSync(at("results/nnUNet/ensembles", TASK, "summary.csv"), "utf8")).toMatch(
    /^model,class1,class2,average\n2d,/,
  );
});

test("labels that nobody asked for are told", async () => {
  const folder = at("results/nnUNet", modelFolder("2d", TASK));
  const determine = ["determine-postprocessing", "-f", folder, "--folds", "0", "1", "-l", "0", "1", "--no-progress"];
  const { code, stdout } = await runCli(determine);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^warning: a_1: the prediction has labels that were not asked for \(2\)/m);
});

test.each([
  [["evaluate", "-ref", "a", "-pred", "b"], "--labels"],
  [["evaluate", "-ref", "a", "-pred", "b", "-l", "x"], "whole numbers"],
  [["apply-postprocessing", "-i", "a", "-o", "b"], "either -pp"],
  [["determine-postprocessing", "-t", "3"], "which model"],
  [["determine-postprocessing", "-m", "2d", "-t", "3"], "RESULTS_FOLDER"],
  [["find-best", "-t", "3", "-m", "4d", "--results", "."], "3d_lowres"],
])("wrong usage %j ends with 2 and says why", async (parameters, text) => {
  const { code, stderr } = await runCli(parameters, { RESULTS_FOLDER: "" });
  expect(code).toBe(2);
  expect(stderr).toContain(text);
});
