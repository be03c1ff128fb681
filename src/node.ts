/** The package in Node: everything of `index`, and tasks in folders with worker processes. */
export { FolderStore } from "./dataset/folder-store.js";
export { openTask, ProcessExecutor, type TaskFolders } from "./dataset/process-executor.js";
export * from "./index.js";
