/**
 * What is done with volumes, whatever the generation of nnU-Net: resampling, cropping, components, metrics, distances.
 *
 * @module nnprep/steps
 */
export { inverseAxes, permute, transpose } from "../core/axes.js";
export { resizeCubicFast } from "../kernels/cubic/fast.js";
export { resizeCubic } from "../kernels/cubic/resize.js";
export { resizeCubicSlices } from "../kernels/cubic/slices.js";
export { resizeLinear } from "../kernels/linear.js";
export { type LabelRule, resizeLabels } from "../kernels/linear-labels.js";
export { resizeNearest } from "../kernels/nearest.js";
export { sampleClassLocations } from "../steps/class-locations.js";
export {
  type ComponentOutcome,
  type ComponentRule,
  type ComponentStatistics,
  type Connectivity,
  componentStatistics,
  keepLargestComponent,
  labelComponents,
  voxelVolumeMm3,
} from "../steps/components.js";
export {
  type CroppedCase,
  type CropRules,
  cropToNonzero,
  type LabelledCaseArrays,
  nonzeroMask,
} from "../steps/crop.js";
export { createEngine, type Engine, type EngineOptions, type Sharing } from "../steps/engine.js";
export { meanProbabilities, ProbabilityMean } from "../steps/ensemble.js";
export { foregroundVoxels } from "../steps/intensity.js";
export { type Grid, matchGrid, turnedWarning } from "../steps/match-grid.js";
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
} from "../steps/metrics.js";
export type {
  FloatValues,
  Probabilities,
  ProbabilityArray,
  ProbabilityClasses,
  ProbabilityReader,
  ProbabilitySlabs,
} from "../steps/probabilities.js";
export {
  type LabelResampling,
  resampledShape,
  resampleImage,
  resampleLabel,
  type SeparateAxisRule,
  separateAxis,
} from "../steps/resample.js";
export {
  averageSurfaceDistance,
  averageSymmetricSurfaceDistance,
  hausdorffDistance,
  hausdorffDistance95,
  normalizedSurfaceDice,
  type SurfaceDistances,
  surfaceDistances,
} from "../steps/surface-distance.js";
