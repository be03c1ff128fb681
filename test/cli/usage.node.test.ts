import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { translateArguments } from "../../src/cli/argv.js";
import { writeTask } from "../recipes/v1/stages/tiny-folder.js";
import { CT_TASK, MR_TASK } from "../recipes/v1/stages/tiny-task.js";
import { hashFolder, runCli } from "./run-cli.js";

// Every run starts processes.
vi.setConfig({ testTimeout: 30_000 });

let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "nnprep-usage-"));
  await writeTask(join(root, "nnUNet_raw_data"), CT_TASK);
  await writeTask(join(root, "nnUNet_raw_data"), MR_TASK);
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const environment = () => ({ nnUNet_raw_data_base: root, nnUNet_preprocessed: join(root, "pp") });

test("nnU-Net's spellings are translated, values are not", () => {
  const theirs = ["-t", "1", "2", "-tl", "4", "-tf=3", "-pl3d", "None", "-no_pp", "--verify_dataset_integrity"];
  expect(translateArguments(theirs)).toEqual([
    ...["-t", "1", "2", "--workers-lowres", "4", "--workers=3", "--planner3d", "None", "--no-preprocessing"],
    "--verify-dataset-integrity",
  ]);
  expect(translateArguments(["--raw", "-x", "--", "-tl"])).toEqual(["--raw", "-x", "--", "-tl"]);
});

test.each([
  [[], "Usage"],
  [["fly"], "unknown command"],
  [["crop"], "--task"],
  [["crop", "-t", "x"], "whole number"],
  [["crop", "-t", "1000"], "whole number"],
  [["crop", "-t", "1", "--workers", "0"], "whole number"],
  [["crop", "-t", "1", "--speed", "9"], "unknown option"],
  [["crop", "-t", "1"], "nnUNet_raw_data_base"],
  [["plan", "-t", "1", "--raw", "."], "nnUNet_preprocessed"],
  [["plan", "-t", "1", "-pl3d", "ExperimentPlanner3D_v9"], "ExperimentPlanner3D_v21"],
  [["preprocess", "-t", "1", "--label-order", "3"], "label-order"],
  [["preprocess", "-t", "1", "--precision", "half"], "precision"],
])("wrong usage %j ends with 2 and says why", async (parameters, text) => {
  const { code, stdout, stderr } = await runCli(parameters);
  expect(code).toBe(2);
  expect(stderr).toContain(text);
  expect(stdout).toBe("");
});

test.each(["verify", "crop", "plan", "preprocess", "plan-and-preprocess"])(
  "%s --help shows an example",
  async (name) => {
    const { code, stdout } = await runCli([name, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Examples?:/);
    expect(stdout).toContain(`nnprep ${name} -t`);
  },
);

test("a task that is not there fails with 1 and is named", async () => {
  const { code, stderr } = await runCli(["crop", "-t", "77"], environment());
  expect(code).toBe(1);
  expect(stderr).toContain("Task077_");
});

test("nnU-Net's own call works, with folders from the environment", async () => {
  const call =
    "plan-and-preprocess -t 1 2 --verify_dataset_integrity -tl 1 -tf 2 -pl2d None -no_pp --json --no-progress";
  const { code, stdout, stderr } = await runCli(call.split(" "), environment());
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({ command: "plan-and-preprocess", ok: true });
  expect(document.tasks.map((t: { task: string }) => t.task)).toEqual([CT_TASK.name, MR_TASK.name]);
  const [ct, mr] = document.tasks;
  expect(ct.verify).toEqual({ trainingCases: 3, testCases: 0, findings: [] });
  expect(ct.crop.map((c: { identifier: string }) => c.identifier)).toEqual(["ct_1", "ct_2", "ct_3"]);
  expect(Object.keys(ct.plans)).toEqual(["3d"]);
  expect(ct.plans["3d"].normalizationSchemes).toEqual(["CT"]);
  expect(mr.plans["3d"].useMaskForNorm).toEqual([true, true]);
  expect(mr.crop[0].shapeBefore).toEqual([16, 20, 18]);
  expect(mr.crop[0].peakMemoryBytes).toBeGreaterThan(2 ** 20);
  expect(ct.stages).toBeUndefined();
  expect(Object.keys(hashFolder(join(root, "pp", MR_TASK.name))).sort()).toEqual([
    "dataset.json",
    "dataset_properties.pkl",
    "nnUNetPlansv2.1_plans_3D.pkl",
  ]);
  expect(Object.keys(hashFolder(join(root, "nnUNet_cropped_data", CT_TASK.name)))).toContain("intensityproperties.pkl");
});

test("the stages one by one write nnU-Net's layout and say where", async () => {
  const steps = [
    ["crop", "-t", "2", "--overwrite"],
    ["plan", "-t", "2"],
    ["preprocess", "-t", "2", "--label-order", "0"],
  ];
  let text = "";
  for (const step of steps) {
    const { code, stdout } = await runCli([...step, "--workers", "2", "--no-progress"], environment());
    expect(code).toBe(0);
    text += stdout;
  }
  expect(text).toContain("3d_fullres: spacing");
  expect(text).toMatch(/mr_1 +16 x 20 x 18/);
  expect(text).toContain(join(root, "pp", MR_TASK.name, "nnUNetData_plans_v2.1_2D_stage0"));
  const files = Object.keys(hashFolder(join(root, "pp", MR_TASK.name)));
  for (const folder of ["nnUNetData_plans_v2.1_stage0", "nnUNetData_plans_v2.1_2D_stage0"]) {
    for (const id of Object.keys(MR_TASK.cases)) {
      expect(files).toContain(join(folder, `${id}.npz`));
      expect(files).toContain(join(folder, `${id}.pkl`));
    }
  }
  expect(files).toContain(join("gt_segmentations", "mr_1.nii.gz"));
});

test("progress goes to stderr", async () => {
  const { stdout, stderr } = await runCli(["crop", "-t", "1", "--overwrite", "--json"], environment());
  expect(JSON.parse(stdout).ok).toBe(true);
  expect(stderr).toContain("crop");
  expect(stderr).toContain("3/3");
});
