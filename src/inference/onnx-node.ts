import type { Network } from "./network.js";
import { cannotOpen, networkOf, type OnnxOptions, type OnnxSession, runtimeMissing } from "./onnx.js";

/**
 * Opens an ONNX model with onnxruntime-node, on the CPU.
 *
 * @throws NnprepError UNSUPPORTED when the package is not installed or lacks an operator, CORRUPT_FILE, OUT_OF_MEMORY
 */
export async function openOnnxNetwork(model: Uint8Array, options: OnnxOptions = {}): Promise<Network> {
  let runtime: typeof import("onnxruntime-node");
  try {
    runtime = await import("onnxruntime-node");
  } catch (error) {
    throw runtimeMissing("onnxruntime-node", error);
  }
  // A CommonJS package whose names some loaders find on `default` only.
  const { InferenceSession, Tensor } = (runtime as { default?: typeof runtime }).default ?? runtime;
  let session: OnnxSession;
  try {
    session = (await InferenceSession.create(model, {
      executionProviders: ["cpu"],
      graphOptimizationLevel: "all",
      logSeverityLevel: 4,
      ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    })) as unknown as OnnxSession;
  } catch (error) {
    throw cannotOpen(error, "export the model with another opset, or predict in a page (onnxruntime-web)");
  }
  return networkOf(session, (data, dims) => new Tensor("float32", data, dims), true);
}
