import { inFile, NnprepError } from "../../../core/errors.js";
import type { Shape3 } from "../../../core/volume.js";
import { defineJob } from "../../../runner/jobs.js";
import { takePart } from "../../../runner/parts.js";
import { type CaseJob, type CaseOutcome, type Executor, type RunOptions, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import type { ProbabilityArray } from "../../../steps/probabilities.js";
import { estimatedJobs } from "../../estimated-jobs.js";
import { type ExportedCaseOf, labelsOf } from "../../exported-case.js";
import type { Configuration } from "../documents/configuration.js";
import type { Labels } from "../documents/labels.js";
import { getConfiguration, type Plans } from "../documents/plans.js";
import type { CaseProperties } from "../documents/properties.js";
import { type ExportSettings, type ExportWarning, exportProbabilities, exportSegmentation } from "../export.js";
import { saveSegmentation } from "./label-files.js";
import { copyModelDocuments, type ModelDocuments } from "./model-files.js";
import {
  listProbabilities,
  loadCaseProperties,
  loadProbabilities,
  type ProbabilityKey,
  peekProbabilities,
  saveProbabilities,
} from "./probability-files.js";

/** Where exports come from and go to. */
export interface ExportStores {
  /** `ID.npz` (logits on the network's grid) and `ID.pkl` of each case. */
  readonly input: Store;
  /** Gets the segmentations. */
  readonly output: Store;
}

/** What a worker needs of the model; all plain values. */
export interface ExportModel extends ExportSettings {
  readonly plans: Pick<Plans, "transposeForward">;
  readonly configuration: Pick<Configuration, "name" | "spacingMm" | "resampleProbabilities">;
  readonly labels: Labels;
  readonly fileEnding: string;
  readonly readerName: string;
}

/** What became of a case and its logits. */
export type ExportedCase = ExportedCaseOf<ExportWarning>;

interface ExportArgument {
  readonly identifier: string;
  readonly model: ExportModel;
  readonly saveProbabilities: boolean;
}

/** The parts of plans and dataset.json that decide about an export. @throws NnprepError INVALID_ARGUMENT, UNSUPPORTED */
export function exportModel({ plans, dataset }: ModelDocuments, configuration: string): ExportModel {
  const { name, spacingMm, resampleProbabilities } = getConfiguration(plans, configuration);
  return {
    plans: { transposeForward: plans.transposeForward },
    configuration: { name, spacingMm, resampleProbabilities },
    labels: dataset.labels,
    fileEnding: dataset.fileEnding,
    readerName: plans.readerName,
  };
}

/** The job of a worker: reads, exports and writes one case. */
async function exportOneCase({ input, output }: ExportStores, argument: ExportArgument): Promise<ExportedCase> {
  const { identifier, model } = argument;
  const properties = await loadCaseProperties(input, identifier);
  const logits = await loadProbabilities(input, identifier, "logits");
  return inFile(input.location(`${identifier}.npz`), () =>
    writeExport(output, identifier, logits, properties, model, argument.saveProbabilities),
  );
}

export const exportJob = defineJob("v2/export", exportOneCase);

/** Exports logits and writes the segmentation, and with `save` `ID.npz` and `ID.pkl` beside it. */
export async function writeExport(
  output: Store,
  identifier: string,
  logits: ProbabilityArray,
  properties: CaseProperties,
  model: ExportModel,
  save = false,
): Promise<ExportedCase> {
  let exported: { labels: Uint8Array | Uint16Array; shape: Shape3; warnings: readonly ExportWarning[] };
  if (save) {
    const { volumes, ...rest } = await exportProbabilities(logits, properties, model);
    await saveProbabilities(output, identifier, volumes, [logits.classes, ...rest.shape], properties);
    exported = rest;
  } else {
    exported = await exportSegmentation(logits, properties, model);
  }
  const { labels, shape, warnings } = exported;
  await saveSegmentation(output, identifier, model.fileEnding, { labels, shape }, properties, model.readerName);
  return {
    classes: logits.classes,
    shapeBefore: logits.shape,
    shapeAfter: shape,
    precision: logits.data instanceof Uint16Array ? "float16" : "float32",
    labels: labelsOf(labels),
    warnings,
  };
}

/** What decides about the memory of a job beside its files. */
export interface MemoryPlan {
  /** Members of an ensemble; 1 otherwise. */
  readonly members: number;
  /** Whether probabilities on the scan's voxels are written too. */
  readonly saves: boolean;
}

/** Node, kernels and their window. */
const BASE_BYTES = 128 << 20;
/** Of a voxel of the scan: labels and their file; with probabilities also largest value, sum and two volumes. */
const LABEL_BYTES = 4;
const PROBABILITY_BYTES = 16;

/**
 * Bytes that one case needs, from the head of its file and its properties; undefined if they cannot be read.
 */
async function estimate(input: Store, identifier: string, { members, saves }: MemoryPlan): Promise<number | undefined> {
  try {
    const { byteLength, compressedByteLength } = await peekProbabilities(input, identifier);
    const { shapeBeforeCropping } = await loadCaseProperties(input, identifier);
    const voxels = shapeBeforeCropping.reduce((a, b) => a * b, 1);
    const sums = members > 1 ? byteLength : 0;
    return (
      byteLength + sums + compressedByteLength + voxels * (LABEL_BYTES + (saves ? PROBABILITY_BYTES : 0)) + BASE_BYTES
    );
  } catch {
    // The case fails by itself, with a message of its own.
    return undefined;
  }
}

/** One job per case, with the memory that it will need. */
export function jobsFor<A>(
  input: Store,
  identifiers: readonly string[],
  argument: (identifier: string) => A,
  plan: MemoryPlan,
): Promise<CaseJob<A>[]> {
  return estimatedJobs(identifiers, argument, (identifier) => estimate(input, identifier, plan));
}

/** @throws NnprepError INVALID_DATASET */
export function checkNotEmpty(identifiers: readonly string[], where: string, key: ProbabilityKey): void {
  if (identifiers.length > 0) return;
  const how = key === "probabilities" ? ", as nnU-Net writes them with --save_probabilities," : "";
  throw new NnprepError("INVALID_DATASET", `no .npz files in ${where}; ${key}${how} each with its .pkl are expected`, {
    where,
  });
}

/** How a folder of logits is exported. */
export interface ExportFolderOptions extends RunOptions {
  /** Write `ID.npz` and `ID.pkl` beside the segmentation: nnU-Net's `--save_probabilities`. Default false. */
  readonly saveProbabilities?: boolean | undefined;
}

/**
 * Exports the logits of every case of a folder. A case that fails does not stop the others, and leaves no segmentation.
 * plans.json and dataset.json of the folder are written beside the segmentations, as nnU-Net's own predictions have them.
 *
 * @param configuration by its name in the plans
 * @throws NnprepError INVALID_DATASET if there is no case, INVALID_ARGUMENT, ABORTED
 */
export async function exportFolder(
  executor: Executor<ExportStores>,
  stores: ExportStores,
  documents: ModelDocuments,
  configuration: string,
  options: ExportFolderOptions = {},
): Promise<CaseOutcome<ExportedCase>[]> {
  const identifiers = await listProbabilities(stores.input);
  checkNotEmpty(identifiers, stores.input.location(""), "logits");
  const model = exportModel(documents, configuration);
  const saves = options.saveProbabilities === true;
  const argument = (identifier: string): ExportArgument => ({ identifier, model, saveProbabilities: saves });
  const jobs = await jobsFor(stores.input, takePart(identifiers, options.part), argument, { members: 1, saves });
  const outcomes = await runCases(executor, exportJob, "export", jobs, options);
  await copyModelDocuments(stores.input, stores.output);
  return outcomes;
}
