import { inFile, NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import type { Executor } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import type { ComparedStores } from "../../prediction-files.js";
import {
  identifierOf,
  listNifti,
  missingFile,
  type PredictionFiles,
  type UnpairedFile,
} from "../../prediction-files.js";
import { parseSummary, summaryClasses } from "../documents/summary.js";
import type { ApplyStores } from "./postprocess.js";
import { type DecideOptions, decidePostprocessing, type PostprocessingResult, SUMMARY_JSON } from "./postprocess.js";

/** Folders inside a model's folder, by nnU-Net's names. */
export const CV_RAW = "cv_niftis_raw";
export const CV_FINAL = "cv_niftis_postprocessed";
export const GT_NIFTIS = "gt_niftis";
export const VALIDATION_RAW = "validation_raw";
/** The folds of nnU-Net's cross-validation. */
export const ALL_FOLDS: readonly number[] = [0, 1, 2, 3, 4];

/**
 * The results of a cross-validation of one model. The executor's stores are `prediction`, `input` and `output`, all
 * with the root of `model`, and `reference`.
 */
export interface CrossValidation {
  /** The model's folder: fold_0, fold_1 ... */
  readonly model: Store;
  /** Its root holds the reference labels; nnU-Net's is the model's gt_niftis. */
  readonly reference: Store;
  readonly executor: Executor<ComparedStores & ApplyStores>;
}

/** Which folds are read, and where their predictions lie. */
export interface FoldOptions {
  /** Default 0 to 4. */
  readonly folds?: readonly number[] | undefined;
  /** Folder inside each fold that holds its predictions. Default validation_raw. */
  readonly validationFolder?: string | undefined;
  /** Labels to evaluate. Default: those of the first fold's summary.json. */
  readonly labels?: readonly number[] | undefined;
}

/** All predictions of the folds, gathered. */
export interface GatheredFolds {
  readonly cases: PredictionFiles[];
  readonly labels: number[];
}

interface FoldFile {
  readonly name: string;
  readonly path: string;
}

/**
 * Finds the predictions of all folds. Nothing is written.
 * @throws NnprepError INVALID_DATASET for folds that are missing, a case in two folds, cases without prediction or
 * reference; all of a kind are named
 */
async function findPredictions({ model, reference }: CrossValidation, options: FoldOptions): Promise<FoldFile[]> {
  const { folds = ALL_FOLDS, validationFolder = VALIDATION_RAW } = options;
  const found: FoldFile[] = [];
  const missing: string[] = [];
  const homes = new Map<string, string>();
  for (const fold of folds) {
    const folder = joinPath(`fold_${fold}`, validationFolder);
    const names = await listNifti(model, folder);
    if (names.length === 0) missing.push(model.location(folder));
    for (const name of names) {
      const other = homes.get(name);
      if (other !== undefined) {
        throw new NnprepError(
          "INVALID_DATASET",
          `${model.location(joinPath(folder, name))}: this case was predicted in ${other} too; a case belongs to one fold only. Remove one of them`,
          { case: identifierOf(name), folders: [other, folder] },
        );
      }
      homes.set(name, folder);
      found.push({ name, path: joinPath(folder, name) });
    }
  }
  if (missing.length > 0) {
    throw new NnprepError(
      "INVALID_DATASET",
      `no predictions in ${missing.join(", ")}: post-processing is decided on the whole cross-validation. Run the validation of these folds, or name the folds that there are`,
      { missing },
    );
  }
  requireReferences(found, await listNifti(reference), { model, reference });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function requireReferences(
  found: readonly FoldFile[],
  references: readonly string[],
  { model, reference }: Pick<CrossValidation, "model" | "reference">,
): void {
  const predicted = new Set(found.map(({ name }) => name));
  const referred = new Set(references);
  const unpaired: UnpairedFile[] = [
    ...found
      .filter(({ name }) => !referred.has(name))
      .map(({ name }) => ({ name, missing: "reference" as const, expected: reference.location(name) })),
    ...references
      .filter((name) => !predicted.has(name))
      .map((name) => ({
        name,
        missing: "prediction" as const,
        expected: model.location(joinPath("fold_X", name)),
      })),
  ].map(({ name, ...rest }) => ({ identifier: identifierOf(name), ...rest }));
  if (unpaired.length === 0) return;
  const without = (what: UnpairedFile["missing"]) =>
    unpaired.filter(({ missing }) => missing === what).map(({ identifier }) => identifier);
  const parts = (["prediction", "reference"] as const)
    .map((what) => ({ what, cases: without(what) }))
    .filter(({ cases }) => cases.length > 0)
    .map(({ what, cases }) => `${cases.length} without a ${what}: ${cases.join(", ")}`);
  throw new NnprepError(
    "INVALID_DATASET",
    `${model.location("")}: the folds do not hold every case with a reference in ${reference.location("")} (${parts.join("; ")}). ` +
      `Complete the cross-validation. ${missingFile(unpaired[0]).message}`,
    { withoutPrediction: without("prediction"), withoutReference: without("reference") },
  );
}

/** Labels of the first fold's summary.json. */
async function labelsOfFold(model: Store, options: FoldOptions): Promise<number[]> {
  const { folds = ALL_FOLDS, validationFolder = VALIDATION_RAW } = options;
  const path = joinPath(`fold_${folds[0]}`, validationFolder, SUMMARY_JSON);
  if (!(await model.exists(path))) {
    throw new NnprepError(
      "FILE_NOT_FOUND",
      `${model.location(path)}: no such file, and it would tell which labels there are; run the validation of this fold or give the labels`,
      { file: model.location(path) },
    );
  }
  const text = new TextDecoder().decode(await model.read(path));
  const summary = await inFile(model.location(path), () => parseSummary(text));
  return [...(summary.mean.has("0") ? [0] : []), ...summaryClasses(summary)];
}

/**
 * Gathers the predictions of all folds in cv_niftis_raw: `collect_cv_niftis` of nnU-Net 1.7.1.
 * @throws NnprepError INVALID_DATASET, FILE_NOT_FOUND without summary.json and labels; then nothing is written
 */
export async function gatherFolds(validation: CrossValidation, options: FoldOptions = {}): Promise<GatheredFolds> {
  const { model } = validation;
  const found = await findPredictions(validation, options);
  const labels = options.labels === undefined ? await labelsOfFold(model, options) : [...options.labels];
  const names = new Set(found.map(({ name }) => name));
  for (const name of await listNifti(model, CV_RAW)) if (!names.has(name)) await model.remove(joinPath(CV_RAW, name));
  for (const { name, path } of found) await model.write(joinPath(CV_RAW, name), await model.read(path));
  const cases = found.map(({ name }) => ({
    identifier: identifierOf(name),
    prediction: joinPath(CV_RAW, name),
    reference: name,
  }));
  return { cases, labels };
}

/**
 * Decides on the post-processing of a model by its whole cross-validation: `consolidate_folds` of nnU-Net 1.7.1.
 * Writes cv_niftis_raw, cv_niftis_postprocessed and postprocessing.json into the model's folder.
 *
 * @throws NnprepError INVALID_DATASET, FILE_NOT_FOUND, ABORTED
 */
export async function consolidateFolds(
  validation: CrossValidation,
  options: FoldOptions & DecideOptions = {},
): Promise<PostprocessingResult> {
  const { cases, labels } = await gatherFolds(validation, options);
  const { model, executor } = validation;
  return decidePostprocessing({ model, executor, cases, labels, rawFolder: CV_RAW, finalFolder: CV_FINAL }, options);
}
