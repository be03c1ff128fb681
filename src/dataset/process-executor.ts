import { fileURLToPath } from "node:url";
import { PROGRAM_BYTES } from "../recipes/v1/memory.js";
import type { JobNote } from "../runtime/answers.js";
import { WorkerPool } from "../runtime/pool.js";
import { FolderStore } from "./folder-store.js";
import type { Executor, Measured } from "./run.js";
import type { Task } from "./task.js";

/** The folders of one task on this machine. */
export interface TaskFolders {
  readonly raw: string;
  readonly cropped: string;
  readonly preprocessed: string;
}

/** Folders by the names under which jobs know them. */
export type NamedFolders = TaskFolders | Readonly<Record<string, string>>;

/** What a worker process gets: the job's name and argument, and the folders of its stores. */
export interface WorkerCall {
  readonly job: string;
  readonly argument: unknown;
  readonly folders: NamedFolders;
}

/** Runs jobs in processes of their own, so that one that is killed takes its own case with it and nothing else. */
export class ProcessExecutor implements Executor {
  readonly #pool: WorkerPool;
  readonly #folders: NamedFolders;

  constructor(folders: NamedFolders, workers: number | WorkerPool) {
    this.#folders = folders;
    const script = fileURLToPath(new URL("./worker.js", import.meta.url));
    this.#pool = typeof workers === "number" ? new WorkerPool({ script, workers, kind: "process" }) : workers;
  }

  /** The same workers on other folders. Closing it closes nothing: the workers end with this executor. */
  on(folders: NamedFolders): Executor {
    const other = new ProcessExecutor(folders, this.#pool);
    return Object.assign(other, { close: async () => {} });
  }

  readonly idleWorkerBytes = PROGRAM_BYTES;

  get workers(): number {
    return this.#pool.workers;
  }

  run<R>(job: string, argument: unknown, note: JobNote): Promise<Measured<R>> {
    const call: WorkerCall = { job, argument, folders: this.#folders };
    return this.#pool.run<Measured<R>>("runJob", call, note);
  }

  stop(): Promise<void> {
    return this.#pool.stop();
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

/**
 * Opens a task in folders of this machine, with worker processes. Temporary files of runs that were killed are removed.
 * Close the task's executor when done, or the processes stay.
 */
export async function openTask(folders: TaskFolders, workers = 1): Promise<Task> {
  const stores = {
    raw: new FolderStore(folders.raw),
    cropped: new FolderStore(folders.cropped),
    preprocessed: new FolderStore(folders.preprocessed),
  };
  await stores.cropped.removeLeftovers();
  await stores.preprocessed.removeLeftovers();
  return { stores, executor: new ProcessExecutor(folders, workers) };
}
