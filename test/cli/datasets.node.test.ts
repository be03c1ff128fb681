import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { translateArguments } from "../../src/cli/argv.js";
import { writeTask } from "../recipes/v1/stages/tiny-folder.js";
import { CT_TASK, MR_TASK } from "../recipes/v1/stages/tiny-task.js";
import { hashFolder, runCli } from "./run-cli.js";

vi.setConfig({ testTimeout: 90_000 });

let root: string;
const at = (...parts: string[]) => join(root, ...parts);
const environment = () => ({ nnUNet_raw: at("raw"), nnUNet_preprocessed: at("prep"), nnUNet_raw_data_base: at("v1") });

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "nnprep-datasets-"));
  await writeTask(at("v1", "nnUNet_raw_data"), CT_TASK);
  await writeTask(at("v1", "nnUNet_raw_data"), MR_TASK);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const quiet = ["--no-progress", "--workers", "1"];

test("a task of v1 becomes a dataset of v2, and is checked", async () => {
  const task = at("v1", "nnUNet_raw_data", CT_TASK.name);
  const { code, stdout, stderr } = await runCli(["convert", "--from-v1", task, ...quiet], environment());
  expect(stderr).toBe("");
  expect([code, stdout]).toEqual([0, expect.stringContaining("Dataset001_TinyCT")]);
  // As json.dump(indent=4) of nnUNetv2_convert_old_nnUNet_dataset orders it.
  const text = readFileSync(at("raw", "Dataset001_TinyCT", "dataset.json"), "utf8");
  const document = JSON.parse(text);
  expect(Object.keys(document)).toEqual(["name", "labels", "numTraining", "channel_names", "file_ending"]);
  expect(document).toMatchObject({ labels: { background: 0 }, channel_names: { "0": "CT" }, file_ending: ".nii.gz" });
  expect(hashFolder(at("raw", "Dataset001_TinyCT", "labelsTr"))).toEqual(hashFolder(join(task, "labelsTr")));
  const again = await runCli(["convert", "--from-v1", task, ...quiet], environment());
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("data is there already")]);
});

test("nnU-Net v2's own call prepares a dataset; a second one keeps it, --overwrite makes the same again", async () => {
  const call = [
    "plan-and-preprocess",
    "-d",
    "1",
    "--verify_dataset_integrity",
    "-c",
    "3d_fullres",
    "-np",
    "1",
    "--no_pbar",
  ];
  const first = await runCli([...call, "--json"], environment());
  expect(first.stderr).toBe("");
  const { ok, datasets } = JSON.parse(first.stdout);
  expect([first.code, ok, datasets[0].dataset]).toEqual([0, true, "Dataset001_TinyCT"]);
  expect(datasets[0].configurations.map((one: { configuration: string }) => one.configuration)).toEqual(["3d_fullres"]);
  const folder = at("prep", "Dataset001_TinyCT", "nnUNetPlans_3d_fullres");
  // Every other file in there would be taken for a case.
  expect(readdirSync(folder).every((name) => /^ct_[123](\.b2nd|_seg\.b2nd|\.pkl)$/.test(name))).toBe(true);
  expect(readdirSync(folder)).toHaveLength(9);
  const written = hashFolder(folder);
  const second = await runCli(call, environment());
  expect(second.stdout).toMatch(/ct_1 .*there already/);
  expect(second.stdout).toContain("The fingerprint that is there is used; --clean makes it anew");
  expect((await runCli([...call, "--overwrite", "--clean"], environment())).code).toBe(0);
  expect(hashFolder(folder)).toEqual(written);
});

test("the stages one by one, by number and by name", async () => {
  rmSync(at("prep"), { recursive: true });
  const run = (...call: string[]) => runCli([...call, "--no-progress"], environment());
  const early = await run("plan", "-d", "1");
  expect([early.code, early.stdout]).toEqual([1, expect.stringContaining("nnprep extract-fingerprint -d")]);
  expect((await run("extract-fingerprint", "-d", "Dataset001_TinyCT", "-np", "1")).code).toBe(0);
  const soon = await run("preprocess", "-d", "1");
  expect([soon.code, soon.stdout]).toEqual([1, expect.stringContaining("nnprep plan -d")]);
  const planned = await run(
    "plan",
    "-d",
    "1",
    "1",
    "-overwrite_target_spacing",
    "2",
    "1",
    "1",
    "-overwrite_plans_name",
    "P",
  );
  expect([planned.code, planned.stdout]).toEqual([0, expect.stringContaining("P.json")]);
  expect((await run("preprocess", "-d", "1", "-plans_name", "P", "-c", "2d", "--format", "npz")).code).toBe(0);
  expect(readdirSync(at("prep", "Dataset001_TinyCT", "P_2d")).sort()).toContain("ct_1.npz");
});

test.each([
  [["verify"], 2, "give -t NUMBER for a task of nnU-Net v1, or -d NUMBER for a dataset of v2"],
  [["verify", "-t", "1", "-d", "1"], 2, "-t and -d cannot be given together"],
  [["plan", "-d", "1", "-pl2d", "None"], 2, "--planner2d: this option goes with -t"],
  [["plan", "-t", "1", "-gpu_memory_target", "8"], 2, "--gpu-memory-target: this option goes with -d"],
  [["preprocess", "-d", "1", "-np", "1", "2"], 2, "2 numbers for 3 configurations"],
  [["plan", "-d", "1", "-overwrite_target_spacing", "1", "2"], 2, "three numbers are expected"],
  [["plan", "-d", "1", "--speed"], 2, "unknown option"],
  [["plan", "-d", "1", "-pl", "NoPlanner"], 1, "NoPlanner"],
  [["verify", "-d", "2"], 1, "Task002_TinyMR is there, a task of nnU-Net v1: use -t 2"],
  [["verify", "-d", "7"], 1, "no folder Dataset007_NAME"],
])("%j ends with %d", async (call, code, text) => {
  const result = await runCli([...call, "--no-progress"], environment());
  expect([result.code, result.stdout + result.stderr]).toEqual([code, expect.stringContaining(text)]);
});

test("a dataset of v2 given to -t says so", async () => {
  mkdirSync(at("raw", "Dataset009_Only"));
  const result = await runCli(["verify", "-t", "9", "--no-progress"], environment());
  expect([result.code, result.stderr]).toEqual([
    1,
    expect.stringContaining("Dataset009_Only is there, a dataset of nnU-Net v2: use -d 9"),
  ]);
});

test("what cannot be converted is told before anything is written", async () => {
  const task = at("v1", "nnUNet_raw_data", MR_TASK.name);
  const file = join(task, "dataset.json");
  const good = readFileSync(file, "utf8");
  const attempt = async (change: (document: Record<string, unknown>) => void) => {
    const document = JSON.parse(good);
    change(document);
    writeFileSync(file, JSON.stringify(document));
    const { code, stderr } = await runCli(["convert", "--from-v1", task, ...quiet], environment());
    expect([code, existsSync(at("raw", "Dataset002_TinyMR"))]).toEqual([1, false]);
    return stderr;
  };
  expect(await attempt((document) => delete document.modality)).toContain("modality missing");
  expect(await attempt((document) => (document.labels = { 0: "air", 1: "a" }))).toContain(
    '0 is "air"; expected "background"',
  );
  expect(await attempt((document) => (document.labels = { 0: "background", 1: "a", 2: "a" }))).toContain("both called");
  writeFileSync(file, good);
});

test("labels are merged and numbered anew, a misspelt key is named", async () => {
  const raw = at("v1", "nnUNet_raw_data", CT_TASK.name);
  const description = {
    modality: { "0": "CT" },
    labels: { background: 0, organ: [2, 1] },
    training: { images: [join(raw, "imagesTr", "{id}_0000.nii.gz")], label: join(raw, "labelsTr", "{id}.nii.gz") },
  };
  const file = at("description.json");
  const build = (content: object) => {
    writeFileSync(file, JSON.stringify(content));
    const call = ["convert", "--to-dataset", "Dataset020_Merged", "--description", file, ...quiet];
    return runCli(call, environment());
  };
  const wrong = await build({ ...description, training: { image: description.training.images, label: "x{id}" } });
  expect([wrong.code, wrong.stderr]).toEqual([
    1,
    expect.stringContaining('training.images: missing; is "image" meant for it?'),
  ]);
  const other = await build({ ...description, labels: { background: 0, organ: 1 } });
  expect([other.code, other.stdout]).toEqual([1, expect.stringContaining("unexpected-label")]);
  rmSync(at("raw", "Dataset020_Merged"), { recursive: true });
  const lost = await build({ ...description, labels: { background: 0, organ: [1, 5] } });
  expect([lost.code, lost.stderr]).toEqual([
    1,
    expect.stringContaining("label 2 found, but the description names only"),
  ]);
  expect(existsSync(at("raw", "Dataset020_Merged"))).toBe(false);
  const merged = await build(description);
  expect(merged.stderr).toBe("");
  expect([merged.code, merged.stdout]).toEqual([0, expect.stringContaining("nothing wrong")]);
  const document = JSON.parse(readFileSync(at("raw", "Dataset020_Merged", "dataset.json"), "utf8"));
  expect(document.labels).toEqual({ background: 0, organ: 1 });
  const info = await runCli(
    ["info", at("raw", "Dataset020_Merged", "labelsTr", "ct_1.nii.gz"), "--json"],
    environment(),
  );
  expect(JSON.parse(info.stdout).scans[0].range).toEqual([0, 1]);
});

test("a folder that cannot be written is found at once; a link to a member of an ensemble is a member", async () => {
  for (const folder of ["/proc/nothing/here", "/dev/null/prep"]) {
    const call = ["plan-and-preprocess", "-d", "1", "--preprocessed", folder, "--no-progress"];
    const { code, stdout } = await runCli(call, environment());
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/cannot be written \((EN|a file stands where its folder is expected)/),
    ]);
  }
  mkdirSync(at("a"));
  mkdirSync(at("b"));
  symlinkSync(at("a"), at("link"));
  const { code, stderr } = await runCli(["ensemble", "-f", at("a"), at("b"), "-o", at("link")]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("link is a member")]);
});

test("spellings depend on the command", () => {
  expect(translateArguments(["plan", "-pl", "X"])).toEqual(["plan", "--planner", "X"]);
  expect(translateArguments(["find-best", "-pl", "X"])).toEqual(["find-best", "--plans", "X"]);
  expect(translateArguments(["extract-fingerprint", "-np", "3"])).toEqual(["extract-fingerprint", "--workers", "3"]);
});
