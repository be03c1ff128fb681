import { boxShape, crop, inverseAxes, permute, transpose } from "../../core/axes.js";
import { NnprepError } from "../../core/errors.js";
import { type Axes3, type Box3, formatShape, type Shape3, sameShape, type Volume } from "../../core/volume.js";
import type { LabelRule } from "../../kernels/linear-labels.js";
import type { Probabilities } from "../../steps/probabilities.js";
import { resampleLabel } from "../../steps/resample.js";
import { restoreLabels } from "../../steps/restore.js";
import type { CaseProperties } from "./documents/properties.js";
import { DEFAULT_LABEL_RULE } from "./resampling.js";

/** Where the next stage of a cascade works. */
export interface NextStageGrid {
  /** Spatial shape of the case preprocessed for it, transposed axes. */
  readonly shape: Shape3;
  /** `transpose_forward` of the plans. Default: axes as in the file. */
  readonly transposeForward?: Axes3 | undefined;
}

const IDENTITY: Axes3 = [0, 1, 2];
const LARGEST_LABEL = 255;

/**
 * The low resolution prediction of a cascade as its next stage takes it, labels on that stage's grid, for
 * `ID_segFromPrevStage.npz`: `resample_and_save` of nnU-Net 1.7.1, linear in all axes, largest class.
 *
 * @param transposed true (default) if the probabilities have the network's axes; else they have the file's, cropped
 */
export async function predictNextStage(
  probabilities: Probabilities,
  { shape, transposeForward = IDENTITY }: NextStageGrid,
  transposed = true,
): Promise<Uint8Array> {
  const box = shape.map((n) => [0, n]) as unknown as Box3;
  const axes = transposed ? IDENTITY : inverseAxes(transposeForward);
  const { labels } = await restoreLabels(probabilities, { shape, box, separateAxis: null, axes, labelType: "uint8" });
  return labels;
}

/**
 * A segmentation of the scan as the next stage takes it: cropped to the case's box, transposed, resampled with
 * nnU-Net's order 1. nnU-Net 1.7.1 forgets the crop when it predicts and stretches the whole scan onto the cropped
 * grid; with `uncropped` so does this.
 *
 * @throws NnprepError SHAPE_MISMATCH if the segmentation is not on the scan's grid, INVALID_VALUES for other labels
 * than whole numbers from 0 to 255
 */
export function resampleToNextStage(
  segmentation: Pick<Volume, "data" | "shape">,
  properties: Pick<CaseProperties, "original_size_of_raw_data" | "crop_bbox">,
  { shape, transposeForward = IDENTITY }: NextStageGrid,
  uncropped = false,
  labelRule: LabelRule = DEFAULT_LABEL_RULE,
): Uint8Array {
  const expected = properties.original_size_of_raw_data;
  if (!sameShape(segmentation.shape, expected)) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `the previous stage's segmentation has the shape ${formatShape(segmentation.shape)}, the scan ${formatShape(expected)}; they must be of the same case`,
      { found: [...segmentation.shape], expected: [...expected] },
    );
  }
  const label = toLabels(segmentation.data);
  const box = properties.crop_bbox;
  const cropped = uncropped || box === undefined;
  const inside = cropped ? label : crop(label, segmentation.shape, box);
  const from = cropped ? segmentation.shape : boxShape(box);
  const turned = transpose(inside, from, transposeForward);
  return Uint8Array.from(resampleLabel(turned, permute(from, transposeForward), shape, null, labelRule));
}

function toLabels(data: ArrayLike<number>): Int16Array {
  const label = Int16Array.from(data);
  const wrong = label.findIndex((x, i) => x !== data[i] || x < 0 || x > LARGEST_LABEL);
  if (wrong < 0) return label;
  throw new NnprepError(
    "INVALID_VALUES",
    `the previous stage's segmentation has the value ${data[wrong]} at voxel ${wrong}; labels from 0 to ${LARGEST_LABEL} are expected`,
    { found: data[wrong], voxel: wrong },
  );
}
