import { init } from "../runtime/instantiate.js";
import type { Job } from "./jobs.js";
import { type Executor, type Measured, throwIfAborted } from "./run.js";

/** Runs jobs one after the other in this thread: in a browser, in tests, and wherever no worker is wanted. */
export class LocalExecutor<S> implements Executor<S> {
  readonly workers = 1;
  readonly #abort = new AbortController();

  /** @param stores by the names under which the jobs know them */
  constructor(readonly stores: S) {}

  async run<A, R>(job: Job<S, A, R>, argument: A): Promise<Measured<R>> {
    throwIfAborted(this.#abort.signal);
    await init();
    const start = performance.now();
    const value = await job.run(this.stores, argument);
    return { value, seconds: (performance.now() - start) / 1000, peakMemoryBytes: null };
  }

  async stop(): Promise<void> {
    this.#abort.abort();
  }

  async close(): Promise<void> {}
}
