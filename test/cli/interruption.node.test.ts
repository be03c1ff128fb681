import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeTask } from "../recipes/v1/stages/tiny-folder.js";
import { CT_TASK, MR_TASK, type TinyTask } from "../recipes/v1/stages/tiny-task.js";
import { childrenOf, hashFolder, pause, runCli, startCli, until } from "./run-cli.js";

let root: string;
let raw: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "nnprep-cli-"));
  raw = join(root, "nnUNet_raw_data");
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const places = () => ["--raw", raw, "--preprocessed", join(root, "preprocessed")];
const whole = (workers: number, ...tasks: string[]) => [
  "plan-and-preprocess",
  ...["-t", ...tasks],
  ...places(),
  ...["--workers", String(workers), "--no-progress"],
];

/** Everything that runs wrote, by path below the root; then it is removed. */
function takeOutputs(): Record<string, string> {
  const outputs = ["nnUNet_cropped_data", "preprocessed"];
  const hashes: Record<string, string> = {};
  for (const output of outputs) {
    for (const [file, hash] of Object.entries(hashFolder(join(root, output)))) hashes[join(output, file)] = hash;
    rmSync(join(root, output), { recursive: true });
  }
  return hashes;
}

/** The task with a second case that takes long enough for a run to be caught while it works on it. */
function withLargeCase(task: TinyTask, identifier: string): TinyTask {
  return { ...task, cases: { ...task.cases, [identifier]: { shape: [112, 256, 256], spacingMm: [1.6, 1.1, 1] } } };
}

test("1 and 2 workers write the same bytes", async () => {
  await writeTask(raw, CT_TASK);
  await writeTask(raw, MR_TASK);
  const one = await runCli(whole(1, "1", "2"));
  expect(one.stderr).toBe("");
  expect(one.code).toBe(0);
  const expected = takeOutputs();
  expect((await runCli(whole(2, "1", "2"))).code).toBe(0);
  expect(takeOutputs()).toEqual(expected);
  expect(Object.keys(expected).length).toBeGreaterThan(40);
}, 60_000);

test("a worker that is killed fails its case only", async () => {
  await writeTask(raw, withLargeCase(MR_TASK, "mr_2"));
  const run = startCli(["crop", "-t", "2", ...places(), "--workers", "1", "--json", "--no-progress"]);
  const cropped = join(root, "nnUNet_cropped_data", MR_TASK.name);
  await until(() => existsSync(join(cropped, "mr_1.pkl")));
  await pause(60);
  process.kill(childrenOf(run.child.pid as number)[0], "SIGKILL");
  const { code, stdout } = await run.done;
  // It may work when it runs again, which a scheduler is told.
  expect(code).toBe(75);
  const { ok, tasks } = JSON.parse(stdout);
  expect(ok).toBe(false);
  expect(tasks[0].crop.map((c: { ok: boolean }) => c.ok)).toEqual([true, false, true]);
  expect(tasks[0].crop[1].error.code).toBe("WORKER_DIED");
  expect(tasks[0].crop[1].error.message).toMatch(/mr_2.*about \d+ MiB.*memory limit is \d+ MiB/);
  const left = Object.keys(hashFolder(cropped)).filter((file) => /mr_2|tmp/.test(file));
  expect(left).toEqual([join(".nnprep", "failed", "crop", "mr_2.json")]);
}, 60_000);

test("Ctrl-C stops cleanly, and a second run completes with the same bytes", async () => {
  await writeTask(raw, withLargeCase(CT_TASK, "ct_2"));
  expect((await runCli(whole(1, "1"))).code).toBe(0);
  const expected = takeOutputs();
  const run = startCli(whole(1, "1"));
  const cropped = join(root, "nnUNet_cropped_data", CT_TASK.name);
  await until(() => existsSync(join(cropped, "ct_1.pkl")));
  await pause(60);
  const workers = childrenOf(run.child.pid as number);
  for (const pid of [run.child.pid as number, ...workers]) process.kill(pid, "SIGINT");
  const { code, stderr } = await run.done;
  expect(code).toBe(130);
  expect(stderr).toContain("stopped");
  expect(workers.length).toBe(1);
  await until(() => !existsSync(`/proc/${workers[0]}`));
  expect(Object.keys(hashFolder(cropped)).filter((file) => /ct_[23]\.|tmp/.test(file))).toEqual([]);
  expect((await runCli(whole(1, "1"))).code).toBe(0);
  expect(takeOutputs()).toEqual(expected);
}, 60_000);

test("after kill -9 at any time a second run completes with the same bytes", async () => {
  await writeTask(raw, CT_TASK);
  const start = Date.now();
  expect((await runCli(whole(2, "1"))).code).toBe(0);
  const took = Date.now() - start;
  const expected = takeOutputs();
  for (const share of [0.4, 0.55, 0.7, 0.85]) {
    const run = startCli(whole(2, "1"));
    await pause(share * took);
    run.child.kill("SIGKILL");
    await run.done;
    const second = await runCli(whole(2, "1"));
    expect(second.code, second.stdout + second.stderr).toBe(0);
    expect(takeOutputs()).toEqual(expected);
  }
}, 120_000);

test("a dataset of v2: 1, 2 and 4 workers write the same bytes, and so does a second run after kill -9", async () => {
  await writeTask(raw, CT_TASK);
  const [datasets, preprocessed] = [join(root, "nnUNet_raw"), join(root, "preprocessed")];
  const task = join(raw, CT_TASK.name);
  expect((await runCli(["convert", "--from-v1", task, "--raw", datasets, "--no-progress"])).code).toBe(0);
  const dataset = (workers: number) => [
    ...["plan-and-preprocess", "-d", "1", "--raw", datasets, "--preprocessed", preprocessed],
    ...["--workers", String(workers), "--no-progress"],
  ];
  const take = () => {
    const hashes = hashFolder(preprocessed);
    rmSync(preprocessed, { recursive: true });
    return hashes;
  };
  const start = Date.now();
  expect((await runCli(dataset(1))).code).toBe(0);
  const took = Date.now() - start;
  const expected = take();
  expect(Object.keys(expected).filter((file) => file.endsWith(".b2nd")).length).toBeGreaterThan(10);
  for (const workers of [2, 4]) {
    expect((await runCli(dataset(workers))).code).toBe(0);
    expect(take()).toEqual(expected);
  }
  for (const share of [0.35, 0.6, 0.8]) {
    const run = startCli(dataset(2));
    await pause(share * took);
    run.child.kill("SIGKILL");
    await run.done;
    const second = await runCli(dataset(2));
    expect(second.code, second.stdout + second.stderr).toBe(0);
    expect(take()).toEqual(expected);
  }
}, 120_000);
