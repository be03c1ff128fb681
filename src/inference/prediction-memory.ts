import { NnprepError } from "../core/errors.js";
import { type Shape3, type Vec3, voxelCount } from "../core/volume.js";
import type { Configuration } from "../recipes/v2/documents/configuration.js";
import { estimatePreprocessMemory } from "../recipes/v2/memory.js";
import { preprocessSettings } from "../recipes/v2/preprocess.js";
import { planGrids } from "../recipes/v2/resampling.js";
import { estimateWindowMemory, type WindowMemory } from "./memory.js";
import type { ModelFolder } from "./model-folder.js";

/** What a prediction will need, in bytes, told from the model folder's documents and the scan's grid alone. */
export interface PredictionMemory {
  /** The networks: their files, twice because the runtime copies the weights, and one patch on its way through one. */
  readonly networkBytes: number;
  /** Reading and preprocessing the scan. */
  readonly preparationBytes: number;
  /** Windows over the preprocessed scan, which follow the preparation. */
  readonly windows: WindowMemory;
  /** Voxels of the preprocessed scan, at most: cropping is not known yet. */
  readonly shape: Shape3;
  readonly totalBytes: number;
}

/** Feature maps of the first stage that are there at once beside what the decoder waits for: two joined, one made. */
const MAPS_AT_ONCE = 4;

/** Feature maps of one patch, as far as the plans tell the network. */
function patchBytes({ architecture, patchSize }: Configuration, classes: number): number {
  let voxels = patchSize.reduce((product, n) => product * n, 1);
  const first = voxels;
  let skipped = 0;
  for (const [stage, features] of architecture.featuresPerStage.entries()) {
    voxels /= (architecture.strides[stage] ?? []).reduce((product, n) => product * n, 1);
    skipped += features * voxels;
  }
  return 4 * (skipped + first * (MAPS_AT_ONCE * (architecture.featuresPerStage[0] ?? 0) + classes));
}

/**
 * Known before anything is opened, so that a model that is too large is refused at once.
 *
 * @param scan grid of the scan, slowest axis first
 * @throws NnprepError INVALID_ARGUMENT when resampling would leave nothing of an axis
 */
export function estimatePredictionMemory(
  model: ModelFolder,
  scan: { readonly shape: Shape3; readonly spacingMm: Vec3 },
  { mirroring = true }: { readonly mirroring?: boolean } = {},
): PredictionMemory {
  const { plans, configuration, dataset, folds, classes, channels } = model;
  const settings = preprocessSettings(plans, configuration.name, dataset.labels);
  const { newShape: shape } = planGrids(scan.shape, scan.spacingMm, settings);
  const networkBytes =
    2 * folds.reduce((sum, { file }) => sum + file.byteLength, 0) + patchBytes(configuration, classes);
  const image = { bytesPerVoxel: 4, isCompressed: false };
  const preparationBytes = estimatePreprocessMemory({ ...scan, settings, image });
  const windows = estimateWindowMemory(shape, channels, folds.length, {
    patch: configuration.patchSize,
    classes,
    mirrorAxes: mirroring ? model.mirrorAxes : null,
  });
  // The volumes as they were read stay there, and the label is made.
  const scanBytes = voxelCount(scan.shape) * (4 * dataset.channels.length + 2);
  const totalBytes = networkBytes + scanBytes + Math.max(preparationBytes, windows.totalBytes);
  return { networkBytes, preparationBytes, windows, shape, totalBytes };
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`;

/**
 * Refuses a prediction that would not fit, with the numbers.
 * @throws NnprepError OUT_OF_MEMORY
 */
export function checkPredictionMemory(model: ModelFolder, estimate: PredictionMemory, limitBytes: number): void {
  const { networkBytes, preparationBytes, windows, shape, totalBytes } = estimate;
  if (totalBytes <= limitBytes) return;
  throw new NnprepError(
    "OUT_OF_MEMORY",
    `${model.name} needs about ${gigabytes(totalBytes)} for this scan, but the limit is ${gigabytes(limitBytes)}: ` +
      `${gigabytes(networkBytes)} for ${model.folds.length} networks and a patch of ${model.configuration.patchSize.join(" x ")}, ` +
      `${gigabytes(preparationBytes)} to prepare at most ${shape.join(" x ")} voxels, ` +
      `${gigabytes(windows.totalBytes)} for windows of ${model.classes} classes. ` +
      "Use fewer folds, a model of a coarser grid, or a machine with more memory",
    { needed: totalBytes, limitBytes, networkBytes, preparationBytes, windowBytes: windows.totalBytes },
  );
}
