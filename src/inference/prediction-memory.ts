import { NnprepError } from "../core/errors.js";
import { type Shape3, type Vec3, voxelCount } from "../core/volume.js";
import type { Configuration } from "../recipes/v2/documents/configuration.js";
import { preprocessArrayBytes } from "../recipes/v2/memory.js";
import { preprocessSettings } from "../recipes/v2/preprocess.js";
import { planGrids } from "../recipes/v2/resampling.js";
import { estimateWindowMemory, type WindowMemory } from "./memory.js";
import type { ModelFolder } from "./model-folder.js";

/** What a prediction will need, in bytes, told from the model folder's documents and the scan's grid alone. */
export interface PredictionMemory {
  /** ONNX Runtime's own code, threads and heap. */
  readonly runtimeBytes: number;
  /** The networks: their files, twice because the runtime copies the weights, and for each a patch's way through it. */
  readonly networkBytes: number;
  /** Reading and preprocessing the scan. */
  readonly preparationBytes: number;
  /** Windows over the preprocessed scan, which follow the preparation. */
  readonly windows: WindowMemory;
  /** The scan as it was read, where that stays, and its label. */
  readonly scanBytes: number;
  /** Voxels of the preprocessed scan, at most: cropping is not known yet. */
  readonly shape: Shape3;
  readonly totalBytes: number;
}

/** Feature maps of the first stage that are there at once beside what the decoder waits for: two joined, one made. */
const MAPS_AT_ONCE = 4;
/** Seen with onnxruntime-node: 34 MiB when the first network is there, the rest while it runs. */
const RUNTIME_BYTES = 48 * 2 ** 20;
/** Dropped arrays that the engine leaves where they are before it begins to collect. */
const DROPPED_BYTES = 16 * 2 ** 20;

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

/** How the prediction will run. */
export interface PredictionMemoryOptions {
  readonly mirroring?: boolean;
  /**
   * Whether the scan stays in memory beside the prediction, as volumes do that `predict` is given (default), and not what
   * the command line reads.
   */
  readonly volumesStay?: boolean;
  /** Of the sums over windows; default float16. */
  readonly precision?: "float16" | "float32" | undefined;
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
  { mirroring = true, volumesStay = true, precision }: PredictionMemoryOptions = {},
): PredictionMemory {
  const { plans, configuration, dataset, folds, classes, channels } = model;
  const settings = preprocessSettings(plans, configuration.name, dataset.labels);
  const { newShape: shape } = planGrids(scan.shape, scan.spacingMm, settings);
  // Each session keeps its arena.
  const networkBytes =
    2 * folds.reduce((sum, { file }) => sum + file.byteLength, 0) + folds.length * patchBytes(configuration, classes);
  const image = { bytesPerVoxel: 4, isCompressed: false };
  const preparationBytes = preprocessArrayBytes({ ...scan, settings, image });
  const windows = estimateWindowMemory(shape, channels, folds.length, {
    patch: configuration.patchSize,
    classes,
    mirrorAxes: mirroring ? model.mirrorAxes : null,
    precision,
  });
  const scanBytes = voxelCount(scan.shape) * ((volumesStay ? 4 * dataset.channels.length : 0) + 2);
  // The preparation is over when windows begin, but not all of it has been collected then.
  const both = [preparationBytes, windows.totalBytes];
  const arrays = Math.max(...both) + Math.min(...both, DROPPED_BYTES);
  const runtimeBytes = RUNTIME_BYTES;
  const totalBytes = runtimeBytes + networkBytes + scanBytes + arrays;
  return { runtimeBytes, networkBytes, preparationBytes, windows, scanBytes, shape, totalBytes };
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`;

/**
 * Refuses a prediction that would not fit, with the numbers.
 * @throws NnprepError OUT_OF_MEMORY
 */
export function checkPredictionMemory(model: ModelFolder, estimate: PredictionMemory, limitBytes: number): void {
  const { runtimeBytes, networkBytes, preparationBytes, windows, scanBytes, shape, totalBytes } = estimate;
  if (totalBytes <= limitBytes) return;
  throw new NnprepError(
    "OUT_OF_MEMORY",
    `${model.name} needs about ${gigabytes(totalBytes)} for this scan, but the limit is ${gigabytes(limitBytes)}: ` +
      `${gigabytes(runtimeBytes + networkBytes)} for the runtime, ${model.folds.length} networks and a patch of ${model.configuration.patchSize.join(" x ")}, ` +
      `${gigabytes(scanBytes)} for the scan and its label, ` +
      `${gigabytes(preparationBytes)} to prepare at most ${shape.join(" x ")} voxels, then ` +
      `${gigabytes(windows.totalBytes)} for windows of ${model.classes} classes. ` +
      "Use fewer folds, sums in float16, no mirroring, a model of a coarser grid, or a machine with more memory",
    { needed: totalBytes, limitBytes, networkBytes, preparationBytes, windowBytes: windows.totalBytes },
  );
}
