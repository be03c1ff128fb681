/** nnU-Net's data preparation on volumes, bytes and stores; runs in Node and in the browser. */
export { openOnnxNetwork } from "#onnx";
export { inverseAxes, permute, transpose } from "./core/axes.js";
export { type ErrorCode, type ErrorDetail, inFile, NnprepError, type PlainError } from "./core/errors.js";
export { axisCodesOf } from "./core/geometry.js";
export { NdArray, type NdArrayData, PyDict, PyFloat, PyTuple, type PyValue } from "./core/python.js";
export {
  type Axes3,
  type Box3,
  type CaseArrays,
  type Geometry,
  IDENTITY_GEOMETRY,
  type NiftiForms,
  type Shape3,
  type Vec3,
  type Volume,
  type VoxelArray,
} from "./core/volume.js";
export { type LoadedModel, type LoadModelOptions, loadModel } from "./inference/load-model.js";
export { estimateWindowMemory, type WindowMemory } from "./inference/memory.js";
export {
  type ModelFold,
  type ModelFolder,
  type ModelFolderOptions,
  modelFilesFromBlobs,
  readModelFolder,
} from "./inference/model-folder.js";
export type { Network, NetworkPatch } from "./inference/network.js";
export type { OnnxOptions } from "./inference/onnx.js";
export type { NetworkInput } from "./inference/patches.js";
export {
  type CaseInput,
  type CasePrediction,
  type Prediction,
  type PredictOptions,
  type PredictProgress,
  predict,
  predictCase,
} from "./inference/predict.js";
export { predictLogits, type SlidingWindowSettings } from "./inference/sliding-window.js";
export { type ReadB2ndOptions, readB2nd } from "./io/blosc2/read.js";
export { type WriteB2ndOptions, writeB2nd } from "./io/blosc2/write.js";
export {
  type DicomAllowance,
  type DicomDecoderOptions,
  type DicomListing,
  type DicomReading,
  type DicomSeries,
  listDicomSeries,
  type ReadDicomOptions,
  readDicomSeries,
} from "./io/dicom.js";
export {
  canWriteVolume,
  type ReadScanOptions,
  type ReadVolumeOptions,
  readScan,
  readScanHeader,
  readVolume,
  type ScanInput,
  type StoredScan,
  writeVolume,
} from "./io/formats.js";
export { gunzip, gzip } from "./io/gzip.js";
export {
  formatNifti,
  type NiftiAllowance,
  type NiftiHeader,
  parseNifti,
  parseNiftiChannels,
  type ReadNiftiOptions,
  readNiftiHeader,
} from "./io/nifti.js";
export { type ArrayInChunks, type NpzCompression, readNpz, writeNpz } from "./io/npz.js";
export { formatPickle, parsePickle } from "./io/pickle.js";
export { formatPng } from "./io/png.js";
export { type ScanFile, type ScanReading, scanFileFromBlob, scanFileFromBytes } from "./io/scan-file.js";
export { resizeCubicFast } from "./kernels/cubic/fast.js";
export { resizeCubic } from "./kernels/cubic/resize.js";
export { resizeCubicSlices } from "./kernels/cubic/slices.js";
export { resizeLinear } from "./kernels/linear.js";
export { type LabelRule, resizeLabels } from "./kernels/linear-labels.js";
export { resizeNearest } from "./kernels/nearest.js";
export type { ComparedStores, PredictionFiles } from "./recipes/prediction-files.js";
export { loadVolume } from "./recipes/scan-files.js";
export { parseTaskDescription, type TaskDescription } from "./recipes/task-description.js";
export { type NextStageGrid, predictNextStage, resampleToNextStage } from "./recipes/v1/cascade.js";
export {
  type CaseVolumes,
  type CroppedCaseResult,
  type CroppedProperties,
  cropCase,
} from "./recipes/v1/crop/crop-case.js";
export { preparedGeometry } from "./recipes/v1/crop/prepared-geometry.js";
export { stackCase, type UnstackedCase, unstackCase } from "./recipes/v1/crop/stack-case.js";
export {
  type DatasetJson,
  formatDatasetJson,
  parseDatasetJson,
  type TrainingCase,
  type TrainingEntry,
  trainingCases,
} from "./recipes/v1/documents/dataset-json.js";
export {
  type ChannelIntensityProperties,
  type DatasetProperties,
  datasetPropertiesFromPython,
  datasetPropertiesToPython,
  type IntensityProperties,
  type IntensityStatistics,
} from "./recipes/v1/documents/fingerprint.js";
export {
  type NormalizationScheme,
  type PlansStage,
  type PlansV1,
  plansFromPython,
  plansToPython,
} from "./recipes/v1/documents/plans.js";
export {
  type ClassOrRegion,
  formatPostprocessing,
  type MinimumObjectSize,
  type Postprocessing,
  type PostprocessingDecision,
  parsePostprocessing,
} from "./recipes/v1/documents/postprocessing.js";
export { type CaseProperties, propertiesFromPython, propertiesToPython } from "./recipes/v1/documents/properties.js";
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
} from "./recipes/v1/documents/summary.js";
export {
  type ExportedSegmentation,
  type ExportOptions,
  type ExportProperties,
  type ExportWarning,
  exportProbabilities,
  exportSegmentation,
} from "./recipes/v1/export.js";
export { analyzeDataset, type CaseSummary } from "./recipes/v1/fingerprint.js";
export { intensityStatistics } from "./recipes/v1/intensity.js";
export { ensembleName, findTask, MODELS, type ModelNames, modelFolder, type Planner } from "./recipes/v1/layout.js";
export {
  estimateCropMemory,
  estimateMemory,
  estimatePreprocessMemory,
  type MemoryQuestion,
  type StoredVoxels,
} from "./recipes/v1/memory.js";
export { normalizeChannels } from "./recipes/v1/normalization.js";
export {
  chooseTargetSpacing,
  describePlan,
  type PlanOptions,
  planExperiment2d,
  planExperiment3d,
  type TargetSpacingRule,
} from "./recipes/v1/planners/experiment-planner.js";
export {
  applyPostprocessing,
  type Chain,
  type ChainResult,
  type ChoosePostprocessingOptions,
  choosePostprocessing,
  type PredictedCase,
  type ScoreCases,
  scoreChains,
} from "./recipes/v1/postprocess.js";
export {
  type CaseWarning,
  type PreprocessedCase,
  type PreprocessOptions,
  preprocessCase,
  type StageSettings,
  stageSettings,
} from "./recipes/v1/preprocess.js";
export {
  type CascadeOptions,
  type CascadeStores,
  cascadeDataset,
  type NextStageCase,
} from "./recipes/v1/stages/cascade.js";
export { loadArrays, loadProperties, saveCase, saveProperties } from "./recipes/v1/stages/case-files.js";
export { type CropOptions, type CroppedGrid, cropDataset } from "./recipes/v1/stages/crop.js";
export {
  ALL_FOLDS,
  type CrossValidation,
  consolidateFolds,
  type FoldOptions,
} from "./recipes/v1/stages/cross-validation.js";
export {
  type EnsembleDatasetOptions,
  type EnsembledCase,
  type EnsembleSettings,
  type EnsembleStores,
  ensembleDataset,
} from "./recipes/v1/stages/ensemble.js";
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
} from "./recipes/v1/stages/evaluate.js";
export {
  type ExportDatasetOptions,
  type ExportedCase,
  type ExportSettings,
  type ExportStores,
  exportDataset,
} from "./recipes/v1/stages/export.js";
export {
  type BestConfiguration,
  type FindBestSettings,
  findBestConfiguration,
  type RankedCandidate,
  type ResultsAccess,
} from "./recipes/v1/stages/find-best.js";
export { fingerprintDataset } from "./recipes/v1/stages/fingerprint.js";
export { loadPlans, type PlanDatasetOptions, type PlannedDataset, planDataset } from "./recipes/v1/stages/plan.js";
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
} from "./recipes/v1/stages/postprocess.js";
export {
  type PreprocessDatasetOptions,
  type PreprocessedGrid,
  type PreprocessedStage,
  preprocessDataset,
} from "./recipes/v1/stages/preprocess.js";
export { loadProbabilities } from "./recipes/v1/stages/probability-files.js";
export type { StageOptions, Task, TaskStores } from "./recipes/v1/stages/task.js";
export { verifyDataset } from "./recipes/v1/stages/verify-task.js";
export {
  describeFindings,
  type Finding,
  type FindingKind,
  groupFindings,
  type Verification,
} from "./recipes/verify/findings.js";
export { type CaseFile, type CaseVerification, verifyCase } from "./recipes/verify/verify-case.js";
export { LocalExecutor } from "./runner/local-executor.js";
export { MemoryStore } from "./runner/memory-store.js";
export type { CaseOutcome, Executor, Measured, Progress, RunOptions } from "./runner/run.js";
export type { FileContent, Store } from "./runner/store.js";
export { type InitOptions, init } from "./runtime/instantiate.js";
export { sampleClassLocations } from "./steps/class-locations.js";
export {
  type ComponentOutcome,
  type ComponentRule,
  type ComponentStatistics,
  type Connectivity,
  componentStatistics,
  keepLargestComponent,
  labelComponents,
  voxelVolumeMm3,
} from "./steps/components.js";
export { type CroppedCase, type CropRules, cropToNonzero, type LabelledCaseArrays, nonzeroMask } from "./steps/crop.js";
export { createEngine, type Engine, type EngineOptions, type Sharing } from "./steps/engine.js";
export { meanProbabilities, ProbabilityMean } from "./steps/ensemble.js";
export { foregroundVoxels } from "./steps/intensity.js";
export { type Grid, matchGrid, turnedWarning } from "./steps/match-grid.js";
export {
  type Confusion,
  compareLabels,
  evaluateLabels,
  type LabelComparison,
  type LabelEvaluation,
  type LabelMetrics,
  type LabelPair,
  type OverlapMetrics,
  overlapMetrics,
  type Region,
  type SurfaceMetrics,
  type SurfaceOptions,
} from "./steps/metrics.js";
export type {
  FloatValues,
  Probabilities,
  ProbabilityArray,
  ProbabilityClasses,
  ProbabilityReader,
  ProbabilitySlabs,
} from "./steps/probabilities.js";
export {
  type LabelResampling,
  resampledShape,
  resampleImage,
  resampleLabel,
  type SeparateAxisRule,
  separateAxis,
} from "./steps/resample.js";
export {
  averageSurfaceDistance,
  averageSymmetricSurfaceDistance,
  hausdorffDistance,
  hausdorffDistance95,
  normalizedSurfaceDice,
  type SurfaceDistances,
  surfaceDistances,
} from "./steps/surface-distance.js";
export { labelColor } from "./view/label-colors.js";
export {
  type LabelCoordinates,
  labelCoordinates,
  type MeasuredLabel,
  measureLabels,
} from "./view/label-list.js";
export { formatObj, formatPly, formatStl, type NamedSurface } from "./view/mesh-files.js";
export { type OverviewOptions, renderOverview } from "./view/overview.js";
export type { Color, Picture } from "./view/picture.js";
export { reduceSurface } from "./view/reduce.js";
export {
  formatHtmlReport,
  type ReportCase,
  type ReportData,
  type ReportFinding,
  type ReportGap,
  type ReportGrid,
  type ReportPicture,
  type ReportPlan,
  type ReportScores,
} from "./view/report.js";
export type { Histogram, StripPlot, StripRow } from "./view/report-plots.js";
export type { ReportScene, ReportSurface } from "./view/report-surface.js";
export {
  CT_WINDOWS,
  type CtWindow,
  chooseScanWindow,
  type ScanWindow,
  type ScanWindowOptions,
} from "./view/scan-window.js";
export { renderLabels, type SceneOptions } from "./view/scene.js";
export {
  fullestSlice,
  type Plane,
  renderSlice,
  type SliceOptions,
  type SliceSource,
  sliceCount,
} from "./view/slice.js";
export { type LabelSurfaceOptions, labelSurface, measureSurface, type Surface } from "./view/surface.js";
