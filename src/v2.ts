/** nnU-Net v2's recipe on volumes, bytes and stores; runs in Node and in the browser. `openDataset` is in `nnprep` itself. */
export type { Configuration } from "./recipes/v2/documents/configuration.js";
export { type DatasetJson, parseDatasetJson } from "./recipes/v2/documents/dataset-json.js";
export { type Fingerprint, formatFingerprint, parseFingerprint } from "./recipes/v2/documents/fingerprint.js";
export type { Labels, Region } from "./recipes/v2/documents/labels.js";
export { formatPlans, getConfiguration, type Plans, parsePlans } from "./recipes/v2/documents/plans.js";
export {
  type CaseProperties,
  propertiesFromPython,
  propertiesToPython,
  type ReaderProperties,
} from "./recipes/v2/documents/properties.js";
export { formatSplits, makeSplits, parseSplits, type Split } from "./recipes/v2/documents/splits.js";
export {
  type ExportedProbabilities,
  type ExportedSegmentation,
  exportProbabilities,
  exportSegmentation,
} from "./recipes/v2/export.js";
export { type PlanOptions, planExperiment } from "./recipes/v2/planners/experiment-planner.js";
export { PLANNERS } from "./recipes/v2/planners/planner-list.js";
export {
  type PreprocessedCase,
  type PreprocessOptions,
  type PreprocessSettings,
  preprocessCase,
  preprocessSettings,
} from "./recipes/v2/preprocess.js";
export type { CaseReader, ImageReading, LabelReading } from "./recipes/v2/readers/reader.js";
export { chooseReader, readerFor } from "./recipes/v2/readers/registry.js";
export type { Dataset, DatasetStores } from "./recipes/v2/stages/dataset.js";
export { extractFingerprint, type FingerprintOptions } from "./recipes/v2/stages/fingerprint.js";
export { loadPlans, type PlanDatasetOptions, planDataset } from "./recipes/v2/stages/plan.js";
export { savePrepared } from "./recipes/v2/stages/prepared-files.js";
export {
  type PreparedConfiguration,
  type PreprocessDatasetOptions,
  preprocessDataset,
} from "./recipes/v2/stages/preprocess.js";
export { verifyDataset } from "./recipes/v2/stages/verify.js";
