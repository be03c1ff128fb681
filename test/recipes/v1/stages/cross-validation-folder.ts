import type { Shape3, Vec3, Volume } from "../../../../src/core/volume.js";
import { formatNifti } from "../../../../src/io/nifti.js";
import { writeNpz } from "../../../../src/io/npz.js";
import { formatPickle } from "../../../../src/io/pickle.js";
import { propertiesToPython } from "../../../../src/recipes/v1/documents/properties.js";
import { formatSummary, sortedScores, summarize } from "../../../../src/recipes/v1/documents/summary.js";
import type { Store } from "../../../../src/runner/store.js";
import { evaluateLabels } from "../../../../src/steps/metrics.js";

/** One validated case of one model. */
export interface ValidatedCase {
  readonly identifier: string;
  readonly fold: number;
  readonly reference: Uint8Array;
  readonly prediction: Uint8Array;
  /** Bits of float16, classes first. */
  readonly probabilities?: Uint16Array;
}

export interface Grid {
  readonly shape: Shape3;
  readonly spacingMm: Vec3;
}

export function labelVolume(data: Uint8Array, { shape, spacingMm }: Grid): Volume {
  return { data, shape, geometry: { spacingMm, originMm: [0, 0, 0], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] } };
}

export async function writeLabel(store: Store, path: string, data: Uint8Array, grid: Grid): Promise<void> {
  await store.write(path, await formatNifti(labelVolume(data, grid), { gzip: true }));
}

/** Writes into a model's folder what nnU-Net's training leaves there: gt_niftis, fold_X/validation_raw, summary.json. */
export async function writeCrossValidation(
  model: Store,
  cases: readonly ValidatedCase[],
  labels: readonly number[],
  grid: Grid,
): Promise<void> {
  for (const one of cases) {
    const { identifier, fold, reference, prediction, probabilities } = one;
    const path = `fold_${fold}/validation_raw/${identifier}`;
    await writeLabel(model, `gt_niftis/${identifier}.nii.gz`, reference, grid);
    await writeLabel(model, `${path}.nii.gz`, prediction, grid);
    if (probabilities !== undefined) await writeProbabilities(model, path, probabilities, grid);
  }
  for (const fold of new Set(cases.map((one) => one.fold))) {
    const all = cases
      .filter((one) => one.fold === fold)
      .map(({ identifier, prediction, reference }) => {
        const { metrics } = evaluateLabels({ prediction, reference, shape: grid.shape }, labels);
        const scores = labels.map((label, i) => [`${label}`, sortedScores(metrics[i] as object)] as const);
        return { labels: new Map(scores), test: identifier, reference: identifier };
      });
    const text = formatSummary(summarize(all, { timestamp: "2020-01-01 00:00:00" }));
    await model.write(`fold_${fold}/validation_raw/summary.json`, new TextEncoder().encode(text));
  }
}

async function writeProbabilities(
  store: Store,
  path: string,
  bits: Uint16Array,
  { shape, spacingMm }: Grid,
): Promise<void> {
  const classes = bits.length / (shape[0] * shape[1] * shape[2]);
  const softmax = { chunks: [bits], shape: [classes, ...shape], float16: true };
  await store.write(`${path}.npz`, await writeNpz({ softmax }, { compression: "fast" }));
  const properties = propertiesToPython({
    original_size_of_raw_data: shape,
    original_spacing: spacingMm,
    list_of_data_files: [],
    seg_file: "",
    itk_origin: [0, 0, 0],
    itk_spacing: [spacingMm[2], spacingMm[1], spacingMm[0]],
    itk_direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    crop_bbox: [
      [0, shape[0]],
      [0, shape[1]],
      [0, shape[2]],
    ],
    size_after_cropping: shape,
    spacing_after_resampling: spacingMm,
  });
  await store.write(`${path}.pkl`, formatPickle(properties));
}
