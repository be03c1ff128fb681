import { expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import { defineJob, type Job } from "../../src/runner/jobs.js";
import { type Executor, type Progress, runCases, takeCases } from "../../src/runner/run.js";

/** Runs `work` for each job; counts how many run at the same time. */
class TestExecutor implements Executor<object> {
  running = 0;
  most = 0;
  stopped = false;
  constructor(
    readonly workers: number,
    readonly work: (argument: number) => Promise<number>,
  ) {}
  async run<A, R>(_job: Job<object, A, R>, argument: A) {
    this.most = Math.max(this.most, ++this.running);
    try {
      const value = (await this.work(argument as number)) as R;
      return { value, seconds: 1, peakMemoryBytes: null };
    } finally {
      this.running--;
    }
  }
  async stop(): Promise<void> {
    this.stopped = true;
  }
  async close(): Promise<void> {}
}

/** Never called: the executor does its own work. */
const job = defineJob("test/none", async (_stores: object, x: number) => x);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const jobsOf = (...values: number[]) => values.map((argument) => ({ identifier: `case_${argument}`, argument }));

test("outcomes come in the order of the jobs, and a failure stops no other", async () => {
  const executor = new TestExecutor(3, async (x) => {
    await pause(20 - 4 * x);
    if (x === 2) throw new NnprepError("CORRUPT_FILE", "broken");
    return x * x;
  });
  const seen: Progress[] = [];
  const outcomes = await runCases(executor, job, "stage", jobsOf(0, 1, 2, 3, 4), {
    onProgress: (progress) => seen.push(progress),
  });
  expect(outcomes.map((o) => (o.ok ? o.value : o.error.message))).toEqual([0, 1, "broken", 9, 16]);
  expect(outcomes.map((o) => o.identifier)).toEqual(jobsOf(0, 1, 2, 3, 4).map((j) => j.identifier));
  expect(executor.most).toBe(3);
  expect(seen.map((progress) => progress.done)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(seen.every((progress) => progress.total === 5 && progress.stage === "stage")).toBe(true);
});

test("results that are taken as they come are not held", async () => {
  const executor = new TestExecutor(2, async (x) => {
    await pause(20 - 10 * x);
    if (x === 2) throw new NnprepError("CORRUPT_FILE", "broken");
    return x + 0.5;
  });
  const taken: [number, number][] = [];
  const outcomes = await takeCases(executor, job, "stage", jobsOf(0, 1, 2), {}, (value, argument) => {
    taken.push([argument, value]);
    return "taken";
  });
  expect(taken).toEqual([
    [1, 1.5],
    [0, 0.5],
  ]);
  expect(outcomes.map((o) => (o.ok ? o.value : o.error.message))).toEqual(["taken", "taken", "broken"]);
});

test("fewer workers on request, and none for no jobs", async () => {
  const executor = new TestExecutor(4, async (x) => {
    await pause(2);
    return x;
  });
  await runCases(executor, job, "s", jobsOf(1, 2, 3, 4), { workers: 2 });
  expect(executor.most).toBe(2);
  expect(await runCases(executor, job, "s", [])).toEqual([]);
});

test("cases are let in while their estimates fit; one that fits nowhere runs alone", async () => {
  let used = 0;
  let most = 0;
  const sizes = [4, 4, 50, 4, 6, 1];
  const executor = new TestExecutor(6, async (x) => {
    used += x;
    if (x < 50) most = Math.max(most, used);
    else expect(used).toBe(50);
    await pause(5);
    used -= x;
    return x;
  });
  const jobs = sizes.map((size, i) => ({ identifier: String(i), argument: size, memoryBytes: size }));
  const outcomes = await runCases(executor, job, "s", jobs, { memoryBudgetBytes: 10 });
  expect(outcomes.map((o) => o.ok && o.value)).toEqual(sizes);
  expect(most).toBeLessThanOrEqual(10);
});

test("an abort stops the executor and throws ABORTED; what had not begun is not begun", async () => {
  const abort = new AbortController();
  const begun: number[] = [];
  const executor = new TestExecutor(1, async (x) => {
    begun.push(x);
    if (x === 2) abort.abort();
    return x;
  });
  const error = await runCases(executor, job, "s", jobsOf(1, 2, 3), { signal: abort.signal }).catch((e) => e);
  expect(error.code).toBe("ABORTED");
  expect(begun).toEqual([1, 2]);
  expect(executor.stopped).toBe(true);
  expect((await runCases(executor, job, "s", jobsOf(1), { signal: abort.signal }).catch((e) => e)).code).toBe(
    "ABORTED",
  );
});

test("a case above the limit is warned of, one above what there is fails before it is tried", async () => {
  const begun: number[] = [];
  const executor = new TestExecutor(2, async (x) => begun.push(x));
  const jobs = [1, 30, 300].map((x) => ({ identifier: `case_${x}`, argument: x, memoryBytes: x * 2 ** 20 }));
  const outcomes = await runCases(executor, job, "s", jobs, {
    memoryBudgetBytes: 10 * 2 ** 20,
    memoryAvailableBytes: 100 * 2 ** 20,
  });
  expect(begun).toEqual([1, 30]);
  expect(outcomes[0]).not.toHaveProperty("memoryWarning");
  expect(outcomes[1]).toMatchObject({ ok: true, memoryWarning: expect.stringMatching(/30 MiB.*limit of 10 MiB/) });
  expect(outcomes[2]).toMatchObject({
    ok: false,
    error: { code: "OUT_OF_MEMORY", message: expect.stringMatching(/case_300.*300 MiB.*100 MiB/) },
  });
});

test("workers at rest count against the limit", async () => {
  const executor = Object.assign(
    new TestExecutor(3, async (x) => {
      await pause(2);
      return x;
    }),
    { idleWorkerBytes: 10 },
  );
  const jobs = [1, 2, 3, 4].map((x) => ({ identifier: String(x), argument: x, memoryBytes: 20 }));
  // 3 x 10 at rest leaves 20: two cases that need 10 beside the program.
  await runCases(executor, job, "s", jobs, { memoryBudgetBytes: 50 });
  expect(executor.most).toBe(2);
});
