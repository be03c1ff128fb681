import {
  type CaseOutcome,
  type CroppedGrid,
  cropDataset,
  FolderStore,
  NnprepError,
  type NpzCompression,
  openTask,
  type PlannedDataset,
  type Planner,
  type PreprocessedStage,
  planDataset,
  preprocessDataset,
  type TargetSpacingRule,
  type Verification,
  verifyDataset,
} from "../node.js";
import type { TaskFolders } from "./options.js";
import { ProgressBar } from "./progress.js";

/** Which stages to run on a task, each with its settings; those left out are not run. */
export interface Stages {
  readonly verify?: true;
  readonly crop?: { readonly overwrite: boolean; readonly compression: NpzCompression };
  readonly plan?: { readonly planners: readonly Planner[]; readonly targetSpacingRule: TargetSpacingRule };
  readonly preprocess?: {
    readonly planners?: readonly Planner[];
    readonly labelOrder: 0 | 1;
    readonly lowresWorkers: number | undefined;
    readonly compression: NpzCompression;
  };
}

export interface RunSettings {
  readonly workers: number;
  readonly progress: boolean;
  readonly signal: AbortSignal;
  readonly memoryBudgetBytes: number;
  readonly memoryAvailableBytes: number;
}

/** What was done on one task. Stages that were not reached are missing; `error` says why. */
export interface TaskReport {
  readonly folders: TaskFolders;
  verification?: Verification;
  crop?: CaseOutcome<CroppedGrid>[];
  planned?: PlannedDataset;
  stages?: PreprocessedStage[];
  error?: Error;
  seconds: number;
}

/** True if anything went wrong that the exit code has to tell. */
export function hasFailed(report: TaskReport): boolean {
  return (
    report.error !== undefined ||
    report.verification?.findings.some((finding) => finding.severity === "error") === true ||
    report.crop?.some((outcome) => !outcome.ok) === true ||
    report.stages?.some((stage) => stage.cases.some((outcome) => !outcome.ok)) === true
  );
}

/** Runs the stages on one task. Errors end in the report, so that the other tasks go on; only `ABORTED` is thrown. */
export async function runStages(folders: TaskFolders, stages: Stages, settings: RunSettings): Promise<TaskReport> {
  const start = performance.now();
  const report: TaskReport = { folders, seconds: 0 };
  const bar = new ProgressBar(settings.progress, folders.task);
  try {
    await runInOrder(report, stages, settings, bar);
  } catch (error) {
    if (settings.signal.aborted) throw error;
    report.error = error instanceof Error ? error : new Error(String(error));
  } finally {
    bar.stop();
  }
  report.seconds = (performance.now() - start) / 1000;
  return report;
}

async function runInOrder(report: TaskReport, stages: Stages, settings: RunSettings, bar: ProgressBar): Promise<void> {
  const { signal, memoryBudgetBytes, memoryAvailableBytes } = settings;
  const options = { signal, memoryBudgetBytes, memoryAvailableBytes, onProgress: bar.show };
  const task = await openTask(report.folders, settings.workers);
  try {
    if (stages.verify === true) {
      report.verification = await verifyDataset(task, options);
      if (hasFailed(report)) return;
    }
    if (stages.crop !== undefined) {
      report.crop = await cropDataset(task, { ...options, ...stages.crop });
      if (stages.plan !== undefined) stopUnlessComplete(report.crop);
    }
    if (stages.plan !== undefined) report.planned = await planDataset(task, { ...options, ...stages.plan });
    if (stages.preprocess !== undefined) {
      report.stages = await preprocessDataset(task, { ...options, ...stages.preprocess });
    }
  } finally {
    await (signal.aborted ? task.executor.stop() : task.executor.close());
    await removeLeftovers(report.folders);
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

/** Temporary files of workers that were stopped, and of earlier runs whose workers were still going at the start. */
async function removeLeftovers({ cropped, preprocessed }: TaskFolders): Promise<void> {
  for (const folder of [cropped, preprocessed]) await new FolderStore(folder).removeLeftovers();
}
