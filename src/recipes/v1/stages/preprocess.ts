import { inFile, NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import type { Shape3, Vec3 } from "../../../core/volume.js";
import type { NpzCompression } from "../../../io/npz.js";
import { noteFailures } from "../../../runner/failures.js";
import { defineJob } from "../../../runner/jobs.js";
import { type Part, takePart } from "../../../runner/parts.js";
import { digestFiles, findResult, saveRecord } from "../../../runner/record.js";
import { type CaseJob, type CaseOutcome, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { collectGarbage, trimScratch } from "../../../runtime/scratch.js";
import type { CroppedProperties } from "../crop/crop-case.js";
import type { PlansV1 } from "../documents/plans.js";
import {
  caseFileNames,
  GROUND_TRUTH_FOLDER,
  type Planner,
  plansFileName,
  previousStageFileName,
  stageFolderName,
} from "../layout.js";
import { estimateMemory } from "../memory.js";
import {
  type CaseWarning,
  type PreprocessedCase,
  type PreprocessOptions,
  preprocessCase,
  type StageSettings,
  stageSettings,
} from "../preprocess.js";
import { loadArrays, loadCroppedProperties, saveCase } from "./case-files.js";
import { recordPath, removeVanished, settingsText } from "./case-records.js";
import { croppedIdentifiers } from "./fingerprint.js";
import { loadPlans } from "./plan.js";
import type { StageOptions, Task, TaskStores } from "./task.js";

/** Options that hold for every case, and pass to a worker. */
export type CaseOptions = Omit<PreprocessOptions, "resampler" | "onProgress" | "signal">;

/** What a worker needs to know to preprocess one case. */
export interface PreprocessJob {
  readonly identifier: string;
  readonly folder: string;
  readonly settings: StageSettings;
  readonly options: CaseOptions;
  readonly compression?: NpzCompression | undefined;
  readonly overwrite?: boolean | undefined;
}

/** Scratch that is kept while a case is written and until the next one comes. */
export const KEPT_SCRATCH_BYTES = 1 << 24;

/** A case's grid before and after resampling, slowest axis first, transposed as the plans say. */
export interface PreprocessedGrid {
  readonly shapeBefore: Shape3;
  readonly shapeAfter: Shape3;
  readonly spacingBeforeMm: Vec3;
  readonly spacingAfterMm: Vec3;
  readonly warnings: readonly CaseWarning[];
  /** True if an earlier run had made the case from the same files, plans and options and it was left as it is. */
  readonly skipped: boolean;
}

/** The cases of one stage of one planner. */
export interface PreprocessedStage {
  readonly planner: Planner;
  readonly stage: number;
  /** Where the files are. */
  readonly folder: string;
  readonly cases: readonly CaseOutcome<PreprocessedGrid>[];
}

/** How a task is preprocessed. */
export interface PreprocessDatasetOptions extends StageOptions, CaseOptions {
  readonly planners?: readonly Planner[] | undefined;
  /** Cases at the same time in the low resolution stage (nnU-Net's `-tl`). */
  readonly lowresWorkers?: number | undefined;
  /** Make again what an earlier run made from the same files, plans and options. Default false. */
  readonly overwrite?: boolean | undefined;
  /** Of the npz files: stored, deflated at level 1 (default), or at level 6 as NumPy does. */
  readonly compression?: NpzCompression | undefined;
}

/** In a function of its own, so that the cropped case is gone when the preprocessed one is written. */
async function loadAndPreprocess(
  cropped: Store,
  properties: CroppedProperties,
  { identifier, settings, options }: PreprocessJob,
): Promise<PreprocessedCase> {
  const arrays = await loadArrays(cropped, identifier);
  // The inflater holds the file's bytes until the engine's next turn.
  await new Promise((resolve) => setTimeout(resolve));
  collectGarbage();
  return inFile(cropped.location(identifier), () => preprocessCase(arrays, properties, settings, options));
}

/** The job of a worker: resamples, normalises and writes one case, unless that was done from the same files. */
async function preprocessOneCase(stores: TaskStores, job: PreprocessJob): Promise<PreprocessedGrid> {
  const { cropped, preprocessed } = stores;
  const { identifier, folder, overwrite, ...rest } = job;
  const record = recordPath(folder, identifier);
  const settings = settingsText(rest);
  const names = Object.values(caseFileNames(identifier));
  const inputs = await digestFiles(cropped, names);
  const earlier = overwrite ? null : await findResult(preprocessed, record, settings, inputs);
  if (earlier !== null) return { ...(earlier.result as PreprocessedGrid), skipped: true };
  await preprocessed.remove(record);
  const properties = await loadCroppedProperties(cropped, identifier);
  const result = await loadAndPreprocess(cropped, properties, job);
  trimScratch(KEPT_SCRATCH_BYTES);
  collectGarbage();
  await saveCase(preprocessed, identifier, result.arrays, result.properties, folder, job.compression);
  const { transposeForward: axes } = job.settings;
  const { original_spacing: spacing, size_after_cropping: shape } = properties;
  const grid: PreprocessedGrid = {
    shapeBefore: [shape[axes[0]], shape[axes[1]], shape[axes[2]]],
    shapeAfter: result.arrays.shape,
    spacingBeforeMm: [spacing[axes[0]], spacing[axes[1]], spacing[axes[2]]],
    spacingAfterMm: result.properties.spacing_after_resampling as Vec3,
    warnings: result.warnings,
    skipped: false,
  };
  const written = names.map((name) => joinPath(folder, name));
  await saveRecord(preprocessed, record, { settings, inputs, result: grid }, written);
  return grid;
}

export const preprocessJob = defineJob("v1/preprocess", preprocessOneCase);

/**
 * Preprocesses a cropped and planned task for every stage of its plans (`run_preprocessing` of nnU-Net 1.7.1). Cases that
 * an earlier run made from the same files, plans and options are left as they are unless `overwrite`; those that it made
 * and the task has no more are removed.
 *
 * @returns one entry per stage, each with one outcome per case of the part in nnU-Net's order
 * @throws NnprepError FILE_NOT_FOUND without plans, INVALID_DATASET if a case is not cropped, CANNOT_WRITE, ABORTED
 */
export async function preprocessDataset(
  { stores, executor }: Task,
  options: PreprocessDatasetOptions = {},
): Promise<PreprocessedStage[]> {
  const { cropped, preprocessed } = stores;
  const identifiers = await croppedIdentifiers(cropped);
  const plansOf = new Map<Planner, PlansV1>();
  for (const planner of options.planners ?? (await plannersOf(preprocessed))) {
    plansOf.set(planner, await loadPlans(preprocessed, planner));
  }
  await copyGroundTruth(cropped, preprocessed, options.part);
  const { labelOrder, labelRule, nanPolicy, precision, compression, overwrite = false } = options;
  const caseOptions: CaseOptions = {
    ...(labelOrder === undefined ? {} : { labelOrder }),
    ...(labelRule === undefined ? {} : { labelRule }),
    ...(nanPolicy === undefined ? {} : { nanPolicy }),
    ...(precision === undefined ? {} : { precision }),
  };
  const stages: PreprocessedStage[] = [];
  for (const [planner, plans] of plansOf) {
    for (let stage = 0; stage < plans.num_stages; stage++) {
      const settings = stageSettings(plans, stage);
      const folder = stageFolderName(planner, stage);
      await removeVanished(preprocessed, folder, identifiers, folder, (identifier) => [
        joinPath(folder, previousStageFileName(identifier)),
      ]);
      const jobs: CaseJob<PreprocessJob>[] = [];
      for (const identifier of takePart(identifiers, options.part)) {
        const argument: PreprocessJob = { identifier, folder, settings, options: caseOptions, compression, overwrite };
        jobs.push({ identifier, argument, ...(await estimate(cropped, identifier, plans.num_modalities, settings)) });
      }
      const low = stage < plans.num_stages - 1;
      const workers = low ? (options.lowresWorkers ?? options.workers) : options.workers;
      const cases = await runCases(executor, preprocessJob, folder, jobs, {
        ...noteFailures(preprocessed, folder, options),
        workers,
      });
      stages.push({ planner, stage, folder: preprocessed.location(folder), cases });
    }
  }
  return stages;
}

/** Planners whose plans are there. */
async function plannersOf(preprocessed: Store): Promise<Planner[]> {
  const found: Planner[] = [];
  for (const planner of ["3d", "2d"] as const) {
    if (await preprocessed.exists(plansFileName(planner))) found.push(planner);
  }
  if (found.length > 0) return found;
  throw new NnprepError(
    "FILE_NOT_FOUND",
    `${preprocessed.location("")}: no plans found; plan the task first: nnprep plan -t ...`,
    {
      file: preprocessed.location(""),
      expected: [plansFileName("3d"), plansFileName("2d")],
    },
  );
}

/** What a case will need; nothing when that cannot be told, for the job itself will report why. */
async function estimate(
  cropped: Store,
  identifier: string,
  channels: number,
  settings: StageSettings,
): Promise<{ memoryBytes?: number }> {
  try {
    const { size_after_cropping: shape, original_spacing: spacingMm } = await loadCroppedProperties(
      cropped,
      identifier,
    );
    return { memoryBytes: estimateMemory({ step: "preprocess", shape, spacingMm, channels, settings }) };
  } catch (error) {
    if (error instanceof NnprepError) return {};
    throw error;
  }
}

/** Makes gt_segmentations of the preprocessed folder the same as that of the cropped one; all parts together do. */
async function copyGroundTruth(cropped: Store, preprocessed: Store, part: Part | undefined): Promise<void> {
  const names = await cropped.list(GROUND_TRUTH_FOLDER);
  for (const name of takePart(names, part)) {
    const path = joinPath(GROUND_TRUTH_FOLDER, name);
    await preprocessed.write(path, await cropped.read(path));
  }
  for (const name of await preprocessed.list(GROUND_TRUTH_FOLDER)) {
    if (!names.includes(name)) await preprocessed.remove(joinPath(GROUND_TRUTH_FOLDER, name));
  }
}
