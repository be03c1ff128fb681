import { NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import { refusePart } from "../../../runner/parts.js";
import { type Executor, type RunOptions, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { type EnsembleStores, memberName } from "../../ensemble-members.js";
import { requireAll } from "../../require-all.js";
import { parsePlans } from "../documents/plans.js";
import { foregroundDice, type Summary } from "../documents/summary.js";
import {
  bestCandidate,
  type Candidate,
  crossValidationFolder,
  ensembleName,
  folderOf,
  formatInferenceInformation,
  inferenceInstructions,
  type ModelName,
  packageCommands,
} from "../find-best.js";
import { DATASET_FILE, GROUND_TRUTH_FOLDER, LABELS_FOLDER, plansFileName } from "../layout.js";
import { type EnsembleModel, ensembleJob } from "./ensemble.js";
import { pairLabels, saveSummary } from "./evaluate.js";
import { type FoldFile, filesOfFolds, requireSame, validationFolder } from "./fold-files.js";
import { listLabels } from "./label-files.js";
import { type ModelDocuments, PLANS_FILE, readModelDocuments } from "./model-files.js";
import {
  decidePostprocessing,
  evaluationSettings,
  POSTPROCESSING_PKL,
  type PostprocessingResult,
  summaryOf,
} from "./postprocess.js";
import { listProbabilities } from "./probability-files.js";

/** How folders are reached: by path below the dataset's folder in nnUNet_results, or absolute. */
export interface ResultsAccess {
  store(path: string): Store;
  /** An executor whose jobs know the folders under the given names; it is closed after use. */
  executor<F extends Readonly<Record<string, string>>>(folders: F): Executor<{ readonly [K in keyof F]: Store }>;
}

/** Which models are compared, and by which folds (0 to 4 by default). */
export interface FindBestSettings {
  /** `Dataset001_NAME`. */
  readonly dataset: string;
  /** Models to choose from, in their order. */
  readonly models: readonly ModelName[];
  readonly folds?: readonly number[] | undefined;
  /** The dataset's folder in nnUNet_preprocessed: plans by name, and gt_segmentations. */
  readonly preprocessed: string;
  /** The dataset's folder in nnUNet_raw, whose labelsTr single models are evaluated by if it is there. */
  readonly raw?: string | undefined;
  /** Look at single models only. Default false. */
  readonly disableEnsembling?: boolean | undefined;
  /** False keeps segmentations that earlier runs gathered or ensembled: nnU-Net's `--no_overwrite`. Default true. */
  readonly overwrite?: boolean | undefined;
}

/** The choice. */
export interface BestConfiguration {
  /** In nnU-Net's order: models, then ensembles. */
  readonly candidates: readonly Candidate[];
  readonly best: Candidate;
  readonly postprocessing: PostprocessingResult;
  /** How to predict with the best: nnU-Net's commands. */
  readonly instructions: string;
  /** The same with this package, once the networks have predicted. */
  readonly packageCommands: string;
  /** Files that were written about the choice. */
  readonly files: readonly string[];
  /** Models that the plans do not have, and means that are no number. */
  readonly warnings: readonly string[];
}

interface Context {
  readonly access: ResultsAccess;
  readonly settings: FindBestSettings;
  readonly folds: readonly number[];
  readonly options: RunOptions;
}

/** A candidate with its folder below the dataset's results. */
interface Ranked extends Candidate {
  readonly folder: string;
  readonly documents: ModelDocuments;
}

const ALL_FOLDS: readonly number[] = [0, 1, 2, 3, 4];
const ENSEMBLES_FOLDER = "ensembles";
const INFORMATION_FILE = "inference_information.json";
const INSTRUCTIONS_FILE = "inference_instructions.txt";

/**
 * Chooses between models and ensembles of two by the foreground Dice of their cross-validation, and decides on the
 * post-processing of the best: `find_best_configuration` of nnU-Net 2.8.1. Writes its folders and files below the
 * dataset's results.
 *
 * @throws NnprepError INVALID_DATASET for models, folds or cases that are missing, or if no candidate has a mean
 */
export async function findBestConfiguration(
  access: ResultsAccess,
  settings: FindBestSettings,
  options: RunOptions = {},
): Promise<BestConfiguration> {
  refusePart(options.part, "the choice between models");
  const context: Context = { access, settings, folds: settings.folds ?? ALL_FOLDS, options };
  const { models, previousStages, warnings } = await availableModels(context);
  const candidates: Ranked[] = [];
  for (const model of models) candidates.push(await rankModel(context, model));
  const ensembling = settings.disableEnsembling !== true;
  if (ensembling) {
    for (const [i, first] of models.entries()) {
      for (const second of models.slice(i + 1)) candidates.push(await rankEnsemble(context, first, second));
    }
  }
  for (const { name, foregroundDice: dice } of candidates) {
    if (Number.isNaN(dice)) {
      warnings.push(`${name}: some label or region is in no case, so its mean Dice is not a number; it cannot win`);
    }
  }
  const best = bestCandidate(candidates);
  if (best === undefined) {
    throw new NnprepError(
      "INVALID_DATASET",
      "no candidate has a mean Dice: some label or region is neither predicted nor in a reference of any case",
      { candidates: candidates.map(({ name }) => name) },
    );
  }
  const postprocessing = await decideBest(context, best);
  const store = access.store("");
  const choice = {
    dataset: settings.dataset,
    folds: context.folds,
    models,
    candidates,
    best,
    ensembling,
    diceAfter: foregroundDice(postprocessing.final),
    postprocessingFile: store.location(joinPath(best.folder, POSTPROCESSING_PKL)),
    plansFile: store.location(joinPath(best.folder, PLANS_FILE)),
    previousStages,
  };
  const instructions = inferenceInstructions(choice);
  const encode = (text: string) => new TextEncoder().encode(text);
  await store.write(INFORMATION_FILE, encode(formatInferenceInformation(choice)));
  await store.write(INSTRUCTIONS_FILE, encode(instructions));
  return {
    candidates,
    best,
    postprocessing,
    instructions,
    packageCommands: packageCommands(choice),
    files: [store.location(INFORMATION_FILE), store.location(INSTRUCTIONS_FILE)],
    warnings,
  };
}

/** The models whose plans have their configuration. @throws NnprepError INVALID_DATASET for one that was not trained */
async function availableModels({ access, settings }: Context) {
  const preprocessed = access.store(settings.preprocessed);
  const models: ModelName[] = [];
  const previousStages = new Map<string, string>();
  const warnings: string[] = [];
  for (const model of settings.models) {
    const file = plansFileName(model.plans);
    const plans = parsePlans(await preprocessed.read(file), preprocessed.location(file));
    const configuration = plans.configurations.get(model.configuration);
    if (configuration === undefined && !plans.unsupported.has(model.configuration)) {
      warnings.push(`${model.plans} have no configuration ${model.configuration}; it is left out`);
      continue;
    }
    const folder = folderOf(model);
    if (!(await access.store(folder).exists(PLANS_FILE))) {
      const where = access.store(folder).location("");
      throw new NnprepError(
        "INVALID_DATASET",
        `${where}: no trained model (${PLANS_FILE} is missing). Train it, with --npz for ensembles, or leave it out (-c, -tr, -p)`,
        { folder: where, ...model },
      );
    }
    if (configuration?.previousStage !== undefined) previousStages.set(folder, configuration.previousStage);
    models.push(model);
  }
  if (models.length > 0) return { models, previousStages, warnings };
  throw new NnprepError("INVALID_DATASET", `no model is left to choose from: ${warnings.join("; ")}`, {
    models: settings.models.map(folderOf),
  });
}

/** Gathers the predictions of all folds and evaluates them: `accumulate_cv_results`. */
async function rankModel(context: Context, model: ModelName): Promise<Ranked> {
  const { access, settings, folds } = context;
  const name = folderOf(model);
  const store = access.store(name);
  const documents = await readModelDocuments(store);
  const { fileEnding } = documents.dataset;
  const none = `no predictions that end in "${fileEnding}"; train this fold, or name the folds that there are (-f)`;
  const files = await filesOfFolds(store, folds, (from, at) => listLabels(from, fileEnding, at), none);
  const folder = crossValidationFolder(folds);
  const kept = await keptLabels(context, store, folder, fileEnding);
  const missing = files.filter(({ identifier }) => !kept.has(identifier));
  for (const { fold, identifier } of missing) {
    const file = `${identifier}${fileEnding}`;
    await store.write(joinPath(folder, file), await store.read(joinPath(validationFolder(fold), file)));
  }
  await copyDocuments(store, store, folder);
  const path = joinPath(name, folder);
  const raw = settings.raw === undefined ? undefined : joinPath(settings.raw, LABELS_FOLDER);
  const usesRaw = raw !== undefined && (await listLabels(access.store(raw), fileEnding)).length > 0;
  const summary = await evaluateFolderOf(context, path, usesRaw ? raw : groundTruth(settings), documents);
  return { name, models: [model], folder: path, documents, foregroundDice: foregroundDice(summary) };
}

function groundTruth({ preprocessed }: FindBestSettings): string {
  return joinPath(preprocessed, GROUND_TRUTH_FOLDER);
}

/**
 * Removes what an earlier run left, which would be evaluated too, and its summary, which would be taken for the new one.
 * @returns cases whose segmentations stay because that is wanted
 */
async function keptLabels(
  { settings }: Context,
  store: Store,
  folder: string,
  fileEnding: string,
): Promise<ReadonlySet<string>> {
  const keeps = settings.overwrite === false;
  for (const name of await store.list(folder)) {
    if ((name.endsWith(fileEnding) && !keeps) || name.endsWith(".json") || name.endsWith(".pkl")) {
      await store.remove(joinPath(folder, name));
    }
  }
  return new Set(keeps ? await listLabels(store, fileEnding, folder) : []);
}

async function copyDocuments(from: Store, to: Store, folder: string): Promise<void> {
  for (const name of [DATASET_FILE, PLANS_FILE]) await to.write(joinPath(folder, name), await from.read(name));
}

async function evaluateFolderOf(
  { access, options }: Context,
  folder: string,
  reference: string,
  documents: ModelDocuments,
): Promise<Summary> {
  const store = access.store(folder);
  const settings = evaluationSettings(documents);
  const { pairs } = await pairLabels({ store }, { store: access.store(reference) }, settings.fileEnding);
  const summary = await withExecutor(access, { prediction: folder, reference }, (executor) =>
    summaryOf(executor, pairs, settings, options),
  );
  await saveSummary(store, "", summary);
  return summary;
}

async function withExecutor<F extends Readonly<Record<string, string>>, R>(
  access: ResultsAccess,
  folders: F,
  work: (executor: Executor<{ readonly [K in keyof F]: Store }>) => Promise<R>,
): Promise<R> {
  const executor = access.executor(folders);
  try {
    return await work(executor);
  } finally {
    await executor.close();
  }
}

/** Averages the probabilities of two models' folds and evaluates the labels: `ensemble_crossvalidations`. */
async function rankEnsemble(context: Context, first: ModelName, second: ModelName): Promise<Ranked> {
  const { access, settings, folds } = context;
  const name = ensembleName(first, second, folds);
  const folder = joinPath(ENSEMBLES_FOLDER, name);
  const model = access.store(folderOf(first));
  const documents = await readModelDocuments(model);
  const none =
    "no .npz files with probabilities. Run the validation again with --val --npz, or leave ensembles out (--disable_ensembling)";
  const [ours, theirs] = (await Promise.all(
    [first, second].map((one) => filesOfFolds(access.store(folderOf(one)), folds, listProbabilities, none)),
  )) as [FoldFile[], FoldFile[]];
  requireSame(ours, theirs, folderOf(second));
  requireSame(theirs, ours, folderOf(first));
  const output = access.store(folder);
  const kept = await keptLabels(context, output, "", documents.dataset.fileEnding);
  const missing = ours.filter(({ identifier }) => !kept.has(identifier));
  await mergeCases(context, [first, second], [missing, theirs], folder, documents);
  await copyDocuments(model, output, "");
  const summary = await evaluateFolderOf(context, folder, groundTruth(settings), documents);
  return { name, models: [first, second], folder, documents, foregroundDice: foregroundDice(summary) };
}

/** A case may be in different folds of the two models, so each pair of folds is a run of its own. */
async function mergeCases(
  { access, options }: Context,
  models: readonly [ModelName, ModelName],
  [ours, theirs]: readonly [FoldFile[], FoldFile[]],
  output: string,
  { dataset, plans }: ModelDocuments,
): Promise<void> {
  const model: EnsembleModel = {
    labels: dataset.labels,
    fileEnding: dataset.fileEnding,
    readerName: plans.readerName,
  };
  const otherFold = new Map(theirs.map(({ fold, identifier }) => [identifier, fold]));
  const pairs = new Map<string, FoldFile[]>();
  for (const one of ours) {
    const key = `${one.fold} ${otherFold.get(one.identifier)}`;
    pairs.set(key, [...(pairs.get(key) ?? []), one]);
  }
  for (const cases of pairs.values()) {
    const [{ fold, identifier }] = cases as [FoldFile];
    const members = [fold, otherFold.get(identifier) as number].map((of, i) =>
      joinPath(folderOf(models[i]), validationFolder(of)),
    );
    const folders = { ...Object.fromEntries(members.map((path, i) => [memberName(i), path])), output };
    const jobs = cases.map((one) => ({
      identifier: one.identifier,
      argument: { identifier: one.identifier, model, saveProbabilities: false },
    }));
    const outcomes = await withExecutor(access, folders, (executor) =>
      runCases(executor as Executor<EnsembleStores>, ensembleJob, "ensemble", jobs, options),
    );
    requireAll(outcomes, "ensembled");
  }
}

async function decideBest({ access, settings, options }: Context, best: Ranked): Promise<PostprocessingResult> {
  const reference = groundTruth(settings);
  const { folder, documents } = best;
  return withExecutor(access, { prediction: folder, input: folder, output: folder, reference }, (executor) =>
    decidePostprocessing(
      { model: access.store(folder), reference: access.store(reference), executor, documents },
      options,
    ),
  );
}
