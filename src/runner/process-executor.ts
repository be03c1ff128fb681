import { fileURLToPath } from "node:url";
import { WorkerPool } from "../runtime/pool.js";
import type { JobNote } from "../runtime/worker-messages.js";
import type { Job } from "./jobs.js";
import { type Executor, type Measured, PROGRAM_BYTES } from "./run.js";
import type { Store } from "./store.js";

/** Folders, or other locations that `openStore` knows, by the names under which jobs know their stores. */
export type NamedFolders = Readonly<Record<string, string>>;

/** The stores that a worker opens for folders. */
export type StoresOf<F> = { readonly [K in keyof F]: Store };

/** What a worker process gets: the job's name and argument, and the folders of its stores. */
export interface WorkerCall {
  readonly job: string;
  readonly argument: unknown;
  readonly folders: NamedFolders;
}

/** Runs jobs in processes of their own, so that one that is killed takes its own case with it and nothing else. */
export class ProcessExecutor<F extends NamedFolders> implements Executor<StoresOf<F>> {
  readonly #pool: WorkerPool;
  readonly #folders: F;

  constructor(folders: F, workers: number | WorkerPool) {
    this.#folders = folders;
    const script = fileURLToPath(new URL("../worker.js", import.meta.url));
    this.#pool = typeof workers === "number" ? new WorkerPool({ script, workers, kind: "process" }) : workers;
  }

  /** The same workers on other folders. Closing it closes nothing: the workers end with this executor. */
  on<G extends NamedFolders>(folders: G): Executor<StoresOf<G>> {
    const other = new ProcessExecutor(folders, this.#pool);
    return Object.assign(other, { close: async () => {} });
  }

  readonly idleWorkerBytes = PROGRAM_BYTES;

  get workers(): number {
    return this.#pool.workers;
  }

  run<A, R>(job: Job<StoresOf<F>, A, R>, argument: A, note: JobNote): Promise<Measured<R>> {
    const call: WorkerCall = { job: job.name, argument, folders: this.#folders };
    return this.#pool.run<Measured<R>>("runJob", call, note);
  }

  stop(): Promise<void> {
    return this.#pool.stop();
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
