/**
 * Networks over volumes: model folders, ONNX, the sliding window.
 *
 * @module nnprep/inference
 */
export { openOnnxNetwork } from "#onnx";
export {
  type LoadedModel,
  type LoadModelOptions,
  loadAnyModel,
  loadModel,
  readAnyModelFolder,
} from "../inference/load-model.js";
export { estimateWindowMemory, type WindowMemory } from "../inference/memory.js";
export { type ModelFold, type ModelFolderOptions, modelFilesFromBlobs } from "../inference/model-files.js";
export { type ModelFolder, readModelFolder, type TrainedModel } from "../inference/model-folder.js";
export type { Network, NetworkPatch } from "../inference/network.js";
export type { OnnxOptions } from "../inference/onnx.js";
export type { NetworkInput } from "../inference/patches.js";
export { readPostprocessing } from "../inference/postprocessing.js";
export {
  type CasePrediction,
  type Prediction,
  type PredictOptions,
  type PredictProgress,
  predict,
  predictCase,
  readerProperties,
} from "../inference/predict.js";
export {
  type CasesProgress,
  listPredictionCases,
  type PredictCasesOptions,
  type PredictedCase,
  type PredictionCase,
  predictCases,
} from "../inference/predict-cases.js";
export {
  checkPredictionMemory,
  estimatePredictionMemory,
  type PredictionMemory,
  type PredictionMemoryOptions,
} from "../inference/prediction-memory.js";
export type { CaseInput, SaveProbabilities, ScanProbabilities } from "../inference/prepared-case.js";
export { predictLogits, type SlidingWindowSettings } from "../inference/sliding-window.js";
export { LOGITS_V2, PROBABILITIES_V1, type WindowRules } from "../inference/window-rules.js";
