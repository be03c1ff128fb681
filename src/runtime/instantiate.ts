import { demangle } from "@assemblyscript/loader";
import { loadKernelBytes } from "#wasm";
import { NnprepError } from "../core/errors.js";
import { Window } from "./window.js";

/** Where the kernels come from, when not from beside the package's own modules. */
export interface InitOptions {
  /** Bytes or compiled module of `nnprep/kernels.wasm`. */
  readonly wasm?: BufferSource | WebAssembly.Module;
}

interface Machine {
  readonly exports: Record<string, unknown>;
  readonly window: Window;
  readonly module: WebAssembly.Module;
}

let machine: Machine | undefined;
let starting: Promise<void> | undefined;

async function start(options: InitOptions): Promise<void> {
  const source = options.wasm ?? (await loadKernelBytes());
  const module = source instanceof WebAssembly.Module ? source : await WebAssembly.compile(source as BufferSource);
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 65536 });
  // The loader's own `instantiate` asks what a Response is, for which Node loads its whole HTTP client.
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  const raw = demangle<Record<string, unknown>>(exports);
  const base = (raw.windowBase as () => number)();
  machine = { exports: raw, window: new Window(memory, base), module };
}

/**
 * Loads the kernels. Call it once before any synchronous function of this package; the asynchronous ones call it
 * themselves. Further calls return the same promise.
 *
 * @example
 * ```ts
 * import { init } from "nnprep";
 *
 * await init(); // or init({ wasm }) with the bytes of nnprep/kernels.wasm
 * ```
 */
export function init(options: InitOptions = {}): Promise<void> {
  starting ??= start(options).catch((error) => {
    starting = undefined;
    throw error;
  });
  return starting;
}

/** The exports, the scratch memory and what they were made from, for the wrappers in `kernels/`; each names the exports it uses. */
export function kernels<E>(): { readonly exports: E; readonly window: Window; readonly module: WebAssembly.Module } {
  if (machine === undefined) {
    throw new NnprepError("NOT_INITIALIZED", "the kernels are not loaded yet: await init() first");
  }
  return machine as unknown as { exports: E; window: Window; module: WebAssembly.Module };
}
