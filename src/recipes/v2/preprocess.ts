import { permute, transpose } from "../../core/axes.js";
import { NnprepError } from "../../core/errors.js";
import { type CaseArrays, checkLength, formatShape, type Shape3, voxelCount } from "../../core/volume.js";
import type { LabelRule } from "../../kernels/linear-labels.js";
import { viewOrder } from "../../kernels/pairwise.js";
import { collectGarbage } from "../../runtime/scratch.js";
import { sampleClassLocations } from "../../steps/class-locations.js";
import { type CroppedCase, cropToNonzero } from "../../steps/crop.js";
import { clearNonFinite, countNonFinite } from "../../steps/non-finite.js";
import { normalizeChannel, scalingOf } from "../../steps/normalize.js";
import { chooseResampler } from "../../steps/resampler.js";
import { type CaseRunOptions, CaseSteps } from "../case-steps.js";
import type { Configuration } from "./documents/configuration.js";
import type { Labels, Region } from "./documents/labels.js";
import { getConfiguration, type Plans } from "./documents/plans.js";
import type { CaseProperties, ClassLocations, ReaderProperties } from "./documents/properties.js";
import { checkRgb, normalizationOf } from "./normalization.js";
import { planGrids, resampleData, resampleSeg } from "./resampling.js";

/** What preprocessing needs to know of plans and dataset: plain values that pass to a worker. */
export interface PreprocessSettings {
  readonly plans: Pick<Plans, "transposeForward" | "intensities">;
  readonly configuration: Pick<
    Configuration,
    "name" | "spacingMm" | "normalization" | "useMaskForNorm" | "resampleData" | "resampleSeg"
  >;
  readonly labels: Pick<Labels, "all" | "foreground" | "regions" | "ignore">;
}

/** How one case is preprocessed. */
export interface PreprocessOptions extends CaseRunOptions {
  /** Which label wins where several meet; default "argmax-nearest", as with batchgenerators since 0.25.4. */
  readonly labelRule?: LabelRule | undefined;
  /**
   * What NaN and infinite voxels are. "error" (default): nnU-Net would make whole channels NaN. "replace": 0, as its
   * reader of NIfTI makes them, with a warning. "keep": what nnU-Net makes of them, with a warning.
   */
  readonly nanPolicy?: "error" | "replace" | "keep" | undefined;
  /** The voxels that are given may be overwritten, so that no volume is there twice. */
  readonly inPlace?: boolean | undefined;
}

/** A condition that the result survives but that the user should know of. */
export interface CaseWarning {
  readonly code: "NON_FINITE_REPLACED" | "NON_FINITE_KEPT" | "EMPTY_IMAGE" | "UPSAMPLED";
  readonly message: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** A case as the network gets it. */
export interface PreprocessedCase {
  /** float32 channels of `shape`, normalised. */
  readonly channels: readonly Float32Array[];
  /** Labels of `shape`, -1 outside of what is not 0; null if the case came without a label. */
  readonly label: Int16Array | null;
  /** Transposed axes. */
  readonly shape: Shape3;
  readonly properties: CaseProperties;
  readonly warnings: readonly CaseWarning[];
}

/** What batchgenerators does today; nnU-Net 2.8.1 asks for no older one. */
const DEFAULT_LABEL_RULE: LabelRule = "argmax-nearest";
/** nnU-Net v2 keeps empty images whole and labels as they are. */
const CROP_RULES = { emptyImage: "keep", leastLabel: -32768 } as const;
/** Below this nnU-Net's labels of 8 bits would wrap. */
const LEAST_LABEL = -128;
/** Voxels of a case may grow by this factor before a warning. */
const GROWTH_WORTH_A_WARNING = 4;
/** Cases with more voxels than this do not let the copies of one channel wait for those of the next. */
const WORTH_COLLECTING = 1 << 20;

/**
 * The part of plans and labels that preprocessing for one configuration needs.
 *
 * @example
 * ```ts
 * import { parseDatasetJson, parsePlans, preprocessSettings } from "nnprep";
 * import { readFile } from "node:fs/promises";
 *
 * const { labels } = parseDatasetJson(await readFile("dataset.json"));
 * const plans = parsePlans(await readFile("nnUNetPlans.json"));
 * const settings = preprocessSettings(plans, "3d_fullres", labels);
 * console.log(settings.configuration.normalization);
 * ```
 */
export function preprocessSettings(plans: Plans, configurationName: string, labels: Labels): PreprocessSettings {
  const { transposeForward, intensities } = plans;
  const configuration = getConfiguration(plans, configurationName);
  const { name, spacingMm, normalization, useMaskForNorm, resampleData: data, resampleSeg: seg } = configuration;
  const { all, foreground, regions, ignore } = labels;
  return {
    plans: { transposeForward, intensities },
    configuration: { name, spacingMm, normalization, useMaskForNorm, resampleData: data, resampleSeg: seg },
    labels: { all, foreground, regions, ignore },
  };
}

/**
 * Crops, normalises and resamples a case for one configuration: `DefaultPreprocessor.run_case_npy` of nnU-Net 2.8.1. A
 * case to predict comes without a label; the second stage of a cascade gets the previous stage's prediction as label.
 *
 * @param arrays the case as read, axes of the file; left as they are unless `inPlace`
 * @param reader what the reader says of the case
 * @throws NnprepError INVALID_PLANS if the plans do not fit the case, INVALID_VALUES for voxels that are not finite, for
 * labels below -128 and for RGB images with other values than 0 to 255, INVALID_ARGUMENT if the new shape has no voxel,
 * UNSUPPORTED for resampling functions with options that nnU-Net's planners do not use, SHAPE_MISMATCH, ABORTED
 *
 * @example
 * ```ts
 * import { parseDatasetJson, parsePlans, preprocessCase, preprocessSettings, readerFor, scanFileFromPath } from "nnprep";
 * import { readFile } from "node:fs/promises";
 *
 * const { labels } = parseDatasetJson(await readFile("dataset.json"));
 * const plans = parsePlans(await readFile("nnUNetPlans.json"));
 * const reader = await readerFor(plans.readerName);
 * const files = await Promise.all(["t2.nii.gz", "t1.nii.gz"].map(scanFileFromPath));
 * const { channels, shape, properties } = await reader.readImages(files);
 * const { label } = await reader.readLabel(await scanFileFromPath("label.nii.gz"));
 * const settings = preprocessSettings(plans, "3d_fullres", labels);
 * const prepared = await preprocessCase({ channels, label, shape }, properties, settings);
 * console.log(prepared.shape, prepared.channels.length, prepared.warnings);
 * ```
 */
export async function preprocessCase(
  arrays: CaseArrays,
  reader: ReaderProperties,
  settings: PreprocessSettings,
  options: PreprocessOptions = {},
): Promise<PreprocessedCase> {
  const { configuration } = settings;
  const axes = settings.plans.transposeForward;
  checkCase(arrays, settings);
  const warnings: CaseWarning[] = [];
  const steps = new CaseSteps(arrays.channels.length + (arrays.label === null ? 1 : 3), options);
  const given = arrays.label !== null;
  const { cropped, box } = await steps.run("crop to the non-zero part", () => cropCase(arrays, options, warnings));
  const grids = planGrids(cropped.shape, reader.spacingMm, settings);
  const { shape, newShape } = grids;
  warnOfGrowth(shape, newShape, warnings);
  const masks = configuration.normalization.map(
    (scheme, c) => scheme === "ZScoreNormalization" && configuration.useMaskForNorm[c] === true,
  );
  const turnedLabel = given || masks.includes(true) ? transpose(cropped.label, cropped.shape, axes) : null;
  const resampler = chooseResampler(options.precision, options.resampler);
  const order = viewOrder(cropped.shape, arrays.shape);
  const channels: Float32Array[] = [];
  for (const [c, channel] of cropped.channels.entries()) {
    const name = cropped.channels.length === 1 ? "the image" : `channel ${c}`;
    const resampled = await steps.run(`normalise and resample ${name}`, () => {
      const scheme = configuration.normalization[c];
      if (scheme === "RGBTo01Normalization") checkRgb(channel, c);
      const rule = normalizationOf(scheme, masks[c] === true, settings.plans.intensities[c], c);
      // NumPy sums a mask's voxels in the transposed order, and those of the whole image as they lie in memory.
      const masked = masks[c] === true;
      const scaling = masked ? null : scalingOf(channel, null, rule, { order });
      const turned = transpose(channel, cropped.shape, axes);
      const owned = options.inPlace === true || turned !== arrays.channels[c];
      const source = masked
        ? normalizeChannel(turned, turnedLabel, rule, { destination: owned ? turned : undefined, order })
        : turned;
      return resampleData(source, grids, configuration, resampler, scaling, owned);
    });
    channels.push(resampled === arrays.channels[c] && options.inPlace !== true ? resampled.slice() : resampled);
    if (voxelCount(shape) > WORTH_COLLECTING) collectGarbage();
  }
  const properties: CaseProperties = {
    ...reader,
    shapeBeforeCropping: permute(arrays.shape as [number, number, number], axes),
    bbox: permute(box as [(typeof box)[0], (typeof box)[1], (typeof box)[2]], axes),
    shapeAfterCropping: shape,
  };
  if (!given || turnedLabel === null) return { channels, label: null, shape: newShape, properties, warnings };
  const rule = options.labelRule ?? DEFAULT_LABEL_RULE;
  const label = await steps.run("resample the label", () => {
    const result = resampleSeg(turnedLabel, grids, configuration, rule);
    return result === arrays.label && options.inPlace !== true ? result.slice() : result;
  });
  const classLocations = await steps.run("sample voxels of each class", () =>
    locateClasses(label, newShape, settings.labels),
  );
  return { channels, label, shape: newShape, properties: { ...properties, classLocations }, warnings };
}

function checkCase({ channels, label, shape }: CaseArrays, { configuration }: PreprocessSettings): void {
  const { name, normalization, useMaskForNorm } = configuration;
  if (normalization.length !== channels.length || useMaskForNorm.length !== channels.length) {
    throw new NnprepError(
      "INVALID_PLANS",
      `the case has ${channels.length} channels, but configuration "${name}" of the plans normalises ${normalization.length}; plan again from cases like this one`,
      { found: channels.length, expected: normalization.length },
    );
  }
  for (const [c, channel] of channels.entries()) checkLength(`channel ${c}`, channel, shape);
  if (label !== null) checkLength("label", label, shape);
}

/** The case without its margins of zeros, and where it lay; both in the axes of the file. */
function cropCase(
  arrays: CaseArrays,
  { nanPolicy = "error", inPlace = false }: PreprocessOptions,
  warnings: CaseWarning[],
): { cropped: CroppedCase["arrays"]; box: CroppedCase["box"] } {
  const treat = (channel: Float32Array, c: number) => treatNonFinite(channel, c, nanPolicy, inPlace, warnings);
  // What is replaced by 0 decides on the mask; else the mask is made first, which finds the channels that need a look.
  const channels = nanPolicy === "replace" ? arrays.channels.map(treat) : arrays.channels;
  const onNonFinite = (c: number) => void treat(channels[c], c);
  const {
    arrays: cropped,
    box,
    classes,
  } = cropToNonzero({ ...arrays, channels }, { ...CROP_RULES, onNonFinite }, inPlace);
  const [least = 0] = classes;
  if (least < LEAST_LABEL) {
    throw new NnprepError(
      "INVALID_VALUES",
      `the label has the value ${least}; values from ${LEAST_LABEL} are expected, for nnU-Net's 8 bits would make another label of it`,
      { found: least, expected: LEAST_LABEL },
    );
  }
  if (isEmpty(cropped, classes)) {
    warnings.push({
      code: "EMPTY_IMAGE",
      message: `every voxel of the image of shape ${formatShape(arrays.shape)} is 0; it is kept whole, and its label is -1 wherever it was 0`,
      detail: { shape: [...arrays.shape], channels: channels.length },
    });
  }
  return { cropped, box };
}

/** An image without any non-zero voxel leaves no label 0. */
function isEmpty({ channels }: CroppedCase["arrays"], classes: readonly number[]): boolean {
  return !classes.includes(0) && channels.every((channel) => channel.every((value) => value === 0));
}

function treatNonFinite(
  channel: Float32Array,
  c: number,
  policy: "error" | "replace" | "keep",
  inPlace: boolean,
  warnings: CaseWarning[],
): Float32Array {
  const { nan, infinite } = countNonFinite(channel);
  if (nan + infinite === 0) return channel;
  const found = `channel ${c}: ${nan} of ${channel.length} voxels are NaN and ${infinite} infinite`;
  const detail = { channel: c, nan, infinite };
  if (policy === "keep") {
    warnings.push({
      code: "NON_FINITE_KEPT",
      message: `${found}; normalisation and resampling may spread them over the whole channel`,
      detail,
    });
    return channel;
  }
  if (policy === "error") {
    throw new NnprepError(
      "INVALID_VALUES",
      `${found}. nnU-Net would make the whole channel NaN: correct the image, or choose the NaN policy "replace" or "keep"`,
      detail,
    );
  }
  const result = inPlace ? channel : channel.slice();
  clearNonFinite(result);
  warnings.push({ code: "NON_FINITE_REPLACED", message: `${found}; they were replaced by 0`, detail });
  return result;
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

/** Locations of foreground labels or regions, and with an ignore label of all that is annotated. */
function locateClasses(label: Int16Array, shape: Shape3, labels: PreprocessSettings["labels"]): ClassLocations[] {
  const { all, foreground, regions, ignore } = labels;
  const wanted: Region[] = [...(regions ?? foreground)];
  if (ignore !== null) wanted.push([-1, ...all]);
  const voxels = sampleClassLocations(label, shape, wanted);
  return wanted.map((region, i) => ({ region, voxels: voxels[i] }));
}
