import { NnprepError } from "../../../core/errors.js";
import { roundHalfEven } from "../../../core/numeric.js";
import type { Planner } from "./planner-list.js";
import { configureTopology, countFeatureMapValues, type NetworkSize, type Topology } from "./topology.js";

/** What a configuration is planned from; two axes for 2-D networks, else three, all transposed. */
export interface ConfigurationTask {
  readonly spacingMm: readonly number[];
  /** Of the median case on this grid; may have fractions. */
  readonly medianShape: readonly number[];
  /** Voxels of the whole dataset on this grid. */
  readonly datasetVoxels: number;
  /** Entries of the dataset's `labels`. */
  readonly classes: number;
  readonly gpuMemoryGb: number;
}

/** Patch, batch and network of one configuration. */
export interface PlannedNetwork extends Topology {
  readonly batchSize: number;
  readonly network: NetworkSize;
}

const BASE_FEATURES = 32;
const MAX_FEATURES_3D = 320;
const MAX_FEATURES_2D = 512;
/** The patch that the search starts from has the voxels of a cube or square of this edge. */
const START_EDGE_3D = 256;
const START_EDGE_2D = 2048;
/** Batch that the reference values of the planners are for. */
const REFERENCE_BATCH_3D = 2;
const REFERENCE_BATCH_2D = 12;
const MINIMAL_BATCH = 2;
const RESIDUAL_BLOCKS = [1, 3, 4, 6];

function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}

/** What 1/3 as a float64 lacks of a third. */
const THIRD_ERROR = 1.850371707708594e-17;
const LN_8 = 2.0794415416798357;

/**
 * `x ** (1 / 3)` of Python to a unit in the last place, by Newton's method, so that every engine gets the same. The
 * exponent is not quite a third: 256 ** 3 gives a bit less than 256.
 */
export function cubeRoot(x: number): number {
  let scaled = x;
  let scale = 1;
  let eights = 0;
  for (; scaled >= 8; eights++) [scaled, scale] = [scaled / 8, scale * 2];
  for (; scaled < 1; eights--) [scaled, scale] = [scaled * 8, scale / 2];
  let root = 1.5;
  for (let i = 0; i < 7; i++) root = (2 * root + scaled / (root * root)) / 3;
  // A rough logarithm will do for a correction of a few units in the last place.
  const logarithm = eights * LN_8 + (scaled - 1) * 0.3;
  return (root - root * (THIRD_ERROR * logarithm)) * scale;
}

/** Voxels per axis with the aspect ratio of the spacing, more than will fit, but not more than the median case has. */
function startPatch({ spacingMm, medianShape }: ConfigurationTask): number[] {
  const perMm = spacingMm.map((mm) => 1 / mm);
  const scale =
    perMm.length === 3
      ? cubeRoot((START_EDGE_3D * START_EDGE_3D * START_EDGE_3D) / product(perMm))
      : Math.sqrt((START_EDGE_2D * START_EDGE_2D) / product(perMm));
  return perMm.map((x, i) => Math.min(roundHalfEven(x * scale), medianShape[i]));
}

function networkSize(planner: Planner, stages: number, axes: number, classes: number): NetworkSize {
  const most = axes === 2 ? MAX_FEATURES_2D : MAX_FEATURES_3D;
  let features = BASE_FEATURES;
  const perStage = Array.from({ length: stages }, () => {
    const own = Math.min(features, most);
    features *= 2;
    return own;
  });
  const blocks = (_: unknown, stage: number) =>
    planner.residual ? RESIDUAL_BLOCKS[Math.min(stage, RESIDUAL_BLOCKS.length - 1)] : 2;
  return {
    features: perStage,
    blocks: Array.from({ length: stages }, blocks),
    decoderConvolutions: Array.from({ length: stages - 1 }, () => (planner.residual ? 1 : 2)),
    residual: planner.residual,
    classes,
  };
}

/** `numpy.argsort(patch / shape)[-1]`: the axis with the largest share, the last one of equals. */
function axisToReduce(patch: readonly number[], shape: readonly number[]): number {
  const share = (i: number) => patch[i] / shape[i];
  let axis = 0;
  for (let i = 1; i < patch.length; i++) if (share(i) >= share(axis)) axis = i;
  return axis;
}

/** The next smaller patch: the axis that covers most of the median case loses what its network has to be divisible by. */
function reducePatch(topology: Topology, { spacingMm, medianShape, gpuMemoryGb }: ConfigurationTask): Topology {
  const patch = [...topology.patchSize];
  const axis = axisToReduce(patch, medianShape);
  const smaller = [...patch];
  // The divisor of the smaller patch counts: 256 may be divisible by 64, but 224 is a valid size too.
  smaller[axis] -= topology.mustBeDivisibleBy[axis];
  patch[axis] -= configureTopology(spacingMm, smaller).mustBeDivisibleBy[axis];
  if (patch[axis] < 1) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `no patch fits ${gpuMemoryGb} GB of graphics memory: ${topology.patchSize.join(" x ")} voxels are still too ` +
        "many. Give a larger -gpu_memory_target",
      { found: gpuMemoryGb },
    );
  }
  return configureTopology(spacingMm, patch);
}

/**
 * Patch, strides and batch of one configuration: `get_plans_for_configuration` of nnU-Net 2.8.1.
 * @throws NnprepError INVALID_ARGUMENT if not even the smallest patch fits the graphics memory.
 */
export function planNetwork(planner: Planner, task: ConfigurationTask): PlannedNetwork {
  const axes = task.spacingMm.length;
  const measure = (topology: Topology) => {
    const network = networkSize(planner, topology.strides.length, axes, task.classes);
    return { topology, network, estimate: countFeatureMapValues(topology, network) };
  };
  const given = axes === 2 ? planner.reference2d : planner.reference3d;
  const reference = given * (task.gpuMemoryGb / planner.referenceGb);
  const referenceBatch = axes === 2 ? REFERENCE_BATCH_2D : REFERENCE_BATCH_3D;
  // The plain planner compares for the smallest batch, those of residual networks for the batch of their reference.
  const fits = (estimate: number) =>
    planner.residual ? estimate <= reference : (estimate / referenceBatch) * MINIMAL_BATCH <= reference;

  let plan = measure(configureTopology(task.spacingMm, startPatch(task)));
  while (!fits(plan.estimate)) plan = measure(reducePatch(plan.topology, task));

  const batch = roundHalfEven((reference / plan.estimate) * referenceBatch);
  const largest = roundHalfEven((task.datasetVoxels * planner.datasetCovered) / product(plan.topology.patchSize));
  return { ...plan.topology, network: plan.network, batchSize: Math.max(Math.min(batch, largest), MINIMAL_BATCH) };
}
