import { inverseAxes, permute } from "../../../core/axes.js";
import { NnprepError } from "../../../core/errors.js";
import { median, percentile } from "../../../core/numeric.js";
import { joinPath } from "../../../core/paths.js";
import type { Axes3, Vec3 } from "../../../core/volume.js";
import type { DatasetProperties } from "../documents/fingerprint.js";
import type { NormalizationScheme, PlansStage, PlansV1 } from "../documents/plans.js";
import { caseFileNames, dataIdentifier } from "../layout.js";
import { planStage2d, planStage3d, type StageTask } from "./plan-stage.js";
import { CONVOLUTIONS_PER_STAGE } from "./topology.js";

/** Which of the two in-plane spacings the worst axis is compared with; "max" is what nnU-Net's code does. */
export type TargetSpacingRule = "max" | "min";

/** Where the planner's rules can be chosen. */
export interface PlanOptions {
  /** Only the 3-D planner knows such a rule. Default "max". */
  readonly targetSpacingRule?: TargetSpacingRule;
  /** Folder of the cropped cases, for `list_of_npz_files`. */
  readonly croppedFolder?: string;
  /** Folder of the preprocessed task, for `preprocessed_data_folder`. */
  readonly preprocessedFolder?: string;
}

const ANISOTROPY_THRESHOLD = 3;
/** The low resolution has at most this many times the voxels of its patch. */
const PATIENT_TO_PATCH = 4;
const BASE_FEATURES = 32;
/** Added when the worst axis would become finer than the others, so that it stays the worst. */
const STAYS_WORST_MM = 1e-5;

type Triple = [number, number, number];

/** Index of the first maximum: `numpy.argmax`. */
function firstMaximum(values: Vec3): 0 | 1 | 2 {
  if (values[0] >= values[1] && values[0] >= values[2]) return 0;
  return values[1] >= values[2] ? 1 : 2;
}

function perAxis(values: readonly Vec3[], reduce: (column: number[]) => number): Triple {
  return [0, 1, 2].map((axis) => reduce(values.map((v) => v[axis]))) as Triple;
}

function product(values: Vec3): number {
  return values[0] * values[1] * values[2];
}

/** Per-axis median of the spacings, in mm: the target of the 2-D planner. */
function medianSpacing(spacings: readonly Vec3[]): Triple {
  return perAxis(spacings, (column) => percentile(column, 50));
}

/**
 * Target spacing of the 3-D planner in mm, file order: the median, but on an axis that is both much coarser and much
 * shorter than the others the 10th percentile, so that thick slices do not decide (`get_target_spacing` of 1.7.1).
 */
export function chooseTargetSpacing(
  properties: Pick<DatasetProperties, "all_spacings" | "all_sizes">,
  rule: TargetSpacingRule = "max",
): Vec3 {
  const target = medianSpacing(properties.all_spacings);
  const size = perAxis(properties.all_sizes, (column) => percentile(column, 50));
  const worst = firstMaximum(target);
  const others = [0, 1, 2].filter((axis) => axis !== worst);
  const inPlane = (rule === "max" ? Math.max : Math.min)(...others.map((axis) => target[axis]));
  const coarse = target[worst] > ANISOTROPY_THRESHOLD * inPlane;
  const short = size[worst] * ANISOTROPY_THRESHOLD < Math.min(...others.map((axis) => size[axis]));
  if (coarse && short) {
    const fine = percentile(
      properties.all_spacings.map((spacing) => spacing[worst]),
      10,
    );
    target[worst] = fine < inPlane ? inPlane + STAYS_WORST_MM : fine;
  }
  return target;
}

/** The coarsest axis first, the others in ascending order. */
function chooseTransposition(target: Vec3): Axes3 {
  const worst = firstMaximum(target);
  return [worst, ...[0, 1, 2].filter((axis) => axis !== worst)] as unknown as Axes3;
}

/** Median over the cases of the shape after resampling to `target`, not rounded. */
function medianShape(properties: DatasetProperties, target: Vec3): Triple {
  const { all_spacings, all_sizes } = properties;
  return [0, 1, 2].map((axis) =>
    median(all_spacings.map((spacing, i) => (spacing[axis] / target[axis]) * all_sizes[i][axis])),
  ) as Triple;
}

/** `determine_normalization_scheme` of nnU-Net 1.7.1. */
export function chooseNormalization(modalities: ReadonlyMap<number, string>): Map<number, NormalizationScheme> {
  const scheme = (name: string) => (name === "CT" || name === "ct" ? "CT" : name === "noNorm" ? "noNorm" : "nonCT");
  return new Map([...modalities].map(([channel, name]) => [channel, scheme(name)] as const));
}

/**
 * Channels that are normalised inside the non-zero mask only: those without "CT" in their name, if cropping took away
 * more than a quarter of the median case (`determine_whether_to_use_mask_for_norm` of nnU-Net 1.7.1). The name is
 * searched for the letters: "nonCT" and "PET-CT" count as CT here, "ct" does not.
 */
export function chooseMaskForNormalization(
  properties: Pick<DatasetProperties, "modalities" | "size_reductions">,
): Map<number, boolean> {
  const cropped = median([...properties.size_reductions.values()]) < 0.75;
  return new Map([...properties.modalities].map(([channel, name]) => [channel, !name.includes("CT") && cropped]));
}

/** What both planners share once they have their target spacing. */
function prepare(properties: DatasetProperties, target: Vec3): { axes: Axes3; shape: Vec3; task: StageTask } {
  const axes = chooseTransposition(target);
  const shape = medianShape(properties, target);
  const spacing = permute(target, axes);
  return {
    axes,
    shape,
    task: {
      spacing,
      originalSpacing: spacing,
      originalShape: permute(shape, axes),
      cases: properties.size_reductions.size,
      modalities: properties.modalities.size,
      classes: properties.all_classes.length + 1,
    },
  };
}

function checkCases(properties: DatasetProperties): void {
  const { all_sizes, all_spacings, size_reductions } = properties;
  const counts = [all_sizes.length, all_spacings.length, size_reductions.size];
  if (all_sizes.length === 0 || counts.some((n) => n !== all_sizes.length)) {
    throw new NnprepError(
      "INVALID_DATASET",
      `${counts.join(", ")} sizes, spacings and size reductions found; expected as many as cases, at least one`,
      { found: counts },
    );
  }
  for (const spacing of all_spacings) {
    if (!spacing.every((mm) => mm > 0 && Number.isFinite(mm))) {
      throw new NnprepError("INVALID_DATASET", `spacing (${spacing.join(", ")}) found, expected mm above 0`, {
        found: spacing,
      });
    }
  }
}

function assemble(
  properties: DatasetProperties,
  options: PlanOptions,
  planner: "3d" | "2d",
  axes: Axes3,
  stages: readonly PlansStage[],
): PlansV1 {
  const files = [...properties.size_reductions.keys()].map((id) => caseFileNames(id).arrays);
  return {
    num_stages: stages.length,
    num_modalities: properties.modalities.size,
    modalities: properties.modalities,
    normalization_schemes: chooseNormalization(properties.modalities),
    dataset_properties: properties,
    list_of_npz_files: files.map((name) => joinPath(options.croppedFolder ?? "", name)),
    original_spacings: properties.all_spacings,
    original_sizes: properties.all_sizes,
    preprocessed_data_folder: options.preprocessedFolder ?? "",
    num_classes: properties.all_classes.length,
    all_classes: properties.all_classes,
    base_num_features: BASE_FEATURES,
    use_mask_for_norm: chooseMaskForNormalization(properties),
    transpose_forward: axes,
    transpose_backward: inverseAxes(axes),
    data_identifier: dataIdentifier(planner),
    plans_per_stage: stages,
    preprocessor_name: planner === "3d" ? "GenericPreprocessor" : "PreprocessorFor2D",
    conv_per_stage: planner === "3d" ? CONVOLUTIONS_PER_STAGE : undefined,
  };
}

/**
 * Coarsens the spacing by 1 % at a time, first the axes that are more than twice as fine as the coarsest, until the
 * median case has at most 4 times the voxels of the patch that is planned for it.
 */
function planLowResolution(fullres: PlansStage, target: Vec3, shape: Vec3, axes: Axes3, task: StageTask): PlansStage {
  const spacing: Triple = [...target];
  let stage = fullres;
  let voxels = product(shape);
  while (voxels > PATIENT_TO_PATCH * product(stage.patch_size as unknown as Vec3)) {
    const coarsest = Math.max(...spacing);
    const fine = spacing.map((mm) => coarsest / mm > 2);
    const all = !fine.includes(true);
    for (let i = 0; i < 3; i++) if (all || fine[i]) spacing[i] = spacing[i] * 1.01;
    voxels = product([0, 1, 2].map((i) => (target[i] / spacing[i]) * shape[i]) as Triple);
    stage = planStage3d({ ...task, spacing: permute(spacing, axes) });
  }
  return stage;
}

/**
 * Plans of the 3-D networks: `ExperimentPlanner3D_v21.plan_experiment` of nnU-Net 1.7.1, equal in every integer and,
 * operation by operation, in every spacing. One stage, or a low resolution before the full one where the patch sees
 * less than a quarter of the median case.
 *
 * @throws NnprepError INVALID_DATASET without cases, INVALID_PLANS if the median case has no voxel along an axis.
 */
export function planExperiment3d(properties: DatasetProperties, options: PlanOptions = {}): PlansV1 {
  checkCases(properties);
  const target = chooseTargetSpacing(properties, options.targetSpacingRule);
  const { axes, shape, task } = prepare(properties, target);
  const fullres = planStage3d(task);
  const stages = [fullres];
  if (product(shape) / product(fullres.patch_size as unknown as Vec3) >= PATIENT_TO_PATCH) {
    const lowres = planLowResolution(fullres, target, shape, axes, task);
    const voxels = (stage: PlansStage) => product(stage.median_patient_size_in_voxels);
    if (2 * voxels(lowres) < voxels(fullres)) stages.unshift(lowres);
  }
  return assemble(properties, options, "3d", axes, stages);
}

/**
 * Plans of the 2-D network: `ExperimentPlanner2D_v21.plan_experiment` of nnU-Net 1.7.1. Its target spacing is the
 * plain median, whatever the rule for the 3-D networks.
 *
 * @throws NnprepError INVALID_DATASET without cases, INVALID_PLANS if the median case has no voxel along an axis.
 */
export function planExperiment2d(properties: DatasetProperties, options: PlanOptions = {}): PlansV1 {
  checkCases(properties);
  const { axes, task } = prepare(properties, medianSpacing(properties.all_spacings));
  return assemble(properties, options, "2d", axes, [planStage2d(task)]);
}

function stageName(plans: PlansV1, stage: number): string {
  if (plans.conv_per_stage === undefined) return "2d";
  return stage < plans.num_stages - 1 ? "3d_lowres" : "3d_fullres";
}

/** The plans in a few lines for people: one for the task, one per channel and one per stage. */
export function describePlan(plans: PlansV1): string[] {
  const mm = (spacing: readonly number[]) => `${spacing.map((x) => String(Number(x.toPrecision(4)))).join(" x ")} mm`;
  const voxels = (shape: readonly number[]) => shape.join(" x ");
  const channels = [...plans.normalization_schemes].map(([channel, scheme]) => {
    const mask = plans.use_mask_for_norm.get(channel) === true ? ", inside the non-zero mask" : "";
    return `channel ${channel} (${plans.modalities.get(channel) ?? "?"}): normalised as ${scheme}${mask}`;
  });
  const stages = plans.plans_per_stage.map((stage, i) => {
    const twoDimensional = plans.conv_per_stage === undefined;
    const spacing = twoDimensional ? stage.current_spacing.slice(1) : stage.current_spacing;
    const parts = [
      `spacing ${mm(spacing)}`,
      `median case ${voxels(stage.median_patient_size_in_voxels)}`,
      `patch ${voxels(stage.patch_size)}`,
      `batch ${stage.batch_size}`,
      `pooling ${stage.num_pool_per_axis.join(" ")}`,
    ];
    if (stage.do_dummy_2D_data_aug) parts.push("augmented in 2-D");
    return `${stageName(plans, i)}: ${parts.join(", ")}`;
  });
  const identity = plans.transpose_forward.every((axis, i) => axis === i);
  const order = identity ? "axes as in the files" : `axes transposed to (${plans.transpose_forward.join(", ")})`;
  const head = `${plans.dataset_properties.size_reductions.size} cases, ${plans.num_classes} classes, ${order}`;
  return [head, ...channels, ...stages];
}
