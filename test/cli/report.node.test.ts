import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { writeTask } from "../recipes/v1/stages/tiny-folder.js";
import { CT_TASK } from "../recipes/v1/stages/tiny-task.js";
import { datasetJson } from "../recipes/v2/stages/tiny-dataset.js";
import { runCli } from "./run-cli.js";

vi.setConfig({ testTimeout: 60_000 });

let root: string;
const at = (...parts: string[]) => join(root, ...parts);
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "nnprep-report-"));
  const folder = await writeTask(at("raw"), { ...CT_TASK, name: "Dataset007_Tiny" });
  writeFileSync(join(folder, "dataset.json"), datasetJson());
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const report = (...more: string[]) => runCli(["report", "-d", "7", "--raw", at("raw"), "--no-progress", ...more]);
// A report names the day.
const pageOf = (file: string) => readFileSync(at(file), "utf8").replace(/on \d{4}-\d\d-\d\d/, "");

test("parts leave what they have read, and the report that joins them is that of one machine", async () => {
  const without = await report("--num-parts", "2", "--part-id", "0");
  expect([without.code, without.stderr]).toEqual([2, expect.stringContaining("give --preprocessed FOLDER")]);
  const places = ["--preprocessed", at("prep"), "-o", at("joined.html")];
  for (const id of ["1", "0"]) {
    const { code, stdout, stderr } = await report(...places, "--num-parts", "2", "--part-id", id);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`${id === "0" ? 2 : 1} cases of this part are read`);
  }
  expect((await report(...places)).code).toBe(0);
  expect((await report("--preprocessed", at("prep"), "-o", at("alone.html"))).code).toBe(0);
  expect(pageOf("joined.html")).toBe(pageOf("alone.html"));
});
