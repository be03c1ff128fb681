import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { imagePath, writeTask } from "../recipes/v1/stages/tiny-folder.js";
import { CT_TASK } from "../recipes/v1/stages/tiny-task.js";
import { datasetJson } from "../recipes/v2/stages/tiny-dataset.js";
import { runCli } from "./run-cli.js";

vi.setConfig({ testTimeout: 90_000 });

let root: string;
let folder: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "nnprep-status-"));
  folder = await writeTask(join(root, "raw"), { ...CT_TASK, name: "Dataset007_Tiny" });
  writeFileSync(join(folder, "dataset.json"), datasetJson());
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const call = (command: string, ...more: string[]) =>
  runCli([command, "-d", "7", "--raw", join(root, "raw"), "--preprocessed", join(root, "prep"), ...more]);

test("status: what is done, missing and failed, why, what to do next, and the exit code", async () => {
  const fresh = await call("status");
  expect([fresh.code, fresh.stderr]).toEqual([75, ""]);
  expect(fresh.stdout).toMatch(/^extract-fingerprint +0 +3 +0$/m);
  expect(fresh.stdout).toContain("Missing:\n  extract-fingerprint: ct_1, ct_2, ct_3");
  expect(fresh.stdout).toContain("Next: nnprep extract-fingerprint -d 7");
  const image = imagePath(folder, "ct_3", 0);
  writeFileSync(image, "no scan");
  await call("extract-fingerprint", "--num-parts", "1", "--no-progress");
  const failed = await call("status");
  // What is missing can still be run: only when nothing else is left does running again not help.
  expect([failed.code, failed.stdout]).toEqual([
    75,
    expect.stringMatching(/ct_3 \(extract-fingerprint\): .*ct_3_0000/),
  ]);
  expect(failed.stdout).toMatch(/^extract-fingerprint +2 +0 +1$/m);
  const events = (await call("status", "--json-lines")).stdout.trimEnd().split("\n");
  expect(events.map((line) => JSON.parse(line)).slice(1, -1)).toMatchObject([
    {
      event: "stage",
      dataset: "Dataset007_Tiny",
      stage: "extract-fingerprint",
      done: 2,
      failed: [{ identifier: "ct_3" }],
    },
    { stage: "plan", done: 0 },
    { stage: "preprocess", done: 0 },
  ]);
  await writeTask(join(root, "raw"), { ...CT_TASK, name: "Dataset007_Tiny" });
  writeFileSync(join(folder, "dataset.json"), datasetJson());
  await call("extract-fingerprint", "--num-parts", "1", "--no-progress");
  expect((await call("status")).stdout).toContain("Next: nnprep extract-fingerprint -d 7");
  await call("plan-and-preprocess", "--no-progress");
  const done = await call("status", "--json");
  const { datasets } = JSON.parse(done.stdout);
  expect([done.code, datasets[0].next]).toEqual([0, null]);
  writeFileSync(image, "no scan");
  await call("preprocess", "--no-progress");
  // The files of the scan that was there before are none of this one.
  const broken = await call("status");
  expect([broken.code, broken.stdout]).toEqual([1, expect.stringContaining("ct_3 (preprocess 3d_fullres)")]);
});
