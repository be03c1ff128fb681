import { inFile } from "../../../core/errors.js";
import { defineJob } from "../../../runner/jobs.js";
import { takePart } from "../../../runner/parts.js";
import { type CaseJob, type CaseOutcome, type Executor, type RunOptions, runCases } from "../../../runner/run.js";
import { evaluateLabels, type Region } from "../../../steps/metrics.js";
import { measureOnce, type PartRole } from "../../evaluation-parts.js";
import {
  type ComparedStores,
  loadPair,
  missingFile,
  type PredictionFiles,
  pairPredictions,
} from "../../prediction-files.js";
import { type CaseScores, type Summary, type SummaryTexts, sortedScores, summarize } from "../documents/summary.js";

/** Folders of predictions and references, and who does the work. */
export interface EvaluationTask {
  readonly stores: ComparedStores;
  readonly executor: Executor<ComparedStores>;
}

/** What is measured of a case. */
export interface EvaluateCaseOptions {
  /** Measure distances between surfaces too; `toleranceMm` adds the Normalized Surface Dice. Default: no. */
  readonly surface?: { readonly toleranceMm?: number | undefined } | undefined;
  /** Compare voxel by voxel even if spacing, origin or direction differ, as nnU-Net does. Default false. */
  readonly ignoreGeometry?: boolean | undefined;
}

/** What is measured, and how it runs. */
export type EvaluateOptions = RunOptions & EvaluateCaseOptions;

/** What was measured on one case. */
export interface CaseEvaluation {
  readonly scores: CaseScores;
  /** Labels above or below 0 that were found but not asked for, ascending. */
  readonly unexpectedLabels: { readonly prediction: readonly number[]; readonly reference: readonly number[] };
}

interface EvaluateJob extends EvaluateCaseOptions {
  readonly files: PredictionFiles;
  readonly regions: readonly Region[];
  readonly role: PartRole | undefined;
}

/** What a label, or several that count as one, is called in a summary. */
export function regionName(region: Region): string {
  return typeof region === "number" ? String(region) : region.join("+");
}

/** The job of a worker: reads and compares the label images of one case. */
async function evaluateOneCase(stores: ComparedStores, job: EvaluateJob): Promise<CaseEvaluation> {
  const { files, role, ...settings } = job;
  const { labels, unexpectedLabels } = await measureOnce(stores, files, JSON.stringify(settings), role, () =>
    measure(stores, job),
  );
  const { prediction, reference } = stores;
  const scores = {
    labels,
    test: prediction.location(files.prediction),
    reference: reference.location(files.reference),
  };
  return { scores, unexpectedLabels };
}

async function measure(stores: ComparedStores, job: EvaluateJob) {
  const { files, regions, surface } = job;
  const { prediction, reference } = await loadPair(stores, files, job.ignoreGeometry !== true);
  const names = `${stores.prediction.location(files.prediction)} against ${stores.reference.location(files.reference)}`;
  const result = await inFile(names, () =>
    evaluateLabels(
      { prediction: prediction.data, reference: reference.data, shape: reference.shape },
      regions,
      surface && { ...surface, spacingMm: prediction.geometry.spacingMm },
    ),
  );
  const known = new Set([0, ...regions.flat()]);
  const unexpected = (labels: readonly number[]) => labels.filter((label) => !known.has(label));
  return {
    labels: new Map(regions.map((region, i) => [regionName(region), sortedScores(result.metrics[i] as object)])),
    unexpectedLabels: {
      prediction: unexpected(result.predictionLabels),
      reference: unexpected(result.referenceLabels),
    },
  };
}

export const evaluateJob = defineJob("v1/evaluate", evaluateOneCase);

/** Evaluates cases whose files are known. A case that fails does not stop the others. */
export function evaluateCases(
  executor: Executor<ComparedStores>,
  cases: readonly PredictionFiles[],
  regions: readonly Region[],
  options: EvaluateOptions,
  role?: PartRole,
): Promise<CaseOutcome<CaseEvaluation>[]> {
  const { surface, ignoreGeometry } = options;
  const jobs = cases.map((files): CaseJob<EvaluateJob> => {
    const argument: EvaluateJob = { files, regions, role, surface, ignoreGeometry };
    return { identifier: files.identifier, argument };
  });
  return runCases(executor, evaluateJob, "evaluate", jobs, options);
}

/** What is to be said of labels that were found but not asked for; one text per case and file. */
export function describeUnexpectedLabels(outcome: CaseOutcome<CaseEvaluation>): string[] {
  if (!outcome.ok) return [];
  return (["prediction", "reference"] as const).flatMap((which) => {
    const labels = outcome.value.unexpectedLabels[which];
    if (labels.length === 0) return [];
    const list = labels.map((label) => Number(label.toPrecision(6))).join(", ");
    return [
      `${outcome.identifier}: the ${which} has labels that were not asked for (${list}); they count as background`,
    ];
  });
}

/** The summary of the cases that could be evaluated. */
export function summarizeOutcomes(outcomes: readonly CaseOutcome<CaseEvaluation>[], texts: SummaryTexts): Summary {
  return summarize(
    outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value.scores] : [])),
    texts,
  );
}

/**
 * Evaluates a folder of predictions against a folder of references: `evaluate_folder` of nnU-Net 1.7.1, in memory.
 * A case with only one of its files, or whose files do not fit each other, fails by itself. With `part` only the cases
 * of that part are measured, and what was measured waits beside the predictions for the run without `part`.
 *
 * @param regions labels, or lists of labels that count as one
 * @returns one outcome per case: those with both files in the order of their names, then the others
 * @throws NnprepError INVALID_DATASET for an empty folder, ABORTED
 */
export async function evaluateFolders(
  { stores, executor }: EvaluationTask,
  regions: readonly Region[],
  options: EvaluateOptions = {},
): Promise<CaseOutcome<CaseEvaluation>[]> {
  const { pairs, unpaired } = await pairPredictions({ store: stores.prediction }, { store: stores.reference });
  const role = options.part === undefined ? "take" : "leave";
  const outcomes = await evaluateCases(executor, takePart(pairs, options.part), regions, options, role);
  const missing = takePart(unpaired, options.part).map(
    (file) => ({ identifier: file.identifier, ok: false, error: missingFile(file) }) as const,
  );
  return [...outcomes, ...missing];
}
