import { inFile, NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import { defineJob } from "../../../runner/jobs.js";
import { takePart } from "../../../runner/parts.js";
import { type CaseJob, type CaseOutcome, type Executor, type RunOptions, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { measureOnce, type PartRole } from "../../evaluation-parts.js";
import { type ComparedStores, missingFile, type PredictionFiles, type StoredFolder } from "../../prediction-files.js";
import type { Region } from "../documents/labels.js";
import { type CaseScores, formatSummary, type Summary, summarize } from "../documents/summary.js";
import { evaluateRegions } from "../evaluate.js";
import { listLabels, loadLabelPair } from "./label-files.js";

export const SUMMARY_FILE = "summary.json";

/** What is compared, and how the files are read. */
export interface EvaluationSettings {
  readonly regions: readonly Region[];
  /** Voxels whose reference is this label count nowhere. */
  readonly ignore?: number | null | undefined;
  readonly fileEnding: string;
  /** Class of nnU-Net that reads the files. */
  readonly readerName: string;
  /** Measure distances between surfaces too; `toleranceMm` adds the Normalized Surface Dice. Default: no. */
  readonly surface?: { readonly toleranceMm?: number | undefined } | undefined;
  /** Compare voxel by voxel even if spacing, origin or direction differ, as nnU-Net does. Default false. */
  readonly ignoreGeometry?: boolean | undefined;
}

/** What was measured on one case. */
export interface CaseEvaluation {
  readonly scores: CaseScores;
  /** Labels other than 0 that were found but not asked for, ascending. */
  readonly unexpectedLabels: { readonly prediction: readonly number[]; readonly reference: readonly number[] };
}

interface EvaluateArgument {
  readonly files: PredictionFiles;
  readonly settings: EvaluationSettings;
  readonly role: PartRole | undefined;
}

/** The job of a worker: reads and compares the labels of one case. */
async function evaluateOneCase(stores: ComparedStores, argument: EvaluateArgument): Promise<CaseEvaluation> {
  const { files, settings, role } = argument;
  const { regions, unexpectedLabels } = await measureOnce(stores, files, JSON.stringify(settings), role, () =>
    measure(stores, argument),
  );
  const predictionFile = stores.prediction.location(files.prediction);
  const referenceFile = stores.reference.location(files.reference);
  return { scores: { regions, predictionFile, referenceFile }, unexpectedLabels };
}

async function measure(stores: ComparedStores, { files, settings }: EvaluateArgument) {
  const { regions, ignore, surface, readerName } = settings;
  const { prediction, reference } = await loadLabelPair(stores, files, readerName, settings.ignoreGeometry !== true);
  const predictionFile = stores.prediction.location(files.prediction);
  const referenceFile = stores.reference.location(files.reference);
  const pair = { prediction: prediction.label, reference: reference.label, shape: reference.shape };
  return inFile(`${predictionFile} against ${referenceFile}`, () =>
    evaluateRegions(pair, {
      regions,
      ignore: ignore ?? undefined,
      surface: surface && { ...surface, spacingMm: prediction.properties.spacingMm },
    }),
  );
}

export const evaluateJob = defineJob("v2/evaluate", evaluateOneCase);

/** Evaluates cases whose files are known. A case that fails does not stop the others. */
export function evaluateCases(
  executor: Executor<ComparedStores>,
  cases: readonly PredictionFiles[],
  settings: EvaluationSettings,
  options: RunOptions,
  role?: PartRole,
): Promise<CaseOutcome<CaseEvaluation>[]> {
  const jobs = cases.map((files): CaseJob<EvaluateArgument> => {
    const argument: EvaluateArgument = { files, settings, role };
    return { identifier: files.identifier, argument };
  });
  return runCases(executor, evaluateJob, "evaluate", jobs, options);
}

/**
 * The predictions of a folder, in the order of their names, with the references of the same names.
 * @throws NnprepError INVALID_DATASET for a folder without predictions, FILE_NOT_FOUND for one without a reference
 */
export async function pairLabels(
  prediction: StoredFolder,
  reference: StoredFolder,
  fileEnding: string,
): Promise<{ pairs: PredictionFiles[]; withoutPrediction: string[] }> {
  const predicted = await listLabels(prediction.store, fileEnding, prediction.folder);
  const referred = new Set(await listLabels(reference.store, fileEnding, reference.folder));
  if (predicted.length === 0) {
    const where = prediction.store.location(prediction.folder ?? "");
    throw new NnprepError(
      "INVALID_DATASET",
      `${where}: no predictions found, files that end in "${fileEnding}" are expected; check the folder`,
      {
        folder: where,
        expected: fileEnding,
      },
    );
  }
  const pairs = predicted.map((identifier): PredictionFiles => {
    const name = `${identifier}${fileEnding}`;
    return {
      identifier,
      prediction: joinPath(prediction.folder ?? "", name),
      reference: joinPath(reference.folder ?? "", name),
    };
  });
  const lost = pairs.find(({ identifier }) => !referred.has(identifier));
  if (lost !== undefined) {
    const expected = reference.store.location(lost.reference);
    throw missingFile({ identifier: lost.identifier, missing: "reference", expected });
  }
  const found = new Set(predicted);
  return { pairs, withoutPrediction: [...referred].filter((identifier) => !found.has(identifier)) };
}

/** Folders of predictions and references, and who does the work. */
export interface EvaluationTask {
  readonly stores: ComparedStores;
  readonly executor: Executor<ComparedStores>;
}

/** How a folder of predictions is evaluated. */
export interface EvaluateFolderOptions extends RunOptions {
  /** References without a prediction are left out: nnU-Net's `--chill`. Default false: they fail. */
  readonly chill?: boolean | undefined;
}

/**
 * Evaluates a folder of predictions against a folder of references: `compute_metrics_on_folder` of nnU-Net 2.8.1, in
 * memory. A case whose files do not fit each other fails by itself. With `part` only the cases of that part are measured,
 * and what was measured waits beside the predictions for the run without `part`.
 *
 * @returns one outcome per prediction in the order of the names, then the references without one unless `chill`
 * @throws NnprepError INVALID_DATASET for a folder without predictions, FILE_NOT_FOUND for a prediction without
 * reference, ABORTED
 */
export async function evaluateFolder(
  { stores, executor }: EvaluationTask,
  settings: EvaluationSettings,
  options: EvaluateFolderOptions = {},
): Promise<CaseOutcome<CaseEvaluation>[]> {
  const { prediction, reference } = stores;
  const { pairs, withoutPrediction } = await pairLabels(
    { store: prediction },
    { store: reference },
    settings.fileEnding,
  );
  const role = options.part === undefined ? "take" : "leave";
  const outcomes = await evaluateCases(executor, takePart(pairs, options.part), settings, options, role);
  if (options.chill === true) return outcomes;
  const missing = takePart(withoutPrediction, options.part).map((identifier) => {
    const expected = prediction.location(`${identifier}${settings.fileEnding}`);
    return { identifier, ok: false, error: missingFile({ identifier, missing: "prediction", expected }) } as const;
  });
  return [...outcomes, ...missing];
}

/** The summary of the cases that could be evaluated. */
export function summarizeOutcomes(outcomes: readonly CaseOutcome<CaseEvaluation>[]): Summary {
  return summarize(outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value.scores] : [])));
}

/** Writes summary.json. @throws NnprepError CANNOT_WRITE */
export async function saveSummary(store: Store, folder: string, summary: Summary): Promise<void> {
  await store.write(joinPath(folder, SUMMARY_FILE), new TextEncoder().encode(formatSummary(summary)));
}
