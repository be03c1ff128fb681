import { inFile, NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import { formatNifti } from "../../../io/nifti.js";
import { narrowToHalves } from "../../../kernels/half.js";
import { defineJob } from "../../../runner/jobs.js";
import { takePart } from "../../../runner/parts.js";
import { type CaseJob, type CaseOutcome, type Executor, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import type { ProbabilityArray } from "../../../steps/probabilities.js";
import { estimatedJobs } from "../../estimated-jobs.js";
import { type ExportedCaseOf, labelsOf } from "../../exported-case.js";
import type { CaseProperties } from "../documents/properties.js";
import { type ExportOptions, type ExportWarning, exportProbabilities, exportSegmentation } from "../export.js";
import {
  listProbabilities,
  loadProbabilities,
  loadProbabilityProperties,
  peekArray,
  saveProbabilities,
} from "./probability-files.js";
import type { StageOptions } from "./task.js";

/** Where exports come from and go to. */
export interface ExportStores {
  /** `ID.npz` and `ID.pkl` of each case. */
  readonly input: Store;
  /** Gets `ID.nii.gz`. */
  readonly output: Store;
}

/** How each case is exported. */
export interface ExportSettings
  extends Pick<
    ExportOptions,
    "regions" | "transposed" | "transposeForward" | "forceSeparateZ" | "untransposedTargetAxis"
  > {
  /** Write `ID.npz` and `ID.pkl` beside the segmentation: probabilities on the scan's voxels, float16. Default false. */
  readonly saveProbabilities?: boolean | undefined;
}

/** How a folder of probabilities is exported. */
export interface ExportDatasetOptions extends StageOptions, ExportSettings {}

/** What became of a case and its probabilities. */
export type ExportedCase = ExportedCaseOf<ExportWarning>;

interface ExportArgument {
  readonly identifier: string;
  readonly settings: ExportSettings;
}

/** The job of a worker: reads, exports and writes one case. */
async function exportOneCase({ input, output }: ExportStores, argument: ExportArgument): Promise<ExportedCase> {
  const { identifier, settings } = argument;
  const properties = await loadProbabilityProperties(input, identifier);
  const probabilities = await loadProbabilities(input, identifier);
  return inFile(input.location(`${identifier}.npz`), () =>
    writeExport(output, identifier, probabilities, properties, settings),
  );
}

export const exportJob = defineJob("v1/export", exportOneCase);

/** Exports probabilities and writes what the settings ask for; the segmentation into `folder`. */
export async function writeExport(
  output: Store,
  identifier: string,
  probabilities: ProbabilityArray,
  properties: CaseProperties,
  settings: ExportSettings,
  folder = "",
): Promise<ExportedCase> {
  const { saveProbabilities: save = false, ...options } = settings;
  const { segmentation, warnings } = await exportSegmentation(probabilities, properties, options);
  if (save) await writeProbabilities(output, identifier, probabilities, properties, options);
  await output.write(joinPath(folder, `${identifier}.nii.gz`), await formatNifti(segmentation, { gzip: true }));
  return {
    classes: probabilities.classes,
    shapeBefore: probabilities.shape,
    shapeAfter: segmentation.shape,
    precision: probabilities.data instanceof Uint16Array ? "float16" : "float32",
    labels: labelsOf(segmentation.data),
    warnings,
  };
}

/** `ID.npz` and `ID.pkl`: probabilities on the scan's voxels inside the crop box, float16, as with `--save_npz`. */
export async function writeProbabilities(
  output: Store,
  identifier: string,
  probabilities: ProbabilityArray,
  properties: CaseProperties,
  options: ExportOptions,
): Promise<void> {
  const { shape, classes } = exportProbabilities(probabilities, properties, options);
  const halves: Uint16Array[] = [];
  for await (const values of classes) halves.push(narrowToHalves(values));
  const regions = options.regions === undefined ? properties.regions_class_order : options.regions;
  const { regions_class_order: _, ...rest } = properties;
  await saveProbabilities(
    output,
    identifier,
    halves,
    shape,
    regions === undefined || regions === null ? rest : { ...rest, regions_class_order: regions },
  );
}

/** What decides about the memory of a job beside its files. */
export interface MemoryPlan {
  /** Members of an ensemble; 1 otherwise. */
  readonly members: number;
  /** Whether probabilities on the scan's voxels are gathered and written too. */
  readonly saves: boolean;
}

const FLOAT16_BYTES = 2;
/** Node, kernels and their window. */
export const BASE_BYTES = 96 << 20;

/**
 * Bytes that one case needs, from the head of its file and its properties: the probabilities beside the file that they
 * come from, labels and their file; undefined if they cannot be read.
 */
async function estimate(input: Store, identifier: string, { members, saves }: MemoryPlan): Promise<number | undefined> {
  try {
    const { shape, byteLength, compressedByteLength } = await peekArray(input, identifier);
    const { original_size_of_raw_data, size_after_cropping = [] } = await loadProbabilityProperties(input, identifier);
    const count = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
    // Members are summed in float32, twice the bytes if they are float16.
    const sums = members > 1 ? 2 * byteLength : 0;
    const saved = saves ? FLOAT16_BYTES * 2 * (shape[0] ?? 0) * count(size_after_cropping) : 0;
    const labels = 2 * count(original_size_of_raw_data);
    return byteLength + sums + Math.max(compressedByteLength, saved) + labels + BASE_BYTES;
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
export function checkNotEmpty(identifiers: readonly string[], where: string): void {
  if (identifiers.length > 0) return;
  throw new NnprepError(
    "INVALID_DATASET",
    `no .npz files in ${where}; probabilities as nnU-Net writes them with --save_npz are expected, each with its .pkl`,
    { where },
  );
}

/** The settings alone, as they travel to a worker. */
export function exportSettings(options: ExportSettings): ExportSettings {
  const { regions, transposed, transposeForward, forceSeparateZ, untransposedTargetAxis, saveProbabilities } = options;
  return { regions, transposed, transposeForward, forceSeparateZ, untransposedTargetAxis, saveProbabilities };
}

/**
 * Exports every case of a folder. A case that fails does not stop the others, and leaves no file behind.
 * @throws NnprepError INVALID_DATASET if there is no case, ABORTED
 */
export async function exportDataset(
  executor: Executor<ExportStores>,
  stores: ExportStores,
  options: ExportDatasetOptions = {},
): Promise<CaseOutcome<ExportedCase>[]> {
  const identifiers = await listProbabilities(stores.input);
  checkNotEmpty(identifiers, stores.input.location(""));
  const settings = exportSettings(options);
  const argument = (identifier: string): ExportArgument => ({ identifier, settings });
  const plan = { members: 1, saves: settings.saveProbabilities === true };
  const jobs = await jobsFor(stores.input, takePart(identifiers, options.part), argument, plan);
  return runCases(executor, exportJob, "export", jobs, options);
}
