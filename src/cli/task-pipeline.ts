import { NnprepError } from "../core/errors.js";
import type { ReadScanOptions } from "../io/formats.js";
import type { NpzCompression } from "../io/npz.js";
import type { LabelRule } from "../kernels/linear-labels.js";
import type { Planner } from "../recipes/v1/layout.js";
import type { TargetSpacingRule } from "../recipes/v1/planners/experiment-planner.js";
import { type CroppedGrid, cropDataset } from "../recipes/v1/stages/crop.js";
import { type PlannedDataset, planDataset } from "../recipes/v1/stages/plan.js";
import { type PreprocessedStage, preprocessDataset } from "../recipes/v1/stages/preprocess.js";
import { verifyDataset } from "../recipes/v1/stages/verify-task.js";
import type { Verification } from "../recipes/verify/findings.js";
import type { CaseOutcome } from "../runner/run.js";
import type { Precision } from "../steps/resampler.js";
import type { CommandRun } from "./command-runner.js";
import type { ProgressBar } from "./progress.js";
import type { LocatedTask } from "./task-places.js";

/** Which stages to run on a task, each with its settings; those left out are not run. */
export interface Stages {
  readonly verify?: { readonly scan: ReadScanOptions };
  readonly crop?: {
    readonly overwrite: boolean;
    readonly compression: NpzCompression;
    readonly scan: ReadScanOptions;
  };
  readonly plan?: { readonly planners: readonly Planner[]; readonly targetSpacingRule: TargetSpacingRule };
  readonly preprocess?: {
    readonly planners?: readonly Planner[];
    readonly labelOrder: 0 | 1;
    readonly labelRule: LabelRule;
    readonly precision: Precision;
    readonly lowresWorkers: number | undefined;
    readonly compression: NpzCompression;
    readonly overwrite: boolean;
  };
}

/** What the stages did on one task. Those that were not reached are missing; `error` says why. */
export interface TaskOutcome {
  readonly task: LocatedTask;
  verification?: Verification;
  crop?: CaseOutcome<CroppedGrid>[];
  planned?: PlannedDataset;
  stages?: PreprocessedStage[];
  error?: Error;
  seconds: number;
}

/** True if anything went wrong that the exit code has to tell. */
export function hasFailed(outcome: TaskOutcome): boolean {
  return (
    outcome.error !== undefined ||
    outcome.verification?.findings.some((finding) => finding.severity === "error") === true ||
    outcome.crop?.some((one) => !one.ok) === true ||
    outcome.stages?.some((stage) => stage.cases.some((one) => !one.ok)) === true
  );
}

/** Runs the stages on one task. Errors end in the outcome, so that the other tasks go on; only `ABORTED` is thrown. */
export async function runStages(task: LocatedTask, stages: Stages, run: CommandRun): Promise<TaskOutcome> {
  const start = performance.now();
  const outcome: TaskOutcome = { task, seconds: 0 };
  const bar = run.bar(task.name);
  try {
    await runInOrder(outcome, stages, run, bar);
  } catch (error) {
    if (run.signal.aborted) throw error;
    outcome.error = error instanceof Error ? error : new Error(String(error));
    run.noteFailure(error, { task: task.name });
  } finally {
    bar.stop();
  }
  outcome.seconds = (performance.now() - start) / 1000;
  return outcome;
}

async function runInOrder(outcome: TaskOutcome, stages: Stages, run: CommandRun, bar: ProgressBar): Promise<void> {
  const { raw, cropped, preprocessed } = outcome.task;
  await run.keepClean(cropped, preprocessed);
  if (stages.crop !== undefined || stages.plan !== undefined) await run.checkWritable(cropped);
  if (stages.plan !== undefined || stages.preprocess !== undefined) await run.checkWritable(preprocessed);
  const { executor, store, options: caseOptions } = run.open({ raw, cropped, preprocessed });
  const stores = { raw: store("raw"), cropped: store("cropped"), preprocessed: store("preprocessed") };
  const task = { stores, executor };
  const options = { ...caseOptions, onProgress: bar.show, onCase: run.onCase({ task: outcome.task.name }) };
  if (stages.verify !== undefined) {
    outcome.verification = await verifyDataset(task, { ...options, ...stages.verify });
    for (const finding of outcome.verification.findings) run.emit("finding", { task: outcome.task.name, ...finding });
    if (hasFailed(outcome)) return;
  }
  if (stages.crop !== undefined) {
    outcome.crop = await cropDataset(task, { ...options, ...stages.crop });
    if (stages.plan !== undefined) stopUnlessComplete(outcome.crop);
  }
  if (stages.plan !== undefined) outcome.planned = await planDataset(task, { ...options, ...stages.plan });
  if (stages.preprocess !== undefined) {
    outcome.stages = await preprocessDataset(task, { ...options, ...stages.preprocess });
  }
}

function stopUnlessComplete(outcomes: readonly CaseOutcome<CroppedGrid>[]): void {
  const failed = outcomes.filter((outcome) => !outcome.ok).map((outcome) => outcome.identifier);
  if (failed.length === 0) return;
  throw new NnprepError(
    "INVALID_DATASET",
    `${failed.length} of ${outcomes.length} cases could not be cropped (${failed.join(", ")}), and plans made without them would be other plans. ` +
      "Correct them or take them out of dataset.json and run again: the cases that are done are kept",
    { failed },
  );
}
