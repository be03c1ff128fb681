import { inFile, NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import type { Shape3, Vec3 } from "../../../core/volume.js";
import type { NpzCompression } from "../../../io/npz.js";
import { noteFailures } from "../../../runner/failures.js";
import { defineJob } from "../../../runner/jobs.js";
import { isFirstPart, takePart } from "../../../runner/parts.js";
import { type FileSource, readingOnce } from "../../../runner/read-once.js";
import { digestFiles, findResult, RECORDS, saveRecord } from "../../../runner/record.js";
import { type CaseJob, type CaseOutcome, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { collectGarbage, dropGiven, giveBack, trimScratch } from "../../../runtime/scratch.js";
import { peekScan } from "../../scan-files.js";
import { getConfiguration, type Plans } from "../documents/plans.js";
import { DEFAULT_PLANS, PREPROCESSED_CONFIGURATIONS, type TrainingCase } from "../layout.js";
import { estimateMemory } from "../memory.js";
import {
  type CaseWarning,
  type PreprocessOptions,
  type PreprocessSettings,
  preprocessCase,
  preprocessSettings,
} from "../preprocess.js";
import type { ReadCaseOptions } from "../readers/reader.js";
import { type Dataset, type DatasetStores, listTrainingCases, readDatasetJson, type StageOptions } from "./dataset.js";
import { copyGroundTruth } from "./ground-truth.js";
import { loadPlans } from "./plan.js";
import { type PreparedArrays, type PreparedFormat, preparedPaths, savePrepared } from "./prepared-files.js";
import { readTrainingCase } from "./read-case.js";

/** What of a case's preprocessing passes to a worker. */
type CaseOptions = Pick<PreprocessOptions, "labelRule" | "nanPolicy" | "precision">;

/** How a dataset is preprocessed. */
export interface PreprocessDatasetOptions extends StageOptions, CaseOptions {
  /** Default nnUNetPlans. */
  readonly plansName?: string | undefined;
  /** Default 2d, 3d_fullres and 3d_lowres, as far as the plans have them. */
  readonly configurations?: readonly string[] | undefined;
  /** Cases at the same time, by configuration, where it is not `workers`. */
  readonly workersOf?: Readonly<Record<string, number>> | undefined;
  /** Make every case anew. Default false: what was made of the same files, plans and options is kept. */
  readonly overwrite?: boolean | undefined;
  /** Default b2nd. */
  readonly format?: PreparedFormat | undefined;
  /** Of npz files. Default fast. */
  readonly compression?: NpzCompression | undefined;
  readonly reading?: ReadCaseOptions | undefined;
}

/** A case's grid before and after resampling, slowest axis first, transposed as the plans say. */
export interface PreparedGrid {
  /** After cropping. */
  readonly shapeBefore: Shape3;
  readonly shapeAfter: Shape3;
  readonly spacingBeforeMm: Vec3;
  readonly warnings: readonly string[];
  /** True if it had been made by an earlier run and was left as it is. */
  readonly kept: boolean;
}

/** The cases of one configuration. */
export interface PreparedConfiguration {
  readonly configuration: string;
  /** Where the files are. */
  readonly folder: string;
  /** Files of cases that are gone, or of nobody's, which were removed. */
  readonly removed: readonly string[];
  readonly cases: readonly CaseOutcome<PreparedGrid>[];
}

/** Scratch that is kept while a case is written and until the next one comes. */
const KEPT_SCRATCH_BYTES = 1 << 24;

interface PreprocessArgument {
  readonly names: TrainingCase;
  readonly readerName: string;
  readonly settings: PreprocessSettings;
  readonly patchSize: readonly number[];
  /** Where the case's files go. */
  readonly folder: string;
  readonly format: PreparedFormat;
  readonly compression: NpzCompression;
  readonly options: CaseOptions;
  readonly reading: ReadCaseOptions | undefined;
  readonly overwrite: boolean;
}

/** Where the record of a prepared case lies. */
export function preparedRecord(folder: string, identifier: string): string {
  return joinPath(RECORDS, folder, `${identifier}.json`);
}

/** In a function of its own, so that the case as read is gone when the prepared one is written. */
async function readAndPreprocess(raw: FileSource, argument: PreprocessArgument) {
  const { names, readerName, settings, options, reading } = argument;
  const { arrays, properties, warnings } = await readTrainingCase(raw, names, readerName, reading);
  // What reading did not use again would only be held while the case is at its peak.
  dropGiven();
  collectGarbage();
  const prepared = await inFile(raw.location(names.images[0]), () =>
    preprocessCase(arrays, properties, settings, { ...options, inPlace: true }),
  );
  const isPrepared = new Set([...prepared.channels, prepared.label].map((array) => array?.buffer));
  giveBack([...arrays.channels, arrays.label].filter(({ buffer }) => !isPrepared.has(buffer)));
  return { prepared, warnings: [...warnings, ...prepared.warnings.map(({ message }: CaseWarning) => message)] };
}

/** The job of a worker: reads, preprocesses and writes one case, unless an earlier run has. */
async function preprocessOneCase(
  { raw, preprocessed }: DatasetStores,
  argument: PreprocessArgument,
): Promise<PreparedGrid> {
  const { names, folder, format, compression, patchSize, overwrite } = argument;
  const { identifier, images, label } = names;
  const record = preparedRecord(folder, identifier);
  const files = readingOnce(raw);
  const inputs = await digestFiles(files, [...images, label]);
  const { names: _files, folder: _folder, overwrite: _overwrite, ...decisive } = argument;
  const settings = JSON.stringify(decisive);
  const earlier = overwrite ? null : await findResult(preprocessed, record, settings, inputs);
  if (earlier !== null) return { ...(earlier.result as PreparedGrid), kept: true };
  const { prepared, warnings } = await readAndPreprocess(files, argument);
  trimScratch(KEPT_SCRATCH_BYTES);
  collectGarbage();
  const { properties, shape } = prepared;
  await savePrepared(preprocessed, identifier, prepared as PreparedArrays, properties, {
    folder,
    format,
    patchSize,
    compression,
  });
  const axes = argument.settings.plans.transposeForward;
  const { spacingMm } = properties;
  const result: PreparedGrid = {
    shapeBefore: properties.shapeAfterCropping,
    shapeAfter: shape,
    spacingBeforeMm: [spacingMm[axes[0]], spacingMm[axes[1]], spacingMm[axes[2]]],
    warnings,
    kept: false,
  };
  await saveRecord(preprocessed, record, { settings, inputs, result }, preparedPaths(identifier, folder, format));
  return result;
}

export const preprocessJob = defineJob("v2/preprocess", preprocessOneCase);

/** What a case will need; nothing when that cannot be told, for the job itself will report why. */
async function estimate(
  raw: Store,
  { images }: TrainingCase,
  settings: PreprocessSettings,
): Promise<{ memoryBytes?: number }> {
  try {
    const { shape, spacingMm, stored } = await peekScan(raw, images[0]);
    return { memoryBytes: estimateMemory({ shape, spacingMm, settings, image: stored }) };
  } catch (error) {
    if (error instanceof NnprepError) return {};
    throw error;
  }
}

/** Configurations that are asked for, or those that the plans have. @throws NnprepError INVALID_ARGUMENT */
export function chosenConfigurations(plans: Plans, asked: readonly string[] | undefined): string[] {
  const known = (name: string) => plans.configurations.has(name) || plans.unsupported.has(name);
  const names = asked ?? PREPROCESSED_CONFIGURATIONS.filter(known);
  // nnU-Net passes over those that a dataset does not have, since its default asks for all three.
  const defaults: readonly string[] = PREPROCESSED_CONFIGURATIONS;
  const wanted = names.filter((name) => known(name) || !defaults.includes(name));
  for (const name of wanted) getConfiguration(plans, name);
  return [...new Set(wanted)];
}

/** Removes what does not belong to the cases: nnU-Net takes every file of the folder for one of its own. */
async function removeStrangers(
  store: Store,
  folder: string,
  cases: readonly TrainingCase[],
  format: PreparedFormat,
): Promise<string[]> {
  const wanted = new Set(cases.flatMap(({ identifier }) => preparedPaths(identifier, folder, format)));
  const paths = (await store.list(folder)).map((name) => joinPath(folder, name));
  const removed = paths.filter((path) => !wanted.has(path));
  for (const path of removed) await store.remove(path);
  const records = joinPath(RECORDS, folder);
  const known = new Set(cases.map(({ identifier }) => `${identifier}.json`));
  for (const name of await store.list(records)) if (!known.has(name)) await store.remove(joinPath(records, name));
  return removed;
}

/**
 * Preprocesses a planned dataset for its configurations (`preprocess` of nnU-Net 2.8.1): `ID.b2nd`, `ID_seg.b2nd` and
 * `ID.pkl` in the folder of each configuration, and the labels in gt_segmentations. What an earlier run made of the same
 * scans, plans and options is kept; what no longer belongs there is removed.
 *
 * @returns one entry per configuration, each with one outcome per case of the part, in nnU-Net's order
 * @throws NnprepError FILE_NOT_FOUND without plans, INVALID_ARGUMENT for a configuration that they do not have,
 * CANNOT_WRITE, ABORTED
 */
export async function preprocessDataset(
  { stores, executor }: Dataset,
  options: PreprocessDatasetOptions = {},
): Promise<PreparedConfiguration[]> {
  const { raw, preprocessed } = stores;
  const { format = "b2nd", compression = "fast", overwrite = false, reading } = options;
  const plans = await loadPlans(preprocessed, options.plansName ?? DEFAULT_PLANS);
  const dataset = await readDatasetJson(raw);
  const all = await listTrainingCases(raw, dataset, options);
  const { labelRule, nanPolicy, precision } = options;
  const results: PreparedConfiguration[] = [];
  for (const name of chosenConfigurations(plans, options.configurations)) {
    const { dataIdentifier: folder, patchSize } = getConfiguration(plans, name);
    const settings = preprocessSettings(plans, name, dataset.labels);
    // It takes a look at the files of all cases, which is not to be paid for by every part.
    const removed = isFirstPart(options.part) ? await removeStrangers(preprocessed, folder, all, format) : [];
    const { readerName } = plans;
    const caseOptions = { labelRule, nanPolicy, precision };
    const common = { readerName, settings, patchSize, folder, format, compression, reading, overwrite };
    const jobs: CaseJob<PreprocessArgument>[] = [];
    for (const names of takePart(all, options.part)) {
      const argument = { ...common, names, options: caseOptions };
      jobs.push({ identifier: names.identifier, argument, ...(await estimate(raw, names, settings)) });
    }
    const workers = options.workersOf?.[name] ?? options.workers;
    const cases = await runCases(executor, preprocessJob, name, jobs, {
      ...noteFailures(preprocessed, folder, options),
      workers,
    });
    results.push({ configuration: name, folder: preprocessed.location(folder), removed, cases });
  }
  await copyGroundTruth(stores, all, dataset.fileEnding, options.part);
  return results;
}
