import { inFile, NnprepError } from "../../../core/errors.js";
import { parseJsonDict } from "../../../io/ordered-json.js";
import type { Store } from "../../../runner/store.js";
import { formatPlans, type Plans, parsePlans, readPlans } from "../documents/plans.js";
import { parseSplits } from "../documents/splits.js";
import { DATASET_FILE, FINGERPRINT_FILE, plansFileName, SPLITS_FILE } from "../layout.js";
import { type PlannedExperiment, type PlanOptions, planExperiment } from "../planners/experiment-planner.js";
import { DEFAULT_PLANNER, findPlanner } from "../planners/planner-list.js";
import type { ReadCaseOptions } from "../readers/reader.js";
import { type Dataset, listTrainingCases, readDatasetJson, type StageOptions } from "./dataset.js";
import { loadFingerprint, partsOfFingerprint } from "./fingerprint-files.js";
import { chooseDatasetReader } from "./read-case.js";

/** How a dataset is planned. */
export interface PlanDatasetOptions
  extends StageOptions,
    Pick<PlanOptions, "planner" | "gpuMemoryGb" | "plansName" | "preprocessorName" | "targetSpacingMm"> {
  readonly reading?: ReadCaseOptions | undefined;
}

export interface PlannedDataset extends PlannedExperiment {
  readonly plans: Plans;
  /** Where the plans file is. */
  readonly file: string;
}

/** Reads `PLANS.json`. @throws NnprepError FILE_NOT_FOUND that names the command that makes it, INVALID_PLANS */
export async function loadPlans(store: Store, plansName: string): Promise<Plans> {
  const path = plansFileName(plansName);
  const file = store.location(path);
  if (!(await store.exists(path))) {
    const found = (await store.list()).filter((name) => /Plans.*\.json$/.test(name));
    const there = found.length === 0 ? "" : ` (there are ${found.join(", ")})`;
    throw new NnprepError("FILE_NOT_FOUND", `${file}: no such file${there}; plan first: nnprep plan -d ...`, {
      file,
      found,
    });
  }
  return parsePlans(await store.read(path), file);
}

/**
 * Plans a dataset from its fingerprint (`plan_experiments` of nnU-Net 2.8.1): `PLANS.json`, a copy of dataset.json, and
 * of splits_final.json if the raw dataset has one. Configurations of an older file of that name that this planning does
 * not make stay in it, as nnU-Net does, and are named in `kept`.
 *
 * @throws NnprepError FILE_NOT_FOUND without a fingerprint, INVALID_DATASET, INVALID_ARGUMENT for an unknown planner,
 * CANNOT_WRITE
 */
export async function planDataset(dataset: Dataset, options: PlanDatasetOptions = {}): Promise<PlannedDataset> {
  const { name, stores } = dataset;
  const { raw, preprocessed } = stores;
  const description = await readDatasetJson(raw);
  const fingerprint = await loadFingerprint(preprocessed).catch(async (error) => {
    throw (await describeParts(dataset, options)) ?? error;
  });
  const cases = await listTrainingCases(raw, description, options);
  const reader = await chooseDatasetReader(raw, description, cases, options.reading);
  const { planner, gpuMemoryGb, plansName, preprocessorName, targetSpacingMm } = options;
  const path = plansFileName(plansName ?? findPlanner(planner ?? DEFAULT_PLANNER).plansName);
  const file = preprocessed.location(path);
  const existing = (await preprocessed.exists(path))
    ? await inFile(file, async () => parseJsonDict(await preprocessed.read(path)))
    : undefined;
  const planned = planExperiment(fingerprint, description, {
    datasetName: name,
    readerName: reader.name,
    planner,
    gpuMemoryGb,
    plansName,
    preprocessorName,
    targetSpacingMm,
    existing,
  });
  await copySplits(raw, preprocessed);
  await preprocessed.write(DATASET_FILE, await raw.read(DATASET_FILE));
  await preprocessed.write(path, new TextEncoder().encode(formatPlans(planned.document)));
  return { ...planned, plans: readPlans(planned.document), file };
}

/** What keeps a fingerprint that was begun in parts from being joined; null if none was begun. */
async function describeParts(dataset: Dataset, options: StageOptions): Promise<NnprepError | null> {
  const { read, missing } = await partsOfFingerprint(dataset, options);
  if (read.length === 0) return null;
  const file = dataset.stores.preprocessed.location(FINGERPRINT_FILE);
  const next =
    missing.length === 0
      ? "all parts are there: run nnprep extract-fingerprint -d ... without a part, which joins them"
      : `${missing.length} of ${read.length + missing.length} cases are missing (${missing.join(", ")}): run their parts, then nnprep extract-fingerprint -d ... without a part`;
  return new NnprepError("FILE_NOT_FOUND", `${file}: no such file; ${next}`, { file, missing });
}

/** @throws NnprepError INVALID_DATASET if both folders have splits, and other ones */
async function copySplits(raw: Store, preprocessed: Store): Promise<void> {
  if (!(await raw.exists(SPLITS_FILE))) return;
  const bytes = await raw.read(SPLITS_FILE);
  const file = raw.location(SPLITS_FILE);
  const splits = parseSplits(bytes, file);
  if (!(await preprocessed.exists(SPLITS_FILE))) return preprocessed.write(SPLITS_FILE, bytes);
  const there = preprocessed.location(SPLITS_FILE);
  const present = parseSplits(await preprocessed.read(SPLITS_FILE), there);
  if (JSON.stringify(present) === JSON.stringify(splits)) return;
  throw new NnprepError(
    "INVALID_DATASET",
    `${there}: other folds than in ${file}; remove the one that is not wanted, and plan again`,
    { file: there, reference: file },
  );
}
