import { type Shape3, sameShape, type Vec3, voxelCount } from "../../core/volume.js";
import { planCubic } from "../../kernels/cubic/tiles.js";
import { PROGRAM_BYTES } from "../../runner/run.js";
import { separateAxis } from "../../steps/resample.js";
import type { CroppedProperties } from "./crop/crop-case.js";
import { planGrids, type StageSettings } from "./preprocess.js";
import { SEPARATE_AXIS } from "./resampling.js";

/*
 * What a case needs at its peak, counted from the arrays that are there at the same time. Workers free an array as soon
 * as it is dropped, so that the count is what the process will show.
 */

const MIB = 2 ** 20;
/** What zlib's threads and the file system's buffers hold while a case is written. */
const WRITING_BYTES = 8 * MIB;
/** Most that the engine's own heap, the kernels' window and the allocator's gaps were seen to add; less for small cases. */
const CROP_OVERHEAD_BYTES = 16 * MIB;
const PREPROCESS_OVERHEAD_BYTES = 30 * MIB;
/** Share of the voxels that are assumed to be of a class whose locations are sampled. */
const FOREGROUND_SHARE = 0.1;

/** How the voxels of a file are stored, as its header says. */
export interface StoredVoxels {
  readonly bytesPerVoxel: number;
  /** float32 without a scale: the voxels are used where they were inflated. */
  readonly isFloat32: boolean;
  readonly isCompressed: boolean;
}

const INT16: StoredVoxels = { bytesPerVoxel: 2, isFloat32: false, isCompressed: true };

/**
 * Bytes that cropping a case of `shape` needs at its peak, beside the program itself. How much cropping will leave need
 * not be known: the result lies in the memory of the input.
 */
export function estimateCropMemory(
  shape: Shape3,
  channels: number,
  image: StoredVoxels = INT16,
  label: StoredVoxels = INT16,
): number {
  const others = 4 * (channels - 1);
  const all = 4 * channels;
  const readingFile = (stored: StoredVoxels) => (stored.isCompressed ? 1.3 : 2) * stored.bytesPerVoxel;
  const readingImage = others + Math.max(readingFile(image), image.isFloat32 ? 4 : image.bytesPerVoxel + 4);
  const readingLabel = all + Math.max(readingFile(label), label.bytesPerVoxel === 2 ? 2 : label.bytesPerVoxel + 2);
  // The label as int16 and the mask.
  const masking = all + 3;
  const arrays = voxelCount(shape) * Math.max(readingImage, readingLabel, masking);
  return arrays + Math.min(CROP_OVERHEAD_BYTES, arrays / 2) + WRITING_BYTES;
}

/** Bytes that preprocessing a cropped case needs at its peak, beside the program itself. */
export function estimatePreprocessMemory(
  properties: Pick<CroppedProperties, "original_spacing" | "size_after_cropping">,
  channels: number,
  settings: StageSettings,
): number {
  const { shape, newShape, spacing, newSpacing } = planGrids(properties.size_after_cropping, properties, settings);
  const before = voxelCount(shape);
  const after = voxelCount(newShape);
  const axes = settings.transposeForward;
  const isTransposed = axes[0] !== 0 || axes[1] !== 1;
  // The stack as stored, all channels and the label resampled.
  const arrays = before * 4 * (channels + 1) + after * (4 * channels + 2);
  const turned = isTransposed ? 4 * before : 0;
  const masked = settings.useMaskForNorm.some((use, c) => use && settings.normalizationSchemes[c] !== "CT");
  const selecting = masked || settings.normalizationSchemes.includes("CT2") ? 4 * after : 0;
  const { temporary, scratch } = resamplingBytes(shape, newShape, separateAxis(spacing, newSpacing, SEPARATE_AXIS));
  const resampling = turned + temporary + scratch;
  const normalizing = Math.max(scratch, selecting);
  const locating = normalizing + 4 * FOREGROUND_SHARE * after;
  const overhead = Math.min(PREPROCESS_OVERHEAD_BYTES, 2 * arrays);
  return arrays + Math.max(resampling, normalizing, locating) + overhead + WRITING_BYTES;
}

/** What resampling one channel needs beside its input and output; `scratch` stays for the next. */
function resamplingBytes(shape: Shape3, newShape: Shape3, axis: number | null): { temporary: number; scratch: number } {
  if (sameShape(shape, newShape)) return { temporary: 0, scratch: 0 };
  if (axis === null) return { temporary: 0, scratch: 8 * planCubic(shape, newShape).storeLength };
  const slices = (4 * voxelCount(newShape) * shape[axis]) / newShape[axis];
  const between = shape[axis] === newShape[axis] ? 0 : slices;
  // Slices that do not lie one after the other are turned to the front and back.
  const turning = axis === 0 ? 0 : 4 * voxelCount(shape) + 4 * voxelCount(newShape);
  return { temporary: between + turning, scratch: 0 };
}

/** One case whose peak is asked for: cropping, or one stage of preprocessing. */
export type MemoryQuestion =
  | {
      readonly step: "crop";
      /** Of the uncropped case, slowest axis first. */
      readonly shape: Shape3;
      readonly channels: number;
      /** Default: int16, gzipped. */
      readonly image?: StoredVoxels;
      readonly label?: StoredVoxels;
    }
  | {
      readonly step: "preprocess";
      /** Of the cropped case, slowest axis first, not transposed. */
      readonly shape: Shape3;
      readonly spacingMm: Vec3;
      readonly channels: number;
      readonly settings: StageSettings;
    };

/**
 * Bytes that a worker process has resident at the peak of one case, the program included.
 * @throws NnprepError INVALID_ARGUMENT when resampling would leave nothing of an axis
 */
export function estimateMemory(question: MemoryQuestion): number {
  const { shape, channels } = question;
  if (question.step === "crop") {
    return PROGRAM_BYTES + estimateCropMemory(shape, channels, question.image, question.label);
  }
  const { spacingMm, settings } = question;
  const properties = { size_after_cropping: shape, original_spacing: spacingMm };
  return PROGRAM_BYTES + estimatePreprocessMemory(properties, channels, settings);
}
