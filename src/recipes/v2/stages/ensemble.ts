import { inFile } from "../../../core/errors.js";
import { compareCodePoints } from "../../../core/paths.js";
import type { Shape3 } from "../../../core/volume.js";
import { defineJob } from "../../../runner/jobs.js";
import { takePart } from "../../../runner/parts.js";
import { type CaseOutcome, type Executor, type RunOptions, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { ProbabilityMean } from "../../../steps/ensemble.js";
import { type EnsembleStores, membersOf } from "../../ensemble-members.js";
import { labelsOf } from "../../exported-case.js";
import type { Labels } from "../documents/labels.js";
import type { CaseProperties } from "../documents/properties.js";
import { checkMembersAgree, labelProbabilities } from "../ensemble.js";
import { preparedFileNames } from "../layout.js";
import { checkNotEmpty, jobsFor } from "./export.js";
import { saveSegmentation } from "./label-files.js";
import { copyModelDocuments, type ModelDocuments } from "./model-files.js";
import { listProbabilities, loadCaseProperties, loadProbabilities, saveProbabilities } from "./probability-files.js";

/** What became of a case. */
export interface EnsembledCase {
  readonly members: number;
  readonly classes: number;
  readonly shape: Shape3;
  /** Labels that occur, ascending. */
  readonly labels: readonly number[];
}

/** What a worker needs of the model; all plain values. */
export interface EnsembleModel {
  readonly labels: Labels;
  readonly fileEnding: string;
  readonly readerName: string;
}

interface EnsembleArgument {
  readonly identifier: string;
  readonly model: EnsembleModel;
  readonly saveProbabilities: boolean;
}

/** The job of a worker: mean of the members of one case, one of them in memory at a time. */
async function ensembleOneCase(stores: EnsembleStores, argument: EnsembleArgument): Promise<EnsembledCase> {
  const { identifier, model } = argument;
  const members = membersOf(stores);
  const properties = await agreedProperties(members, identifier);
  const mean = new ProbabilityMean("float32");
  for (const store of members) {
    const member = await loadProbabilities(store, identifier, "probabilities");
    await inFile(store.location(preparedFileNames(identifier).npz), () => mean.add(member));
  }
  const probabilities = mean.take();
  const { output } = stores;
  const { classes, shape } = probabilities;
  if (argument.saveProbabilities) {
    await saveProbabilities(
      output,
      identifier,
      () => [probabilities.data as Float32Array],
      [classes, ...shape],
      properties,
    );
  }
  const segmentation = await labelProbabilities(probabilities, model.labels);
  await saveSegmentation(output, identifier, model.fileEnding, segmentation, properties, model.readerName);
  return { members: members.length, classes, shape, labels: labelsOf(segmentation.labels) };
}

export const ensembleJob = defineJob("v2/ensemble", ensembleOneCase);

/** The first member's properties, after all members' have been compared. */
async function agreedProperties(members: readonly Store[], identifier: string): Promise<CaseProperties> {
  const loaded = [];
  for (const store of members) {
    const name = store.location(preparedFileNames(identifier).properties);
    loaded.push({ name, properties: await loadCaseProperties(store, identifier) });
  }
  checkMembersAgree(loaded);
  return loaded[0].properties;
}

/** How folders of probabilities are averaged. */
export interface EnsembleOptions extends RunOptions {
  /** Write the mean as `ID.npz` with `ID.pkl`: nnU-Net's `--save_npz`. Default false. */
  readonly saveProbabilities?: boolean | undefined;
}

/**
 * The mean of several folders' probabilities and its labels, case by case: `ensemble_folders` of nnU-Net 2.8.1. A case
 * that one of the folders lacks fails, the others go on. dataset.json and plans.json of the first folder are written
 * beside the results, where nnU-Net writes only the first.
 *
 * @throws NnprepError INVALID_ARGUMENT with fewer than two members, INVALID_DATASET if there is no case, ABORTED
 */
export async function ensembleFolders(
  executor: Executor<EnsembleStores>,
  stores: EnsembleStores,
  { dataset, plans }: ModelDocuments,
  options: EnsembleOptions = {},
): Promise<CaseOutcome<EnsembledCase>[]> {
  const members = membersOf(stores);
  const count = members.length;
  const lists = await Promise.all(members.map((store) => listProbabilities(store)));
  const identifiers = [...new Set(lists.flat())].sort(compareCodePoints);
  checkNotEmpty(identifiers, members.map((store) => store.location("")).join(", "), "probabilities");
  const saves = options.saveProbabilities === true;
  const model: EnsembleModel = {
    labels: dataset.labels,
    fileEnding: dataset.fileEnding,
    readerName: plans.readerName,
  };
  const argument = (identifier: string): EnsembleArgument => ({
    identifier,
    model,
    saveProbabilities: saves,
  });
  const chosen = takePart(identifiers, options.part);
  const jobs = await jobsFor(members[0], chosen, argument, { members: count, saves: false });
  const outcomes = await runCases(executor, ensembleJob, "ensemble", jobs, options);
  await copyModelDocuments(members[0], stores.output);
  return outcomes;
}
