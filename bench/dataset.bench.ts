/** Eight CT cases, files to files, by the command line and by nnU-Net with as many workers. */
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { CLI, program } from "./places.js";
import { runTree, type TreeResult } from "./process-tree.js";
import { BASELINE, ONE_THREAD, type Reference } from "./reference.js";
import type { Scale } from "./row.js";
import { runJson } from "./run-json.js";

/** A raw dataset of one generation, what is asked of it, and how both sides are called. */
export interface DatasetRow {
  readonly name: string;
  readonly text: string;
  readonly reference: string;
  /** At least so many times faster, in at most one of so many parts of the memory. */
  readonly ratio: number;
  readonly memoryRatio: number;
  /** Name of the raw folder. */
  readonly folder: string;
  /** Parameters of `nnprep plan-and-preprocess`, beside places and workers. */
  readonly parameters: (base: string) => readonly string[];
}

/** The same eight CT for both generations. */
export const DATASETS: readonly DatasetRow[] = [
  {
    name: "dataset",
    text: "8x, a third of the peak memory, exact",
    reference: "what nnUNet_plan_and_preprocess -pl2d None calls",
    ratio: 8,
    memoryRatio: 3,
    folder: "Task701_Bench",
    parameters: (base) => ["-t", "701", "--planner2d", "None", "--cropped", join(base, "cropped")],
  },
  {
    name: "v2-dataset",
    text: "10x, a quarter of the peak memory, exact",
    reference: "what nnUNetv2_plan_and_preprocess -c 3d_fullres calls, without planning",
    ratio: 10,
    memoryRatio: 4,
    folder: "Dataset701_Bench",
    // The reference shares its batchgenerators with nnU-Net v1.
    parameters: () => ["-d", "701", "-c", "3d_fullres", "--label-rule", "threshold"],
  },
];

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
  row: DatasetRow,
  scale: Scale,
  folder: string,
  reference: Reference,
  workers: number,
): Promise<DatasetMeasurement> {
  const quick = scale.quick ? ["--quick"] : [];
  const raw = join(folder, row.name, "raw/nnUNet_raw_data");
  const files = [program("dataset-files"), join(raw, row.folder), ...quick];
  const voxels = runJson<number>(process.execPath, files, process.env);
  const shape = scale.shape([150, 512, 512]).join("x");
  const found = { size: `8 CT of ${shape}, ${workers} workers`, voxels, workers };

  const base = join(folder, row.name, "ours");
  const preprocessed = join(base, "nnUNet_preprocessed");
  const places = ["--raw", raw, "--preprocessed", preprocessed, "--workers", String(workers), "--no-progress"];
  const command = [CLI, "plan-and-preprocess", ...row.parameters(base), ...places];
  const ours = must(await runTree(process.execPath, command, process.env), "nnprep plan-and-preprocess");
  if ("missing" in reference) return { ...found, ours, reference: null };

  const other = join(folder, row.name, "reference");
  mkdirSync(other, { recursive: true });
  symlinkSync(raw, join(other, "nnUNet_raw_data"));
  const theirCommand = [BASELINE, row.name, other, row.folder, String(workers), preprocessed];
  const theirs = must(await runTree(reference.python, theirCommand, ONE_THREAD), row.reference);
  const compared = runJson<Comparison>(
    reference.python,
    [BASELINE, "compare", join(other, "nnUNet_preprocessed", row.folder), join(preprocessed, row.folder)],
    ONE_THREAD,
  );
  return { ...found, ours, reference: { ...theirs, ...compared } };
}
