import type { Network } from "./network.js";
import { cannotOpen, networkOf, type OnnxOptions, type OnnxSession, runtimeMissing } from "./onnx.js";

type Runtime = typeof import("onnxruntime-web");
type Backend = "wasm" | "webgpu";

/** What is needed of a page, which Node does not have. */
interface PageScope {
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly hardwareConcurrency?: number; readonly gpu?: object };
}
const page = globalThis as PageScope;

/** Largest difference of logits, as a share of the largest one, up to which two backends agree. */
const AGREEMENT = 1e-3;

/**
 * Opens an ONNX model with onnxruntime-web. Its files come from the page itself.
 *
 * @throws NnprepError UNSUPPORTED when the package is not part of the page or lacks an operator, CORRUPT_FILE,
 * OUT_OF_MEMORY
 */
export async function openOnnxNetwork(model: Uint8Array, options: OnnxOptions = {}): Promise<Network> {
  const { backend = "wasm", trialShape } = options;
  if (backend !== "auto") return open(model, options, backend);
  const plain = await open(model, options, "wasm");
  if (trialShape === undefined || page.navigator?.gpu === undefined) return plain;
  let fast: Network | undefined;
  try {
    fast = await open(model, options, "webgpu");
    if (await agree(plain, fast, trialShape)) {
      await plain.dispose?.();
      return fast;
    }
  } catch {
    // No adapter, an operator that it lacks, too little memory: WebAssembly does it.
  }
  await fast?.dispose?.();
  return plain;
}

async function open(model: Uint8Array, options: OnnxOptions, backend: Backend): Promise<Network> {
  const { InferenceSession, Tensor } = await load(options, backend);
  let session: OnnxSession;
  try {
    session = (await InferenceSession.create(model, {
      executionProviders: [backend],
      graphOptimizationLevel: "all",
      logSeverityLevel: 4,
    })) as unknown as OnnxSession;
  } catch (error) {
    const other = backend === "webgpu" ? 'backend "wasm" has more operators' : "export the model with another opset";
    throw cannotOpen(error, other);
  }
  return networkOf(session, (data, dims) => new Tensor("float32", data, dims), false);
}

async function load(options: OnnxOptions, backend: Backend): Promise<Runtime> {
  const runtime = await importRuntime(backend);
  const { wasm } = runtime.env;
  // Threads need memory that is shared, which a page has only when it is cross-origin isolated.
  const cores = page.crossOriginIsolated === true ? (page.navigator?.hardwareConcurrency ?? 1) : 1;
  wasm.numThreads = options.threads ?? cores;
  if (options.wasmBaseUrl !== undefined) wasm.wasmPaths = options.wasmBaseUrl;
  return runtime;
}

/**
 * In pages that do without the package, webpack passes over imports within `try`, with a warning, and esbuild over those
 * with a catch of their own.
 */
async function importRuntime(backend: Backend): Promise<Runtime> {
  const pass = (error: unknown) => Promise.reject(error);
  try {
    if (backend === "webgpu") return await import("onnxruntime-web/webgpu").catch(pass);
    return await import("onnxruntime-web/wasm").catch(pass);
  } catch (error) {
    throw runtimeMissing("onnxruntime-web", error);
  }
}

/** Whether two networks give the same logits for a patch of noise, as far as rounding goes. */
async function agree(a: Network, b: Network, shape: readonly number[]): Promise<boolean> {
  const count = shape.reduce((product, n) => product * n, 1);
  let state = 1;
  const data = Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  const expected = (await a.run({ data: data.slice(), shape })).slice();
  const found = await b.run({ data, shape });
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]));
    // Not Math.max: a NaN must not pass.
    const d = Math.abs(expected[i] - found[i]);
    if (!(d <= difference)) difference = d;
  }
  return found.length === expected.length && difference <= AGREEMENT * largest;
}
