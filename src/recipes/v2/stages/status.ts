import type { ResultRecord } from "../../../runner/record.js";
import { type StageStatus, statusOfCases, statusOfDocuments } from "../../../runner/status.js";
import { getConfiguration } from "../documents/plans.js";
import { DEFAULT_PLANS, FINGERPRINT_FILE, plansFileName } from "../layout.js";
import { type PreprocessSettings, preprocessSettings } from "../preprocess.js";
import { type Dataset, listTrainingCases, readDatasetJson, type StageOptions } from "./dataset.js";
import { FAILURES_OF_FINGERPRINT, fingerprintRecord } from "./fingerprint-files.js";
import { loadPlans } from "./plan.js";
import { chosenConfigurations, preparedRecord } from "./preprocess.js";

export interface StatusOptions extends Pick<StageOptions, "environment"> {
  /** Default nnUNetPlans. */
  readonly plansName?: string | undefined;
  /** Default those that the plans have. */
  readonly configurations?: readonly string[] | undefined;
}

/** Whether a case was prepared by these plans: its record holds the settings as text. */
function isPreparedBy(settings: PreprocessSettings): (record: ResultRecord) => boolean {
  const expected = JSON.stringify(settings);
  return (record) => {
    const noted = JSON.parse(record.settings) as { readonly settings?: unknown };
    return JSON.stringify(noted.settings) === expected;
  };
}

/**
 * How far a dataset is, over all parts: cases read for the fingerprint, fingerprint and plans, cases prepared for each
 * configuration; without plans these are one stage, of which all is missing.
 *
 * @throws NnprepError FILE_NOT_FOUND or INVALID_DATASET for an unusable dataset.json, INVALID_PLANS, INVALID_ARGUMENT
 */
export async function datasetStatus(
  { stores }: Pick<Dataset, "stores">,
  options: StatusOptions = {},
): Promise<StageStatus[]> {
  const { raw, preprocessed } = stores;
  const dataset = await readDatasetJson(raw);
  const identifiers = (await listTrainingCases(raw, dataset, options)).map(({ identifier }) => identifier);
  const { plansName = DEFAULT_PLANS } = options;
  const isJoined = await preprocessed.exists(FINGERPRINT_FILE);
  const stages: StageStatus[] = [
    isJoined
      ? { stage: "extract-fingerprint", done: identifiers.length, missing: [], failed: [] }
      : await statusOfCases(preprocessed, "extract-fingerprint", identifiers, {
          record: fingerprintRecord,
          failures: FAILURES_OF_FINGERPRINT,
        }),
    await statusOfDocuments(preprocessed, "plan", [FINGERPRINT_FILE, plansFileName(plansName)]),
  ];
  if (!(await preprocessed.exists(plansFileName(plansName)))) {
    return [...stages, { stage: "preprocess", done: 0, missing: identifiers, failed: [] }];
  }
  const plans = await loadPlans(preprocessed, plansName);
  for (const name of chosenConfigurations(plans, options.configurations)) {
    const folder = getConfiguration(plans, name).dataIdentifier;
    const fits = isPreparedBy(preprocessSettings(plans, name, dataset.labels));
    const record = (identifier: string) => preparedRecord(folder, identifier);
    stages.push(
      await statusOfCases(preprocessed, `preprocess ${name}`, identifiers, { record, failures: folder, fits }),
    );
  }
  return stages;
}
