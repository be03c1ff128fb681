import { permute, transpose } from "../../core/axes.js";
import { NnprepError } from "../../core/errors.js";
import { type Axes3, type CaseArrays, formatShape, type Shape3, type Vec3, voxelCount } from "../../core/volume.js";
import { clearLowLabels, countNan } from "../../kernels/clean.js";
import { collectGarbage } from "../../runtime/scratch.js";
import { sampleClassLocations } from "../../steps/class-locations.js";
import { resampledShape, resampleImage, resampleLabel, separateAxis } from "../../steps/resample.js";
import { chooseResampler } from "../../steps/resampler.js";
import { type CaseRunOptions, CaseSteps } from "../case-steps.js";
import type { CroppedProperties } from "./crop/crop-case.js";
import type { NormalizationScheme, PlansV1 } from "./documents/plans.js";
import { type CtStatistics, normalizeChannels } from "./normalization.js";
import { type LabelOptions, labelResampling, SEPARATE_AXIS } from "./resampling.js";

/** A condition that the result survives but that the user should know of. */
export interface CaseWarning {
  readonly code: "NAN_REPLACED" | "NAN_KEPT" | "INFINITE_REPLACED" | "INFINITE_KEPT" | "UPSAMPLED";
  readonly message: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** What one stage of the plans does to a case; spacings slowest axis first in the transposed frame. */
export interface StageSettings {
  /** mm. With `planar` entry 0 does not count: the case keeps its own. */
  readonly targetSpacingMm: Vec3;
  readonly transposeForward: Axes3;
  /** One per channel. */
  readonly normalizationSchemes: readonly NormalizationScheme[];
  /** Per channel whether mean and deviation are taken inside the non-zero mask only. */
  readonly useMaskForNorm: readonly boolean[];
  /** Needed by the schemes CT and CT2. */
  readonly intensityProperties: ReadonlyMap<number, CtStatistics> | null;
  /** Label values whose locations are sampled, in the order of dataset.json. */
  readonly classes: readonly number[];
  /** True for the 2-D networks (`PreprocessorFor2D`): axis 0 is not resampled. */
  readonly planar: boolean;
}

/** How one case is preprocessed. */
export interface PreprocessOptions extends LabelOptions, CaseRunOptions {
  /**
   * What NaN and infinite voxels become. "reference" (default): NaN is 0 with a warning in 3-D and an error with
   * `planar`, infinities are an error, because there nnU-Net spreads them over the whole channel. "replace": 0
   * everywhere. "keep": what nnU-Net makes of them then.
   */
  readonly nanPolicy?: "reference" | "replace" | "keep";
}

/** A case as the network gets it. */
export interface PreprocessedCase {
  readonly arrays: CaseArrays & { readonly label: Int16Array };
  readonly properties: CroppedProperties;
  readonly warnings: readonly CaseWarning[];
}

/** Voxels of a case may grow by this factor before a warning. */
const GROWTH_WORTH_A_WARNING = 4;

/** Cases with more voxels than this do not let the copies of one channel wait for those of the next. */
const WORTH_COLLECTING = 1 << 20;

/** The settings of one stage of plans. */
export function stageSettings(plans: PlansV1, stage: number): StageSettings {
  const planned = plans.plans_per_stage[stage];
  if (planned === undefined) {
    throw new NnprepError("INVALID_PLANS", `stage ${stage} asked for, but the plans have ${plans.num_stages} stages`, {
      found: stage,
      expected: plans.num_stages,
    });
  }
  const channels = Array.from({ length: plans.num_modalities }, (_, channel) => channel);
  return {
    targetSpacingMm: planned.current_spacing,
    transposeForward: plans.transpose_forward,
    normalizationSchemes: channels.map((c) => plans.normalization_schemes.get(c) ?? "nonCT"),
    useMaskForNorm: channels.map((c) => plans.use_mask_for_norm.get(c) ?? false),
    intensityProperties: plans.dataset_properties.intensityproperties,
    classes: plans.all_classes,
    planar: plans.preprocessor_name === "PreprocessorFor2D",
  };
}

/** Grid before and after resampling in the transposed frame. */
export interface Grids {
  readonly shape: Shape3;
  readonly spacing: Vec3;
  readonly newShape: Shape3;
  readonly newSpacing: Vec3;
}

/** Where a case of `shape` (file order) goes; throws INVALID_PLANS when nothing would be left of an axis. */
export function planGrids(
  shape: Shape3,
  properties: Pick<CroppedProperties, "original_spacing">,
  settings: StageSettings,
): Grids {
  const spacing = permute(properties.original_spacing, settings.transposeForward);
  const newSpacing: Vec3 = settings.planar
    ? [spacing[0], settings.targetSpacingMm[1], settings.targetSpacingMm[2]]
    : settings.targetSpacingMm;
  const transposed = permute(shape, settings.transposeForward);
  return { shape: transposed, spacing, newShape: resampledShape(transposed, spacing, newSpacing), newSpacing };
}

/**
 * Resamples and normalises a cropped case for one stage: `GenericPreprocessor._run_internal`, or with `planar` that of
 * `PreprocessorFor2D`, of nnU-Net 1.7.1. Input arrays are left as they are.
 *
 * @param arrays cropped case in file order, from `cropCase`
 * @throws NnprepError ABORTED, INVALID_VALUES for NaN in 2-D, INVALID_PLANS if the plans do not fit the case, INVALID_ARGUMENT
 * if the new shape has no voxel
 */
export async function preprocessCase(
  arrays: CaseArrays & { readonly label: Int16Array },
  properties: CroppedProperties,
  settings: StageSettings,
  options: PreprocessOptions = {},
): Promise<PreprocessedCase> {
  checkSettings(arrays, settings);
  const { shape, spacing, newShape, newSpacing } = planGrids(arrays.shape, properties, settings);
  const axis = separateAxis(spacing, newSpacing, SEPARATE_AXIS);
  const axes = settings.transposeForward;
  const warnings: CaseWarning[] = [];
  warnOfGrowth(shape, newShape, warnings);
  const steps = new CaseSteps(arrays.channels.length + 3, options);
  const cleaned = await steps.run("resample the label", () => {
    const turned = transpose(arrays.label, arrays.shape, axes);
    const label = resampleLabel(turned, shape, newShape, axis, labelResampling(options));
    return cleanLabel(label, label === arrays.label);
  });
  const resampler = chooseResampler(options.precision, options.resampler);
  const policy = options.nanPolicy ?? "reference";
  const resampled: Float32Array[] = [];
  for (const [c, channel] of arrays.channels.entries()) {
    const name = arrays.channels.length === 1 ? "resample the image" : `resample channel ${c}`;
    const result = await steps.run(name, () => {
      const moved = transpose(channel, arrays.shape, axes);
      const finite = treatInfinite(moved, moved === channel, c, policy, warnings);
      const clean = treatNan(finite, finite === channel, c, settings.planar, policy, warnings);
      // Outside the mask these channels become 0 in the end, whatever they were.
      const masked = settings.useMaskForNorm[c] && settings.normalizationSchemes[c] !== "noNorm";
      return resampleImage(clean, shape, newShape, axis, 3, { resampler, within: masked ? cleaned : null });
    });
    resampled.push(result);
    if (voxelCount(shape) > WORTH_COLLECTING) collectGarbage();
  }
  const normalized = await steps.run("normalise", () =>
    normalizeChannels(
      { channels: resampled, label: cleaned, shape: newShape },
      settings.normalizationSchemes,
      settings.useMaskForNorm,
      resampled.map((_, c) => settings.intensityProperties?.get(c) ?? null),
      resampled.map((data, c) => (data === arrays.channels[c] ? new Float32Array(data.length) : data)),
    ),
  );
  const { classes } = settings;
  const locations = await steps.run("sample voxels of each class", () =>
    sampleClassLocations(cleaned, newShape, classes),
  );
  return {
    arrays: { channels: normalized.channels, label: cleaned, shape: newShape },
    properties: {
      ...properties,
      size_after_resampling: newShape,
      spacing_after_resampling: newSpacing,
      class_locations: new Map(classes.map((value, i) => [value, locations[i]])),
    },
    warnings,
  };
}

function checkSettings(arrays: CaseArrays, settings: StageSettings): void {
  const found = arrays.channels.length;
  const { normalizationSchemes, useMaskForNorm } = settings;
  if (normalizationSchemes.length === found && useMaskForNorm.length === found) return;
  throw new NnprepError(
    "INVALID_PLANS",
    `the case has ${found} channels, but the plans normalise ${normalizationSchemes.length}; plan again from cases like this one`,
    { found, expected: normalizationSchemes.length },
  );
}

function warnOfGrowth(shape: Shape3, newShape: Shape3, warnings: CaseWarning[]): void {
  const factor = voxelCount(newShape) / voxelCount(shape);
  if (factor <= GROWTH_WORTH_A_WARNING) return;
  warnings.push({
    code: "UPSAMPLED",
    message: `resampling multiplies the voxels by ${factor.toFixed(1)}: ${formatShape(shape)} becomes ${formatShape(newShape)}`,
    detail: { factor, before: [...shape], after: [...newShape] },
  });
}

/** Labels below -1 become 0, in place unless `borrowed`. */
function cleanLabel(label: Int16Array, borrowed: boolean): Int16Array {
  const result = borrowed ? label.slice() : label;
  clearLowLabels(result);
  return result;
}

function countInfinite(data: Float32Array): number {
  let count = 0;
  const n = data.length;
  for (let i = 0; i < n; i++) if (Math.abs(data[i]) === Number.POSITIVE_INFINITY) count++;
  return count;
}

function treatInfinite(
  data: Float32Array,
  borrowed: boolean,
  channel: number,
  policy: "reference" | "replace" | "keep",
  warnings: CaseWarning[],
): Float32Array {
  const count = countInfinite(data);
  if (count === 0) return data;
  const detail = { channel, count };
  const found = `channel ${channel}: ${count} of ${data.length} voxels are infinite`;
  if (policy === "keep") {
    warnings.push({ code: "INFINITE_KEPT", message: `${found}; the whole channel becomes NaN`, detail });
    return data;
  }
  if (policy === "reference") {
    throw new NnprepError(
      "INVALID_VALUES",
      `${found}. nnU-Net would make the whole channel NaN: correct the image, or choose the NaN policy "replace" or "keep"`,
      detail,
    );
  }
  const result = borrowed ? data.slice() : data;
  for (let i = 0; i < result.length; i++) {
    if (Math.abs(result[i]) === Number.POSITIVE_INFINITY) result[i] = 0;
  }
  warnings.push({ code: "INFINITE_REPLACED", message: `${found}; they were replaced by 0`, detail });
  return result;
}

function treatNan(
  data: Float32Array,
  borrowed: boolean,
  channel: number,
  planar: boolean,
  policy: "reference" | "replace" | "keep",
  warnings: CaseWarning[],
): Float32Array {
  const count = countNan(data);
  if (count === 0) return data;
  const detail = { channel, count };
  const found = `channel ${channel}: ${count} of ${data.length} voxels are NaN`;
  if (policy === "keep") {
    warnings.push({ code: "NAN_KEPT", message: `${found}; cubic resampling spreads them`, detail });
    return data;
  }
  if (planar && policy === "reference") {
    throw new NnprepError(
      "INVALID_VALUES",
      `${found}. For the 2-D network nnU-Net would make the whole channel NaN: correct the image, leave out the 2-D planner, or choose the NaN policy "replace" or "keep"`,
      detail,
    );
  }
  const result = borrowed ? data.slice() : data;
  for (let i = 0; i < result.length; i++) if (Number.isNaN(result[i])) result[i] = 0;
  warnings.push({ code: "NAN_REPLACED", message: `${found}; they were replaced by 0`, detail });
  return result;
}
