/**
 * nnU-Net v1's recipe on volumes, bytes and stores; runs in Node and in the browser. `openTask` is in `nnprep/dataset`.
 *
 * @module nnprep/v1
 */
export { type LoadedModelV1, loadModelV1 } from "../inference/load-model.js";
export { type ModelFolderV1, readModelFolderV1 } from "../inference/model-folder-v1.js";
export type { EnsembleStores } from "../recipes/ensemble-members.js";
export { type NextStageGrid, predictNextStage, resampleToNextStage } from "../recipes/v1/cascade.js";
export {
  type CaseVolumes,
  type CroppedCaseResult,
  type CroppedProperties,
  cropCase,
} from "../recipes/v1/crop/crop-case.js";
export { preparedGeometry } from "../recipes/v1/crop/prepared-geometry.js";
export { stackCase, type UnstackedCase, unstackCase } from "../recipes/v1/crop/stack-case.js";
export {
  type DatasetJson,
  formatDatasetJson,
  parseDatasetJson,
  type TrainingCase,
  type TrainingEntry,
  trainingCases,
} from "../recipes/v1/documents/dataset-json.js";
export {
  type ChannelIntensityProperties,
  type DatasetProperties,
  datasetPropertiesFromPython,
  datasetPropertiesToPython,
  type IntensityProperties,
  type IntensityStatistics,
} from "../recipes/v1/documents/fingerprint.js";
export {
  type NormalizationScheme,
  type PlansStage,
  type PlansV1,
  plansFromPython,
  plansToPython,
} from "../recipes/v1/documents/plans.js";
export {
  type ClassOrRegion,
  formatPostprocessing,
  type MinimumObjectSize,
  type Postprocessing,
  type PostprocessingDecision,
  parsePostprocessing,
} from "../recipes/v1/documents/postprocessing.js";
export { type CaseProperties, propertiesFromPython, propertiesToPython } from "../recipes/v1/documents/properties.js";
export {
  addForegroundMean,
  type CaseScores,
  formatEvaluationCsv,
  formatSummary,
  meanForegroundDice,
  parseSummary,
  pythonTimestamp,
  type Scores,
  type Summary,
  type SummaryTexts,
  sortedScores,
  summarize,
  summaryClasses,
} from "../recipes/v1/documents/summary.js";
export {
  type ExportedSegmentation,
  type ExportOptions,
  type ExportProperties,
  type ExportWarning,
  exportProbabilities,
  exportSegmentation,
} from "../recipes/v1/export.js";
export { analyzeDataset, type CaseSummary } from "../recipes/v1/fingerprint.js";
export { intensityStatistics } from "../recipes/v1/intensity.js";
export { ensembleName, findTask, MODELS, type ModelNames, modelFolder, type Planner } from "../recipes/v1/layout.js";
export {
  estimateCropMemory,
  estimateMemory,
  estimatePreprocessMemory,
  type MemoryQuestion,
  type StoredVoxels,
} from "../recipes/v1/memory.js";
export { normalizeChannels } from "../recipes/v1/normalization.js";
export {
  chooseTargetSpacing,
  describePlan,
  type PlanOptions,
  planExperiment2d,
  planExperiment3d,
  type TargetSpacingRule,
} from "../recipes/v1/planners/experiment-planner.js";
export {
  applyPostprocessing,
  type Chain,
  type ChainResult,
  type ChoosePostprocessingOptions,
  choosePostprocessing,
  type PredictedCase,
  type ScoreCases,
  scoreChains,
} from "../recipes/v1/postprocess.js";
export {
  type CaseWarning,
  type PreprocessedCase,
  type PreprocessOptions,
  preprocessCase,
  type StageSettings,
  stageSettings,
} from "../recipes/v1/preprocess.js";
export {
  type CascadeOptions,
  type CascadeStores,
  cascadeDataset,
  type NextStageCase,
} from "../recipes/v1/stages/cascade.js";
export { loadArrays, loadProperties, saveCase, saveProperties } from "../recipes/v1/stages/case-files.js";
export { type CropOptions, type CroppedGrid, cropDataset } from "../recipes/v1/stages/crop.js";
export {
  ALL_FOLDS,
  type CrossValidation,
  consolidateFolds,
  type FoldOptions,
} from "../recipes/v1/stages/cross-validation.js";
export {
  type EnsembleDatasetOptions,
  type EnsembledCase,
  type EnsembleSettings,
  ensembleDataset,
} from "../recipes/v1/stages/ensemble.js";
export {
  type CaseEvaluation,
  describeUnexpectedLabels,
  type EvaluateCaseOptions,
  type EvaluateOptions,
  type EvaluationTask,
  evaluateCases,
  evaluateFolders,
  regionName,
  summarizeOutcomes,
} from "../recipes/v1/stages/evaluate.js";
export {
  type ExportDatasetOptions,
  type ExportedCase,
  type ExportSettings,
  type ExportStores,
  exportDataset,
} from "../recipes/v1/stages/export.js";
export {
  type BestConfiguration,
  type FindBestSettings,
  findBestConfiguration,
  type RankedCandidate,
  type ResultsAccess,
} from "../recipes/v1/stages/find-best.js";
export { fingerprintDataset } from "../recipes/v1/stages/fingerprint.js";
export { loadPlans, type PlanDatasetOptions, type PlannedDataset, planDataset } from "../recipes/v1/stages/plan.js";
export {
  type AppliedFile,
  type AppliedPostprocessing,
  applyToFiles,
  type DecideOptions,
  type DecisionTask,
  decidePostprocessing,
  filesToApply,
  loadPostprocessing,
  type PostprocessingResult,
} from "../recipes/v1/stages/postprocess.js";
export {
  type PreprocessDatasetOptions,
  type PreprocessedGrid,
  type PreprocessedStage,
  preprocessDataset,
} from "../recipes/v1/stages/preprocess.js";
export { loadProbabilities } from "../recipes/v1/stages/probability-files.js";
export type { StageOptions, Task, TaskStores } from "../recipes/v1/stages/task.js";
export { verifyDataset } from "../recipes/v1/stages/verify-task.js";
