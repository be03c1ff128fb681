import type { NpzCompression } from "../io/npz.js";
import type { LabelRule } from "../kernels/linear-labels.js";
import type { ReadCaseOptions } from "../recipes/v2/readers/reader.js";
import { type ExtractedFingerprint, extractFingerprint } from "../recipes/v2/stages/fingerprint.js";
import { type PlanDatasetOptions, type PlannedDataset, planDataset } from "../recipes/v2/stages/plan.js";
import { type PreparedConfiguration, preprocessDataset } from "../recipes/v2/stages/preprocess.js";
import { verifyDataset } from "../recipes/v2/stages/verify.js";
import type { Verification } from "../recipes/verify/findings.js";
import { ListedOnce } from "../runner/listed-once.js";
import type { Precision } from "../steps/resampler.js";
import type { CommandRun } from "./command-runner.js";
import type { LocatedDataset } from "./dataset-places.js";
import type { ProgressBar } from "./progress.js";

/** Which stages to run on a dataset, each with its settings; those left out are not run. */
export interface DatasetStages {
  readonly reading?: ReadCaseOptions | undefined;
  readonly verify?: true;
  readonly fingerprint?: { readonly clean: boolean; readonly workers?: number | undefined };
  readonly plan?: Pick<
    PlanDatasetOptions,
    "planner" | "gpuMemoryGb" | "preprocessorName" | "plansName" | "targetSpacingMm"
  >;
  readonly preprocess?: {
    /** Default: those that planning made, else nnUNetPlans. */
    readonly plansName?: string | undefined;
    readonly configurations?: readonly string[] | undefined;
    readonly workersOf: Readonly<Record<string, number>>;
    readonly format: "b2nd" | "npz";
    readonly compression: NpzCompression;
    readonly labelRule?: LabelRule | undefined;
    readonly precision: Precision;
    readonly overwrite: boolean;
  };
}

/** What the stages did on one dataset. Those that were not reached are missing; `error` says why. */
export interface DatasetOutcome {
  readonly dataset: LocatedDataset;
  verification?: Verification;
  fingerprint?: ExtractedFingerprint;
  planned?: PlannedDataset;
  configurations?: PreparedConfiguration[];
  error?: Error;
  seconds: number;
}

/** True if anything went wrong that the exit code has to tell. */
export function hasFailed(outcome: DatasetOutcome): boolean {
  return (
    outcome.error !== undefined ||
    outcome.verification?.findings.some((finding) => finding.severity === "error") === true ||
    outcome.fingerprint?.cases.some((one) => !one.ok) === true ||
    outcome.configurations?.some(({ cases }) => cases.some((one) => !one.ok)) === true
  );
}

/** Runs the stages on one dataset. Errors end in the outcome, so that the others go on; only `ABORTED` is thrown. */
export async function runStages(
  dataset: LocatedDataset,
  stages: DatasetStages,
  run: CommandRun,
): Promise<DatasetOutcome> {
  const start = performance.now();
  const outcome: DatasetOutcome = { dataset, seconds: 0 };
  const bar = run.bar(dataset.name);
  try {
    await runInOrder(outcome, stages, run, bar);
  } catch (error) {
    if (run.signal.aborted) throw error;
    outcome.error = error instanceof Error ? error : new Error(String(error));
    run.noteFailure(error, { dataset: dataset.name });
  } finally {
    bar.stop();
  }
  outcome.seconds = (performance.now() - start) / 1000;
  return outcome;
}

async function runInOrder(
  outcome: DatasetOutcome,
  stages: DatasetStages,
  run: CommandRun,
  bar: ProgressBar,
): Promise<void> {
  const { name, raw, preprocessed } = outcome.dataset;
  await run.keepClean(preprocessed);
  if (stages.fingerprint !== undefined || stages.plan !== undefined || stages.preprocess !== undefined) {
    await run.checkWritable(preprocessed);
  }
  const { executor, store, options: caseOptions } = run.open({ raw, preprocessed });
  const dataset = {
    name,
    executor,
    stores: { raw: new ListedOnce(store("raw")), preprocessed: store("preprocessed") },
  };
  const options = {
    ...caseOptions,
    onProgress: bar.show,
    onCase: run.onCase({ dataset: name }),
    environment: process.env,
    reading: stages.reading,
  };
  if (stages.verify === true) {
    outcome.verification = await verifyDataset(dataset, options);
    for (const finding of outcome.verification.findings) run.emit("finding", { dataset: name, ...finding });
    if (hasFailed(outcome)) return;
  }
  if (stages.fingerprint !== undefined) {
    outcome.fingerprint = await extractFingerprint(dataset, { ...options, ...stages.fingerprint });
  }
  if (stages.plan !== undefined) outcome.planned = await planDataset(dataset, { ...options, ...stages.plan });
  if (stages.preprocess !== undefined) {
    const plansName = stages.preprocess.plansName ?? outcome.planned?.plansName;
    outcome.configurations = await preprocessDataset(dataset, { ...options, ...stages.preprocess, plansName });
  }
}
