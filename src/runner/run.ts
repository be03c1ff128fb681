import { NnprepError } from "../core/errors.js";
import type { JobNote } from "../runtime/worker-messages.js";
import type { Job } from "./jobs.js";
import type { Part } from "./parts.js";

/** Resident bytes of a worker at rest: the engine and the program. */
export const PROGRAM_BYTES = 64 << 20;

/** One case to be worked on, with what its job needs to know of it. */
export interface CaseJob<A> {
  readonly identifier: string;
  /** Structured-cloneable argument of the job. */
  readonly argument: A;
  /** Bytes that the job will need, by estimate. */
  readonly memoryBytes?: number;
}

/** What a job returned, and what it took. */
export interface Measured<R> {
  readonly value: R;
  readonly seconds: number;
  /** Largest resident memory of the worker while it ran this case; null where it cannot be known. */
  readonly peakMemoryBytes: number | null;
}

/** What was expected of a case's memory. */
export interface MemoryNote {
  /** The estimate; null where there is none. */
  readonly memoryBytes?: number | null;
  /** Said of a case whose estimate alone exceeds the limit. */
  readonly memoryWarning?: string;
}

/** Result of one case: a value or an error, never both. */
export type CaseOutcome<R> =
  | ({ readonly identifier: string; readonly ok: true } & Measured<R> & MemoryNote)
  | { readonly identifier: string; readonly ok: false; readonly error: Error };

/** What happens to one case of a stage, told as it happens. */
export type CaseEvent =
  | {
      readonly state: "started";
      readonly stage: string;
      readonly identifier: string;
      /** The estimate; null where there is none. */
      readonly memoryBytes: number | null;
    }
  | { readonly state: "ended"; readonly stage: string; readonly outcome: CaseOutcome<unknown> };

/** Runs single jobs on the stores `S` somewhere: in this thread or in workers. */
export interface Executor<S> {
  /** Jobs that may run at the same time. */
  readonly workers: number;
  /** Bytes that each worker takes when it does nothing; counted in the estimates. Default 0. */
  readonly idleWorkerBytes?: number;
  readonly run: <A, R>(job: Job<S, A, R>, argument: A, note: JobNote) => Promise<Measured<R>>;
  /** Ends running jobs at once; they fail with `ABORTED`. */
  stop(): Promise<void>;
  /** Ends the workers once they are idle. */
  close(): Promise<void>;
}

/** How far a stage is: one call when it starts (`done` 0) and one after each case. */
export interface Progress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  /** The case that was finished last. */
  readonly identifier?: string;
}

/** How a job goes over many cases. */
export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Told of every case; the next one of the same worker waits for it. */
  readonly onCase?: ((event: CaseEvent) => void | Promise<void>) | undefined;
  /** Cases at the same time, if fewer than the executor has workers. */
  readonly workers?: number | undefined;
  /** Bytes that all workers may need together, by estimate; one case is always let in. Default: no limit. */
  readonly memoryBudgetBytes?: number | undefined;
  /** Told before a case starts that is expected to need more than the budget; it runs alone then. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Bytes that there are at all: a case that needs more fails without being tried. Default: no limit. */
  readonly memoryAvailableBytes?: number | undefined;
  /** Only the cases of this part are worked on, where a stage goes over cases. Default all. */
  readonly part?: Part | undefined;
}

/**
 * Runs one job over many cases. A case that fails does not stop the others. Outcomes come in the order of `cases`,
 * whatever the number of workers.
 *
 * @throws NnprepError ABORTED when the signal fires; then no case is still running.
 */
export function runCases<S, A, R>(
  executor: Executor<S>,
  job: Job<S, A, R>,
  stage: string,
  cases: readonly CaseJob<A>[],
  options: RunOptions = {},
): Promise<CaseOutcome<R>[]> {
  return takeCases(executor, job, stage, cases, options, (value) => value);
}

/**
 * The same where what the job returns is not to be held for all cases at once.
 * @param take is given each case's result as it comes, in any order; what it returns stands in the outcome
 */
export async function takeCases<S, A, R, T>(
  executor: Executor<S>,
  job: Job<S, A, R>,
  stage: string,
  cases: readonly CaseJob<A>[],
  options: RunOptions,
  take: (value: R, argument: A) => T,
): Promise<CaseOutcome<T>[]> {
  const { signal, onProgress, onCase } = options;
  throwIfAborted(signal);
  const stop = () => void executor.stop();
  signal?.addEventListener("abort", stop, { once: true });
  const lanes = Math.min(options.workers ?? executor.workers, executor.workers, cases.length);
  const idle = executor.idleWorkerBytes ?? 0;
  const budget = options.memoryBudgetBytes ?? Number.POSITIVE_INFINITY;
  // Workers that are done or wait still take their share.
  const gate = new Gate(budget - executor.workers * idle);
  const outcomes: CaseOutcome<T>[] = new Array(cases.length);
  let done = 0;
  let next = 0;
  onProgress?.({ stage, done, total: cases.length });
  const lane = async () => {
    while (next < cases.length && signal?.aborted !== true) {
      const index = next++;
      const one = cases[index];
      const need = Math.max(0, (one.memoryBytes ?? idle) - idle);
      await gate.enter(need);
      const { identifier, memoryBytes = null } = one;
      await onCase?.({ state: "started", stage, identifier, memoryBytes });
      const outcome = await runCase(executor, job, one, options, take);
      outcomes[index] = outcome;
      gate.leave(need);
      await onCase?.({ state: "ended", stage, outcome });
      onProgress?.({ stage, done: ++done, total: cases.length, identifier });
    }
  };
  try {
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    signal?.removeEventListener("abort", stop);
  }
  throwIfAborted(signal);
  return outcomes;
}

async function runCase<S, A, R, T>(
  executor: Executor<S>,
  job: Job<S, A, R>,
  { identifier, argument, memoryBytes }: CaseJob<A>,
  { memoryBudgetBytes, memoryAvailableBytes, onWarning }: RunOptions,
  take: (value: R, argument: A) => T,
): Promise<CaseOutcome<T>> {
  try {
    if (memoryBytes !== undefined && memoryAvailableBytes !== undefined && memoryBytes > memoryAvailableBytes) {
      throw tooLarge(identifier, memoryBytes, memoryAvailableBytes);
    }
    const early = warnOfSize(memoryBytes, memoryBudgetBytes, "it runs alone");
    if (early !== undefined) onWarning?.(`${identifier}: ${early}`);
    const measured = await executor.run(job, argument, {
      name: identifier,
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(memoryBudgetBytes === undefined ? {} : { memoryLimitBytes: memoryBudgetBytes }),
    });
    const memoryWarning = warnOfSize(memoryBytes, memoryBudgetBytes, "it ran alone");
    return {
      identifier,
      ok: true,
      ...measured,
      value: take(measured.value, argument),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(memoryWarning === undefined ? {} : { memoryWarning }),
    };
  } catch (error) {
    return { identifier, ok: false, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

function formatMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

function warnOfSize(need: number | undefined, limit: number | undefined, how: string): string | undefined {
  if (need === undefined || limit === undefined || need <= limit) return undefined;
  return `expected to need about ${formatMebibytes(need)}, more than the memory limit of ${formatMebibytes(limit)}; ${how}`;
}

function tooLarge(name: string, need: number, available: number): NnprepError {
  return new NnprepError(
    "OUT_OF_MEMORY",
    `case ${name} is expected to need about ${formatMebibytes(need)}, but this machine offers ${formatMebibytes(available)}; ` +
      "take a larger machine, or for preprocessing a coarser target spacing, or leave it out",
    { case: name, memoryBytes: need, availableBytes: available },
  );
}

/** @throws NnprepError ABORTED */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new NnprepError("ABORTED", "stopped before it was done; what is finished is kept, run it again to go on");
}

/** Lets jobs in while the sum of their estimates fits; a job that fits nowhere runs alone. */
class Gate {
  #used = 0;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(readonly budget: number) {}

  async enter(need: number): Promise<void> {
    while (this.#inside > 0 && this.#used + need > this.budget) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#inside++;
    this.#used += need;
  }

  leave(need: number): void {
    this.#inside--;
    this.#used -= need;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
