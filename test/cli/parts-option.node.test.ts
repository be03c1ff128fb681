import { afterEach, expect, test, vi } from "vitest";
import { chosenPart } from "../../src/cli/parts-option.js";
import { runCli } from "./run-cli.js";

// Every run starts processes.
vi.setConfig({ testTimeout: 60_000 });

afterEach(() => {
  vi.unstubAllEnvs();
});

test("the part of a command: given, or taken from the scheduler", () => {
  expect(chosenPart({})).toBeUndefined();
  expect(chosenPart({ numParts: 7, partId: 6 })).toEqual({ index: 6, count: 7 });
  expect(chosenPart({ numParts: 1 })).toEqual({ index: 0, count: 1 });
  vi.stubEnv("SLURM_ARRAY_TASK_ID", "3");
  vi.stubEnv("SLURM_ARRAY_TASK_COUNT", "5");
  vi.stubEnv("SLURM_ARRAY_TASK_MIN", "1");
  expect(chosenPart({ numParts: "auto" })).toEqual({ index: 2, count: 5 });
  // One task that runs again: its number is the part.
  expect(chosenPart({ numParts: 7 })).toEqual({ index: 3, count: 7 });
});

test("what is no part is told", () => {
  expect(() => chosenPart({ partId: 1 })).toThrow("of how many parts");
  expect(() => chosenPart({ numParts: 7, partId: 7 })).toThrow("from 0 to 6");
  expect(() => chosenPart({ numParts: "auto", partId: 0 })).toThrow("cannot be given together");
  vi.stubEnv("SLURM_ARRAY_TASK_ID", "");
  expect(() => chosenPart({ numParts: 7 })).toThrow("SLURM_ARRAY_TASK_ID");
});

test.each([["plan"], ["plan-and-preprocess"], ["determine-postprocessing"], ["find-best"]])(
  "%s needs all cases: parts are refused in words, and help says so",
  async (command) => {
    const { code, stderr } = await runCli([command, "-t", "1", "-num_parts", "7", "-part_id", "0"]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(`^error: ${command} cannot be cut into parts: .*cases`)]);
    expect((await runCli([command, "--help"])).stdout).toContain("Not in parts: ");
  },
);
