import { NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import type { Store } from "../../../runner/store.js";
import { type DatasetJson, parseDatasetJson } from "../documents/dataset-json.js";
import { type Plans, parsePlans } from "../documents/plans.js";
import { DATASET_FILE } from "../layout.js";

/** nnU-Net's copy of the plans beside predictions and models. */
export const PLANS_FILE = "plans.json";

/** What a folder of predictions, or a model's, says of itself. */
export interface ModelDocuments {
  readonly dataset: DatasetJson;
  readonly plans: Plans;
}

async function readDocument(store: Store, path: string): Promise<Uint8Array> {
  if (await store.exists(path)) return store.read(path);
  const file = store.location(path);
  throw new NnprepError(
    "FILE_NOT_FOUND",
    `${file}: no such file, but it says what the predictions are of. nnU-Net writes it beside them; copy it, or name one of the same model`,
    { file },
  );
}

/**
 * plans.json and dataset.json of a folder, unless they are given.
 * @throws NnprepError FILE_NOT_FOUND, INVALID_PLANS, INVALID_DATASET
 */
export async function readModelDocuments(
  store: Store,
  given: Partial<ModelDocuments> = {},
  folder = "",
): Promise<ModelDocuments> {
  const read = async <T>(name: string, parse: (content: Uint8Array, file: string) => T) => {
    const path = joinPath(folder, name);
    return parse(await readDocument(store, path), store.location(path));
  };
  return {
    dataset: given.dataset ?? (await read(DATASET_FILE, parseDatasetJson)),
    plans: given.plans ?? (await read(PLANS_FILE, parsePlans)),
  };
}

/** Puts plans.json and dataset.json of a folder, as far as they are there, beside what was made of its predictions. */
export async function copyModelDocuments(from: Store, to: Store): Promise<void> {
  for (const name of [DATASET_FILE, PLANS_FILE]) {
    if (from.location(name) !== to.location(name) && (await from.exists(name)))
      await to.write(name, await from.read(name));
  }
}
