import { inverseAxes, permute } from "../../../core/axes.js";
import { NnprepError } from "../../../core/errors.js";
import { roundHalfEven } from "../../../core/numeric.js";
import { PyFloat } from "../../../core/python.js";
import type { Vec3 } from "../../../core/volume.js";
import type { JsonDict } from "../../../io/ordered-json.js";
import type { PythonJson } from "../../../io/python-json.js";
import type { NormalizationScheme } from "../documents/configuration.js";
import type { DatasetJson } from "../documents/dataset-json.js";
import { type Fingerprint, intensitiesToJson } from "../documents/fingerprint.js";
import { configurationToJson } from "./configuration-json.js";
import { type PlannedNetwork, planNetwork } from "./plan-configuration.js";
import { DEFAULT_PLANNER, findPlanner, type Planner } from "./planner-list.js";
import { chooseTargetSpacing, chooseTransposition, medianPerAxis, medianTargetShape } from "./target-spacing.js";

/** What a planner is told beside the fingerprint. */
export interface PlanOptions {
  /** Folder name of the dataset, such as Dataset005_Prostate. */
  readonly datasetName: string;
  /** Class of nnU-Net that reads the dataset's files, such as SimpleITKIO. */
  readonly readerName: string;
  /** Class name; default ExperimentPlanner. */
  readonly planner?: string | undefined;
  /** Graphics memory to plan for; default the planner's own. */
  readonly gpuMemoryGb?: number | undefined;
  /** Instead of the planner's own name of its plans. */
  readonly plansName?: string | undefined;
  /** Default DefaultPreprocessor. */
  readonly preprocessorName?: string | undefined;
  /** Instead of the median spacing; mm, axes of the file. */
  readonly targetSpacingMm?: Vec3 | undefined;
  /** Content of a plans file of this name that is there already. */
  readonly existing?: JsonDict | undefined;
}

/** What planning made. */
export interface PlannedExperiment {
  readonly plansName: string;
  /** The content of `plansName`.json; `formatPlans` makes its text, `readPlans` the form to work with. */
  readonly document: JsonDict;
  /** Configurations of the existing file that are still in it, though this planning did not make them. */
  readonly kept: readonly string[];
  /** What a user should know before preprocessing; whole sentences. */
  readonly warnings: readonly string[];
}

/** Patches that see less than this share of the median case call for a lower resolution. */
const LOWRES_SHARE = 0.25;
const LOWRES_STEP = 1.03;
/** A low resolution has at most the inverse of this share of the voxels of the full one. */
const LOWRES_GAIN = 2;
/** A median case that keeps less than this share of its voxels is normalised inside its mask. */
const CROPPED_SHARE = 3 / 4;

const SCHEMES: Readonly<Record<string, NormalizationScheme>> = {
  ct: "CTNormalization",
  nonorm: "NoNormalization",
  zscore: "ZScoreNormalization",
  rescale_to_0_1: "RescaleTo01Normalization",
  rgb_to_0_1: "RGBTo01Normalization",
};

/** The scheme that a channel's name asks for, whatever its case; z-score for all other names. */
export function chooseNormalization(channel: string): NormalizationScheme {
  return SCHEMES[channel.toLowerCase()] ?? "ZScoreNormalization";
}

function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}

function checkInput(fingerprint: Fingerprint, options: PlanOptions): void {
  const spacings = options.targetSpacingMm === undefined ? fingerprint.spacings : [options.targetSpacingMm];
  for (const spacing of [...fingerprint.spacings, ...spacings]) {
    if (!spacing.every((mm) => mm > 0 && Number.isFinite(mm))) {
      throw new NnprepError("INVALID_DATASET", `spacing (${spacing.join(", ")}) found, expected mm above 0`, {
        found: [...spacing],
      });
    }
  }
  const shape = fingerprint.shapesAfterCrop.find((size) => !size.every((n) => Number.isInteger(n) && n > 0));
  if (shape !== undefined) {
    throw new NnprepError("INVALID_DATASET", `shape (${shape.join(", ")}) found, expected voxels of at least 1`, {
      found: [...shape],
    });
  }
  const memory = options.gpuMemoryGb;
  if (memory !== undefined && !(memory > 0 && Number.isFinite(memory))) {
    throw new NnprepError("INVALID_ARGUMENT", `graphics memory of ${memory} GB found, expected a number above 0`, {
      found: memory,
    });
  }
}

function checkMedianShape(shape: Vec3, target: Vec3): void {
  if (shape.every((n) => n > 0)) return;
  throw new NnprepError(
    "INVALID_PLANS",
    `at the spacing (${target.join(", ")}) mm the median case would have the shape (${shape.join(", ")}); nnU-Net ` +
      "cannot plan for a median case without voxels. Check the spacings of the dataset, or give another target spacing",
    { found: [...shape], spacing: [...target] },
  );
}

/** Plans configurations of one dataset; what they share stands here. */
class ExperimentPlanner {
  private readonly plansName: string;
  private readonly normalization: readonly NormalizationScheme[];
  private readonly useMaskForNorm: readonly boolean[];

  constructor(
    private readonly planner: Planner,
    fingerprint: Fingerprint,
    private readonly dataset: DatasetJson,
    private readonly options: PlanOptions,
  ) {
    this.plansName = options.plansName ?? planner.plansName;
    this.normalization = dataset.channels.map(chooseNormalization);
    const cropped = fingerprint.medianRelativeSizeAfterCropping < CROPPED_SHARE;
    this.useMaskForNorm = this.normalization.map((scheme) => cropped && scheme === "ZScoreNormalization");
  }

  network(spacingMm: readonly number[], medianShape: readonly number[], datasetVoxels: number): PlannedNetwork {
    return planNetwork(this.planner, {
      spacingMm,
      medianShape,
      datasetVoxels,
      classes: this.dataset.labels.entries,
      gpuMemoryGb: this.options.gpuMemoryGb ?? this.planner.referenceGb,
    });
  }

  dataIdentifier(name: "2d" | "3d_fullres" | "3d_lowres"): string {
    const shared = this.planner.sharesData && name !== "3d_lowres";
    return `${shared ? "nnUNetPlans" : this.plansName}_${name}`;
  }

  configuration(
    name: "2d" | "3d_fullres" | "3d_lowres",
    planned: PlannedNetwork,
    spacingMm: readonly number[],
    medianShape: readonly (number | PyFloat)[],
    batchDice: boolean,
  ): Map<string, PythonJson> {
    return configurationToJson({
      planner: this.planner,
      dataIdentifier: this.dataIdentifier(name),
      preprocessorName: this.options.preprocessorName ?? "DefaultPreprocessor",
      planned,
      spacingMm,
      medianShape,
      normalization: this.normalization,
      useMaskForNorm: this.useMaskForNorm,
      batchDice,
    });
  }
}

interface LowResolution {
  readonly planned: PlannedNetwork;
  readonly spacingMm: readonly number[];
  readonly shape: readonly number[];
}

/**
 * Coarsens the spacing by 3 % at a time, first the axes that are more than twice as fine as the coarsest, until the
 * patch sees a quarter of the median case. None if that has not made the cases much smaller.
 */
function planLowResolution(
  planner: ExperimentPlanner,
  fullres: PlannedNetwork,
  fullSpacing: Vec3,
  medianShape: Vec3,
  numTraining: number,
): LowResolution | undefined {
  let spacing: readonly number[] = fullSpacing;
  let voxels = product(medianShape);
  let patchVoxels = product(fullres.patchSize);
  let result: LowResolution | undefined;
  while (patchVoxels / voxels < LOWRES_SHARE) {
    const coarsest = Math.max(...spacing);
    const fine = spacing.map((mm) => coarsest / mm > 2);
    const all = !fine.includes(true);
    spacing = spacing.map((mm, i) => (all || fine[i] === true ? mm * LOWRES_STEP : mm));
    const shape = spacing.map((mm, i) => (fullSpacing[i] / mm) * medianShape[i]);
    voxels = product(shape);
    const rounded = shape.map(roundHalfEven);
    const planned = planner.network(spacing, rounded, voxels * numTraining);
    patchVoxels = product(planned.patchSize);
    result = { planned, spacingMm: spacing, shape: rounded };
  }
  return product(medianShape) / voxels < LOWRES_GAIN ? undefined : result;
}

function planConfigurations(
  planner: ExperimentPlanner,
  spacing: Vec3,
  shape: Vec3,
  numTraining: number,
): Map<string, PythonJson> {
  const floats = (values: readonly number[]) => values.map((value) => new PyFloat(value));
  const datasetVoxels = product(shape) * numTraining;
  const plane = { spacing: spacing.slice(1), shape: shape.slice(1) };
  const flat = planner.network(plane.spacing, plane.shape, datasetVoxels);
  const configurations = new Map<string, PythonJson>([
    ["2d", planner.configuration("2d", flat, plane.spacing, floats(plane.shape), true)],
  ]);
  // A median case of one slice makes the dataset two-dimensional.
  if (shape[0] === 1) return configurations;
  const full = planner.network(spacing, shape, datasetVoxels);
  const low = planLowResolution(planner, full, spacing, shape, numTraining);
  if (low !== undefined) {
    const configuration = planner.configuration("3d_lowres", low.planned, low.spacingMm, low.shape, false);
    configuration.set("next_stage", "3d_cascade_fullres");
    configurations.set("3d_lowres", configuration);
  }
  configurations.set(
    "3d_fullres",
    planner.configuration("3d_fullres", full, spacing, floats(shape), low !== undefined),
  );
  if (low !== undefined) {
    const cascade = new Map([["inherits_from", "3d_fullres"] as const, ["previous_stage", "3d_lowres"] as const]);
    configurations.set("3d_cascade_fullres", cascade);
  }
  return configurations;
}

/** Adds the configurations of an existing file that are not made anew, as nnU-Net does; names them. */
function keepExisting(configurations: Map<string, PythonJson>, existing: JsonDict | undefined): string[] {
  const old = existing?.get("configurations");
  if (!(old instanceof Map)) return [];
  const kept = [...(old as JsonDict)].filter(([name]) => !configurations.has(name));
  for (const [name, value] of kept) configurations.set(name, value);
  return kept.map(([name]) => name);
}

function collectWarnings(
  planner: Planner,
  fingerprint: Fingerprint,
  dataset: DatasetJson,
  options: PlanOptions,
  kept: readonly string[],
): string[] {
  const warnings: string[] = [];
  const cases = fingerprint.spacings.length;
  if (kept.length > 0) {
    warnings.push(
      `${kept.join(", ")}: kept from the existing plans, not planned anew; data and spacings may be outdated. ` +
        "Remove the plans file first to be rid of them.",
    );
  }
  if (dataset.numTraining !== cases) {
    warnings.push(
      `numTraining is ${dataset.numTraining}, but the fingerprint has ${cases} cases; the batch size follows numTraining.`,
    );
  }
  if (planner.sharesData && (options.plansName !== undefined || options.targetSpacingMm !== undefined)) {
    warnings.push(
      `${planner.name} keeps the data of 2d and 3d_fullres in nnUNetPlans_2d and nnUNetPlans_3d_fullres, also under ` +
        "another plans name or spacing; preprocessing replaces what is there.",
    );
  }
  const memory = options.gpuMemoryGb;
  if (planner.residual && memory !== undefined && memory !== planner.referenceGb) {
    warnings.push(`${planner.name} is made for ${planner.referenceGb} GB of graphics memory, not ${memory}.`);
  }
  return warnings;
}

/**
 * Plans of nnU-Net v2 for a dataset: `plan_experiment` of the planners of 2.8.1, equal in every number.
 *
 * @throws NnprepError INVALID_ARGUMENT for an unknown planner or too little graphics memory, INVALID_DATASET for
 * spacings and shapes that are none.
 */
export function planExperiment(
  fingerprint: Fingerprint,
  dataset: DatasetJson,
  options: PlanOptions,
): PlannedExperiment {
  const planner = findPlanner(options.planner ?? DEFAULT_PLANNER);
  checkInput(fingerprint, options);
  const plansName = options.plansName ?? planner.plansName;
  const target = options.targetSpacingMm ?? chooseTargetSpacing(fingerprint);
  const axes = chooseTransposition(target);
  const shape = medianTargetShape(fingerprint, target);
  checkMedianShape(shape, target);
  const configurations = planConfigurations(
    new ExperimentPlanner(planner, fingerprint, dataset, options),
    permute(target, axes),
    permute(shape, axes),
    dataset.numTraining,
  );
  const kept = keepExisting(configurations, options.existing);
  const medianShape = permute(medianPerAxis(fingerprint.shapesAfterCrop), axes);
  const document = new Map<string, PythonJson>([
    ["dataset_name", options.datasetName],
    ["plans_name", plansName],
    [
      "original_median_spacing_after_transp",
      permute(medianPerAxis(fingerprint.spacings), axes).map((mm) => new PyFloat(mm)),
    ],
    ["original_median_shape_after_transp", medianShape.map(roundHalfEven)],
    ["image_reader_writer", options.readerName],
    ["transpose_forward", axes],
    ["transpose_backward", inverseAxes(axes)],
    ["configurations", configurations],
    ["experiment_planner_used", planner.name],
    ["label_manager", "LabelManager"],
    ["foreground_intensity_properties_per_channel", intensitiesToJson(fingerprint.intensities)],
  ]);
  const warnings = collectWarnings(planner, fingerprint, dataset, options, kept);
  return { plansName, document, kept, warnings };
}
