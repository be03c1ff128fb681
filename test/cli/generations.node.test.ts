import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import goldens from "../golden/v2-find-best/find-best.json";
import { runCli } from "./run-cli.js";

// Every run starts processes.
vi.setConfig({ testTimeout: 120_000 });

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "nnprep-generations-"));
  for (const folder of ["logits", "again", "old"]) mkdirSync(join(root, folder));
  for (const folder of ["logits", "again"]) {
    writeFileSync(join(root, folder, "plans.json"), goldens[0].plans);
    writeFileSync(join(root, folder, "dataset.json"), goldens[0].dataset);
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("what belongs to two generations is refused, both sides named", () => {
  test.each<[string[], RegExp]>([
    [["ensemble", "-i", "logits", "old", "-o", "x"], /logits was written by nnU-Net v2 .*old was not/],
    [
      ["export", "-i", "old", "-o", "x", "-c", "3d_fullres"],
      /--configuration: .*v2 only, but .*old has no plans\.json/,
    ],
    [
      ["export", "-i", "logits", "-o", "x", "-c", "3d_fullres", "--regions", "1,2"],
      /--regions: .*v1 only, but .*logits has plans/,
    ],
    [["export", "-i", "logits", "-o", "x"], /which configuration .* 2d, 3d_fullres/],
    [["ensemble", "-i", "logits", "again", "-o", "x", "-pp", "a.json"], /--postprocessing: .*v1 only/],
    [
      ["apply-postprocessing", "-i", "old", "-o", "x", "-pp", "a.pkl"],
      /a\.pkl is of nnU-Net v2, but .*old has neither/,
    ],
    [
      ["apply-postprocessing", "-i", "logits", "-o", "x", "-pp", "a.json"],
      /a\.json is of nnU-Net v1 .*logits was written by v2/,
    ],
    [
      ["determine-postprocessing", "-f", "logits"],
      /logits was written by nnU-Net v2 .*-f, -m and -t are for models of v1/,
    ],
    [
      ["determine-postprocessing", "-i", "logits", "-t", "3"],
      /--task: .*v1 only, but -i is a folder of predictions of v2/,
    ],
    [["determine-postprocessing", "-i", "logits"], /-ref FOLDER/],
    [
      ["evaluate", "-ref", "old", "-pred", "logits", "-l", "1"],
      /logits was written by nnU-Net v2 .*-ref and -pred are for v1/,
    ],
    [["evaluate", "old", "logits", "-l", "1", "--csv", "x"], /--csv: .*v1 only/],
    [["evaluate", "old", "logits"], /-djfile dataset\.json, or labels/],
    [["find-best", "-t", "3", "-c", "2d"], /--configurations: .*v2 only, but -t/],
    [["find-best", "7", "-m", "2d"], /--models: .*v1 only, but 7 is a dataset of v2/],
    [["find-best", "-t", "3", "-tr", "A", "B", "--results", "."], /-tr A B: .*one trainer/],
  ])("%j", async (call, message) => {
    const { code, stderr } = await runCli(call, {}, root);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
