import { FolderStore } from "../../../runner/folder-store.js";
import { ProcessExecutor } from "../../../runner/process-executor.js";
import type { Dataset } from "./dataset.js";

/** The folders of one dataset on this machine: its own in nnUNet_raw and in nnUNet_preprocessed. */
export type DatasetFolders = Readonly<Record<"raw" | "preprocessed", string>>;

/**
 * Opens a dataset in folders of this machine, with worker processes. Temporary files of runs that were killed are
 * removed. Close the dataset's executor when done, or the processes stay.
 * @param name `Dataset001_NAME`
 */
export async function openDataset(name: string, { raw, preprocessed }: DatasetFolders, workers = 1): Promise<Dataset> {
  const stores = { raw: new FolderStore(raw), preprocessed: new FolderStore(preprocessed) };
  await stores.preprocessed.removeLeftovers();
  return { name, stores, executor: new ProcessExecutor({ raw, preprocessed }, workers) };
}
