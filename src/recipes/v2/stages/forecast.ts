import { NnprepError } from "../../../core/errors.js";
import { peekScan, type StoredScanFacts } from "../../scan-files.js";
import { type Plans, readPlans } from "../documents/plans.js";
import { type CaseGrid, makeFingerprint } from "../fingerprint.js";
import { plansFileName, type TrainingCase } from "../layout.js";
import { estimateFingerprintMemory, estimateMemory } from "../memory.js";
import { planExperiment } from "../planners/experiment-planner.js";
import { findPlanner } from "../planners/planner-list.js";
import { preprocessSettings } from "../preprocess.js";
import { type Dataset, listTrainingCases, readDatasetJson, type StageOptions } from "./dataset.js";
import { loadPlans } from "./plan.js";
import { chosenConfigurations } from "./preprocess.js";
import { chooseDatasetReader } from "./read-case.js";

export interface ForecastOptions extends Pick<StageOptions, "environment"> {
  /** Class name; default ExperimentPlanner. */
  readonly planner: string;
  readonly configurations?: readonly string[] | undefined;
}

/** What a dataset will need, said before anything is done. */
export interface Forecast {
  readonly plansName: string;
  readonly cases: number;
  /** Resident bytes of a worker at the peak of the largest case; null if no image has a head that tells its size. */
  readonly memoryBytes: number | null;
  /** The same of the fingerprint; null likewise. */
  readonly fingerprintBytes: number | null;
  /** The case that preprocessing needs most for; null likewise. */
  readonly largest: string | null;
}

/** Memory does not depend on intensities; plans have to have some. */
const ANY_INTENSITIES = { max: 1, mean: 0, median: 0, min: -1, percentile005: -1, percentile995: 1, std: 1 };

/** Size and spacing of every case by the head of its first image; those that cannot be read are left out. */
async function peekCases(
  { raw }: Dataset["stores"],
  cases: readonly TrainingCase[],
): Promise<{ identifier: string; facts: StoredScanFacts }[]> {
  const found: { identifier: string; facts: StoredScanFacts }[] = [];
  for (const { identifier, images } of cases) {
    try {
      found.push({ identifier, facts: await peekScan(raw, images[0]) });
    } catch (error) {
      if (!(error instanceof NnprepError)) throw error;
    }
  }
  return found;
}

/**
 * Memory of the largest case, before there are plans: planned by the heads of all images as if nothing were cropped,
 * which overestimates; plans that are there already are taken.
 *
 * @throws NnprepError FILE_NOT_FOUND, INVALID_DATASET, INVALID_PLANS, INVALID_ARGUMENT for an unknown planner
 */
export async function forecastDataset(
  { name, stores }: Pick<Dataset, "name" | "stores">,
  options: ForecastOptions,
): Promise<Forecast> {
  const { raw, preprocessed } = stores;
  const dataset = await readDatasetJson(raw);
  const cases = await listTrainingCases(raw, dataset, options);
  const { plansName } = findPlanner(options.planner);
  const peeked = await peekCases(stores, cases);
  if (peeked.length === 0) {
    return { plansName, cases: cases.length, memoryBytes: null, fingerprintBytes: null, largest: null };
  }
  let plans: Plans;
  if (await preprocessed.exists(plansFileName(plansName))) plans = await loadPlans(preprocessed, plansName);
  else {
    const grids = peeked.map(({ facts: { shape, spacingMm } }): CaseGrid => {
      return { shapeBeforeCrop: shape, shapeAfterCrop: shape, spacingMm };
    });
    const fingerprint = makeFingerprint(
      grids,
      dataset.channels.map(() => ANY_INTENSITIES),
    );
    const reader = await chooseDatasetReader(raw, dataset, cases);
    const names = { datasetName: name, readerName: reader.name, planner: options.planner };
    plans = readPlans(planExperiment(fingerprint, dataset, names).document);
  }
  let memoryBytes = 0;
  let largest = "";
  for (const configuration of chosenConfigurations(plans, options.configurations)) {
    const settings = preprocessSettings(plans, configuration, dataset.labels);
    for (const { identifier, facts } of peeked) {
      const { shape, spacingMm, stored } = facts;
      const need = estimateMemory({ shape, spacingMm, settings, image: stored });
      if (need > memoryBytes) [memoryBytes, largest] = [need, identifier];
    }
  }
  const fingerprintBytes = peeked.reduce((most, { facts: { shape, stored } }) => {
    return Math.max(most, estimateFingerprintMemory(shape, dataset.channels.length, stored));
  }, 0);
  return { plansName, cases: cases.length, memoryBytes, fingerprintBytes, largest };
}
