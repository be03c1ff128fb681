import { inFile, NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import { defineJob } from "../../../runner/jobs.js";
import { refusePart, takePart } from "../../../runner/parts.js";
import { type CaseJob, type CaseOutcome, type Executor, type RunOptions, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import type { ComponentOutcome } from "../../../steps/components.js";
import type { Confusion } from "../../../steps/metrics.js";
import type { ComparedStores, PredictionFiles } from "../../prediction-files.js";
import { requireAll } from "../../require-all.js";
import {
  formatPostprocessing,
  formatPostprocessingReport,
  type PostprocessingStep,
  parsePostprocessing,
} from "../documents/postprocessing.js";
import { parseSummary, type Summary } from "../documents/summary.js";
import { evaluatedRegions } from "../evaluate.js";
import {
  applyPostprocessing,
  type Chain,
  choosePostprocessing,
  type PostprocessingTrial,
  scoreChains,
} from "../postprocess.js";
import {
  type EvaluationSettings,
  evaluateCases,
  pairLabels,
  SUMMARY_FILE,
  saveSummary,
  summarizeOutcomes,
} from "./evaluate.js";
import { listLabels, loadLabel, loadLabelPair, saveSegmentation } from "./label-files.js";
import type { ModelDocuments } from "./model-files.js";

export const POSTPROCESSING_PKL = "postprocessing.pkl";
export const POSTPROCESSING_REPORT = "postprocessing.json";
export const POSTPROCESSED_FOLDER = "postprocessed";

interface ScoreArgument {
  readonly files: PredictionFiles;
  readonly settings: EvaluationSettings;
  readonly chains: readonly Chain[];
}

/** The job of a worker: applies chains of steps to one prediction and counts what is right then. */
async function scoreOneCase(
  stores: ComparedStores,
  { files, settings, chains }: ScoreArgument,
): Promise<Confusion[][]> {
  const checkGeometry = settings.ignoreGeometry !== true;
  const { prediction, reference } = await loadLabelPair(stores, files, settings.readerName, checkGeometry);
  const pair = { prediction: prediction.label, reference: reference.label, shape: reference.shape };
  return inFile(stores.prediction.location(files.prediction), () =>
    scoreChains(pair, { regions: settings.regions, ignore: settings.ignore ?? undefined }, chains),
  );
}

export const scoreJob = defineJob("v2/score", scoreOneCase);

/** Stores of the files that are read and written. */
export interface ApplyStores {
  readonly input: Store;
  readonly output: Store;
}

/** What applying steps did to one file. */
export interface AppliedPostprocessing {
  /** Per step. */
  readonly outcomes: readonly ComponentOutcome[];
  readonly changed: boolean;
  readonly voxelsRemoved: number;
}

interface ApplyArgument {
  /** Without the ending. */
  readonly input: string;
  readonly output: string;
  readonly fileEnding: string;
  readonly readerName: string;
  readonly steps: readonly PostprocessingStep[];
}

/** The job of a worker: reads one prediction, applies steps and writes the result. */
async function applyToOneFile(stores: ApplyStores, argument: ApplyArgument): Promise<AppliedPostprocessing> {
  const { input, output, fileEnding, readerName, steps } = argument;
  const path = `${input}${fileEnding}`;
  const { label, shape, properties } = await loadLabel(stores.input, path, readerName);
  const before = countForeground(label);
  const { outcomes, changed } = await inFile(stores.input.location(path), () =>
    applyPostprocessing(label, shape, steps),
  );
  await saveSegmentation(stores.output, output, fileEnding, { labels: label, shape }, properties, readerName);
  return { outcomes, changed, voxelsRemoved: changed ? before - countForeground(label) : 0 };
}

export const applyJob = defineJob("v2/postprocess", applyToOneFile);

function countForeground(labels: Int16Array): number {
  let count = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] !== 0) count++;
  return count;
}

/** Reads a postprocessing.pkl. @throws NnprepError FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED */
export async function loadPostprocessing(store: Store, path = POSTPROCESSING_PKL): Promise<PostprocessingStep[]> {
  const bytes = await store.read(path);
  return inFile(store.location(path), () => parsePostprocessing(bytes));
}

/**
 * Applies steps to every prediction of a folder: `apply_postprocessing_to_folder` of nnU-Net 2.8.1. A file that fails
 * does not stop the others.
 *
 * @throws NnprepError INVALID_DATASET for a folder without predictions, ABORTED
 */
export async function applyToFolder(
  executor: Executor<ApplyStores>,
  stores: ApplyStores,
  steps: readonly PostprocessingStep[],
  { dataset, plans }: ModelDocuments,
  options: RunOptions & { readonly inputFolder?: string; readonly outputFolder?: string } = {},
): Promise<CaseOutcome<AppliedPostprocessing>[]> {
  const { inputFolder = "", outputFolder = "", ...run } = options;
  const { fileEnding } = dataset;
  const identifiers = await listLabels(stores.input, fileEnding, inputFolder);
  if (identifiers.length === 0) {
    const folder = stores.input.location(inputFolder);
    throw new NnprepError(
      "INVALID_DATASET",
      `${folder}: no files that end in "${fileEnding}" found; check the folder`,
      {
        folder,
        expected: fileEnding,
      },
    );
  }
  const jobs = takePart(identifiers, options.part).map((identifier): CaseJob<ApplyArgument> => {
    const paths = { input: joinPath(inputFolder, identifier), output: joinPath(outputFolder, identifier) };
    return { identifier, argument: { ...paths, fileEnding, readerName: plans.readerName, steps } };
  });
  return runCases(executor, applyJob, "postprocess", jobs, run);
}

/**
 * A folder of predictions to decide on. The executor's stores are `prediction`, `input` and `output`, all with the root
 * of `model`, and `reference`.
 */
export interface DecisionTask {
  readonly model: Store;
  readonly reference: Store;
  readonly executor: Executor<ComparedStores & ApplyStores>;
  readonly documents: ModelDocuments;
  /** Of the predictions inside `model`; default its root. */
  readonly folder?: string | undefined;
}

/** How a decision about post-processing runs. */
export interface DecideOptions extends RunOptions {
  /** Keep the post-processed files; nnU-Net's `--remove_postprocessed` does not. Default true. */
  readonly keepPostprocessed?: boolean | undefined;
}

/** What was decided, and what it is good for. */
export interface PostprocessingResult {
  readonly steps: readonly PostprocessingStep[];
  readonly trials: readonly PostprocessingTrial[];
  readonly raw: Summary;
  readonly final: Summary;
  /** References without a prediction: the decision may be another one with them. */
  readonly withoutPrediction: readonly string[];
}

/** What the documents say of how predictions are read and evaluated. */
export function evaluationSettings({ dataset, plans }: ModelDocuments): EvaluationSettings {
  const { labels, fileEnding } = dataset;
  return { regions: evaluatedRegions(labels), ignore: labels.ignore, fileEnding, readerName: plans.readerName };
}

/**
 * Decides on the post-processing of a folder of predictions and applies it: `determine_postprocessing` of nnU-Net 2.8.1.
 * Takes the folder's summary.json, or writes it; writes `postprocessed` with its own, postprocessing.json, and
 * postprocessing.pkl last.
 *
 * @throws NnprepError INVALID_DATASET if a case fails: a decision without it might be another one; ABORTED
 */
export async function decidePostprocessing(
  task: DecisionTask,
  options: DecideOptions = {},
): Promise<PostprocessingResult> {
  refusePart(options.part, "the decision on post-processing");
  const { model, reference, executor, documents, folder = "" } = task;
  const { keepPostprocessed = true, ...run } = options;
  const settings = evaluationSettings(documents);
  const { fileEnding } = settings;
  const { pairs, withoutPrediction } = await pairLabels({ store: model, folder }, { store: reference }, fileEnding);
  const raw = await rawSummary(task, pairs, settings, run);
  const { steps, trials } = await choosePostprocessing(documents.dataset.labels, raw, async (chains) => {
    const jobs = pairs.map((files): CaseJob<ScoreArgument> => {
      return { identifier: files.identifier, argument: { files, settings, chains } };
    });
    return requireAll(await runCases(executor, scoreJob, "decide", jobs, run), "scored");
  });
  const outputFolder = joinPath(folder, POSTPROCESSED_FOLDER);
  const stores = { input: model, output: model };
  const applied = await applyToFolder(executor, stores, steps, documents, {
    ...run,
    inputFolder: folder,
    outputFolder,
  });
  requireAll(applied, "post-processed");
  const finished = pairs.map((files) => ({
    ...files,
    prediction: joinPath(outputFolder, `${files.identifier}${fileEnding}`),
  }));
  const final = await summaryOf(executor, finished, settings, run);
  if (keepPostprocessed) await saveSummary(model, outputFolder, final);
  else for (const { prediction } of finished) await model.remove(prediction);
  const encode = (text: string) => new TextEncoder().encode(text);
  await model.write(joinPath(folder, POSTPROCESSING_REPORT), encode(formatPostprocessingReport(steps, raw, final)));
  await model.write(joinPath(folder, POSTPROCESSING_PKL), formatPostprocessing(steps));
  return { steps, trials, raw, final, withoutPrediction };
}

/** The folder's own summary.json, which nnU-Net trusts, or a new one. */
async function rawSummary(
  { model, executor, folder = "" }: DecisionTask,
  pairs: readonly PredictionFiles[],
  settings: EvaluationSettings,
  options: RunOptions,
): Promise<Summary> {
  const path = joinPath(folder, SUMMARY_FILE);
  if (await model.exists(path)) {
    const text = new TextDecoder().decode(await model.read(path));
    return inFile(model.location(path), () => parseSummary(text));
  }
  const summary = await summaryOf(executor, pairs, settings, options);
  await saveSummary(model, folder, summary);
  return summary;
}

/** The summary of cases that must all be there. @throws NnprepError INVALID_DATASET */
export async function summaryOf(
  executor: Executor<ComparedStores>,
  pairs: readonly PredictionFiles[],
  settings: EvaluationSettings,
  options: RunOptions,
): Promise<Summary> {
  const outcomes = await evaluateCases(executor, pairs, settings, options);
  requireAll(outcomes, "evaluated");
  return summarizeOutcomes(outcomes);
}
