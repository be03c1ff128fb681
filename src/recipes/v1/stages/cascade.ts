import { inFile, NnprepError } from "../../../core/errors.js";
import { NdArray } from "../../../core/python.js";
import { type Axes3, formatShape, type Shape3 } from "../../../core/volume.js";
import { writeNpzPieces } from "../../../io/npz.js";
import type { LabelRule } from "../../../kernels/linear-labels.js";
import { defineJob } from "../../../runner/jobs.js";
import { takePart } from "../../../runner/parts.js";
import { type CaseJob, type CaseOutcome, type Executor, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { loadVolume } from "../../scan-files.js";
import { predictNextStage, resampleToNextStage } from "../cascade.js";
import type { CaseProperties } from "../documents/properties.js";
import { caseFileNames, previousStageFileName } from "../layout.js";
import { loadProperties } from "./case-files.js";
import { BASE_BYTES } from "./export.js";
import { loadProbabilities, peekArray } from "./probability-files.js";
import type { StageOptions } from "./task.js";

/** Where the previous stage's predictions come from, whom they are for, and where they go. */
export interface CascadeStores {
  /** `ID.npz` (probabilities) or, where there is none, `ID.nii.gz` (segmentations) of the previous stage. */
  readonly input: Store;
  /** Cases preprocessed for the next stage: `ID.npz` and `ID.pkl`. */
  readonly nextStage: Store;
  /** Gets `ID_segFromPrevStage.npz`. */
  readonly output: Store;
}

export interface CascadeSettings {
  /** `transpose_forward` of the plans. Default: axes as in the file. */
  readonly transposeForward?: Axes3 | undefined;
  /** True if probabilities have the network's axes. Default false: the file's, as nnU-Net writes them. */
  readonly transposed?: boolean | undefined;
  /** Do not crop segmentations, as nnU-Net 1.7.1 does when it predicts. Default false. */
  readonly uncropped?: boolean | undefined;
  /** Which label of a segmentation wins where several meet, as in `PreprocessOptions`. */
  readonly labelRule?: LabelRule | undefined;
}

/** How the predictions of the low resolution are brought to the next stage. */
export interface CascadeOptions extends StageOptions, CascadeSettings {}

/** What became of a case. */
export interface NextStageCase {
  /** Grid of the next stage. */
  readonly shape: Shape3;
  readonly source: "probabilities" | "segmentation";
}

interface CascadeArgument {
  readonly identifier: string;
  readonly settings: CascadeSettings;
}

const KEY = "data";
const SEGMENTATION = ".nii.gz";

/** The spatial shape of a preprocessed case: from its properties, else from its array. */
async function shapeOf(store: Store, identifier: string, properties: CaseProperties | null): Promise<Shape3> {
  const known = properties?.size_after_resampling;
  if (known !== undefined) return known;
  return inFile(store.location(caseFileNames(identifier).arrays), async () => {
    const { shape } = await peekArray(store, identifier);
    if (shape.length === 4) return shape.slice(1) as unknown as Shape3;
    throw new NnprepError(
      "CORRUPT_FILE",
      `its array has the shape ${formatShape(shape)}; (channels + 1, a0, a1, a2) of a preprocessed case is expected`,
      { found: [...shape] },
    );
  });
}

/** The job of a worker: one case's previous prediction onto the next stage's grid. */
async function cascadeOneCase(stores: CascadeStores, argument: CascadeArgument): Promise<NextStageCase> {
  const { identifier, settings } = argument;
  const { input, nextStage, output } = stores;
  const hasProperties = await nextStage.exists(caseFileNames(identifier).properties);
  const known = hasProperties ? await loadProperties(nextStage, identifier) : null;
  const shape = await shapeOf(nextStage, identifier, known);
  const grid = { shape, transposeForward: settings.transposeForward };
  const probable = await input.exists(caseFileNames(identifier).arrays);
  let labels: Uint8Array;
  if (probable) {
    const probabilities = await loadProbabilities(input, identifier);
    labels = await predictNextStage(probabilities, grid, settings.transposed ?? false);
  } else {
    const path = `${identifier}${SEGMENTATION}`;
    const segmentation = await loadVolume(input, path);
    const properties = known ?? (await loadProperties(nextStage, identifier));
    labels = await inFile(input.location(path), () =>
      resampleToNextStage(segmentation, properties, grid, settings.uncropped, settings.labelRule),
    );
  }
  const array = new NdArray(labels, shape);
  await output.write(
    previousStageFileName(identifier),
    await writeNpzPieces({ [KEY]: array }, { compression: "fast" }),
  );
  return { shape, source: probable ? "probabilities" : "segmentation" };
}

export const cascadeJob = defineJob("v1/cascade", cascadeOneCase);

/** Identifiers of everything in a folder that may be a prediction. */
async function listPredictions(store: Store): Promise<string[]> {
  const names = await store.list();
  const endings = [".npz", SEGMENTATION];
  const found = names.flatMap((name) =>
    endings.filter((ending) => name.endsWith(ending)).map((ending) => name.slice(0, -ending.length)),
  );
  return [...new Set(found)].sort();
}

/** Bytes of labels per voxel of the scan and of the next stage while a segmentation is cropped, turned and resampled. */
const BYTES_PER_VOXEL = 10;

/** Bytes that one case needs, from the head of its file and the next stage's properties; undefined without them. */
async function estimate({ input, nextStage }: CascadeStores, identifier: string): Promise<number | undefined> {
  try {
    const { size_after_resampling = [], original_size_of_raw_data } = await loadProperties(nextStage, identifier);
    const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
    const probable = await input.exists(caseFileNames(identifier).arrays);
    if (!probable)
      return BYTES_PER_VOXEL * (count(original_size_of_raw_data) + count(size_after_resampling)) + BASE_BYTES;
    const { byteLength, compressedByteLength } = await peekArray(input, identifier);
    return byteLength + compressedByteLength + 2 * count(size_after_resampling) + BASE_BYTES;
  } catch {
    // The case fails by itself, with a message of its own.
    return undefined;
  }
}

/**
 * Brings a folder of low resolution predictions onto the grid of a cascade's next stage.
 * @throws NnprepError INVALID_DATASET if there is no case, ABORTED
 */
export async function cascadeDataset(
  executor: Executor<CascadeStores>,
  stores: CascadeStores,
  options: CascadeOptions = {},
): Promise<CaseOutcome<NextStageCase>[]> {
  const identifiers = await listPredictions(stores.input);
  if (identifiers.length === 0) {
    const where = stores.input.location("");
    throw new NnprepError("INVALID_DATASET", `neither .npz nor .nii.gz files in ${where}; predictions are expected`, {
      where,
    });
  }
  const { transposeForward, transposed, uncropped, labelRule } = options;
  const settings: CascadeSettings = { transposeForward, transposed, uncropped, labelRule };
  const jobs: CaseJob<CascadeArgument>[] = [];
  for (const identifier of takePart(identifiers, options.part)) {
    const argument: CascadeArgument = { identifier, settings };
    const memoryBytes = await estimate(stores, identifier);
    jobs.push(memoryBytes === undefined ? { identifier, argument } : { identifier, argument, memoryBytes });
  }
  return runCases(executor, cascadeJob, "cascade", jobs, options);
}
