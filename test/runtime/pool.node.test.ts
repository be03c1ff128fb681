import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import { WorkerPool } from "../../src/runtime/pool.js";

let pool: WorkerPool;
beforeEach(() => {
  const script = fileURLToPath(new URL("./pool-worker.mjs", import.meta.url));
  pool = new WorkerPool({ script, workers: 2, kind: "process" });
});
afterEach(() => pool.stop());

test("results and errors cross the boundary whole", async () => {
  expect(await pool.run("double", 21, { name: "a" })).toBe(42);
  const error = (await pool.run("fail", null, { name: "a" }).catch((e) => e)) as NnprepError;
  expect(error).toBeInstanceOf(NnprepError);
  expect(error.code).toBe("CORRUPT_FILE");
  expect(error.detail.found).toBeNaN();
});

test("a worker that is killed fails its own job only", async () => {
  const jobs = ["double", "die", "double", "die", "die", "double", "double"].map((method, i) =>
    pool.run(method, i, { name: `case_${i}`, memoryBytes: 3 * 2 ** 20 }),
  );
  const results = await Promise.allSettled(jobs);
  expect(results.map((r) => r.status === "fulfilled")).toEqual([true, false, true, false, false, true, true]);
  const error = (results[1] as PromiseRejectedResult).reason;
  expect(error.code).toBe("WORKER_DIED");
  expect(error.message).toContain("case_1");
  expect(error.message).toContain("3 MiB");
  expect(error.detail).toMatchObject({ case: "case_1", signal: "SIGKILL", memoryBytes: 3 * 2 ** 20 });
});

test("a job survives a worker that died while idle", async () => {
  await Promise.all([pool.run("dieLater", 0, { name: "a" }), pool.run("dieLater", 0, { name: "b" })]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await pool.run("double", 4, { name: "c" })).toBe(8);
});

test("stop ends running and waiting jobs", async () => {
  const jobs = [1, 2, 3, 4].map((i) => pool.run("hang", null, { name: `${i}` }));
  setTimeout(() => void pool.stop(), 500);
  const results = await Promise.allSettled(jobs);
  for (const result of results) expect((result as PromiseRejectedResult).reason.code).toBe("ABORTED");
});

test("workers listen to their parent in a runtime whose processes look like pages, as Bun's do", async () => {
  const likeBun =
    "Object.defineProperty(process.versions, 'bun', { value: '1' });" +
    "Object.assign(globalThis, { self: globalThis, postMessage() {}, addEventListener() {} });";
  const given = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = `--import data:text/javascript,${encodeURIComponent(likeBun)}`;
  try {
    expect(await pool.run("double", 4, { name: "a" })).toBe(8);
  } finally {
    if (given === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = given;
  }
});
