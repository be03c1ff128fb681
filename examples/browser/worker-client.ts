import { NnprepError } from "nnprep";
import type { FromWorker, Kind, Requests, ToWorker } from "./protocol.js";

type Waiting = { readonly resolve: (value: never) => void; readonly reject: (error: unknown) => void };

/** The page's side of the worker: one promise per request, progress on the way, and an end to everything at once. */
export class WorkerClient {
  #worker: Worker | undefined;
  #next = 0;
  readonly #waiting = new Map<number, Waiting>();

  constructor(readonly onProgress: (step: string, share: number) => void) {}

  ask<K extends Kind>(kind: K, ask: Requests[K]["ask"]): Promise<Requests[K]["answer"]> {
    const worker = this.#started();
    const id = this.#next++;
    return new Promise<Requests[K]["answer"]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ kind, id, ask } as unknown as ToWorker);
    });
  }

  /** Kernels do not listen while they run, so the worker ends and with it what it held. */
  cancel(): void {
    this.#fail(new NnprepError("ABORTED", "stopped"));
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => this.#receive(data));
    worker.addEventListener("error", ({ message }) => {
      const reason = message === "" ? "it could not be loaded, or ran out of memory" : message;
      this.#fail(
        new NnprepError(
          "WORKER_DIED",
          `the page's worker ended: ${reason}. Load the page again; for a large scan close other tabs or choose a coarser spacing`,
        ),
      );
    });
    this.#worker = worker;
    return worker;
  }

  #receive(message: FromWorker): void {
    if (message.kind === "progress") {
      this.onProgress(message.step, message.share);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === "answer") waiting?.resolve(message.value as never);
    else if (message.kind === "error") waiting?.reject(NnprepError.fromPlain(message.plain));
    else waiting?.reject(new Error(message.text));
  }

  #fail(error: NnprepError): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
