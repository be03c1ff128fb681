/** A task of eight CT cases, files to files, by the command line and by nnU-Net with as many workers. */
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { CLI, program } from "./places.js";
import { runTree, type TreeResult } from "./process-tree.js";
import { BASELINE, ONE_THREAD, type Reference } from "./reference.js";
import type { Scale } from "./row.js";
import { runJson } from "./run-json.js";

export const DATASET = {
  name: "dataset",
  text: "8x, a third of the peak memory, exact",
  reference: "what nnUNet_plan_and_preprocess -pl2d None calls",
  ratio: 8,
  memoryRatio: 3,
};

const TASK = "Task701_Bench";
const NUMBER = "701";

export interface DatasetMeasurement {
  readonly size: string;
  readonly voxels: number;
  readonly workers: number;
  readonly ours: TreeResult;
  readonly reference: (TreeResult & Comparison) | null;
}

/** Over all preprocessed files, the label included. */
interface Comparison {
  readonly differing: number;
  readonly total: number;
  readonly files: number;
}

function must(result: TreeResult, what: string): TreeResult {
  if (result.code !== 0) throw new Error(`${what} ended with ${result.code}: ${result.stderr}`);
  return result;
}

export async function measureDataset(
  scale: Scale,
  folder: string,
  reference: Reference,
  workers: number,
): Promise<DatasetMeasurement> {
  const quick = scale.quick ? ["--quick"] : [];
  const raw = join(folder, "raw/nnUNet_raw_data");
  const voxels = runJson<number>(process.execPath, [program("dataset-files"), join(raw, TASK), ...quick], process.env);
  const shape = scale.shape([150, 512, 512]).join("x");
  const found = { size: `8 CT of ${shape}, ${workers} workers`, voxels, workers };

  const base = join(folder, "ours");
  const parameters = ["plan-and-preprocess", "-t", NUMBER, "--planner2d", "None", "--no-progress"];
  const places = ["--raw", raw, "--cropped", join(base, "cropped"), "--preprocessed", join(base, "preprocessed")];
  const command = [CLI, ...parameters, ...places, "--workers", String(workers)];
  const ours = must(await runTree(process.execPath, command, process.env), "nnprep plan-and-preprocess");
  if ("missing" in reference) return { ...found, ours, reference: null };

  const other = join(folder, "reference");
  mkdirSync(other, { recursive: true });
  symlinkSync(raw, join(other, "nnUNet_raw_data"));
  const theirs = must(
    await runTree(reference.python, [BASELINE, "dataset", other, TASK, String(workers)], ONE_THREAD),
    "nnunet",
  );
  const compared = runJson<Comparison>(
    reference.python,
    [BASELINE, "compare", join(other, "nnUNet_preprocessed", TASK), join(base, "preprocessed", TASK)],
    ONE_THREAD,
  );
  return { ...found, ours, reference: { ...theirs, ...compared } };
}
