import { NnprepError } from "../core/errors.js";
import { formatShape } from "../core/volume.js";
import type { Network, NetworkPatch } from "./network.js";

/* What ONNX Runtime does for us, the same in Node (onnx-node) and in a page (onnx-web). */

/** How a network is run. */
export interface OnnxOptions {
  /** Threads of one run; default: as many as there are cores (in a page: 1 unless it is cross-origin isolated). */
  readonly threads?: number | undefined;
  /**
   * Page only. "wasm" (default): WebAssembly with SIMD. "webgpu": WebGPU, whatever it gives. "auto": WebGPU if there is
   * an adapter, the model opens there, and a trial patch agrees with WebAssembly's result; else WebAssembly.
   */
  readonly backend?: "auto" | "wasm" | "webgpu" | undefined;
  /** Patch on which "auto" compares: `(channels, ...patch)`. */
  readonly trialShape?: readonly number[] | undefined;
  /** Page only: URL of a folder of the page that holds `ort-wasm-simd-threaded*`; by default the bundler's copies. */
  readonly wasmBaseUrl?: string | undefined;
}

/** The part of the packages that counts. */
export interface OnnxTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
  readonly type: string;
}
interface ValueMetadata {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}
export interface OnnxSession {
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  run(feeds: Record<string, OnnxTensor>, fetches?: Record<string, OnnxTensor>): Promise<Record<string, OnnxTensor>>;
  release(): Promise<void>;
}
export type TensorMaker = (data: Float32Array, dims: readonly number[]) => OnnxTensor;

/** Versions that are tried together with this package. */
const VERSION = "1.30.0";

export function runtimeMissing(name: "onnxruntime-node" | "onnxruntime-web", error: unknown): NnprepError {
  const reason = String((error as Error).message).split("\n")[0];
  const skip = name === "onnxruntime-node" ? " --onnxruntime-node-install=skip" : "";
  return new NnprepError(
    "UNSUPPORTED",
    `running a network needs the optional package ${name}, which cannot be loaded: npm install ${name}@${VERSION}${skip} (${reason})`,
    { package: name, reason },
  );
}

const messageOf = (error: unknown): string => String((error as Error)?.message ?? error).split("\n")[0];

/** Why a model could not be opened, in our words. `other` is the backend that may do better. */
export function cannotOpen(error: unknown, other: string): NnprepError {
  const reason = messageOf(error);
  const operator =
    /(?:Could not find an implementation for|No Op registered for|not registered.*?for|operator:?) '?([A-Za-z]+(?:\(\d+\))?)/.exec(
      reason,
    )?.[1];
  if (operator !== undefined) {
    return new NnprepError("UNSUPPORTED", `the runtime lacks the model's operator ${operator}: ${other} (${reason})`, {
      operator,
      reason,
    });
  }
  if (isOutOfMemory(reason)) return outOfMemory(reason);
  if (/fetching of the wasm failed|dynamically imported module/.test(reason)) {
    return new NnprepError(
      "UNSUPPORTED",
      "the page does not serve the WebAssembly files of onnxruntime-web: copy node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.* to a folder of the page and give its URL as wasmBaseUrl, " +
        `or let the bundler find them (Vite's development server needs optimizeDeps: { exclude: ["onnxruntime-web"] }) (${reason})`,
      { package: "onnxruntime-web", reason },
    );
  }
  return new NnprepError("CORRUPT_FILE", `ONNX Runtime cannot open the model: ${reason}`, { reason });
}

function isOutOfMemory(reason: string): boolean {
  return /bad_alloc|allocate memory|out of memory|memory access out of bounds|allocation failed/i.test(reason);
}

function outOfMemory(reason: string): NnprepError {
  return new NnprepError(
    "OUT_OF_MEMORY",
    `the network does not fit into memory: ${reason}. Close other programs, use a machine with more memory, or a model with a smaller patch`,
    { reason },
  );
}

/** The number at a position of a tensor's shape, if the model fixes it. */
function fixed(shape: readonly (number | string)[], axis: number): number | undefined {
  const n = shape[axis];
  return typeof n === "number" && n > 0 ? n : undefined;
}

function oneFloatTensor(
  which: string,
  values: readonly ValueMetadata[],
): ValueMetadata & { shape: readonly (number | string)[] } {
  const [value] = values;
  if (values.length !== 1 || value?.isTensor !== true || value.type !== "float32") {
    const found = values.map(({ name, type }) => `${name} (${type ?? "no tensor"})`).join(", ");
    throw new NnprepError(
      "UNSUPPORTED",
      `the model's ${which} is ${found === "" ? "missing" : found}; one float32 tensor is expected. tools/export_onnx.py writes such models, with deep supervision off`,
      { which, found },
    );
  }
  return { ...value, shape: value.shape ?? [] };
}

/**
 * @param writesOutputs whether the runtime writes into an output tensor that it is given; else each run makes a new one
 * @throws NnprepError UNSUPPORTED for a model of other inputs or outputs
 */
export function networkOf(session: OnnxSession, tensor: TensorMaker, writesOutputs: boolean): Network {
  const input = oneFloatTensor("input", session.inputMetadata);
  const output = oneFloatTensor("output", session.outputMetadata);
  const axes = input.shape.length;
  if (axes !== 4 && axes !== 5) {
    throw new NnprepError(
      "UNSUPPORTED",
      `the model's input ${input.name} has the shape [${input.shape.join(", ")}]; batch, channels and two or three axes are expected`,
      { found: [...input.shape] },
    );
  }
  return {
    channels: fixed(input.shape, 1),
    classes: fixed(output.shape, 1),
    patch: Array.from({ length: axes - 2 }, (_, axis) => fixed(input.shape, axis + 2)),
    run: runnerOf(session, tensor, input.name, output.name, writesOutputs),
    dispose: () => session.release(),
  };
}

function runnerOf(
  session: OnnxSession,
  tensor: TensorMaker,
  input: string,
  output: string,
  writesOutputs: boolean,
): Network["run"] {
  return async ({ data, shape }: NetworkPatch, spare?: Float32Array) => {
    let found: OnnxTensor | undefined;
    try {
      const feeds = { [input]: tensor(data, [1, ...shape]) };
      const [, ...axes] = shape;
      const classes = (spare?.length ?? 0) / axes.reduce((product, n) => product * n, 1);
      const results =
        writesOutputs && spare !== undefined
          ? await session.run(feeds, { [output]: tensor(spare, [1, classes, ...axes]) })
          : await session.run(feeds);
      found = results[output];
    } catch (error) {
      const reason = messageOf(error);
      if (isOutOfMemory(reason)) throw outOfMemory(reason);
      throw new NnprepError("UNSUPPORTED", `the network fails on a patch of ${formatShape(shape)}: ${reason}`, {
        shape: [...shape],
        reason,
      });
    }
    if (!(found?.data instanceof Float32Array)) {
      throw new NnprepError(
        "UNSUPPORTED",
        `the network returns ${found?.type ?? "nothing"}; float32 logits are expected`,
      );
    }
    // What comes back with an output that was given may be another array on its memory.
    return writesOutputs && spare !== undefined ? spare : found.data;
  };
}
