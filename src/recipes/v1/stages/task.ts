import type { Executor, RunOptions } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { type DatasetJson, parseDatasetJson } from "../documents/dataset-json.js";
import { DATASET_JSON } from "../layout.js";

/** The three folders of one task; each store's root is the task's own folder. */
export interface TaskStores {
  /** dataset.json, imagesTr, labelsTr, perhaps imagesTs. */
  readonly raw: Store;
  readonly cropped: Store;
  readonly preprocessed: Store;
}

/** One task that can be worked on: where it lies, and who does the work. */
export interface Task {
  readonly stores: TaskStores;
  readonly executor: Executor<TaskStores>;
}

/** What every stage takes. */
export type StageOptions = RunOptions;

/** The dataset.json of a store. @throws NnprepError FILE_NOT_FOUND, INVALID_DATASET */
export async function readDatasetJson(store: Store): Promise<DatasetJson> {
  return parseDatasetJson(await store.read(DATASET_JSON), store.location(DATASET_JSON));
}
