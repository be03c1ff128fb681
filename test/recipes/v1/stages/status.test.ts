import { expect, test } from "vitest";
import { cropDataset } from "../../../../src/recipes/v1/stages/crop.js";
import { planDataset } from "../../../../src/recipes/v1/stages/plan.js";
import { preprocessDataset } from "../../../../src/recipes/v1/stages/preprocess.js";
import { datasetStatus } from "../../../../src/recipes/v1/stages/status.js";
import { LocalExecutor } from "../../../../src/runner/local-executor.js";
import { MemoryStore } from "../../../../src/runner/memory-store.js";
import { MR_TASK, taskFiles } from "./tiny-task.js";

test("how far a task is, stage by stage, over all parts", async () => {
  const raw = new MemoryStore(await taskFiles(MR_TASK), "raw");
  const stores = { raw, cropped: new MemoryStore([], "cropped"), preprocessed: new MemoryStore([], "preprocessed") };
  const task = { stores, executor: new LocalExecutor(stores) };
  const rows = async () =>
    (await datasetStatus(task)).map(({ stage, done, missing, failed }) => [
      stage,
      done,
      missing.join(" "),
      failed.map(({ identifier, error }) => `${identifier} ${error.code}`).join(" "),
    ]);
  const cases = Object.keys(MR_TASK.cases);
  const [first, ...others] = cases;
  const scan = await raw.read(`imagesTr/${first}_0000.nii.gz`);
  await raw.write(`imagesTr/${first}_0000.nii.gz`, new Uint8Array(5));
  await cropDataset(task, { part: { index: 0, count: cases.length } });
  expect(await rows()).toEqual([
    ["crop", 0, others.join(" "), `${first} CORRUPT_FILE`],
    ["plan", 0, "nnUNetPlansv2.1_plans_3D.pkl nnUNetPlansv2.1_plans_2D.pkl", ""],
    ["preprocess", 0, cases.join(" "), ""],
  ]);
  await raw.write(`imagesTr/${first}_0000.nii.gz`, scan);
  await cropDataset(task);
  await planDataset(task, { planners: ["3d"] });
  expect((await rows()).slice(0, 2)).toEqual([
    ["crop", cases.length, "", ""],
    ["plan", 1, "", ""],
  ]);
  await preprocessDataset(task, { planners: ["3d"], part: { index: 0, count: cases.length } });
  for (const row of (await rows()).slice(2)) expect(row.slice(1)).toEqual([1, others.join(" "), ""]);
  await preprocessDataset(task, { planners: ["3d"] });
  const done = (await rows()).slice(2);
  expect(done.map((row) => row.slice(1))).toEqual(done.map(() => [cases.length, "", ""]));
  expect(done[0]?.[0]).toBe("preprocess 3d stage 0");
});
