import { basename } from "node:path";
import { buildRaw } from "../../convert/build-raw.js";
import { type BuildOptions, ENDING } from "../../convert/raw-folder.js";
import { splitMsd } from "../../convert/split-msd.js";
import type { TaskDescription } from "../../task-description.js";
import { formatDatasetJson } from "../documents/dataset-json.js";
import { IMAGES_TEST, IMAGES_TRAINING, LABELS_TRAINING } from "../layout.js";

/**
 * Builds a raw task of nnU-Net v1 from a description; see `buildRaw`.
 * @param folder the task's own, `Task001_NAME`, new or empty
 */
export function buildTask(
  description: TaskDescription,
  base: string,
  folder: string,
  options: BuildOptions = {},
): Promise<string[]> {
  const format: Parameters<typeof buildRaw>[3] = ({ channels, labels, training, test }) =>
    formatDatasetJson({
      name: basename(folder).replace(/^Task\d+_/, ""),
      modality: channels,
      labels,
      training: training.map((id) => ({
        image: `./${IMAGES_TRAINING}/${id}${ENDING}`,
        label: `./${LABELS_TRAINING}/${id}${ENDING}`,
      })),
      test: test.map((id) => `./${IMAGES_TEST}/${id}${ENDING}`),
    });
  return buildRaw(description, base, folder, format, options);
}

/** Splits a task of the Medical Segmentation Decathlon; its dataset.json is one of nnU-Net v1 already. See `splitMsd`. */
export function splitMsdTask(input: string, folder: string, options: BuildOptions = {}): Promise<void> {
  return splitMsd(input, folder, async (content) => content, options);
}
