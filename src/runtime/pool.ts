import "./process-worker.js";
import workerpool from "workerpool";
import { NnprepError } from "../core/errors.js";
import {
  buffersOf,
  type JobNote,
  type JobPool,
  type Methods,
  runMethod,
  unwrap,
  type WorkerMessage,
  withOwnBuffers,
} from "./worker-messages.js";

export interface PoolSettings {
  /** Absolute path of a module that calls `serveWorker`. */
  readonly script: string;
  /** Jobs that run at the same time. */
  readonly workers: number;
  /** Processes survive each other's end; threads share memory. */
  readonly kind: "process" | "thread";
}

/** Milliseconds that a stopped worker gets to leave by itself. */
const GRACE_MS = 100;
const UNSTARTED = "Worker is terminated";

/**
 * A pool of workers that each run one job at a time. A worker that dies fails its own job only (`WORKER_DIED`);
 * the next job starts a new worker.
 */
export class WorkerPool implements JobPool {
  readonly workers: number;
  readonly #pool: workerpool.Pool;
  readonly #kind: PoolSettings["kind"];
  readonly #waiting: (() => void)[] = [];
  #free: number;
  #stopped: NnprepError | undefined;

  constructor(settings: PoolSettings) {
    this.workers = settings.workers;
    this.#kind = settings.kind;
    this.#free = settings.workers;
    this.#pool = workerpool.pool(settings.script, {
      maxWorkers: settings.workers,
      workerType: settings.kind,
      workerTerminateTimeout: GRACE_MS,
      forkOpts: { serialization: "advanced", execArgv: ["--expose-gc"] },
    });
  }

  /**
   * Runs `method` of the worker module with one structured-cloneable argument; `transfer` moves buffers instead.
   * @throws NnprepError with the worker's own code, `WORKER_DIED` or `ABORTED`.
   */
  async run<T>(method: string, argument: unknown, note: JobNote, transfer: ArrayBuffer[] = []): Promise<T> {
    await this.#acquire();
    try {
      return await this.#send<T>(method, argument, note, transfer);
    } finally {
      this.#free++;
      this.#waiting.shift()?.();
    }
  }

  /** Fails running and waiting jobs with `ABORTED` and ends the workers. */
  async stop(): Promise<void> {
    this.#stopped ??= new NnprepError("ABORTED", "stopped before it was done; what is finished is kept");
    for (const wake of this.#waiting.splice(0)) wake();
    await this.#end(true);
  }

  /** Ends the workers once they are idle. */
  async close(): Promise<void> {
    await this.#end(false);
  }

  async #acquire(): Promise<void> {
    while (this.#free === 0 && this.#stopped === undefined) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#free--;
  }

  async #send<T>(method: string, argument: unknown, note: JobNote, transfer: ArrayBuffer[]): Promise<T> {
    // A worker that died while idle is noticed only when the next job is sent to it: that job never started.
    for (let attempt = 0; ; attempt++) {
      if (this.#stopped !== undefined) throw this.#stopped;
      try {
        const value = unwrap<T>((await this.#pool.exec(method, [argument], { transfer })) as WorkerMessage);
        return this.#kind === "process" ? withOwnBuffers(value) : value;
      } catch (error) {
        if (error instanceof NnprepError) throw error;
        if (this.#stopped !== undefined) throw this.#stopped;
        const message = error instanceof Error ? error.message : String(error);
        if (message === UNSTARTED && attempt <= this.workers) continue;
        if (/terminated|ERR_IPC|EPIPE|Worker error/i.test(message)) throw workerDied(message, note);
        throw error;
      }
    }
  }

  async #end(force: boolean): Promise<void> {
    // The library waits for ever for the end of a worker that is already gone, hence the second bound.
    const ended = Promise.resolve(this.#pool.terminate(force, 20 * GRACE_MS) as unknown as PromiseLike<unknown>);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const bound = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, 30 * GRACE_MS);
    });
    await Promise.race([ended.catch(() => undefined), bound]);
    clearTimeout(timer);
  }
}

function workerDied(message: string, note: JobNote): NnprepError {
  const signal = /signalCode: `(SIG\w+)`/.exec(message)?.[1];
  const exitCode = /exitCode: `(\d+)`/.exec(message)?.[1];
  const how = signal !== undefined ? `by ${signal}` : `with exit code ${exitCode ?? "unknown"}`;
  const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  const limit =
    note.memoryLimitBytes === undefined
      ? "no memory limit was set"
      : `the memory limit is ${mebibytes(note.memoryLimitBytes)}`;
  const need =
    note.memoryBytes === undefined
      ? ""
      : `; this case was expected to need about ${mebibytes(note.memoryBytes)}, and ${limit}`;
  return new NnprepError(
    "WORKER_DIED",
    `the worker of case ${note.name} ended ${how} before it was done${need}. A process that is killed has often run ` +
      "out of memory: try again with fewer workers or a lower memory limit. The other cases are not affected",
    {
      case: note.name,
      signal: signal ?? null,
      exitCode: exitCode ?? null,
      memoryBytes: note.memoryBytes ?? null,
      memoryLimitBytes: note.memoryLimitBytes ?? null,
    },
  );
}

/** The worker's side: offers `methods`, each with one argument, to the pool that started it. */
export function serveWorker(methods: Methods): void {
  serve(methods, (found) => found);
}

/** As `serveWorker` in a thread, where the buffers of results are handed over. */
export function serveThread(methods: Methods): void {
  serve(methods, (found) => new workerpool.Transfer(found, buffersOf(found)));
}

function serve(methods: Methods, pack: (found: WorkerMessage) => unknown): void {
  const wrapped: Record<string, (argument: unknown) => Promise<unknown>> = {};
  for (const name of Object.keys(methods)) {
    wrapped[name] = async (argument) => pack(await runMethod(methods, name, argument));
  }
  workerpool.worker(wrapped);
}
