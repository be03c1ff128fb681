import type { ResultRecord } from "../../../runner/record.js";
import { type StageStatus, statusOfCases, statusOfDocuments } from "../../../runner/status.js";
import { trainingCases } from "../documents/dataset-json.js";
import { type Planner, plansFileName, stageFolderName } from "../layout.js";
import { type StageSettings, stageSettings } from "../preprocess.js";
import { recordPath, settingsText } from "./case-records.js";
import { CROP_STEP } from "./crop.js";
import { loadPlans } from "./plan.js";
import { readDatasetJson, type Task } from "./task.js";

const PLANNERS: readonly Planner[] = ["3d", "2d"];

/** Whether a case was prepared by these plans: its record holds the settings as text. */
function isPreparedBy(settings: StageSettings): (record: ResultRecord) => boolean {
  const expected = settingsText(settings);
  return (record) => {
    const noted = JSON.parse(record.settings) as { readonly settings?: unknown };
    return JSON.stringify(noted.settings) === expected;
  };
}

/**
 * How far a task is, over all parts: cropped cases, plans, cases prepared for each stage of the plans that there are;
 * without plans these are one stage, of which all is missing.
 *
 * @throws NnprepError FILE_NOT_FOUND or INVALID_DATASET for an unusable dataset.json, INVALID_PLANS
 */
export async function datasetStatus({ stores }: Pick<Task, "stores">): Promise<StageStatus[]> {
  const { raw, cropped, preprocessed } = stores;
  const identifiers = trainingCases(await readDatasetJson(raw)).map(({ identifier }) => identifier);
  const planned: Planner[] = [];
  for (const planner of PLANNERS) if (await preprocessed.exists(plansFileName(planner))) planned.push(planner);
  const documents = (planned.length === 0 ? PLANNERS : planned).map(plansFileName);
  const stages = [
    await statusOfCases(cropped, "crop", identifiers, {
      record: (identifier) => recordPath(CROP_STEP, identifier),
      failures: CROP_STEP,
    }),
    await statusOfDocuments(preprocessed, "plan", documents),
  ];
  if (planned.length === 0) return [...stages, { stage: "preprocess", done: 0, missing: identifiers, failed: [] }];
  for (const planner of planned) {
    const plans = await loadPlans(preprocessed, planner);
    for (let stage = 0; stage < plans.num_stages; stage++) {
      const folder = stageFolderName(planner, stage);
      const fits = isPreparedBy(stageSettings(plans, stage));
      const record = (identifier: string) => recordPath(folder, identifier);
      const name = `preprocess ${planner} stage ${stage}`;
      stages.push(await statusOfCases(preprocessed, name, identifiers, { record, failures: folder, fits }));
    }
  }
  return stages;
}
