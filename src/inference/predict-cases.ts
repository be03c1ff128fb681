import { NnprepError } from "../core/errors.js";
import type { Shape3, Vec3, Volume } from "../core/volume.js";
import { writeVolume } from "../io/formats.js";
import { formatPythonJson, type PythonJson } from "../io/python-json.js";
import type { ScanFile } from "../io/scan-file.js";
import { formatDatasetJson } from "../recipes/v2/documents/dataset-json.js";
import { formatPlans } from "../recipes/v2/documents/plans.js";
import { casesInListing, DATASET_FILE } from "../recipes/v2/layout.js";
import type { ReadCaseOptions, SegmentationFile } from "../recipes/v2/readers/reader.js";
import { readerFor } from "../recipes/v2/readers/registry.js";
import type { CaseOutcome, RunOptions } from "../runner/run.js";
import type { Store } from "../runner/store.js";
import type { LoadedModel, LoadedModelV1 } from "./load-model.js";
import type { TrainedModel } from "./model-folder.js";
import { type PredictOptions, type PredictProgress, predictCase, readerProperties } from "./predict.js";
import type { CaseInput } from "./prepared-case.js";

/** One case to predict, read when its turn comes. */
export interface PredictionCase {
  /** Name of the result without its ending. */
  readonly identifier: string;
  read(): Promise<ReadCase>;
}

/** A case in memory, which is given up to the prediction, and how its segmentation is written. */
export interface ReadCase extends CaseInput {
  readonly warnings: readonly string[];
  format(labels: Uint8Array | Uint16Array, shape: Shape3): Promise<readonly SegmentationFile[]>;
}

/** A case of files that the dataset's reader reads. */
export function caseOfFiles(
  model: TrainedModel,
  identifier: string,
  files: { readonly images: readonly ScanFile[]; readonly previousStage?: ScanFile | undefined },
  options: ReadCaseOptions = {},
): PredictionCase {
  const read = async (): Promise<ReadCase> => {
    const reader = await readerFor(model.readerName);
    const { warnings, ...input } = await reader.readImages(files.images, options);
    const label = files.previousStage === undefined ? undefined : await reader.readLabel(files.previousStage, options);
    return {
      ...input,
      previousStage: label?.label,
      warnings: [...warnings, ...(label?.warnings ?? [])],
      format: (labels, shape) => reader.formatSegmentation(labels, shape, input.properties, model.fileEnding),
    };
  };
  return { identifier, read };
}

/** A case of one volume, whatever it was read from. */
export function caseOfVolume(
  model: TrainedModel,
  identifier: string,
  read: () => Promise<{ readonly volume: Volume; readonly warnings: readonly string[] }>,
): PredictionCase {
  const ending = model.fileEnding;
  return {
    identifier,
    read: async () => {
      const { volume, warnings } = await read();
      const { data, shape, geometry, niftiForms } = volume;
      return {
        channels: [new Float32Array(data)],
        shape,
        properties: readerProperties(volume),
        warnings,
        format: async (labels) => [
          { ending, bytes: await writeVolume(`${identifier}${ending}`, { data: labels, shape, geometry, niftiForms }) },
        ],
      };
    },
  };
}

/** What became of a case. */
export type PredictedCase =
  | { readonly identifier: string; readonly state: "skipped" }
  | { readonly identifier: string; readonly state: "failed"; readonly error: Error; readonly seconds: number }
  | {
      readonly identifier: string;
      readonly state: "done";
      readonly file: string;
      readonly labels: readonly number[];
      readonly seconds: number;
      readonly warnings: readonly string[];
    };

/** Changes labels in place. */
export type LabelPostprocessing = (labels: Uint8Array | Uint16Array, shape: Shape3, spacingMm: Vec3) => void;

/** How a folder of cases is predicted, and what is kept beside the labels. */
export interface PredictCasesOptions
  extends Omit<PredictOptions, "previousStage" | "onProgress">,
    Pick<RunOptions, "onCase"> {
  /** False: cases whose files are there already are left out (`--continue_prediction`). Default true. */
  readonly overwrite?: boolean | undefined;
  /** What is done to each segmentation before it is written. Default: nothing, as nnU-Net predicts. */
  readonly postprocessing?: LabelPostprocessing | undefined;
  readonly onProgress?: ((progress: CasesProgress) => void) | undefined;
}

/** What events call the work on a case. */
const STAGE = "predict";

/** How far all cases are. */
export interface CasesProgress extends PredictProgress {
  readonly identifier: string;
  /** Cases before this one, and all. */
  readonly casesDone: number;
  readonly cases: number;
}

/** Images in a folder as nnU-Net finds them: `ID_0000.nii.gz`, `ID_0001.nii.gz` ..., sorted, every n-th of them. */
export function listPredictionCases(
  files: readonly string[],
  ending: string,
  { parts = 1, part = 0 }: { readonly parts?: number; readonly part?: number } = {},
): { readonly identifier: string; readonly images: readonly string[] }[] {
  return casesInListing(files, ending)
    .filter((_, i) => i % parts === part)
    .map(([identifier, images]) => ({ identifier, images }));
}

/** What nnU-Net writes beside its predictions: dataset.json, plans.json and the arguments, or plans.pkl. */
export async function writePredictionDocuments(
  output: Store,
  model: LoadedModel | LoadedModelV1,
  settings: ReadonlyMap<string, PythonJson>,
): Promise<void> {
  if (model.generation === "v1") {
    await output.write("plans.pkl", await model.plansFile.read());
    return;
  }
  await output.write(DATASET_FILE, new TextEncoder().encode(formatDatasetJson(model.dataset.document)));
  await output.write("plans.json", new TextEncoder().encode(formatPlans(model.plans.document)));
  const text = formatPythonJson(settings, { indent: 4, sortKeys: true });
  await output.write("predict_from_raw_data_args.json", new TextEncoder().encode(text));
}

/**
 * Predicts case after case and writes `ID.nii.gz` (or the ending of the model's dataset), with probabilities also
 * `ID.npz` and `ID.pkl`. A case that fails does not stop the others; no file is ever half written, and the segmentation
 * comes last, so that a case that has one is complete.
 *
 * @throws NnprepError ABORTED
 */
export async function predictCases(
  model: LoadedModel | LoadedModelV1,
  cases: readonly PredictionCase[],
  output: Store,
  options: PredictCasesOptions = {},
): Promise<PredictedCase[]> {
  const ending = model.fileEnding;
  const results: PredictedCase[] = [];
  const tell = (outcome: CaseOutcome<unknown>) => options.onCase?.({ state: "ended", stage: STAGE, outcome });
  for (const [casesDone, one] of cases.entries()) {
    if (options.overwrite === false && (await isPredicted(output, one.identifier, ending, options))) {
      results.push({ identifier: one.identifier, state: "skipped" });
      await tell({ identifier: one.identifier, ok: true, value: { kept: true }, seconds: 0, peakMemoryBytes: null });
      continue;
    }
    const start = performance.now();
    const seconds = () => (performance.now() - start) / 1000;
    const { identifier } = one;
    await options.onCase?.({ state: "started", stage: STAGE, identifier, memoryBytes: null });
    try {
      const done = await predictOne(model, one, output, options, { casesDone, cases: cases.length });
      results.push({ identifier, state: "done", ...done, seconds: seconds() });
      await tell({ identifier, ok: true, value: done, seconds: seconds(), peakMemoryBytes: null });
    } catch (error) {
      if (error instanceof NnprepError && error.code === "ABORTED") throw error;
      results.push({ identifier, state: "failed", error: error as Error, seconds: seconds() });
      await tell({ identifier, ok: false, error: error as Error });
    }
  }
  return results;
}

async function isPredicted(
  output: Store,
  identifier: string,
  ending: string,
  { probabilities }: PredictCasesOptions,
): Promise<boolean> {
  if (!(await output.exists(`${identifier}${ending}`))) return false;
  return probabilities !== true || output.exists(`${identifier}.npz`);
}

async function predictOne(
  model: LoadedModel | LoadedModelV1,
  { identifier, read }: PredictionCase,
  output: Store,
  options: PredictCasesOptions,
  place: { readonly casesDone: number; readonly cases: number },
): Promise<{ file: string; labels: number[]; warnings: string[] }> {
  const report = (progress: PredictProgress) => options.onProgress?.({ ...progress, ...place, identifier });
  report({ done: 0, total: 0, secondsLeft: null });
  const { warnings, format, ...input } = await read();
  const found = await predictCase(model, input, { ...options, inPlace: true, onProgress: report });
  options.postprocessing?.(found.labels, found.shape, input.properties.spacingMm);
  const files = await format(found.labels, found.shape);
  await found.saveProbabilities?.(output, identifier);
  for (const { ending, bytes } of files) await output.write(`${identifier}${ending}`, bytes);
  return {
    file: output.location(`${identifier}${model.fileEnding}`),
    labels: labelsIn(found.labels),
    warnings: [...warnings, ...found.warnings],
  };
}

function labelsIn(data: Uint8Array | Uint16Array): number[] {
  const found = new Uint8Array(1 << (8 * data.BYTES_PER_ELEMENT));
  for (let i = 0; i < data.length; i++) found[data[i]] = 1;
  return Array.from(found.keys()).filter((label) => found[label] === 1);
}
