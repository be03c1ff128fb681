import type { Dataset, DatasetStores } from "../../../../src/recipes/v2/stages/dataset.js";
import { LocalExecutor } from "../../../../src/runner/local-executor.js";
import { MemoryStore } from "../../../../src/runner/memory-store.js";
import { CT_TASK, taskFiles } from "../../v1/stages/tiny-task.js";

export const DATASET_NAME = "Dataset001_Tiny";
export const IDENTIFIERS = ["ct_1", "ct_2", "ct_3"];

export const text = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

/** A dataset.json of v2 for the tiny CT cases; `changes` replaces keys. */
export function datasetJson(changes: Readonly<Record<string, unknown>> = {}): Uint8Array {
  return text({
    channel_names: { "0": "CT" },
    labels: { background: 0, left: 1, right: 2 },
    numTraining: 3,
    file_ending: ".nii.gz",
    ...changes,
  });
}

/** Three CT cases of v1's tests as a dataset of v2 in memory. */
export async function openTinyDataset(): Promise<{ dataset: Dataset; raw: MemoryStore; preprocessed: MemoryStore }> {
  const raw = new MemoryStore(await taskFiles(CT_TASK), "raw");
  await raw.write("dataset.json", datasetJson());
  const preprocessed = new MemoryStore([], "preprocessed");
  const stores: DatasetStores = { raw, preprocessed };
  return { dataset: { name: DATASET_NAME, stores, executor: new LocalExecutor(stores) }, raw, preprocessed };
}

/** All files of a store below folders, by path, as text of their bytes. */
export async function contents(store: MemoryStore, folders: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const folder of folders) {
    for (const name of await store.list(folder)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      found.set(path, Array.from(await store.read(path)).join());
    }
  }
  return found;
}
