import { kernels } from "../runtime/instantiate.js";
import type { JobPool } from "../runtime/worker-messages.js";
import type { EngineCall, Sent } from "./engine-worker.js";

/** Calls under way for each thread: the one that it works on, and the next. */
const CALLS = 2;

/** Worker threads that are told apart, because each keeps what others do not have. */
export class EngineThreads {
  readonly #pools: readonly JobPool[];

  /** @param pools one for each thread */
  constructor(pools: readonly JobPool[]) {
    this.#pools = pools;
  }

  get count(): number {
    return this.#pools.length;
  }

  /** Has a thread run a method of engine-worker.ts; calls arrive in order. */
  run<T>(thread: number, method: string, call: EngineCall, transfer: ArrayBuffer[] = []): Promise<T> {
    const sent: Sent<EngineCall> = { kernels: kernels().module, call };
    return this.#pools[thread].run<T>(method, sent, { name: "a resampling" }, transfer);
  }

  /** Gives each item to a thread that has time for it. Results in the order of the items. */
  async share<T, R>(items: readonly T[], work: (item: T, thread: number, index: number) => Promise<R>): Promise<R[]> {
    const results: R[] = [];
    const entries = items.entries();
    await this.#lines(async (thread) => {
      for (const [index, item] of entries) results[index] = await work(item, thread, index);
    });
    return results;
  }

  /** Gives each item to its own thread, `index % count`. */
  async deal<T>(items: readonly T[], work: (item: T, thread: number, index: number) => Promise<void>): Promise<void> {
    const entries = this.#pools.map((_, thread) =>
      [...items.entries()].filter(([i]) => i % this.count === thread).values(),
    );
    await this.#lines(async (thread) => {
      for (const [index, item] of entries[thread] ?? []) await work(item, thread, index);
    });
  }

  /** Ends when all have ended, so that what a failed volume left does not reach into the next. */
  async #lines(run: (thread: number) => Promise<void>): Promise<void> {
    const lines = Array.from({ length: CALLS * this.count }, (_, line) => run(line % this.count));
    for (const line of await Promise.allSettled(lines)) if (line.status === "rejected") throw line.reason;
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.close()));
  }
}
