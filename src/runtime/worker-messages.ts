import { NnprepError, type PlainError } from "../core/errors.js";

/** What is known of a job before it runs, for the report when its worker dies. */
export interface JobNote {
  /** What the job works on, for messages: a case identifier. */
  readonly name: string;
  /** Bytes that the job was expected to need. */
  readonly memoryBytes?: number;
  /** Bytes that all jobs at work may need together. */
  readonly memoryLimitBytes?: number;
}

/** Workers that each run one job at a time. */
export interface JobPool {
  /**
   * Runs `method` of the worker's module with one structured-cloneable argument; `transfer` moves buffers instead.
   * @throws NnprepError with the worker's own code, or `WORKER_DIED`
   */
  run<T>(method: string, argument: unknown, note: JobNote, transfer?: ArrayBuffer[]): Promise<T>;
  /** Ends the workers once they are idle. */
  close(): Promise<void>;
}

/** What is needed of a page's `Worker`, here and on its own side. */
export interface PageWorker {
  onmessage: ((event: { readonly data: never }) => unknown) | null;
  onerror: ((event: { readonly message?: string; preventDefault(): void }) => unknown) | null;
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  terminate(): void;
}

/** How threads are started. */
export interface ThreadSettings {
  readonly threads: number;
  /** Module that calls `serveThread`. */
  readonly url: URL;
  /** Starts that module in a page. */
  readonly start: () => PageWorker;
}

/** What a worker offers, by name, each with one argument. */
export type Methods = Readonly<Record<string, (argument: never) => unknown>>;

/** How a result travels: errors as plain values, because cloning takes class and code away. */
export type WorkerMessage = { readonly value: unknown } | { readonly plain: PlainError } | { readonly text: string };

export function unwrap<T>(message: WorkerMessage): T {
  if ("plain" in message) throw NnprepError.fromPlain(message.plain);
  if ("text" in message) throw new Error(message.text);
  return message.value as T;
}

/** Runs a method on the worker's side. */
export async function runMethod(methods: Methods, name: string, argument: unknown): Promise<WorkerMessage> {
  try {
    return { value: await (methods[name] as (argument: unknown) => unknown)(argument) };
  } catch (error) {
    if (error instanceof NnprepError) return { plain: error.toPlain() };
    if (error instanceof RangeError && /allocation|array length|array buffer/i.test(error.message)) {
      const full = new NnprepError("OUT_OF_MEMORY", `the engine could not allocate memory (${error.message})`);
      return { plain: full.toPlain() };
    }
    return { text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/**
 * The same result whose small arrays have buffers of their own: between processes they are views of what was read from
 * the pipe, and a few numbers would hold 64 KiB as long as the result lives.
 */
export function withOwnBuffers<T>(value: T): T {
  if (ArrayBuffer.isView(value)) {
    if (value instanceof DataView || value.buffer.byteLength < 2 * value.byteLength) return value;
    return (value as unknown as Uint8Array).slice() as T;
  }
  if (typeof value === "object" && value !== null) {
    const parts = value as Record<string, unknown>;
    for (const key of Object.keys(parts)) parts[key] = withOwnBuffers(parts[key]);
  }
  return value;
}

/** Buffers of a message's own arrays, which are handed over instead of being copied. */
export function buffersOf(found: WorkerMessage): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  const collect = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) {
      if (value.buffer instanceof ArrayBuffer) buffers.add(value.buffer);
    } else if (typeof value === "object" && value !== null) {
      for (const part of Object.values(value)) collect(part);
    }
  };
  if ("value" in found) collect(found.value);
  return [...buffers];
}
