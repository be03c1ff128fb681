import { expect, test } from "vitest";
import { partFromEnvironment, takePart } from "../../src/runner/parts.js";

test("the parts hold every case once, whatever their number, in the order of the cases", () => {
  const cases = Array.from({ length: 40 }, (_, i) => `case_${i}`);
  for (const count of [1, 7, 40, 100]) {
    const parts = Array.from({ length: count }, (_, index) => takePart(cases, { index, count }));
    expect(parts.flat().sort()).toEqual([...cases].sort());
    for (const part of parts) expect(part).toEqual(cases.filter((name) => part.includes(name)));
  }
  // nnU-Net's list[1::3]
  expect(takePart(["a", "b", "c", "d", "e"], { index: 1, count: 3 })).toEqual(["b", "e"]);
  expect(takePart(cases, undefined)).toEqual(cases);
});

test.each([
  [{ index: 3, count: 3 }, "part 3 of 3"],
  [{ index: -1, count: 3 }, "part -1 of 3"],
  [{ index: 0, count: 0 }, "part 0 of 0"],
  [{ index: 0.5, count: 2 }, "part 0.5 of 2"],
])("a part that there is not is refused: %j", (part, message) => {
  expect(() => takePart([1], part)).toThrow(message);
});

test.each([
  ["Slurm", { SLURM_ARRAY_TASK_ID: "3", SLURM_ARRAY_TASK_COUNT: "7", SLURM_ARRAY_TASK_MIN: "1" }, 2, 7],
  [
    "Slurm in steps",
    {
      SLURM_ARRAY_TASK_ID: "14",
      SLURM_ARRAY_TASK_COUNT: "4",
      SLURM_ARRAY_TASK_MIN: "10",
      SLURM_ARRAY_TASK_STEP: "2",
    },
    2,
    4,
  ],
  ["Kubernetes", { JOB_COMPLETION_INDEX: "0", JOB_COMPLETIONS: "5" }, 0, 5],
  ["AWS Batch", { AWS_BATCH_JOB_ARRAY_INDEX: "4", AWS_BATCH_JOB_ARRAY_SIZE: "5" }, 4, 5],
])("%s tells the part", (_, environment, index, count) => {
  expect(partFromEnvironment(environment)).toEqual({ index, count });
});

test("a rerun of single tasks of an array keeps the number of parts that is given", () => {
  const rerun = { SLURM_ARRAY_TASK_ID: "5", SLURM_ARRAY_TASK_COUNT: "1", SLURM_ARRAY_TASK_MIN: "5" };
  expect(partFromEnvironment({ JOB_COMPLETION_INDEX: "2" }, 3)).toEqual({ index: 2, count: 3 });
  expect(partFromEnvironment(rerun, 7)).toEqual({ index: 5, count: 7 });
});

test("what is missing is named", () => {
  expect(() => partFromEnvironment({})).toThrow("SLURM_ARRAY_TASK_ID");
  expect(() => partFromEnvironment({ JOB_COMPLETION_INDEX: "1" })).toThrow("JOB_COMPLETIONS is not set");
  expect(() => partFromEnvironment({ AWS_BATCH_JOB_ARRAY_INDEX: "x", AWS_BATCH_JOB_ARRAY_SIZE: "2" })).toThrow('"x"');
});
