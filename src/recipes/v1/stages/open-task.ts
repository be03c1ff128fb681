import { FolderStore } from "../../../runner/folder-store.js";
import { ProcessExecutor } from "../../../runner/process-executor.js";
import type { Task } from "./task.js";

/** The folders of one task on this machine. */
export type TaskFolders = Readonly<Record<"raw" | "cropped" | "preprocessed", string>>;

/**
 * Opens a task in folders of this machine, with worker processes. Temporary files of runs that were killed are removed.
 * Close the task's executor when done, or the processes stay.
 */
export async function openTask({ raw, cropped, preprocessed }: TaskFolders, workers = 1): Promise<Task> {
  const stores = {
    raw: new FolderStore(raw),
    cropped: new FolderStore(cropped),
    preprocessed: new FolderStore(preprocessed),
  };
  await stores.cropped.removeLeftovers();
  await stores.preprocessed.removeLeftovers();
  return { stores, executor: new ProcessExecutor({ raw, cropped, preprocessed }, workers) };
}
