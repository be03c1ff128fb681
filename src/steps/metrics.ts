import { boxShape } from "../core/axes.js";
import { NnprepError } from "../core/errors.js";
import { checkLength, type Shape3, type Vec3, type VoxelArray } from "../core/volume.js";
import { BYTE_LABELS, countLabelPairs, labelBoxes } from "../kernels/label-pairs.js";
import { byteTable, LabelCoding, markInBox, unionBox } from "./label-regions.js";
import {
  averageSurfaceDistance,
  averageSymmetricSurfaceDistance,
  hausdorffDistance,
  hausdorffDistance95,
  normalizedSurfaceDice,
  surfaceDistances,
} from "./surface-distance.js";

/** Voxels of one object, or of several labels as one, in prediction and reference. */
export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

/** The metrics that nnU-Net 1.7.1 writes by default, by its names. */
export interface OverlapMetrics {
  readonly "False Positive Rate": number;
  readonly Dice: number;
  readonly Jaccard: number;
  readonly Precision: number;
  readonly Recall: number;
  readonly Accuracy: number;
  readonly "False Omission Rate": number;
  readonly "Negative Predictive Value": number;
  readonly "False Negative Rate": number;
  readonly "True Negative Rate": number;
  readonly "False Discovery Rate": number;
  readonly "Total Positives Test": number;
  readonly "Total Positives Reference": number;
}

/** Distances in mm between the surfaces; the first four by nnU-Net's names. */
export interface SurfaceMetrics {
  readonly "Hausdorff Distance": number;
  readonly "Hausdorff Distance 95": number;
  /** From the prediction's surface to the reference's. */
  readonly "Avg. Surface Distance": number;
  readonly "Avg. Symmetric Surface Distance": number;
  readonly "Normalized Surface Dice": number;
}

/** What is measured of one label, by nnU-Net's names. */
export type LabelMetrics = OverlapMetrics & Partial<SurfaceMetrics>;

/**
 * The metrics of `nnunet.evaluation.metrics` (1.7.1) from counts. NaN where a ratio says nothing: Dice and Jaccard if
 * both are empty, Precision if the prediction is, Recall if the reference is, True Negative Rate if the reference
 * fills the image, False Omission Rate if the prediction does; and what is 1 minus one of these.
 */
export function overlapMetrics(confusion: Confusion): OverlapMetrics {
  const { truePositives: tp, falsePositives: fp, falseNegatives: fn, trueNegatives: tn } = confusion;
  // 0 / 0 is NaN just where nnU-Net says NaN: a sum in a denominator is 0 only if the image is empty or full.
  const precision = tp / (tp + fp);
  const recall = tp / (tp + fn);
  const specificity = tn / (tn + fp);
  const falseOmissionRate = fn / (fn + tn);
  return {
    "False Positive Rate": 1 - specificity,
    Dice: (2 * tp) / (2 * tp + fp + fn),
    Jaccard: tp / (tp + fp + fn),
    Precision: precision,
    Recall: recall,
    Accuracy: (tp + tn) / (tp + fp + tn + fn),
    "False Omission Rate": falseOmissionRate,
    "Negative Predictive Value": 1 - falseOmissionRate,
    "False Negative Rate": 1 - recall,
    "True Negative Rate": specificity,
    "False Discovery Rate": 1 - precision,
    "Total Positives Test": tp + fp,
    "Total Positives Reference": tp + fn,
  };
}

/** Two label images of one grid. */
export interface LabelPair {
  readonly prediction: VoxelArray;
  readonly reference: VoxelArray;
  readonly shape: Shape3;
}

/** A label, or several that count as one. */
export type Region = number | readonly number[];

function labelsOf(region: Region): readonly number[] {
  return typeof region === "number" ? [region] : region;
}

/** What `compareLabels` found. */
export interface LabelComparison {
  /** One per region. */
  readonly confusions: Confusion[];
  /** Labels that are there, ascending. */
  readonly predictionLabels: number[];
  readonly referenceLabels: number[];
}

interface Encoded {
  readonly coding: LabelCoding;
  readonly prediction: Uint8Array;
  readonly reference: Uint8Array;
}

function encode({ prediction, reference, shape }: LabelPair): Encoded {
  checkLength("reference", reference, shape);
  checkLength("prediction", prediction, shape);
  const coding = new LabelCoding(prediction, reference);
  return { coding, prediction: coding.encode(prediction), reference: coding.encode(reference) };
}

/**
 * Counts true and false positives and negatives of any number of regions in one pass over the images.
 *
 * @param ignore voxels whose reference is this label count nowhere
 * @throws NnprepError SHAPE_MISMATCH, INVALID_VALUES for more than 256 labels
 */
export function compareLabels(pair: LabelPair, regions: readonly Region[], ignore?: number): LabelComparison {
  return countRegions(encode(pair), regions, ignore);
}

/** Voxels of each label in prediction and reference. */
function totalsOf(pairs: Uint32Array): { predicted: Float64Array; referred: Float64Array } {
  const predicted = new Float64Array(BYTE_LABELS);
  const referred = new Float64Array(BYTE_LABELS);
  pairs.forEach((count, index) => {
    predicted[index >> 8] += count;
    referred[index & 0xff] += count;
  });
  return { predicted, referred };
}

function countRegions({ coding, prediction, reference }: Encoded, regions: readonly Region[], ignore?: number) {
  const pairs = countLabelPairs(prediction, reference);
  const all = totalsOf(pairs);
  const present = (totals: Float64Array): number[] =>
    [...totals.keys()]
      .filter((byte) => totals[byte] !== 0)
      .map((byte) => coding.labelOf(byte) as number)
      .sort((a, b) => a - b);
  const labels = { predictionLabels: present(all.predicted), referenceLabels: present(all.referred) };
  const ignored = ignore === undefined ? undefined : coding.byteOf(ignore);
  if (ignored !== undefined) for (let byte = 0; byte < BYTE_LABELS; byte++) pairs[byte * BYTE_LABELS + ignored] = 0;
  const { predicted, referred } = ignored === undefined ? all : totalsOf(pairs);
  const voxels = predicted.reduce((sum, count) => sum + count, 0);
  const confusions = regions.map((region): Confusion => {
    const bytes = [...new Set(coding.bytesOf(labelsOf(region)))];
    const total = (totals: Float64Array) => bytes.reduce((sum, byte) => sum + totals[byte], 0);
    let truePositives = 0;
    for (const a of bytes) for (const b of bytes) truePositives += pairs[a * BYTE_LABELS + b];
    const falsePositives = total(predicted) - truePositives;
    const falseNegatives = total(referred) - truePositives;
    const trueNegatives = voxels - truePositives - falsePositives - falseNegatives;
    return { truePositives, falsePositives, falseNegatives, trueNegatives };
  });
  return { confusions, ...labels };
}

/** Which distances to measure, and how. */
export interface SurfaceOptions {
  /** Slowest axis first. */
  readonly spacingMm: Vec3;
  /** For the Normalized Surface Dice; it is left out without. */
  readonly toleranceMm?: number | undefined;
}

/** What is measured of two label volumes, label by label. */
export interface LabelEvaluation extends Omit<LabelComparison, "confusions"> {
  /** One per region, in their order. */
  readonly metrics: LabelMetrics[];
}

/**
 * All metrics of a prediction, region by region. Surface distances cost far more than the others and are measured only
 * with `surface`; they are NaN if prediction or reference is empty or fills the image.
 *
 * @throws NnprepError SHAPE_MISMATCH, INVALID_VALUES, INVALID_ARGUMENT for a tolerance below 0
 *
 * @example
 * ```ts
 * import { evaluateLabels, readScanPath } from "nnprep";
 *
 * const { volume: prediction } = await readScanPath("prediction.nii.gz");
 * const { volume: reference } = await readScanPath("label.nii.gz");
 * const { shape, geometry } = reference;
 * const pair = { prediction: prediction.data, reference: reference.data, shape };
 * const { metrics } = evaluateLabels(pair, [1, 2, [1, 2]], { spacingMm: geometry.spacingMm });
 * console.log(metrics.map((metric) => [metric.Dice, metric["Hausdorff Distance 95"]]));
 * ```
 */
export function evaluateLabels(pair: LabelPair, regions: readonly Region[], surface?: SurfaceOptions): LabelEvaluation {
  const encoded = encode(pair);
  const voxels = pair.reference.length;
  const { confusions, ...labels } = countRegions(encoded, regions);
  if (surface === undefined) return { metrics: confusions.map(overlapMetrics), ...labels };
  checkTolerance(surface.toleranceMm);
  const boxes = {
    prediction: labelBoxes(encoded.prediction, pair.shape),
    reference: labelBoxes(encoded.reference, pair.shape),
  };
  const metrics = confusions.map((confusion, i): LabelMetrics => {
    const overlap = overlapMetrics(confusion);
    const totals = [overlap["Total Positives Test"], overlap["Total Positives Reference"]];
    const measurable = totals.every((total) => total > 0 && total < voxels);
    const bytes = encoded.coding.bytesOf(labelsOf(regions[i]));
    const distances = measurable ? measure(encoded, pair.shape, bytes, boxes, surface) : notMeasured(surface);
    return { ...overlap, ...distances };
  });
  return { metrics, ...labels };
}

function checkTolerance(toleranceMm: number | undefined): void {
  if (toleranceMm === undefined || toleranceMm >= 0) return;
  throw new NnprepError("INVALID_ARGUMENT", `tolerance of ${toleranceMm} mm: a number of at least 0 is expected`, {
    found: toleranceMm,
  });
}

type Boxes = Record<"prediction" | "reference", ReturnType<typeof labelBoxes>>;

/** Surfaces depend on nothing outside the box of both objects. */
function measure(
  { prediction, reference }: Encoded,
  shape: Shape3,
  bytes: readonly number[],
  boxes: Boxes,
  { spacingMm, toleranceMm }: SurfaceOptions,
): Partial<SurfaceMetrics> {
  const hasBackground = bytes.includes(0);
  const whole = [
    [0, shape[0]],
    [0, shape[1]],
    [0, shape[2]],
  ] as const;
  const box = hasBackground
    ? whole
    : (unionBox(bytes.flatMap((byte) => [boxes.prediction[byte], boxes.reference[byte]])) ?? whole);
  const table = byteTable(bytes);
  const masks = {
    prediction: markInBox(prediction, shape, box, table),
    reference: markInBox(reference, shape, box, table),
  };
  const distances = surfaceDistances(masks, boxShape(box), spacingMm);
  return {
    "Hausdorff Distance": hausdorffDistance(distances),
    "Hausdorff Distance 95": hausdorffDistance95(distances),
    "Avg. Surface Distance": averageSurfaceDistance(distances),
    "Avg. Symmetric Surface Distance": averageSymmetricSurfaceDistance(distances),
    ...(toleranceMm === undefined ? {} : { "Normalized Surface Dice": normalizedSurfaceDice(distances, toleranceMm) }),
  };
}

function notMeasured({ toleranceMm }: SurfaceOptions): Partial<SurfaceMetrics> {
  return {
    "Hausdorff Distance": Number.NaN,
    "Hausdorff Distance 95": Number.NaN,
    "Avg. Surface Distance": Number.NaN,
    "Avg. Symmetric Surface Distance": Number.NaN,
    ...(toleranceMm === undefined ? {} : { "Normalized Surface Dice": Number.NaN }),
  };
}
