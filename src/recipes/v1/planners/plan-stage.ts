import { NnprepError } from "../../../core/errors.js";
import { roundHalfEven } from "../../../core/numeric.js";
import type { Shape3, Vec3 } from "../../../core/volume.js";
import type { PlansStage } from "../documents/plans.js";
import { configurePooling, estimateTrainingMemory, type NetworkSize, type Topology } from "./topology.js";

/** What a stage is planned from; spacings in mm and shape in the transposed frame. */
export interface StageTask {
  readonly spacing: Vec3;
  /** Spacing of the full resolution. */
  readonly originalSpacing: Vec3;
  /** Median shape at the full resolution, not rounded. */
  readonly originalShape: Vec3;
  readonly cases: number;
  readonly modalities: number;
  /** Foreground classes plus background. */
  readonly classes: number;
}

const BASE_FEATURES = 32;
const MAX_FEATURES_3D = 320;
const MAX_FEATURES_2D = 512;
/** The first 2-D estimate pretends a slimmer network than the ones after it. */
const FIRST_BASE_FEATURES_2D = 30;
/** Estimates that a network may reach; found by nnU-Net's authors for 11 GB of graphics memory. */
const REFERENCE_3D = (520000000 * 32) / 30;
const REFERENCE_2D = (19739648 * 50) / 2;
const DEFAULT_BATCH = 2;
const MINIMAL_BATCH = 2;
/** A batch may not cover more of the dataset than this. */
const COVERED_SHARE = 0.05;
const ISOTROPIC_START_MM = 512;
const ANISOTROPY_THRESHOLD = 3;
/** Far beyond any patch that shrinks; only an endless loop gets here. */
const MAX_REDUCTIONS = 100000;

function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}

/** Shape of the median case at the stage's spacing. */
function roundedMedianShape({ originalSpacing, spacing, originalShape }: StageTask): Shape3 {
  const shape = [0, 1, 2].map((i) => roundHalfEven((originalSpacing[i] / spacing[i]) * originalShape[i]));
  if (shape.some((n) => n < 1)) {
    throw new NnprepError(
      "INVALID_PLANS",
      `at the spacing (${spacing.join(", ")}) mm the median case would have the shape (${shape.join(", ")}); ` +
        "nnU-Net cannot plan for a median case without voxels. Check the spacings of the dataset",
      { spacing, shape },
    );
  }
  return shape as unknown as Shape3;
}

/** `numpy.argsort(patch / shape)[-1]`: the axis with the largest share, the last one of equals. */
function axisToReduce(patch: readonly number[], shape: readonly number[]): number {
  let axis = 0;
  for (let i = 1; i < patch.length; i++) if (patch[i] / shape[i] >= patch[axis] / shape[axis]) axis = i;
  return axis;
}

/** Shrinks the patch, always along the axis that covers most of the median shape, until the estimate fits. */
function reducePatch(
  start: Topology,
  firstEstimate: number,
  reference: number,
  spacing: readonly number[],
  shape: readonly number[],
  network: NetworkSize,
): { topology: Topology; estimate: number } {
  let topology = start;
  let estimate = firstEstimate;
  for (let i = 0; estimate > reference; i++) {
    const patch = [...topology.patchSize];
    if (i === MAX_REDUCTIONS) {
      throw new NnprepError(
        "INVALID_PLANS",
        `no patch fits the memory of the reference; stuck at ${patch.join(" x ")}`,
        {
          patch,
        },
      );
    }
    const axis = axisToReduce(patch, shape);
    const smaller = [...patch];
    smaller[axis] -= topology.mustBeDivisibleBy[axis];
    patch[axis] -= configurePooling(spacing, smaller).mustBeDivisibleBy[axis];
    topology = configurePooling(spacing, patch);
    estimate = estimateTrainingMemory(topology.patchSize, topology.poolOpKernelSizes, network);
  }
  return { topology, estimate };
}

/** Batch size that covers 5 % of the dataset's voxels. */
function largestBatch(medianShape: Shape3, cases: number, patch: readonly number[]): number {
  return roundHalfEven((COVERED_SHARE * (product(medianShape) * cases)) / product(patch));
}

function describeStage(
  task: StageTask,
  shape: Shape3,
  topology: Topology,
  batch: number,
  dummy2d: boolean,
): PlansStage {
  return {
    batch_size: batch,
    num_pool_per_axis: topology.numPoolPerAxis,
    patch_size: topology.patchSize,
    median_patient_size_in_voxels: shape,
    current_spacing: task.spacing,
    original_spacing: task.originalSpacing,
    do_dummy_2D_data_aug: dummy2d,
    pool_op_kernel_sizes: topology.poolOpKernelSizes,
    conv_kernel_sizes: topology.convKernelSizes,
  };
}

/** `ExperimentPlanner3D_v21.get_properties_for_stage` of nnU-Net 1.7.1. */
export function planStage3d(task: StageTask): PlansStage {
  const { spacing } = task;
  const shape = roundedMedianShape(task);
  // Voxels per mm, scaled so that the patch spans 512 voxels along the coarsest axis; the order of operations is the
  // reference's, because the result is rounded.
  const perMm = spacing.map((mm) => 1 / mm);
  const mean = (perMm[0] + perMm[1] + perMm[2]) / 3;
  const normalized = perMm.map((x) => x / mean);
  const scale = (1 / Math.min(...normalized)) * ISOTROPIC_START_MM;
  const start = normalized.map((x, i) => Math.min(roundHalfEven(x * scale), shape[i]));

  const network = { ...task, baseFeatures: BASE_FEATURES, maxFeatures: MAX_FEATURES_3D };
  const first = configurePooling(spacing, start);
  const firstEstimate = estimateTrainingMemory(first.patchSize, first.poolOpKernelSizes, network);
  const { topology, estimate } = reducePatch(first, firstEstimate, REFERENCE_3D, spacing, shape, network);
  const patch = topology.patchSize;
  const fitting = Math.floor(Math.max(REFERENCE_3D / estimate, 1) * DEFAULT_BATCH);
  const largest = Math.max(largestBatch(shape, task.cases, patch), MINIMAL_BATCH);
  const batch = Math.max(1, Math.min(fitting, largest));
  return describeStage(task, shape, topology, batch, Math.max(...patch) / patch[0] > ANISOTROPY_THRESHOLD);
}

/** `ExperimentPlanner2D_v21.get_properties_for_stage` of nnU-Net 1.7.1: axes 1 and 2 of the transposed frame. */
export function planStage2d(task: StageTask): PlansStage {
  const shape = roundedMedianShape(task);
  const spacing = task.spacing.slice(1);
  const plane = shape.slice(1);
  const network = { ...task, baseFeatures: BASE_FEATURES, maxFeatures: MAX_FEATURES_2D };
  const first = configurePooling(spacing, plane);
  const firstEstimate = estimateTrainingMemory(first.patchSize, first.poolOpKernelSizes, {
    ...network,
    baseFeatures: FIRST_BASE_FEATURES_2D,
  });
  const { topology, estimate } = reducePatch(first, firstEstimate, REFERENCE_2D, spacing, plane, network);
  const fitting = Math.floor(REFERENCE_2D / estimate) * DEFAULT_BATCH;
  const batch = Math.max(1, Math.min(fitting, largestBatch(shape, task.cases, topology.patchSize)));
  return describeStage(task, shape, topology, batch, false);
}
