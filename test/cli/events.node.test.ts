import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { imagePath, writeTask } from "../recipes/v1/stages/tiny-folder.js";
import { MR_TASK } from "../recipes/v1/stages/tiny-task.js";
import { childrenOf, pause, runCli, startCli, until } from "./run-cli.js";

vi.setConfig({ testTimeout: 60_000 });

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "nnprep-events-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const call = (command: string, ...more: string[]) => [
  command,
  ...["-t", "2", "--raw", join(root, "raw"), "--preprocessed", join(root, "prep"), "--workers", "1", "--json-lines"],
  ...more,
];

/** Every line of the output has to be one event. */
function eventsOf({ stdout, stderr }: { stdout: string; stderr: string }) {
  expect(stderr).toBe("");
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test("one JSON object per line and nothing else: cases, warnings, the end", async () => {
  const folder = await writeTask(join(root, "raw"), MR_TASK);
  writeFileSync(imagePath(folder, "mr_2", 0), "no scan");
  const result = await runCli(call("crop", "--num-parts", "1"));
  const events = eventsOf(result);
  const names = Object.keys(MR_TASK.cases);
  const perCase = names.flatMap((name) => ["case-started", name === "mr_2" ? "case-failed" : "case-finished"]);
  expect(events.map(({ event }) => event)).toEqual(["start", ...perCase, "end"]);
  expect(events.every(({ time }) => !Number.isNaN(Date.parse(time)))).toBe(true);
  expect(events[0]).toMatchObject({ command: "crop", part: { index: 0, count: 1 } });
  expect(events[1]).toMatchObject({ task: MR_TASK.name, stage: "crop", case: "mr_1" });
  expect(events[1].estimatedMemoryBytes).toBeGreaterThan(0);
  expect(events[2]).toMatchObject({ case: "mr_1", kept: false, warnings: [] });
  expect(events[2].seconds).toBeGreaterThan(0);
  expect(events[2].peakMemoryBytes).toBeGreaterThan(1e6);
  expect(events[4]).toMatchObject({ case: "mr_2", retry: false, error: { code: "CORRUPT_FILE" } });
  const stages = { crop: { finished: names.length - 1, kept: 0, failed: 1 } };
  expect(events.at(-1)).toMatchObject({ event: "end", ok: false, exitCode: 1, stages });
  expect(result.code).toBe(1);
  // What fails as a whole is an event too, and findings of the check.
  const planned = eventsOf(await runCli(call("plan")));
  expect(planned.map(({ event }) => event)).toEqual(["start", "error", "end"]);
  expect(planned[1]).toMatchObject({ task: MR_TASK.name, retry: false, error: { code: "INVALID_DATASET" } });
  const checked = eventsOf(await runCli(call("verify")));
  expect(checked.filter(({ event }) => event === "finding")).toMatchObject([
    { task: MR_TASK.name, severity: "error", kind: "unreadable-file" },
  ]);
});

test("a worker that is killed: exit code 75, and the next run does what is left", async () => {
  const large = { shape: [112, 256, 256], spacingMm: [1.6, 1.1, 1] } as const;
  await writeTask(join(root, "raw"), { ...MR_TASK, cases: { ...MR_TASK.cases, mr_2: large } });
  const run = startCli(call("crop"));
  await until(() => existsSync(join(root, "nnUNet_cropped_data", MR_TASK.name, "mr_1.pkl")));
  await pause(60);
  process.kill(childrenOf(run.child.pid as number)[0] as number, "SIGKILL");
  const result = await run.done;
  const events = eventsOf(result);
  expect(events.find(({ event }) => event === "case-failed")).toMatchObject({
    case: "mr_2",
    retry: true,
    error: { code: "WORKER_DIED" },
  });
  expect([result.code, events.at(-1).exitCode]).toEqual([75, 75]);
  const again = await runCli(call("crop"));
  const count = Object.keys(MR_TASK.cases).length;
  expect(eventsOf(again).at(-1)).toMatchObject({ exitCode: 0, stages: { crop: { finished: count, kept: count - 1 } } });
  expect(again.code).toBe(0);
});

test("--json and --json-lines exclude each other", async () => {
  expect((await runCli(call("crop", "--json"))).code).toBe(2);
});
