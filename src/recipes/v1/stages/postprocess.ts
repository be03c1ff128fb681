import { inFile, NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import type { VoxelArray } from "../../../core/volume.js";
import { formatNifti } from "../../../io/nifti.js";
import { defineJob } from "../../../runner/jobs.js";
import { refusePart, takePart } from "../../../runner/parts.js";
import { type CaseJob, type CaseOutcome, type Executor, type RunOptions, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import type { ComponentOutcome } from "../../../steps/components.js";
import {
  type ComparedStores,
  identifierOf,
  listNifti,
  loadPair,
  type PredictionFiles,
} from "../../prediction-files.js";
import { requireAll } from "../../require-all.js";
import { loadVolume } from "../../scan-files.js";
import {
  formatPostprocessing,
  type Postprocessing,
  type PostprocessingDecision,
  parsePostprocessing,
} from "../documents/postprocessing.js";
import { formatSummary, pythonTimestamp, type Summary, summaryClasses } from "../documents/summary.js";
import {
  applyPostprocessing,
  type Chain,
  type ChainResult,
  choosePostprocessing,
  scoreChains,
} from "../postprocess.js";
import { describeUnexpectedLabels, evaluateCases, summarizeOutcomes } from "./evaluate.js";

export const POSTPROCESSING_JSON = "postprocessing.json";
export const SUMMARY_JSON = "summary.json";

interface ScoreJob {
  readonly files: PredictionFiles;
  readonly classes: readonly number[];
  readonly chains: readonly Chain[];
}

/** The job of a worker: applies chains of rules to one prediction and counts what is right then. */
async function scoreOneCase(stores: ComparedStores, job: ScoreJob): Promise<ChainResult[]> {
  const { prediction, reference } = await loadPair(stores, job.files, true);
  return inFile(stores.prediction.location(job.files.prediction), () =>
    scoreChains(
      {
        prediction: prediction.data,
        reference: reference.data,
        shape: prediction.shape,
        spacingMm: prediction.geometry.spacingMm,
      },
      job.classes,
      job.chains,
    ),
  );
}

export const scoreJob = defineJob("v1/score", scoreOneCase);

/** What applying a postprocessing.json did to one file. */
export interface AppliedPostprocessing {
  /** Per entry of `for_which_classes`. */
  readonly outcomes: readonly ComponentOutcome[];
  readonly changed: boolean;
  readonly voxelsRemoved: number;
}

/** Stores of the files that are read and written. */
export interface ApplyStores {
  readonly input: Store;
  readonly output: Store;
}

interface ApplyJob {
  readonly input: string;
  readonly output: string;
  readonly postprocessing: Postprocessing;
}

/** The job of a worker: reads one prediction, applies a postprocessing.json and writes the result. */
export async function applyToOneFile(
  stores: ApplyStores,
  { input, output, postprocessing }: ApplyJob,
): Promise<AppliedPostprocessing> {
  const volume = await loadVolume(stores.input, input);
  return inFile(stores.input.location(input), async () => {
    const before = countForeground(volume.data);
    const { outcomes, changed } = applyPostprocessing(
      volume.data,
      volume.shape,
      volume.geometry.spacingMm,
      postprocessing,
    );
    const bytes = await formatNifti(volume, { gzip: output.endsWith(".gz") });
    await stores.output.write(output, bytes);
    return { outcomes, changed, voxelsRemoved: changed ? before - countForeground(volume.data) : 0 };
  });
}

export const applyJob = defineJob("v1/postprocess", applyToOneFile);

function countForeground(labels: VoxelArray): number {
  let count = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] !== 0) count++;
  return count;
}

/** Reads a postprocessing.json. @throws NnprepError FILE_NOT_FOUND, CORRUPT_FILE */
export async function loadPostprocessing(store: Store, path = POSTPROCESSING_JSON): Promise<Postprocessing> {
  const bytes = await store.read(path);
  return inFile(store.location(path), () => parsePostprocessing(new TextDecoder().decode(bytes)));
}

/** Files to be read and written; paths inside their stores. */
export interface AppliedFile {
  readonly identifier: string;
  readonly input: string;
  readonly output: string;
}

/**
 * Applies a postprocessing.json to files: `apply_postprocessing_to_folder` of nnU-Net 1.7.1. A file that fails does
 * not stop the others.
 * @throws NnprepError ABORTED
 */
export function applyToFiles(
  executor: Executor<ApplyStores>,
  files: readonly AppliedFile[],
  postprocessing: Postprocessing,
  options: RunOptions = {},
): Promise<CaseOutcome<AppliedPostprocessing>[]> {
  const jobs = takePart(files, options.part).map(({ identifier, input, output }): CaseJob<ApplyJob> => {
    const argument: ApplyJob = { input, output, postprocessing };
    return { identifier, argument };
  });
  return runCases(executor, applyJob, "postprocess", jobs, options);
}

/** Every NIfTI file of a folder, to be written under its own name. @throws NnprepError INVALID_DATASET if empty */
export async function filesToApply(input: Store): Promise<AppliedFile[]> {
  const names = await listNifti(input);
  if (names.length === 0) {
    const folder = input.location("");
    throw new NnprepError("INVALID_DATASET", `${folder}: no NIfTI files (.nii.gz, .nii) found; check the folder`, {
      folder,
    });
  }
  return names.map((name) => ({ identifier: identifierOf(name), input: name, output: name }));
}

/**
 * A folder of predictions to decide on. The executor's stores are `prediction` and `input` and `output`, all with the
 * root of `model`, and `reference`.
 */
export interface DecisionTask {
  readonly model: Store;
  readonly executor: Executor<ComparedStores & ApplyStores>;
  /** Folders inside `model`: the predictions as they are, and where the post-processed ones go. */
  readonly rawFolder: string;
  readonly finalFolder: string;
  readonly cases: readonly PredictionFiles[];
  /** The same in the order in which the raw summary averages them, which shows in last bits. Default: `cases`. */
  readonly rawCases?: readonly PredictionFiles[] | undefined;
  /** Labels of the raw summary; those above 0 are decided on. */
  readonly labels: readonly number[];
}

/** How a decision about post-processing runs. */
export interface DecideOptions extends RunOptions {
  readonly advanced?: boolean | undefined;
  readonly diceThreshold?: number | undefined;
  /** Written into the summary.json of the raw predictions. */
  readonly name?: string | undefined;
  readonly task?: string | undefined;
}

const AUTHOR = "nnprep";

/** What was decided, and what it is good for. */
export interface PostprocessingResult {
  readonly decision: PostprocessingDecision;
  readonly raw: Summary;
  readonly final: Summary;
  /** Labels that were found but not asked for. */
  readonly warnings: readonly string[];
}

/**
 * Decides on the post-processing of a folder of predictions and applies it: `determine_postprocessing` of nnU-Net
 * 1.7.1. Writes both folders' summary.json, the post-processed predictions, and postprocessing.json last.
 *
 * @throws NnprepError INVALID_DATASET if a case fails: a decision without it might be another one; ABORTED
 */
export async function decidePostprocessing(
  task: DecisionTask,
  options: DecideOptions = {},
): Promise<PostprocessingResult> {
  refusePart(options.part, "the decision on post-processing");
  const { model, executor, cases, rawCases = cases, labels, rawFolder, finalFolder } = task;
  const { name = "", task: taskName = "" } = options;
  const { summary: raw, warnings } = await summarizeAll(executor, rawCases, labels, options, { name, task: taskName });
  await saveSummary(model, rawFolder, raw);
  const classes = summaryClasses(raw);
  const decision = await choosePostprocessing(classes, (chains) => scoreAll(task, classes, chains, options), {
    rawFolder,
    finalFolder,
    rawDice: new Map(classes.map((c) => [`${c}`, raw.mean.get(`${c}`)?.get("Dice") ?? Number.NaN])),
    advanced: options.advanced,
    diceThreshold: options.diceThreshold,
  });
  const final = await applyDecision(task, classes, decision, options);
  await model.write(POSTPROCESSING_JSON, new TextEncoder().encode(formatPostprocessing(decision)));
  return { decision, raw, final, warnings };
}

/** The summary of cases that must all be there, and what is to be said of their labels. @throws NnprepError INVALID_DATASET if one fails */
export async function summarizeAll(
  executor: Executor<ComparedStores>,
  cases: readonly PredictionFiles[],
  labels: readonly number[],
  options: RunOptions,
  texts: { readonly name?: string; readonly task?: string },
): Promise<{ summary: Summary; warnings: string[] }> {
  const evaluated = await evaluateCases(executor, cases, labels, options);
  requireAll(evaluated, "evaluated");
  const summary = summarizeOutcomes(evaluated, { ...texts, author: AUTHOR, timestamp: pythonTimestamp(new Date()) });
  return { summary, warnings: evaluated.flatMap(describeUnexpectedLabels) };
}

async function scoreAll(
  { executor, cases }: DecisionTask,
  classes: readonly number[],
  chains: readonly Chain[],
  options: RunOptions,
): Promise<ChainResult[][]> {
  const jobs = cases.map((files): CaseJob<ScoreJob> => {
    const argument: ScoreJob = { files, classes, chains };
    return { identifier: files.identifier, argument };
  });
  return requireAll(await runCases(executor, scoreJob, "decide", jobs, options), "scored");
}

async function applyDecision(
  { model, executor, cases, finalFolder }: DecisionTask,
  classes: readonly number[],
  decision: Postprocessing,
  options: DecideOptions,
): Promise<Summary> {
  const outputs = cases.map(({ prediction }) => joinPath(finalFolder, fileName(prediction)));
  for (const name of await listNifti(model, finalFolder)) {
    const path = joinPath(finalFolder, name);
    if (!outputs.includes(path)) await model.remove(path);
  }
  const files = cases.map(({ identifier, prediction }, i) => ({
    identifier,
    input: prediction,
    output: outputs[i],
  }));
  requireAll(await applyToFiles(executor, files, decision, options), "post-processed");
  const finished = cases.map((files, i): PredictionFiles => ({ ...files, prediction: outputs[i] }));
  const { summary: final } = await summarizeAll(executor, finished, classes, options, {});
  await saveSummary(model, finalFolder, final);
  return final;
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Writes summary.json. @throws NnprepError CANNOT_WRITE */
export async function saveSummary(store: Store, folder: string, summary: Summary): Promise<void> {
  await store.write(joinPath(folder, SUMMARY_JSON), new TextEncoder().encode(formatSummary(summary)));
}
