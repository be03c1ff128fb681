import { NnprepError, predict, type ScanFile, type Volume } from "nnprep";
import {
  checkPredictionMemory,
  estimatePredictionMemory,
  loadAnyModel,
  readAnyModelFolder,
  readPostprocessing,
} from "nnprep/inference";
import { checkReader } from "./prepare-v2.js";
import type { Restored } from "./prepared.js";
import type { PredictSettings } from "./protocol.js";
import type { ReadCase } from "./read-case.js";

/* Scan in, label out: the network in the page's worker. */

/** Share of the computer's memory that a page may hope for. */
const TAB_SHARE = 0.5;
/** What is assumed where the browser does not say how much there is; and more than this it never says. */
const LEAST_GIB = 4;

/** Bytes that a prediction may take in this tab. */
function tabLimit(): number {
  const { deviceMemory = LEAST_GIB } = navigator as { deviceMemory?: number };
  return TAB_SHARE * 2 ** 30 * Math.max(LEAST_GIB, deviceMemory);
}

function describeTime(seconds: number): string {
  const whole = Math.round(seconds);
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  return minutes === 0 ? `${rest} s` : `${minutes} min ${rest} s`;
}

export async function predictScan(
  { images }: ReadCase,
  files: readonly ScanFile[],
  { folds, mirroring, postprocess }: PredictSettings,
  tell: (step: string, share: number) => void,
): Promise<Restored> {
  const name = files[0]?.name.split("/")[0] ?? "model";
  const folder = await readAnyModelFolder(files, name, { folds });
  checkReader(folder);
  const { shape, geometry } = images[0] as Volume;
  const { channelNames: channels } = folder;
  if (images.length !== channels.length) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `the scan has ${images.length} channels, but the model takes ${channels.length}: ${channels.join(", ")}. Drop one file per channel, named ID_0000, ID_0001 … in this order`,
      { found: images.length, expected: [...channels] },
    );
  }
  const memoryLimitBytes = tabLimit();
  if (folder.generation === "v2") {
    const estimate = estimatePredictionMemory(folder, { shape, spacingMm: geometry.spacingMm }, { mirroring });
    checkPredictionMemory(folder, estimate, memoryLimitBytes);
  }
  tell("Open the network", 0);
  const model = await loadAnyModel(files, name, { folds });
  try {
    tell("Prepare the scan", 0.02);
    const { segmentation, warnings } = await predict(model, images, {
      mirroring,
      memoryLimitBytes,
      onProgress: ({ done, total, secondsLeft }) => {
        const left = secondsLeft === null ? "" : `, about ${describeTime(secondsLeft)} left`;
        tell(`Predict: window ${done} of ${total}${left}`, 0.05 + (0.9 * done) / total);
      },
    });
    if (postprocess) {
      const apply = await readPostprocessing(model);
      apply(segmentation.data, segmentation.shape, segmentation.geometry.spacingMm);
    }
    return { segmentation, warnings };
  } finally {
    await model.dispose();
  }
}
