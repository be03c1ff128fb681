import { NnprepError } from "../../../core/errors.js";
import { formatPickle } from "../../../io/pickle.js";
import { defineJob } from "../../../runner/jobs.js";
import { type CaseOutcome, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { init } from "../../../runtime/instantiate.js";
import { foregroundVoxels } from "../../../steps/intensity.js";
import { trainingCases } from "../documents/dataset-json.js";
import {
  type DatasetProperties,
  datasetPropertiesToPython,
  intensityPropertiesToPython,
} from "../documents/fingerprint.js";
import { analyzeDataset, type CaseSummary, needsIntensityProperties } from "../fingerprint.js";
import { FOREGROUND_STRIDE, intensityStatistics } from "../intensity.js";
import { caseFileNames, DATASET_PROPERTIES, INTENSITY_PROPERTIES, sortIdentifiers } from "../layout.js";
import { loadArrays, loadCroppedProperties } from "./case-files.js";
import { readDatasetJson, type StageOptions, type Task, type TaskStores } from "./task.js";

/** The job of a worker: every 10th foreground voxel of each channel of one cropped case. */
async function collectOneCase(stores: TaskStores, identifier: string): Promise<Float32Array[]> {
  const { channels, label } = await loadArrays(stores.cropped, identifier);
  return channels.map((channel) => foregroundVoxels(channel, label, FOREGROUND_STRIDE));
}

export const collectJob = defineJob("v1/collect", collectOneCase);

/**
 * The training cases of the cropped folder's dataset.json, in nnU-Net's order.
 * @throws NnprepError INVALID_DATASET naming the cases that are not cropped
 */
export async function croppedIdentifiers(store: Store): Promise<string[]> {
  const dataset = await readDatasetJson(store);
  const identifiers = sortIdentifiers(trainingCases(dataset).map((c) => c.identifier));
  const missing: string[] = [];
  for (const identifier of identifiers) {
    const { arrays, properties } = caseFileNames(identifier);
    if (!(await store.exists(arrays)) || !(await store.exists(properties))) missing.push(identifier);
  }
  if (missing.length > 0) {
    throw new NnprepError(
      "INVALID_DATASET",
      `${store.location("")}: ${missing.length} of ${identifiers.length} training cases are not cropped (${missing.join(", ")}). ` +
        "Plans made without them would be other plans: crop them first (nnprep crop -t ...), or take them out of dataset.json",
      { file: store.location(""), missing, expected: identifiers.length },
    );
  }
  return identifiers;
}

/**
 * Writes dataset_properties.pkl and, if a channel is a CT, intensityproperties.pkl into the cropped folder
 * (`DatasetAnalyzer.analyze_dataset` of nnU-Net 1.7.1). Always computed anew.
 *
 * @throws NnprepError INVALID_DATASET if a case is not cropped, the error of a case that cannot be read, ABORTED
 */
export async function fingerprintDataset(
  { stores, executor }: Task,
  options: StageOptions = {},
): Promise<DatasetProperties> {
  await init();
  const { cropped } = stores;
  const dataset = await readDatasetJson(cropped);
  const identifiers = await croppedIdentifiers(cropped);
  const foreground = new Map<string, Float32Array[]>();
  if (needsIntensityProperties(dataset)) {
    const jobs = identifiers.map((identifier) => ({ identifier, argument: identifier }));
    const outcomes = await runCases(executor, collectJob, "intensities", jobs, options);
    for (const { identifier, value } of outcomes.map(requireValue)) foreground.set(identifier, value);
  }
  const cases: CaseSummary[] = [];
  for (const identifier of identifiers) {
    const properties = await loadCroppedProperties(cropped, identifier);
    const voxels = foreground.get(identifier);
    cases.push({
      identifier,
      originalSize: properties.original_size_of_raw_data,
      sizeAfterCropping: properties.size_after_cropping,
      originalSpacingMm: properties.original_spacing,
      ...(voxels === undefined ? {} : { foreground: voxels }),
    });
  }
  const result = analyzeDataset(dataset, cases, intensityStatistics);
  if (result.intensityproperties === null) await cropped.remove(INTENSITY_PROPERTIES);
  else await cropped.write(INTENSITY_PROPERTIES, formatPickle(intensityPropertiesToPython(result.intensityproperties)));
  await cropped.write(DATASET_PROPERTIES, formatPickle(datasetPropertiesToPython(result)));
  return result;
}

/** The value of an outcome; an error stops a stage that needs every case. */
function requireValue<T>(outcome: CaseOutcome<T>): { identifier: string; value: T } {
  if (!outcome.ok) throw outcome.error;
  return outcome;
}
