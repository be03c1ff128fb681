/**
 * Everything of `dataset`, and datasets in folders with worker processes.
 *
 * @module nnprep/dataset
 */
export type { BuildOptions } from "../recipes/convert/raw-folder.js";
export { buildTask, splitMsdTask } from "../recipes/v1/stages/convert-task.js";
export { openTask, type TaskFolders } from "../recipes/v1/stages/open-task.js";
export { buildDataset, convertFromTask, splitMsdDataset } from "../recipes/v2/stages/convert-dataset.js";
export { type DatasetFolders, openDataset } from "../recipes/v2/stages/open-dataset.js";
export { FolderStore } from "../runner/folder-store.js";
export { openStore } from "../runner/open-store.js";
export { type NamedFolders, ProcessExecutor, type StoresOf } from "../runner/process-executor.js";
export { S3Store } from "../runner/s3-store.js";
export * from "./dataset.js";
