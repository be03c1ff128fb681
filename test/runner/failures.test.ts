import { expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import { noteFailures, readFailure } from "../../src/runner/failures.js";
import { defineJob } from "../../src/runner/jobs.js";
import { LocalExecutor } from "../../src/runner/local-executor.js";
import { MemoryStore } from "../../src/runner/memory-store.js";
import { type CaseEvent, type RunOptions, runCases } from "../../src/runner/run.js";

const store = new MemoryStore();
let bad: string[] = [];
const job = defineJob("test/sometimes", async (_: object, name: string) => {
  if (bad.includes(name)) throw new NnprepError("CORRUPT_FILE", `${name} is damaged`);
  return name;
});

function run(names: readonly string[], options: RunOptions = {}) {
  const jobs = names.map((identifier) => ({ identifier, argument: identifier, memoryBytes: 7 }));
  return runCases(new LocalExecutor({}), job, "stage", jobs, noteFailures(store, "there", options));
}

const failureOf = (name: string) => readFailure(store, "there", name);

test("why a case failed is noted, until it is done", async () => {
  bad = ["a", "c"];
  await run(["a", "b", "c"]);
  expect(await failureOf("a")).toMatchObject({ code: "CORRUPT_FILE", message: "a is damaged" });
  expect(await failureOf("b")).toBeNull();
  bad = ["c"];
  await run(["a", "b", "c"]);
  expect(await failureOf("a")).toBeNull();
  expect(await failureOf("c")).toMatchObject({ message: "c is damaged" });
});

test("events are told on, in the order of what happens", async () => {
  bad = ["b"];
  const seen: CaseEvent[] = [];
  await run(["a", "b"], { onCase: (event) => void seen.push(event) });
  expect(seen).toMatchObject([
    { state: "started", stage: "stage", identifier: "a", memoryBytes: 7 },
    { state: "ended", stage: "stage", outcome: { identifier: "a", ok: true, value: "a", memoryBytes: 7 } },
    { state: "started", identifier: "b" },
    { state: "ended", outcome: { identifier: "b", ok: false, error: { message: "b is damaged" } } },
  ]);
});

test("a note that cannot be written hides no failure", async () => {
  bad = ["a"];
  const full = new MemoryStore();
  full.write = async () => {
    throw new NnprepError("CANNOT_WRITE", "full");
  };
  const jobs = [{ identifier: "a", argument: "a" }];
  const [outcome] = await runCases(new LocalExecutor({}), job, "stage", jobs, noteFailures(full, "there", {}));
  expect(outcome).toMatchObject({ ok: false, error: { code: "CORRUPT_FILE" } });
});
