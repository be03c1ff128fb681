import { init } from "../runtime/instantiate.js";
import { JOBS, type Job } from "./jobs.js";
import { type Executor, type Measured, throwIfAborted } from "./run.js";
import type { Store } from "./store.js";
import type { TaskStores } from "./task.js";

/** Runs jobs one after the other in this thread: in a browser, in tests, and wherever no worker is wanted. */
export class LocalExecutor implements Executor {
  readonly workers = 1;
  readonly #abort = new AbortController();

  /** @param stores by the names under which the jobs know them */
  constructor(readonly stores: TaskStores | Readonly<Record<string, Store>>) {}

  async run<R>(task: string, argument: unknown): Promise<Measured<R>> {
    throwIfAborted(this.#abort.signal);
    await init();
    const start = performance.now();
    const value = (await (JOBS[task] as Job)(this.stores as never, argument as never)) as R;
    return { value, seconds: (performance.now() - start) / 1000, peakMemoryBytes: null };
  }

  async stop(): Promise<void> {
    this.#abort.abort();
  }

  async close(): Promise<void> {}
}
