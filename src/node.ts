/** The package in Node: everything of `index`, and tasks in folders with worker processes. */
export { type BuildTaskOptions, buildTask, splitMsdTask } from "./dataset/convert-task.js";
export { FolderStore } from "./dataset/folder-store.js";
export { openTask, ProcessExecutor, type TaskFolders } from "./dataset/process-executor.js";
export { readScanPath, scanFileFromPath, scanFilesInFolder } from "./dataset/scan-path.js";
export * from "./index.js";
