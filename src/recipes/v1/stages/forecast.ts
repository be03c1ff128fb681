import { NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import { peekScan, type StoredScanFacts } from "../../scan-files.js";
import { trainingCases } from "../documents/dataset-json.js";
import { analyzeDataset, type CaseSummary } from "../fingerprint.js";
import { IMAGES_TRAINING, type Planner, plansFileName } from "../layout.js";
import { estimateMemory } from "../memory.js";
import { planExperiment2d, planExperiment3d } from "../planners/experiment-planner.js";
import { stageSettings } from "../preprocess.js";
import { loadPlans } from "./plan.js";
import { readDatasetJson, type Task } from "./task.js";

/** What a task will need, said before anything is done. */
export interface TaskForecast {
  readonly cases: number;
  /** Resident bytes of a worker at the peak of the largest case; null if no image has a head that tells its size. */
  readonly memoryBytes: number | null;
  /** The same of cropping; null likewise. */
  readonly cropBytes: number | null;
  /** The case that preprocessing needs most for; null likewise. */
  readonly largest: string | null;
}

/** Memory does not depend on intensities; plans have to have some. */
const ANY_INTENSITIES = { median: 0, mean: 0, sd: 1, mn: -1, mx: 1, percentile_99_5: 1, percentile_00_5: -1 };

interface PeekedCase {
  readonly identifier: string;
  readonly facts: StoredScanFacts;
}

/**
 * Memory of the largest case, before there are plans: planned by the heads of all images as if nothing were cropped,
 * which overestimates; plans that are there already are taken.
 *
 * @throws NnprepError FILE_NOT_FOUND, INVALID_DATASET, INVALID_PLANS
 */
export async function forecastTask({ stores }: Pick<Task, "stores">): Promise<TaskForecast> {
  const dataset = await readDatasetJson(stores.raw);
  const cases = trainingCases(dataset);
  const channels = dataset.modality.size;
  const peeked: PeekedCase[] = [];
  for (const { identifier, images } of cases) {
    try {
      peeked.push({ identifier, facts: await peekScan(stores.raw, joinPath(IMAGES_TRAINING, images[0])) });
    } catch (error) {
      // The case will fail by itself, with a message of its own.
      if (!(error instanceof NnprepError)) throw error;
    }
  }
  if (peeked.length === 0) return { cases: cases.length, memoryBytes: null, cropBytes: null, largest: null };
  const planAll = () => {
    const foreground = Array.from({ length: channels }, () => new Float32Array(1));
    const summaries = peeked.map(({ identifier, facts: { shape, spacingMm } }): CaseSummary => {
      const sizes = { originalSize: shape, sizeAfterCropping: shape };
      return { identifier, ...sizes, originalSpacingMm: spacingMm, foreground };
    });
    return analyzeDataset(dataset, summaries, () => ANY_INTENSITIES);
  };
  const plansOf = async (planner: Planner) => {
    if (await stores.preprocessed.exists(plansFileName(planner))) return loadPlans(stores.preprocessed, planner);
    return planner === "3d" ? planExperiment3d(planAll()) : planExperiment2d(planAll());
  };
  let memoryBytes = 0;
  let cropBytes = 0;
  let largest = "";
  for (const planner of ["3d", "2d"] as const) {
    const plans = await plansOf(planner);
    for (let stage = 0; stage < plans.num_stages; stage++) {
      const settings = stageSettings(plans, stage);
      for (const { identifier, facts } of peeked) {
        const { shape, spacingMm } = facts;
        const need = estimateMemory({ step: "preprocess", shape, spacingMm, channels, settings });
        if (need > memoryBytes) [memoryBytes, largest] = [need, identifier];
      }
    }
  }
  for (const { facts } of peeked) {
    const { shape, stored } = facts;
    cropBytes = Math.max(cropBytes, estimateMemory({ step: "crop", shape, channels, image: stored, label: stored }));
  }
  return { cases: cases.length, memoryBytes, cropBytes, largest };
}
