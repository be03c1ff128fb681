import { NnprepError } from "../core/errors.js";
import {
  buffersOf,
  type JobNote,
  type JobPool,
  type Methods,
  type PageWorker,
  runMethod,
  type ThreadSettings,
  unwrap,
  type WorkerMessage,
} from "./worker-messages.js";

/** One job on its way to a worker, and a message on its way back. */
interface Request {
  readonly method: string;
  readonly argument: unknown;
}

/** The worker's side: offers `methods` to the page that started it. */
export function serveThread(methods: Methods): void {
  const scope = globalThis as unknown as PageWorker;
  scope.onmessage = async ({ data }: { readonly data: Request }) => {
    const found = await runMethod(methods, data.method, data.argument);
    scope.postMessage(found, buffersOf(found));
  };
}

export function startThreads({ threads, start }: ThreadSettings): JobPool {
  return new WebPool(Array.from({ length: threads }, start));
}

/** Web Workers that each run one job at a time. */
class WebPool implements JobPool {
  readonly #idle: PageWorker[];
  readonly #all: readonly PageWorker[];
  readonly #waiting: ((worker: PageWorker) => void)[] = [];
  #failure: NnprepError | null = null;

  constructor(workers: PageWorker[]) {
    this.#all = workers;
    this.#idle = [...workers];
  }

  async run<T>(method: string, argument: unknown, note: JobNote, transfer: ArrayBuffer[] = []): Promise<T> {
    const worker = this.#idle.pop() ?? (await new Promise<PageWorker>((resolve) => this.#waiting.push(resolve)));
    try {
      return unwrap<T>(await this.#send(worker, { method, argument }, note, transfer));
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(worker);
      else next(worker);
    }
  }

  #send(worker: PageWorker, request: Request, note: JobNote, transfer: ArrayBuffer[]): Promise<WorkerMessage> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw this.#failure;
      worker.onmessage = ({ data }: { readonly data: WorkerMessage }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        this.#failure = workerDied(note, event.message);
        reject(this.#failure);
      };
      worker.postMessage(request, transfer);
    });
  }

  async close(): Promise<void> {
    for (const worker of this.#all) worker.terminate();
  }
}

function workerDied(note: JobNote, message: string | undefined): NnprepError {
  const found = message === undefined || message === "" ? "its script could not be loaded" : message;
  return new NnprepError(
    "WORKER_DIED",
    `a Web Worker ended before ${note.name} was done: ${found}. Its script is steps/engine-worker.js of this package, ` +
      "of the page's own origin: a bundler that does not know new Worker(new URL(...)) leaves it out, and workerUrl of " +
      "createEngine names another place",
    { case: note.name },
  );
}
