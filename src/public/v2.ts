/**
 * nnU-Net v2's recipe on volumes, bytes and stores; runs in Node and in the browser. `openDataset` is in `nnprep/dataset`.
 *
 * @module nnprep/v2
 */
export { readerProperties } from "../inference/predict.js";
export type { EnsembleStores } from "../recipes/ensemble-members.js";
export { type NextStageLabels, predictNextStage } from "../recipes/v2/cascade.js";
export type { Configuration } from "../recipes/v2/documents/configuration.js";
export { type DatasetJson, parseDatasetJson } from "../recipes/v2/documents/dataset-json.js";
export { type Fingerprint, formatFingerprint, parseFingerprint } from "../recipes/v2/documents/fingerprint.js";
export type { Labels, Region } from "../recipes/v2/documents/labels.js";
export { formatPlans, getConfiguration, type Plans, parsePlans } from "../recipes/v2/documents/plans.js";
export {
  formatPostprocessing,
  type PostprocessingStep,
  parsePostprocessing,
} from "../recipes/v2/documents/postprocessing.js";
export {
  type CaseProperties,
  propertiesFromPython,
  propertiesToPython,
  type ReaderProperties,
} from "../recipes/v2/documents/properties.js";
export { formatSplits, makeSplits, parseSplits, type Split } from "../recipes/v2/documents/splits.js";
export {
  type CaseScores,
  formatSummary,
  parseSummary,
  type Scores,
  type Summary,
  summarize,
} from "../recipes/v2/documents/summary.js";
export { type EnsembledSegmentation, ensembleProbabilities } from "../recipes/v2/ensemble.js";
export {
  type EvaluationRule,
  evaluatedRegions,
  evaluateRegions,
  type RegionEvaluation,
} from "../recipes/v2/evaluate.js";
export {
  type ExportedProbabilities,
  type ExportedSegmentation,
  type ExportOptions,
  type ExportProperties,
  type ExportSettings,
  type ExportWarning,
  exportProbabilities,
  exportSegmentation,
} from "../recipes/v2/export.js";
export {
  estimateMemory,
  estimatePreprocessMemory,
  type MemoryQuestion,
  type StoredVoxels,
} from "../recipes/v2/memory.js";
export { type PlanOptions, planExperiment } from "../recipes/v2/planners/experiment-planner.js";
export { PLANNERS } from "../recipes/v2/planners/planner-list.js";
export {
  applyPostprocessing,
  type Chain,
  choosePostprocessing,
  type PostprocessingTrial,
  type ScoreCases,
  scoreChains,
} from "../recipes/v2/postprocess.js";
export {
  type PreprocessedCase,
  type PreprocessOptions,
  type PreprocessSettings,
  preprocessCase,
  preprocessSettings,
} from "../recipes/v2/preprocess.js";
export type { CaseReader, ImageReading, LabelReading } from "../recipes/v2/readers/reader.js";
export { chooseReader, readerFor } from "../recipes/v2/readers/registry.js";
export { type CascadeStores, cascadeFolder, type NextStageCase } from "../recipes/v2/stages/cascade.js";
export type { Dataset, DatasetStores } from "../recipes/v2/stages/dataset.js";
export {
  type EnsembleModel,
  type EnsembleOptions,
  ensembleFolders,
} from "../recipes/v2/stages/ensemble.js";
export {
  type EvaluateFolderOptions,
  type EvaluationSettings,
  type EvaluationTask,
  evaluateFolder,
  summarizeOutcomes,
} from "../recipes/v2/stages/evaluate.js";
export {
  type ExportFolderOptions,
  type ExportModel,
  type ExportStores,
  exportFolder,
  exportModel,
} from "../recipes/v2/stages/export.js";
export {
  type BestConfiguration,
  type FindBestSettings,
  findBestConfiguration,
  type ResultsAccess,
} from "../recipes/v2/stages/find-best.js";
export { extractFingerprint, type FingerprintOptions } from "../recipes/v2/stages/fingerprint.js";
export { type ModelDocuments, readModelDocuments } from "../recipes/v2/stages/model-files.js";
export { loadPlans, type PlanDatasetOptions, planDataset } from "../recipes/v2/stages/plan.js";
export {
  type ApplyStores,
  applyToFolder,
  type DecideOptions,
  type DecisionTask,
  decidePostprocessing,
  evaluationSettings,
  type PostprocessingResult,
} from "../recipes/v2/stages/postprocess.js";
export { savePrepared } from "../recipes/v2/stages/prepared-files.js";
export {
  type PreparedConfiguration,
  type PreprocessDatasetOptions,
  preprocessDataset,
} from "../recipes/v2/stages/preprocess.js";
export { loadProbabilities, type ProbabilityKey } from "../recipes/v2/stages/probability-files.js";
export { verifyDataset } from "../recipes/v2/stages/verify.js";
