/**
 * What is needed every day, for nnU-Net v2: read, prepare, predict, bring back, write, evaluate, see; runs in Node and in
 * the browser. The rest stands in `nnprep/io`, `/steps`, `/view`, `/dataset`, `/inference`, `/v1` and `/v2`.
 */

// What everything shares.
export { type ErrorCode, type ErrorDetail, NnprepError, type PlainError } from "./core/errors.js";
export type { Axes3, Box3, Geometry, NiftiForms, Shape3, Vec3, Volume, VoxelArray } from "./core/volume.js";
export { IDENTITY_GEOMETRY } from "./core/volume.js";
// Predict.
export { type LoadedModel, type LoadModelOptions, loadModel } from "./inference/load-model.js";
export { modelFilesFromBlobs } from "./inference/model-files.js";
export { type Prediction, type PredictOptions, predict, readerProperties } from "./inference/predict.js";
// Read and write.
export { type ReadScanOptions, readScan, type ScanInput, writeVolume } from "./io/formats.js";
export { formatPng } from "./io/png.js";
export { type ScanFile, type ScanReading, scanFileFromBlob, scanFileFromBytes } from "./io/scan-file.js";
// Prepare, and bring back.
export { type DatasetJson, parseDatasetJson } from "./recipes/v2/documents/dataset-json.js";
export { getConfiguration, type Plans, parsePlans } from "./recipes/v2/documents/plans.js";
export type { CaseProperties } from "./recipes/v2/documents/properties.js";
export { type ExportedSegmentation, exportSegmentation } from "./recipes/v2/export.js";
export {
  type PreprocessedCase,
  type PreprocessOptions,
  type PreprocessSettings,
  preprocessCase,
  preprocessSettings,
} from "./recipes/v2/preprocess.js";
export type { CaseReader } from "./recipes/v2/readers/reader.js";
export { readerFor } from "./recipes/v2/readers/registry.js";
export { type InitOptions, init } from "./runtime/instantiate.js";
export { createEngine, type Engine, type EngineOptions } from "./steps/engine.js";
// Evaluate.
export { evaluateLabels, type LabelEvaluation } from "./steps/metrics.js";
export type { Probabilities } from "./steps/probabilities.js";
// See.
export { type OverviewOptions, renderOverview } from "./view/overview.js";
export type { Picture } from "./view/picture.js";
export { type Plane, renderSlice, type SliceOptions } from "./view/slice.js";
