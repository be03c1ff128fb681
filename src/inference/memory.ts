import { type Shape3, voxelCount } from "../core/volume.js";
import { layOutWindows, type SlidingWindowSettings } from "./sliding-window.js";
import { LOGITS_V2 } from "./window-rules.js";

/** What prediction with windows will hold, in bytes, beside the network's own weights and intermediate results. */
export interface WindowMemory {
  /** Sums and weights of the planes that windows still reach: height of a window x plane x classes, for each fold. */
  readonly sumBytes: number;
  /** The preprocessed case. */
  readonly imageBytes: number;
  /** Patch, weights, the network's logits and their mirrored sum. */
  readonly patchBytes: number;
  /** Planes on their way to whoever reads them and gives them back: one per fold, and three that the reader holds. */
  readonly planeBytes: number;
  /** What the engine's heap, its compiled code and arrays that it has not collected yet add. */
  readonly engineBytes: number;
  readonly totalBytes: number;
}

/** As seen in Node 20: most of it comes with the first windows. */
const ENGINE_BYTES = 28 * 2 ** 20;

/**
 * Known before the first window runs; `predictLogits` holds no more than this at any time, if whoever reads its planes
 * gives them back (`release`), as the export does.
 *
 * @param shape voxels of the preprocessed case
 * @param channels of the preprocessed case
 * @param folds networks that are averaged
 */
export function estimateWindowMemory(
  shape: Shape3,
  channels: number,
  folds: number,
  settings: Pick<SlidingWindowSettings, "patch" | "classes" | "stepSize" | "mirrorAxes" | "precision" | "rules">,
): WindowMemory {
  const { classes, rules = LOGITS_V2, precision = rules.precision } = settings;
  const { size, padded } = layOutWindows(shape, settings.patch, settings.stepSize);
  const perValue = precision === "float16" ? 2 : 4;
  const voxels = voxelCount(size);
  const versions = (settings.mirrorAxes ?? []).length > 0 ? 2 : 1;
  const sumBytes = folds * size[0] * padded[1] * padded[2] * (classes + 1) * perValue;
  const imageBytes = 4 * channels * voxelCount(shape);
  // The Gaussian map is made in float64 beside the float32 weights, while nothing else of this exists.
  const patchBytes = 4 * voxels * Math.max(channels + 1 + versions * classes, 3) + 4 * size[1] * size[2];
  const planeBytes = (folds + 3) * shape[1] * shape[2] * classes * perValue;
  const engineBytes = ENGINE_BYTES;
  const totalBytes = sumBytes + imageBytes + patchBytes + planeBytes + engineBytes;
  return { sumBytes, imageBytes, patchBytes, planeBytes, engineBytes, totalBytes };
}
