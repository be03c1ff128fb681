import { permute } from "../../core/axes.js";
import { NnprepError } from "../../core/errors.js";
import { type Box3, formatShape, type Shape3, sameShape, type Vec3 } from "../../core/volume.js";
import type { Probabilities } from "../../steps/probabilities.js";
import { restoreLabels } from "../../steps/restore.js";
import {
  checkLogits,
  decisionRule,
  type ExportOptions,
  type ExportProperties,
  type ExportSettings,
  type ExportWarning,
  gridSpacing,
  separateAxisOf,
  takeLogits,
  valueWarnings,
} from "./export.js";

/** What the next stage of a cascade takes beside the image: labels on its own grid, in the network's axes. */
export interface NextStageLabels {
  /** C order. */
  readonly labels: Uint8Array | Uint16Array;
  readonly shape: Shape3;
  readonly warnings: readonly ExportWarning[];
}

/**
 * The prediction of a cascade's first stage as the next one is trained with: `resample_and_save` of nnU-Net 2.8.1, the
 * same label in every voxel. Nothing is cropped or turned, because both stages see the same cropped case. Memory is that
 * of `exportSegmentation`.
 *
 * To predict with the next stage, nnU-Net takes segmentations of the scan instead: `predict` with `previousStage`.
 *
 * @param logits of the first stage, heads first, the network's axes and grid; float16 or float32
 * @param properties of the case as preprocessing left them, for either stage
 * @param shape voxels of the case preprocessed for the next stage, the network's axes
 * @param settings of the first stage
 * @throws NnprepError SHAPE_MISMATCH, UNSUPPORTED, INVALID_DATASET, CORRUPT_FILE, ABORTED as `exportSegmentation`
 * @example
 * const settings = { plans, configuration: getConfiguration(plans, "3d_lowres"), labels: dataset.labels };
 * const { labels } = await predictNextStage(logits, properties, [148, 189, 152], settings);
 */
export async function predictNextStage(
  logits: Probabilities,
  properties: ExportProperties,
  shape: Shape3,
  settings: ExportSettings,
  { onProgress, signal }: ExportOptions = {},
): Promise<NextStageLabels> {
  checkLogits(logits, properties, settings);
  const { configuration } = settings;
  if (configuration.resampleProbabilities.kind === "none" && !sameShape(logits.shape, shape)) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `configuration "${configuration.name}" does not resample, so its logits of shape ${formatShape(logits.shape)} cannot be for a next stage of shape ${formatShape(shape)}`,
      { found: [...logits.shape], expected: [...shape], configuration: configuration.name },
    );
  }
  const ofCase = permute(properties.spacingMm, settings.plans.transposeForward) as Vec3;
  const spacing = gridSpacing(configuration, ofCase);
  const grid = {
    shape,
    box: shape.map((n) => [0, n]) as unknown as Box3,
    // nnU-Net names the first stage's spacing as that of both grids.
    separateAxis: separateAxisOf(configuration, spacing, spacing),
  };
  const rule = decisionRule(settings.labels, "logits");
  const source = await takeLogits(logits, grid, configuration);
  const { labels, range } = await restoreLabels(source, { ...grid, ...rule, onProgress, signal });
  return { labels, shape, warnings: valueWarnings(range) };
}
