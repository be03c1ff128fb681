import type { Executor, RunOptions } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { type DatasetJson, parseDatasetJson } from "../documents/dataset-json.js";
import { DATASET_FILE, IMAGES_FOLDER, type TrainingCase, trainingCases } from "../layout.js";

/** The folders of one dataset; each store's root is the dataset's own folder in nnUNet_raw and nnUNet_preprocessed. */
export interface DatasetStores {
  readonly raw: Store;
  readonly preprocessed: Store;
}

/** One dataset that can be worked on: where it lies, and who does the work. */
export interface Dataset {
  /** `Dataset001_NAME`. */
  readonly name: string;
  readonly stores: DatasetStores;
  readonly executor: Executor<DatasetStores>;
}

/** What every stage takes. */
export interface StageOptions extends RunOptions {
  /** For `$NAME` in the paths of a dataset.json that lists its files. Default: none, they stay as they are. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** The dataset.json of a store. @throws NnprepError FILE_NOT_FOUND, INVALID_DATASET */
export async function readDatasetJson(store: Store): Promise<DatasetJson> {
  return parseDatasetJson(await store.read(DATASET_FILE), store.location(DATASET_FILE));
}

/** The training cases of a raw dataset, in nnU-Net's order. */
export async function listTrainingCases(
  raw: Store,
  dataset: DatasetJson,
  { environment }: Pick<StageOptions, "environment"> = {},
): Promise<TrainingCase[]> {
  const files = dataset.cases === undefined ? await raw.list(IMAGES_FOLDER) : [];
  return trainingCases(dataset, files, environment);
}
