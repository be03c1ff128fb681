import { type Shape3, sameShape, type Vec3, voxelCount } from "../../core/volume.js";
import { planCubic } from "../../kernels/cubic/tiles.js";
import { PROGRAM_BYTES } from "../../runner/run.js";
import type { PreprocessSettings } from "./preprocess.js";
import { axisOf, type Grids, planGrids } from "./resampling.js";

/*
 * What a case needs at its peak, counted from the arrays that are there at the same time, as `recipes/v1/memory` does.
 */

const MIB = 2 ** 20;
/** Most that the engine's own heap, the kernels' window, the allocator's gaps and writing were seen to add. */
const OVERHEAD_BYTES = 40 * MIB;
/** Share of the voxels that are assumed to be of a class whose locations are sampled. */
const FOREGROUND_SHARE = 0.1;
/** Share of its bytes that a preprocessed image keeps when it is compressed. */
const COMPRESSED_SHARE = 0.8;

/** How the voxels of a file are stored. */
export interface StoredVoxels {
  readonly bytesPerVoxel: number;
  readonly isCompressed: boolean;
}

/** One case whose peak is asked for. */
export interface MemoryQuestion {
  /** Of the scan, slowest axis of the file first. */
  readonly shape: Shape3;
  /** What cropping will leave, if that is known (the fingerprint knows); default: all. */
  readonly croppedShape?: Shape3 | undefined;
  readonly spacingMm: Vec3;
  readonly settings: PreprocessSettings;
  /** Default: int16, compressed. */
  readonly image?: StoredVoxels | undefined;
}

const INT16: StoredVoxels = { bytesPerVoxel: 2, isCompressed: true };

/**
 * Bytes that reading, preprocessing and writing a case in place needs at its peak, beside the program itself.
 * @throws NnprepError INVALID_ARGUMENT when resampling would leave nothing of an axis
 */
export function estimatePreprocessMemory(question: MemoryQuestion): number {
  const arrays = preprocessArrayBytes(question);
  return arrays + Math.min(OVERHEAD_BYTES, arrays);
}

/** The arrays among it. @throws NnprepError INVALID_ARGUMENT when resampling would leave nothing of an axis */
export function preprocessArrayBytes({
  shape,
  croppedShape = shape,
  spacingMm,
  settings,
  image = INT16,
}: MemoryQuestion): number {
  const { configuration, plans, labels } = settings;
  const channels = configuration.normalization.length;
  const grids = planGrids(croppedShape, spacingMm, settings);
  const whole = voxelCount(shape);
  const cropped = voxelCount(croppedShape);
  const after = voxelCount(grids.newShape);
  const inflating = image.isCompressed ? 1.3 : 1;
  const reading = whole * (4 * (channels - 1) + image.bytesPerVoxel * inflating + 4);
  // Cropping in place gives nothing back: channels, the label and, while it cuts, the mask.
  const input = whole * (4 * channels + 2);
  const cutting = input + whole;
  const isTransposed = plans.transposeForward.some((axis, i) => axis !== i);
  const isMasked = configuration.normalization.some(
    (scheme, c) => scheme === "ZScoreNormalization" && configuration.useMaskForNorm[c] === true,
  );
  const turnedLabel = isTransposed ? 2 * cropped : 0;
  const turned = isTransposed ? 4 * cropped : 0;
  const { temporary, scratch } = resamplingBytes(grids, configuration);
  const kept = Math.max(scratch, isMasked ? 4 * cropped : 0);
  const output = sameShape(grids.shape, grids.newShape) && !isTransposed ? 0 : 4 * after;
  const resampling = input + turnedLabel + channels * output + turned + temporary + kept;
  const share = labels.ignore === null ? FOREGROUND_SHARE : 2;
  const locating = input + turnedLabel + channels * output + 2 * after + kept + 4 * share * after;
  // The input's memory, if it is not the output's, is kept for the next case and takes what is compressed as far as it fits.
  const compressed = COMPRESSED_SHARE * 4 * channels * after;
  const writing = after * (4 * channels + 2) + (output === 0 ? compressed : Math.max(input, compressed));
  return Math.max(reading, cutting, resampling, locating, writing);
}

/** Share of the voxels that are assumed to have a label, whose values a fingerprint keeps. */
const LABELLED_SHARE = 0.25;

/**
 * Bytes that a worker process has resident at the peak of one case of a fingerprint, the program included: reading it, or
 * taking the values of its labelled voxels while it is there.
 * @param shape of the scan
 */
export function estimateFingerprintMemory(shape: Shape3, channels: number, image: StoredVoxels = INT16): number {
  const inflating = image.isCompressed ? 1.3 : 1;
  const reading = 4 * (channels - 1) + image.bytesPerVoxel * inflating + 4;
  // All channels and the label, and what is taken of the channels.
  const taking = 4 * channels + 2 + 4 * channels * LABELLED_SHARE;
  const arrays = voxelCount(shape) * Math.max(reading, taking);
  return PROGRAM_BYTES + arrays + Math.min(OVERHEAD_BYTES, arrays);
}

/** What resampling one channel needs beside its input and output; `scratch` stays for the next. */
function resamplingBytes(
  grids: Grids,
  { resampleData: rule }: PreprocessSettings["configuration"],
): { temporary: number; scratch: number } {
  const { shape, newShape } = grids;
  if (rule.kind === "none" || sameShape(shape, newShape)) return { temporary: 0, scratch: 0 };
  const axis = axisOf(rule, grids);
  if (axis === null) {
    const isCubic = rule.kind === "default" && rule.order === 3;
    return { temporary: 0, scratch: isCubic ? 8 * planCubic(shape, newShape).storeLength : 0 };
  }
  const slices = (4 * voxelCount(newShape) * shape[axis]) / newShape[axis];
  const between = shape[axis] === newShape[axis] ? 0 : slices;
  // Slices that do not lie one after the other are turned to the front and back.
  const turning = axis === 0 ? 0 : 4 * voxelCount(shape) + 4 * voxelCount(newShape);
  return { temporary: between + turning, scratch: 0 };
}

/**
 * Bytes that a worker process has resident at the peak of one case, the program included.
 * @throws NnprepError INVALID_ARGUMENT when resampling would leave nothing of an axis
 */
export function estimateMemory(question: MemoryQuestion): number {
  return PROGRAM_BYTES + estimatePreprocessMemory(question);
}
