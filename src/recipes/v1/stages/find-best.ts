import { inFile, NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import { refusePart } from "../../../runner/parts.js";
import type { Executor, RunOptions } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { memberName } from "../../ensemble-members.js";
import { missingFile, type PredictionFiles, pairPredictions } from "../../prediction-files.js";
import { requireAll } from "../../require-all.js";
import {
  addForegroundMean,
  meanForegroundDice,
  parseSummary,
  type Summary,
  summaryClasses,
} from "../documents/summary.js";
import { bestCandidates, type Candidate, candidatesCsv, packageCommands, predictionCommands } from "../find-best.js";
import {
  ENSEMBLED_FINAL,
  ENSEMBLED_RAW,
  ENSEMBLES_FOLDER,
  ensembleName,
  type ModelNames,
  modelFolder,
  SUMMARIES_FOLDER,
} from "../layout.js";
import {
  ALL_FOLDS,
  CV_RAW,
  consolidateFolds,
  type FoldOptions,
  GT_NIFTIS,
  gatherFolds,
  VALIDATION_RAW,
} from "./cross-validation.js";
import { ensembleDataset } from "./ensemble.js";
import {
  decidePostprocessing,
  loadPostprocessing,
  POSTPROCESSING_JSON,
  SUMMARY_JSON,
  saveSummary,
  summarizeAll,
} from "./postprocess.js";

/** How folders are reached: by path below the root of the results, or absolute. */
export interface ResultsAccess {
  store(path: string): Store;
  /** An executor whose jobs know the folders under the given names; it is closed after use. */
  executor<F extends Readonly<Record<string, string>>>(folders: F): Executor<{ readonly [K in keyof F]: Store }>;
}

/** Which models are compared, and by which folds. */
export interface FindBestSettings extends ModelNames, Pick<FoldOptions, "folds" | "validationFolder"> {
  /** `Task001_NAME`. */
  readonly task: string;
  /** Configurations to choose from. */
  readonly models: readonly string[];
  /** Folder with the references. Default: the gt_niftis of each model. */
  readonly reference?: string | undefined;
  /** Look at single models only. Default false. */
  readonly disableEnsembling?: boolean | undefined;
  /** Leave post-processing out. Default false. */
  readonly disablePostprocessing?: boolean | undefined;
  /** Do again what earlier runs left: cross-validations, ensembles, decisions. Default false. */
  readonly overwrite?: boolean | undefined;
}

/** A model or ensemble with all that is known of it. */
export interface RankedCandidate extends Candidate {
  /** Path below the root of the results. */
  readonly folder: string;
  /** `for_which_classes` of its post-processing; null if that was left out. */
  readonly postprocessing: readonly (number | readonly number[])[] | null;
  /** What its evaluation found that was not asked for. */
  readonly warnings: readonly string[];
  /** True if what an earlier run left was taken. */
  readonly reused: boolean;
}

/** The choice. */
export interface BestConfiguration {
  /** In nnU-Net's order: models, then ensembles. */
  readonly candidates: readonly RankedCandidate[];
  /** Those with the highest mean foreground Dice; nnU-Net takes the last. */
  readonly best: readonly RankedCandidate[];
  /** How to predict with the best: nnU-Net's commands. */
  readonly commands: string;
  /** The same with this package, once the networks have predicted; empty if there is nothing left to do. */
  readonly packageCommands: string;
  /** Paths of prediction_commands.txt and summary.csv. */
  readonly files: readonly string[];
}

interface Context {
  readonly access: ResultsAccess;
  readonly settings: FindBestSettings;
  readonly options: RunOptions;
}

/**
 * Chooses between models and ensembles of two by the mean foreground Dice of their cross-validation before
 * post-processing, and decides on the post-processing of each: `nnUNet_find_best_configuration` of nnU-Net 1.7.1.
 * Ensembles of models that were trained on regions are exported by regions, where nnU-Net takes the largest value.
 *
 * @throws NnprepError INVALID_DATASET for models, folds or cases that are missing, or if no candidate has a mean
 */
export async function findBestConfiguration(
  access: ResultsAccess,
  settings: FindBestSettings,
  options: RunOptions = {},
): Promise<BestConfiguration> {
  refusePart(options.part, "the choice between models");
  const context = { access, settings, options };
  const candidates: RankedCandidate[] = [];
  for (const model of settings.models) candidates.push(await rankModel(context, model));
  if (settings.disableEnsembling !== true) {
    for (const [i, first] of settings.models.entries()) {
      for (const second of settings.models.slice(i + 1)) candidates.push(await rankEnsemble(context, first, second));
    }
  }
  const best = bestCandidates(candidates);
  if (best.length === 0) {
    throw new NnprepError(
      "INVALID_DATASET",
      `none of ${candidates.map(({ name }) => name).join(", ")} has a mean Dice: a class is in no case, neither predicted nor in a reference. Evaluate without it`,
    );
  }
  return { candidates, best, ...(await saveChoice(context, candidates, best)) };
}

async function saveChoice({ access, settings }: Context, candidates: RankedCandidate[], best: RankedCandidate[]) {
  const { task } = settings;
  const store = access.store(joinPath(ENSEMBLES_FOLDER, task));
  const withPostprocessing = settings.disablePostprocessing !== true;
  const commands = predictionCommands(best, { ...settings, ensemblesFolder: store.location(""), withPostprocessing });
  const winner = best.at(-1) as RankedCandidate;
  const isRule = winner.postprocessing !== null && winner.postprocessing.length > 0;
  const rules = isRule ? access.store(winner.folder).location(POSTPROCESSING_JSON) : null;
  const texts = { "prediction_commands.txt": commands, "summary.csv": candidatesCsv(candidates) };
  for (const [name, text] of Object.entries(texts)) await store.write(name, new TextEncoder().encode(text));
  return {
    commands,
    packageCommands: packageCommands(winner, rules),
    files: Object.keys(texts).map((name) => store.location(name)),
  };
}

async function withExecutor<F extends Readonly<Record<string, string>>, R>(
  access: ResultsAccess,
  folders: F,
  use: (executor: Executor<{ readonly [K in keyof F]: Store }>) => Promise<R>,
): Promise<R> {
  const executor = access.executor(folders);
  try {
    return await use(executor);
  } finally {
    await executor.close();
  }
}

/** Four stores of one executor, as deciding on post-processing wants them. */
function decisionFolders(folder: string, reference: string) {
  return { prediction: folder, input: folder, output: folder, reference };
}

async function loadSummary(store: Store, folder: string): Promise<Summary> {
  const path = joinPath(folder, SUMMARY_JSON);
  const text = new TextDecoder().decode(await store.read(path));
  return inFile(store.location(path), () => parseSummary(text));
}

/** What nnU-Net counts by, from a summary that it then completes in place. */
async function rank(store: Store, folder: string): Promise<Pick<Candidate, "summary" | "meanForegroundDice">> {
  const summary = await loadSummary(store, folder);
  await saveSummary(store, folder, addForegroundMean(summary));
  return { summary, meanForegroundDice: meanForegroundDice(summary) };
}

async function rankModel(context: Context, model: string): Promise<RankedCandidate> {
  const { access, settings, options } = context;
  const { folds, validationFolder, disablePostprocessing = false } = settings;
  const folder = modelFolder(model, settings.task, settings);
  const store = access.store(folder);
  const reference = settings.reference ?? joinPath(folder, GT_NIFTIS);
  const wanted = [joinPath(CV_RAW, SUMMARY_JSON), ...(disablePostprocessing ? [] : [POSTPROCESSING_JSON])];
  const reused = settings.overwrite !== true && (await existAll(store, wanted));
  let warnings: readonly string[] = [];
  if (!reused) {
    warnings = await withExecutor(access, decisionFolders(folder, reference), async (executor) => {
      const validation = { model: store, reference: access.store(reference), executor };
      const foldOptions = { ...options, folds, validationFolder };
      if (!disablePostprocessing) return (await consolidateFolds(validation, foldOptions)).warnings;
      const { cases, labels } = await gatherFolds(validation, foldOptions);
      const evaluation = await summarizeAll(executor, cases, labels, options, {});
      await saveSummary(store, CV_RAW, evaluation.summary);
      return evaluation.warnings;
    });
  }
  const postprocessing = disablePostprocessing ? null : (await loadPostprocessing(store)).for_which_classes;
  return { name: model, isEnsemble: false, folder, ...(await rank(store, CV_RAW)), postprocessing, warnings, reused };
}

async function existAll(store: Store, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) if (!(await store.exists(path))) return false;
  return true;
}

async function rankEnsemble(context: Context, first: string, second: string): Promise<RankedCandidate> {
  const { access, settings } = context;
  const { task, disablePostprocessing = false } = settings;
  const name = ensembleName(first, second, settings);
  const folder = joinPath(ENSEMBLES_FOLDER, task, name);
  const store = access.store(folder);
  const wanted = [joinPath(ENSEMBLED_RAW, SUMMARY_JSON), ...(disablePostprocessing ? [] : [POSTPROCESSING_JSON])];
  const reused = settings.overwrite !== true && (await existAll(store, wanted));
  const warnings = reused ? [] : await makeEnsemble(context, [first, second], folder);
  const postprocessing = disablePostprocessing ? null : (await loadPostprocessing(store)).for_which_classes;
  return { name, isEnsemble: true, folder, ...(await rank(store, ENSEMBLED_RAW)), postprocessing, warnings, reused };
}

async function makeEnsemble(
  context: Context,
  models: readonly [string, string],
  folder: string,
): Promise<readonly string[]> {
  const { access, settings, options } = context;
  const { task } = settings;
  const store = access.store(folder);
  const [first, second] = models.map((model) => modelFolder(model, task, settings)) as [string, string];
  const merged = await mergeFolds(context, [first, second], joinPath(folder, ENSEMBLED_RAW));
  const reference = settings.reference ?? joinPath(first, GT_NIFTIS);
  const cases = await pairEnsemble(store, access.store(reference));
  // nnU-Net lists the cases fold by fold for the summary of the ensemble, by name for everything else.
  const rawCases = merged.flatMap((name) => cases.filter(({ identifier }) => identifier === name));
  const labels = summaryClasses(await loadSummary(access.store(first), CV_RAW));
  const name = folder.slice(folder.lastIndexOf("/") + 1);
  const texts = { name: `${task}__${name}`, task };
  const warnings = await withExecutor(access, decisionFolders(folder, reference), async (executor) => {
    if (settings.disablePostprocessing === true) {
      const evaluation = await summarizeAll(executor, rawCases, labels, options, texts);
      await saveSummary(store, ENSEMBLED_RAW, evaluation.summary);
      return evaluation.warnings;
    }
    const folders = { rawFolder: ENSEMBLED_RAW, finalFolder: ENSEMBLED_FINAL };
    const decision = { model: store, executor, cases, rawCases, labels, ...folders };
    const result = await decidePostprocessing(decision, { ...options, ...texts });
    await saveSummary(store, ENSEMBLED_FINAL, { ...result.final, experimentName: name });
    return result.warnings;
  });
  if (settings.disablePostprocessing === true) return warnings;
  const summaries = access.store(SUMMARIES_FOLDER);
  await summaries.write(`${task}__${name}.json`, await store.read(joinPath(ENSEMBLED_FINAL, SUMMARY_JSON)));
  return warnings;
}

/** Averages the probabilities of both models, fold by fold, and exports them; the cases in this order. */
async function mergeFolds(
  { access, settings, options }: Context,
  models: readonly [string, string],
  output: string,
): Promise<string[]> {
  const { folds = ALL_FOLDS, validationFolder = VALIDATION_RAW } = settings;
  const merged: string[] = [];
  for (const fold of folds) {
    const members = models.map((model) => joinPath(model, `fold_${fold}`, validationFolder));
    for (const member of members) await requireProbabilities(access.store(member));
    const folders = { ...Object.fromEntries(members.map((path, i) => [memberName(i), path])), output };
    const stores = Object.fromEntries(Object.entries(folders).map(([name, path]) => [name, access.store(path)]));
    const ensembled = { ...stores, output: access.store(output) };
    const outcomes = await withExecutor(access, folders, (executor) =>
      ensembleDataset(executor, ensembled, { ...options, export: true }),
    );
    requireAll(outcomes, "ensembled");
    merged.push(...outcomes.map(({ identifier }) => identifier));
  }
  return merged;
}

/** @throws NnprepError FILE_NOT_FOUND if a segmentation has no probabilities beside it */
async function requireProbabilities(store: Store): Promise<void> {
  const names = new Set(await store.list());
  const missing = [...names]
    .filter((name) => name.endsWith(".nii.gz") && !names.has(name.replace(/\.nii\.gz$/, ".npz")))
    .map((name) => name.replace(/\.nii\.gz$/, ".npz"));
  if (missing.length === 0 && names.size > 0) return;
  throw new NnprepError(
    "FILE_NOT_FOUND",
    `${store.location("")}: no probabilities for ${missing.length === 0 ? "any case" : missing.join(", ")}; ensembles need them. Run the validation of this fold again with --npz, or leave ensembles out`,
    { folder: store.location(""), missing },
  );
}

async function pairEnsemble(store: Store, reference: Store): Promise<PredictionFiles[]> {
  const { pairs, unpaired } = await pairPredictions({ store, folder: ENSEMBLED_RAW }, { store: reference });
  const [first] = unpaired;
  if (first !== undefined) throw missingFile(first);
  return pairs;
}
