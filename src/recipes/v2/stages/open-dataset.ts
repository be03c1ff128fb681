import { openStore, removeLeftovers } from "../../../runner/open-store.js";
import { ProcessExecutor } from "../../../runner/process-executor.js";
import type { Dataset } from "./dataset.js";

/** The folders of one dataset: its own in nnUNet_raw and in nnUNet_preprocessed; `s3://` too, and `https://` for raw. */
export type DatasetFolders = Readonly<Record<"raw" | "preprocessed", string>>;

/**
 * Opens a dataset in folders, with worker processes. Temporary files of runs that were killed are
 * removed. Close the dataset's executor when done, or the processes stay.
 * @param name `Dataset001_NAME`
 */
export async function openDataset(name: string, { raw, preprocessed }: DatasetFolders, workers = 1): Promise<Dataset> {
  const stores = { raw: openStore(raw), preprocessed: openStore(preprocessed) };
  await removeLeftovers(stores.preprocessed);
  return { name, stores, executor: new ProcessExecutor({ raw, preprocessed }, workers) };
}
