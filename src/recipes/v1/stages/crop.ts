import { inFile, NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import type { Shape3, Vec3, Volume, VoxelArray } from "../../../core/volume.js";
import { doubtfulWarnings, type ReadScanOptions, writeVolume } from "../../../io/formats.js";
import type { NpzCompression } from "../../../io/npz.js";
import { noteFailures } from "../../../runner/failures.js";
import { defineJob } from "../../../runner/jobs.js";
import { takePart } from "../../../runner/parts.js";
import { digestFiles, findResult, saveRecord } from "../../../runner/record.js";
import { type CaseJob, type CaseOutcome, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { collectGarbage } from "../../../runtime/scratch.js";
import { loadScan, loadVolume, peekScan } from "../../scan-files.js";
import { type CroppedCaseResult, type CroppedProperties, cropCase, toFloat32, toLabel } from "../crop/crop-case.js";
import { endingOf, groundTruthName, type TrainingCase, trainingCases } from "../documents/dataset-json.js";
import { caseFileNames, DATASET_JSON, GROUND_TRUTH_FOLDER, IMAGES_TRAINING, LABELS_TRAINING } from "../layout.js";
import { estimateMemory } from "../memory.js";
import { loadCroppedProperties, saveCase } from "./case-files.js";
import { recordPath, removeVanished, settingsText } from "./case-records.js";
import { readDatasetJson, type StageOptions, type Task, type TaskStores } from "./task.js";

/** Of the records. */
export const CROP_STEP = "crop";
/** A case's grid before and after cropping, slowest axis first. */
export interface CroppedGrid {
  readonly shapeBefore: Shape3;
  readonly shapeAfter: Shape3;
  readonly spacingMm: Vec3;
  /** True if an earlier run had cropped the case from the same files and it was left as it is. */
  readonly skipped: boolean;
  /** What its user should know about the files, with their names. */
  readonly warnings: readonly string[];
}

/** How a task is cropped. */
export interface CropOptions extends StageOptions {
  /** Crop again what an earlier run cropped from the same files. Default false. */
  readonly overwrite?: boolean | undefined;
  /** Of the npz files: stored, deflated at level 1 (default), or at level 6 as NumPy does. */
  readonly compression?: NpzCompression | undefined;
  /** What is accepted of the files. */
  readonly scan?: ReadScanOptions | undefined;
}

function describeCrop(properties: CroppedProperties, skipped: boolean, warnings: readonly string[]): CroppedGrid {
  return {
    shapeBefore: properties.original_size_of_raw_data,
    shapeAfter: properties.size_after_cropping,
    spacingMm: properties.original_spacing,
    skipped,
    warnings,
  };
}

/** What a worker needs to know to crop one case. */
export interface CropJob {
  readonly names: TrainingCase;
  readonly compression?: NpzCompression | undefined;
  readonly scan?: ReadScanOptions | undefined;
  readonly overwrite?: boolean | undefined;
}

/** The job of a worker: reads, crops and writes one case, unless that was done from the same files. */
async function cropOneCase(stores: TaskStores, job: CropJob): Promise<CroppedGrid> {
  const { raw, cropped } = stores;
  const { names, compression, scan, overwrite } = job;
  const { identifier } = names;
  const record = recordPath(CROP_STEP, identifier);
  const settings = settingsText({ names, compression, scan });
  const inputs = await digestFiles(raw, inputPaths(names));
  const earlier = overwrite ? null : await findResult(cropped, record, settings, inputs);
  if (earlier !== null && (await hasProperties(cropped, identifier))) {
    return { ...(earlier.result as CroppedGrid), skipped: true };
  }
  await cropped.remove(record);
  const warnings: string[] = [];
  const { arrays, properties } = await loadAndCrop(raw, names, scan, warnings);
  collectGarbage();
  await saveCase(cropped, identifier, arrays, properties, "", compression);
  await copyLabel(stores, names.label, scan);
  const result = describeCrop(properties, false, warnings);
  // Planning writes into ID.pkl, whose size is therefore no sign of anything.
  const files = [caseFileNames(identifier).arrays, groundTruthPath(names.label)];
  await saveRecord(cropped, record, { settings, inputs, result }, files);
  return result;
}

/** The files of a raw case. */
function inputPaths({ images, label }: TrainingCase): string[] {
  return [...images.map((name) => joinPath(IMAGES_TRAINING, name)), joinPath(LABELS_TRAINING, label)];
}

function groundTruthPath(label: string): string {
  return joinPath(GROUND_TRUTH_FOLDER, groundTruthName(label));
}

async function hasProperties(store: Store, identifier: string): Promise<boolean> {
  try {
    await loadCroppedProperties(store, identifier);
    return true;
  } catch (error) {
    if (error instanceof NnprepError) return false;
    throw error;
  }
}

export const cropJob = defineJob("v1/crop", cropOneCase);

/** Each volume becomes what it is stored as before the next is read, so that few are there in two types. */
async function loadAndCrop(
  raw: Store,
  names: TrainingCase,
  scan: ReadScanOptions | undefined,
  warnings: string[],
): Promise<CroppedCaseResult> {
  const imagePaths = names.images.map((name) => joinPath(IMAGES_TRAINING, name));
  const labelPath = joinPath(LABELS_TRAINING, names.label);
  const files = { images: imagePaths.map((path) => raw.location(path)), label: raw.location(labelPath) };
  const load = async (path: string, convert: (volume: Volume) => VoxelArray): Promise<Volume> => {
    const { volume, warnings: found } = await loadScan(raw, path, scan);
    warnings.push(...doubtfulWarnings(found).map((warning) => `${path}: ${warning}`));
    collectGarbage();
    return { ...volume, data: convert(volume) };
  };
  const images: Volume[] = [];
  for (const path of imagePaths) images.push(await load(path, toFloat32));
  const label = await load(labelPath, (volume) => toLabel(volume, files.label));
  collectGarbage();
  return inFile(files.images[0], () => cropCase({ images, label, files }, true));
}

/** A label of another format becomes NIfTI: nnU-Net looks for no other in gt_segmentations. */
async function copyLabel({ raw, cropped }: TaskStores, name: string, scan?: ReadScanOptions): Promise<void> {
  const [from, to] = [joinPath(LABELS_TRAINING, name), groundTruthPath(name)];
  const isNifti = endingOf(name) === endingOf(to);
  await cropped.write(to, isNifti ? await raw.read(from) : await writeVolume(to, await loadVolume(raw, from, scan)));
}

/**
 * What a case will need, by the header of channel 0, the label reckoned as stored alike; nothing when that cannot be told,
 * for the job will report why.
 */
async function estimate(raw: Store, { images }: TrainingCase): Promise<{ memoryBytes?: number }> {
  try {
    const image = await peekScan(raw, joinPath(IMAGES_TRAINING, images[0]));
    const { shape, stored } = image;
    return {
      memoryBytes: estimateMemory({ step: "crop", shape, channels: images.length, image: stored, label: stored }),
    };
  } catch (error) {
    if (error instanceof NnprepError) return {};
    throw error;
  }
}

/** Removes what cropping, the fingerprint and older runs left, so that nothing of it is taken for new. */
async function clearCropped(store: Store): Promise<void> {
  for (const name of await store.list()) if (/\.(npz|pkl)$/.test(name)) await store.remove(name);
  for (const name of await store.list(GROUND_TRUTH_FOLDER)) await store.remove(joinPath(GROUND_TRUTH_FOLDER, name));
}

/**
 * Crops the training cases of a task to their non-zero part (`nnUNet_plan_and_preprocess`, first half; `crop` and
 * `ImageCropper.run_cropping` of nnU-Net 1.7.1): ID.npz and ID.pkl, a copy of each label in gt_segmentations, a copy of
 * dataset.json. Cases that an earlier run cropped from the same files are left as they are unless `overwrite`, what it
 * cropped of cases that dataset.json lists no more is removed.
 *
 * @returns one outcome per training case of the part, in the order of dataset.json
 * @throws NnprepError for an unusable dataset.json, CANNOT_WRITE if it cannot be copied, ABORTED
 */
export async function cropDataset(
  { stores, executor }: Task,
  options: CropOptions = {},
): Promise<CaseOutcome<CroppedGrid>[]> {
  const dataset = await readDatasetJson(stores.raw);
  const cases = trainingCases(dataset);
  // Other parts may have cropped theirs already.
  if (options.overwrite === true && options.part === undefined) await clearCropped(stores.cropped);
  await stores.cropped.write(DATASET_JSON, await stores.raw.read(DATASET_JSON));
  await removeVanished(
    stores.cropped,
    CROP_STEP,
    cases.map(({ identifier }) => identifier),
    "",
    (identifier) => [groundTruthPath(identifier)],
  );
  const { compression, scan, overwrite = false } = options;
  const jobs: CaseJob<CropJob>[] = [];
  for (const names of takePart(cases, options.part)) {
    const argument: CropJob = { names, compression, scan, overwrite };
    jobs.push({ identifier: names.identifier, argument, ...(await estimate(stores.raw, names)) });
  }
  // A damaged header may promise any size: reading the file tells, before memory is taken.
  const limits = { ...options, memoryAvailableBytes: undefined };
  return runCases(executor, cropJob, CROP_STEP, jobs, noteFailures(stores.cropped, CROP_STEP, limits));
}
