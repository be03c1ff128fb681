import { inFile } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import type { Shape3 } from "../../../core/volume.js";
import { narrowToHalves } from "../../../kernels/half.js";
import { defineJob } from "../../../runner/jobs.js";
import { takePart } from "../../../runner/parts.js";
import { type CaseOutcome, type Executor, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { ProbabilityMean } from "../../../steps/ensemble.js";
import type { ProbabilityArray } from "../../../steps/probabilities.js";
import { type EnsembleStores, membersOf } from "../../ensemble-members.js";
import type { Postprocessing } from "../documents/postprocessing.js";
import type { CaseProperties } from "../documents/properties.js";
import { checkMembersAgree } from "../ensemble.js";
import { caseFileNames } from "../layout.js";
import {
  checkNotEmpty,
  type ExportedCase,
  type ExportSettings,
  exportSettings,
  jobsFor,
  writeExport,
} from "./export.js";
import { type AppliedPostprocessing, applyToOneFile } from "./postprocess.js";
import {
  listProbabilities,
  loadProbabilities,
  loadProbabilityProperties,
  saveProbabilities,
  splitClasses,
} from "./probability-files.js";
import type { StageOptions } from "./task.js";

/** What an ensemble is written as. */
export interface EnsembleSettings extends Omit<ExportSettings, "saveProbabilities"> {
  /** Write `ID.nii.gz`, the segmentation that the mean gives. Default false. */
  readonly export?: boolean | undefined;
  /** Keep only the largest components too; then `export` is true, and not_postprocessed has the segmentations before. */
  readonly postprocessing?: Postprocessing | undefined;
  /** Write the mean as `ID.npz` with `ID.pkl`. Default: unless `export`. */
  readonly saveProbabilities?: boolean | undefined;
}

/** How a folder of ensembles is made. */
export interface EnsembleDatasetOptions extends StageOptions, EnsembleSettings {}

/** What became of a case. */
export interface EnsembledCase {
  readonly members: number;
  readonly classes: number;
  readonly shape: Shape3;
  /** The segmentation, if it was asked for. */
  readonly exported: ExportedCase | null;
  /** What post-processing did to it, if that was asked for. */
  readonly postprocessed: AppliedPostprocessing | null;
}

interface EnsembleArgument {
  readonly identifier: string;
  readonly settings: EnsembleSettings;
}

/** nnU-Net's folder for the segmentations of an ensemble before post-processing. */
const NOT_POSTPROCESSED = "not_postprocessed";

/** The job of a worker: mean of the members of one case, one of them in memory at a time. */
async function ensembleOneCase(stores: EnsembleStores, argument: EnsembleArgument): Promise<EnsembledCase> {
  const { identifier, settings } = argument;
  const members = membersOf(stores);
  const properties = await agreedProperties(members, identifier);
  const mean = new ProbabilityMean("members");
  for (const store of members) {
    const member = await loadProbabilities(store, identifier);
    await inFile(store.location(caseFileNames(identifier).arrays), () => mean.add(member));
  }
  const probabilities = mean.take();
  const { output } = stores;
  if (settings.saveProbabilities ?? !isExported(settings))
    await saveMean(output, identifier, probabilities, properties);
  const finished = await exportMean(output, identifier, probabilities, properties, settings);
  return { members: members.length, classes: probabilities.classes, shape: probabilities.shape, ...finished };
}

export const ensembleJob = defineJob("v1/ensemble", ensembleOneCase);

function isExported(settings: EnsembleSettings): boolean {
  return settings.export === true || settings.postprocessing !== undefined;
}

/** Writes the segmentation of the mean, and the post-processed one beside it, as far as they are asked for. */
async function exportMean(
  output: Store,
  identifier: string,
  probabilities: ProbabilityArray,
  properties: CaseProperties,
  settings: EnsembleSettings,
): Promise<Pick<EnsembledCase, "exported" | "postprocessed">> {
  if (!isExported(settings)) return { exported: null, postprocessed: null };
  const { postprocessing } = settings;
  const folder = postprocessing === undefined ? "" : NOT_POSTPROCESSED;
  const options = { ...exportSettings(settings), saveProbabilities: false };
  const exported = await writeExport(output, identifier, probabilities, properties, options, folder);
  if (postprocessing === undefined) return { exported, postprocessed: null };
  const name = `${identifier}.nii.gz`;
  const files = { input: joinPath(folder, name), output: name, postprocessing };
  return { exported, postprocessed: await applyToOneFile({ input: output, output }, files) };
}

/** The first member's properties, after all members' have been compared. */
async function agreedProperties(members: readonly Store[], identifier: string): Promise<CaseProperties> {
  const loaded = [];
  for (const store of members) {
    const name = store.location(caseFileNames(identifier).properties);
    loaded.push({ name, properties: await loadProbabilityProperties(store, identifier) });
  }
  checkMembersAgree(loaded);
  return loaded[0].properties;
}

async function saveMean(
  output: Store,
  identifier: string,
  { data, classes, shape }: ProbabilityArray,
  properties: CaseProperties,
): Promise<void> {
  const halves = data instanceof Uint16Array ? data : narrowToHalves(data);
  await saveProbabilities(output, identifier, splitClasses(halves, classes), shape, properties);
}

/**
 * The mean of several folders' probabilities, case by case; a case that one of them lacks fails, the others go on.
 * @throws NnprepError INVALID_ARGUMENT with fewer than two members, INVALID_DATASET if there is no case, ABORTED
 */
export async function ensembleDataset(
  executor: Executor<EnsembleStores>,
  stores: EnsembleStores,
  options: EnsembleDatasetOptions = {},
): Promise<CaseOutcome<EnsembledCase>[]> {
  const members = membersOf(stores);
  const count = members.length;
  const lists = await Promise.all(members.map((store) => listProbabilities(store)));
  const identifiers = [...new Set(lists.flat())].sort();
  checkNotEmpty(identifiers, members.map((store) => store.location("")).join(", "));
  const settings: EnsembleSettings = {
    ...exportSettings(options),
    export: options.export,
    postprocessing: options.postprocessing,
  };
  const argument = (identifier: string): EnsembleArgument => ({ identifier, settings });
  const chosen = takePart(identifiers, options.part);
  const jobs = await jobsFor(members[0], chosen, argument, { members: count, saves: false });
  return runCases(executor, ensembleJob, "ensemble", jobs, options);
}
