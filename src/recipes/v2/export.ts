import { boxShape, inverseAxes, permute } from "../../core/axes.js";
import { NnprepError } from "../../core/errors.js";
import { type Box3, formatShape, type Shape3, sameShape, type Vec3 } from "../../core/volume.js";
import type { ValueRange } from "../../kernels/argmax/argmax.js";
import {
  gatherProbabilities,
  type Probabilities,
  type ProbabilityArray,
  type ProbabilityPlanes,
  planesOf,
} from "../../steps/probabilities.js";
import { resampledShape, separateAxis } from "../../steps/resample.js";
import { type LabelType, nearestAxisOf, type RestoreSettings, restoreLabels, UNCHANGED } from "../../steps/restore.js";
import { type ClassVolumes, rangeOf, restoreSigmoid, restoreSoftmax } from "../../steps/restore-logits.js";
import { resampleLogitsAsTorch } from "../../steps/torch-logits.js";
import type { Configuration } from "./documents/configuration.js";
import { describeLabelGap, type Labels } from "./documents/labels.js";
import type { Plans } from "./documents/plans.js";
import type { CaseProperties } from "./documents/properties.js";

/** What export needs to know of a case; nnU-Net's `ID.pkl` has it all. */
export type ExportProperties = Pick<
  CaseProperties,
  "spacingMm" | "shapeBeforeCropping" | "bbox" | "shapeAfterCropping"
>;

/** What export needs to know of the model. */
export interface ExportSettings {
  readonly plans: Pick<Plans, "transposeForward">;
  readonly configuration: Pick<Configuration, "name" | "spacingMm" | "resampleProbabilities">;
  readonly labels: Labels;
}

/** How logits become a segmentation. */
export interface ExportOptions {
  readonly onProgress?: RestoreSettings["onProgress"];
  readonly signal?: AbortSignal | undefined;
}

/** A condition that the export survives but that the user should know of. */
export interface ExportWarning {
  readonly code: "NOT_FINITE" | "NO_LOGITS";
  readonly message: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Labels on the scan's grid, in the axes of the file; the reader of the dataset writes them. */
export interface ExportedSegmentation {
  readonly labels: Uint8Array | Uint16Array;
  readonly shape: Shape3;
  readonly warnings: readonly ExportWarning[];
}

/** From this number of foreground labels on nnU-Net writes 16 bits. */
const WIDE_FROM = 255;
/**
 * The largest float32 whose sigmoid, computed in float32, is not above 0.5: 1 + exp(-x) must round below 2, which takes
 * exp(-x) below 1 - 1.5 * 2^-24.
 */
const LOGIT_THRESHOLD = 1.5 / 2 ** 24;
const PROBABILITY_THRESHOLD = 0.5;

/** 8 or 16 bits, as nnU-Net chooses. */
export function labelTypeOf(labels: Pick<Labels, "foreground">): LabelType {
  return labels.foreground.length < WIDE_FROM ? "uint8" : "uint16";
}

/**
 * How a voxel's label follows from its values.
 * @throws NnprepError INVALID_DATASET for labels with a gap, which no network of nnU-Net can have been trained on
 */
export function decisionRule(
  labels: Labels,
  values: "logits" | "probabilities",
): Pick<RestoreSettings, "regions" | "labelType"> {
  const labelType = labelTypeOf(labels);
  const { regionsClassOrder } = labels;
  if (regionsClassOrder !== null) {
    const threshold = values === "logits" ? LOGIT_THRESHOLD : PROBABILITY_THRESHOLD;
    return { labelType, regions: { labels: regionsClassOrder, threshold } };
  }
  // Heads are numbered, so a gap would shift all labels behind it.
  const gap = describeLabelGap(labels);
  if (gap !== null) throw new NnprepError("INVALID_DATASET", gap, { key: "labels" });
  return { labelType };
}

/** The spacing of the network's grid for a case, network's axes: 2-D configurations keep the case's first one. */
export function gridSpacing({ spacingMm }: Pick<Configuration, "spacingMm">, ofCase: Vec3): Vec3 {
  return (spacingMm.length === 2 ? [ofCase[0], ...spacingMm] : spacingMm) as unknown as Vec3;
}

/** The axis of the network's frame that logits are resampled along by themselves, or null. @throws NnprepError UNSUPPORTED */
export function separateAxisOf(
  { name, resampleProbabilities: rule }: ExportSettings["configuration"],
  first: Vec3,
  second: Vec3,
): number | null {
  if (rule.kind === "none") return null;
  if (!rule.isSeg && (rule.kind === "torch" || (rule.order === 1 && rule.orderZ === 0))) {
    return separateAxis(first, second, { force: rule.forceSeparateZ, threshold: rule.separateZThreshold });
  }
  const found = rule.isSeg || rule.kind === "torch" ? "is_seg" : `order ${rule.order} and order_z ${rule.orderZ}`;
  throw new NnprepError(
    "UNSUPPORTED",
    `configuration "${name}" resamples logits with ${found}; resample_data_or_seg_to_shape with order 1 and order_z 0, and resample_torch_fornnunet are known here`,
    { configuration: name, found },
  );
}

function isSameBox(box: Box3, shape: Shape3): boolean {
  return box.every(([low, high], axis) => high - low === shape[axis]);
}

/** Refuses logits of another case, plan, configuration or dataset. @throws NnprepError SHAPE_MISMATCH, CORRUPT_FILE */
export function checkLogits(source: Probabilities, properties: ExportProperties, settings: ExportSettings): void {
  const { labels, configuration } = settings;
  if (source.classes !== labels.heads) {
    const what = labels.regions === null ? "labels" : "regions";
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `${source.classes} channels of logits found, but dataset.json has ${labels.heads} ${what} to predict; do logits and dataset.json belong together?`,
      { found: source.classes, expected: labels.heads },
    );
  }
  const { bbox, shapeBeforeCropping, shapeAfterCropping } = properties;
  if (!isSameBox(bbox, shapeAfterCropping)) {
    throw new NnprepError(
      "CORRUPT_FILE",
      `properties: bbox_used_for_cropping ${JSON.stringify(bbox)} is not of shape_after_cropping_and_before_resampling ${formatShape(shapeAfterCropping)}; preprocess the case again`,
      { bbox: bbox.map((bounds) => [...bounds]), shape: [...shapeAfterCropping] },
    );
  }
  const spacing = permute(properties.spacingMm, settings.plans.transposeForward);
  const expected =
    configuration.resampleProbabilities.kind === "none"
      ? shapeAfterCropping
      : resampledShape(shapeAfterCropping, spacing, gridSpacing(configuration, spacing));
  if (sameShape(source.shape, expected)) return;
  throw new NnprepError(
    "SHAPE_MISMATCH",
    `logits of shape ${formatShape(source.shape)} found, but configuration "${configuration.name}" makes ${formatShape(expected)} of this case ` +
      `(${formatShape(shapeBeforeCropping)} voxels, ${formatShape(shapeAfterCropping)} after cropping); they are of another case, configuration or plan`,
    { found: [...source.shape], expected: [...expected], configuration: configuration.name },
  );
}

/** Everything that restoring needs, out of the case's properties and the plans. @throws NnprepError */
export function restoreSettings(
  source: Probabilities,
  properties: ExportProperties,
  settings: ExportSettings,
): Omit<RestoreSettings, "regions" | "labelType"> {
  const { transposeForward } = settings.plans;
  const ofCase = permute(properties.spacingMm, transposeForward) as Vec3;
  const target = gridSpacing(settings.configuration, ofCase);
  const axis = separateAxisOf(settings.configuration, target, ofCase);
  checkLogits(source, properties, settings);
  const backward = inverseAxes(transposeForward);
  return {
    shape: permute(properties.shapeBeforeCropping, backward),
    box: permute(properties.bbox, backward) as Box3,
    separateAxis: axis === null ? null : transposeForward[axis],
    axes: transposeForward,
    summedIn: "source",
  };
}

type GridSettings = Pick<RestoreSettings, "box" | "axes" | "separateAxis">;

/** Logits as torch resamples them to the box. */
function torchPlanes(logits: ProbabilityArray, settings: GridSettings): ProbabilityPlanes {
  const newShape = permute(boxShape(settings.box) as [number, number, number], settings.axes ?? UNCHANGED);
  return resampleLogitsAsTorch(logits, newShape, nearestAxisOf(settings) ?? null);
}

/** Logits of plans that resample with torch, resampled while they are read; others as they are. */
export async function takeLogits(
  logits: Probabilities,
  settings: GridSettings,
  { resampleProbabilities }: Pick<Configuration, "resampleProbabilities">,
): Promise<Probabilities> {
  if (resampleProbabilities.kind !== "torch") return logits;
  const { planeOf, ...grid } = torchPlanes(await gatherProbabilities(logits), settings);
  return { ...grid, read: planeOf };
}

/** What is to be said of the values that came in. */
export function valueWarnings(range: Readonly<ValueRange>): ExportWarning[] {
  if (!range.finite) {
    const message = "there are NaN or infinite values among the logits; where they are, the result means nothing";
    return [{ code: "NOT_FINITE", message, detail: {} }];
  }
  if (range.lowest < 0 || range.largestMagnitude > 1) return [];
  const message =
    `all values lie in [0, 1] (${range.lowest} to ${range.largestMagnitude}), as probabilities do; logits are expected: ` +
    "labels come out nearly alike, but not exactly, and regions wrong";
  return [{ code: "NO_LOGITS", message, detail: { ...range } }];
}

/**
 * Logits of one case to a segmentation on its scan: `convert_predicted_logits_to_segmentation_with_correct_shape` of
 * nnU-Net 2.8.1, the same label in every voxel. The resampled logits never exist: memory is the labels, two planes of
 * the logits, and a window below 64 MiB; slabs are taken as they come.
 *
 * @param logits heads first, the network's axes and grid; float16 as the predictor gives them, or float32. Values are
 * rounded to their precision after resampling, as nnU-Net does; plans that resample with torch get float32
 * @throws NnprepError SHAPE_MISMATCH if the logits do not belong to the case, the plans or the labels; UNSUPPORTED for
 * resampling functions that are not known here, and labels that do not fit 8 or 16 bits; INVALID_DATASET; CORRUPT_FILE;
 * ABORTED
 *
 * @example
 * ```ts
 * import { exportSegmentation, getConfiguration, parseDatasetJson, parsePlans } from "nnprep";
 * import { preprocessCase, preprocessSettings, readerFor, scanFileFromPath } from "nnprep";
 * import { readFile } from "node:fs/promises";
 *
 * const { labels } = parseDatasetJson(await readFile("dataset.json"));
 * const plans = parsePlans(await readFile("nnUNetPlans.json"));
 * const reader = await readerFor(plans.readerName);
 * const files = await Promise.all(["t2.nii.gz", "t1.nii.gz"].map(scanFileFromPath));
 * const { channels, shape, properties: ofReader } = await reader.readImages(files);
 * const settings = preprocessSettings(plans, "3d_fullres", labels);
 * const prepared = await preprocessCase({ channels, shape, label: null }, ofReader, settings);
 *
 * // What a network would make of `prepared.channels`: logits, one class after the other.
 * const logits = new Float32Array(3 * prepared.channels[0].length);
 * const configuration = getConfiguration(plans, "3d_fullres");
 * const found = await exportSegmentation(
 *   { data: logits, classes: 3, shape: prepared.shape },
 *   prepared.properties,
 *   { plans, configuration, labels },
 * );
 * console.log(found.labels.length, found.shape); // on the scan's own grid
 * ```
 */
export async function exportSegmentation(
  logits: Probabilities,
  properties: ExportProperties,
  settings: ExportSettings,
  options: ExportOptions = {},
): Promise<ExportedSegmentation> {
  const restore = restoreSettings(logits, properties, settings);
  const rule = decisionRule(settings.labels, "logits");
  const { onProgress, signal } = options;
  const source = await takeLogits(logits, restore, settings.configuration);
  const { labels, range } = await restoreLabels(source, { ...restore, ...rule, onProgress, signal });
  return { labels, shape: restore.shape, warnings: valueWarnings(range) };
}

/** Labels, and the probabilities that they come from, on the scan's grid. */
export interface ExportedProbabilities extends ExportedSegmentation {
  readonly classes: number;
  /** Each class on the whole scan, in the axes of the file; the array is used again for the next one. */
  readonly volumes: ClassVolumes;
}

/**
 * The same with probabilities: softmax or sigmoid in float32 of the resampled logits, and labels by the largest
 * probability. Outside the crop box softmax is 1 for the background. The resampled values never exist all at once:
 * memory is all logits, two float32 volumes of the crop box, and one of the scan while classes are taken.
 *
 * Labels are nnU-Net's. Probabilities differ from its by up to 2.4e-7, because PyTorch's exponential function is not
 * the same on all machines.
 *
 * @throws NnprepError as `exportSegmentation`
 */
export async function exportProbabilities(
  logits: Probabilities,
  properties: ExportProperties,
  settings: ExportSettings,
  options: ExportOptions = {},
): Promise<ExportedProbabilities> {
  const array = await gatherProbabilities(logits);
  const { classes } = array;
  const restore = restoreSettings(array, properties, settings);
  const isTorch = settings.configuration.resampleProbabilities.kind === "torch";
  const planes = isTorch ? torchPlanes(array, restore) : planesOf(array);
  if (settings.labels.regions !== null) {
    const exported = await exportSegmentation(array, properties, settings, options);
    return { ...exported, classes, volumes: restoreSigmoid(planes, restore) };
  }
  const rule = decisionRule(settings.labels, "logits");
  const { labels, volumes } = restoreSoftmax(planes, { ...restore, ...rule, ...options });
  return { labels, shape: restore.shape, warnings: valueWarnings(rangeOf(array)), classes, volumes };
}
