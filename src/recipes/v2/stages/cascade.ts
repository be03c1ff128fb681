import { inFile, NnprepError } from "../../../core/errors.js";
import { NdArray } from "../../../core/python.js";
import { formatShape, type Shape3, voxelCount } from "../../../core/volume.js";
import { B2ND_HEAD_BYTES, peekB2nd } from "../../../io/blosc2/read.js";
import { writeB2nd } from "../../../io/blosc2/write.js";
import { NPZ_HEAD_BYTES, peekNpz, writeNpzPieces } from "../../../io/npz.js";
import { defineJob } from "../../../runner/jobs.js";
import { takePart } from "../../../runner/parts.js";
import { type CaseJob, type CaseOutcome, type Executor, type RunOptions, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { predictNextStage } from "../cascade.js";
import { getConfiguration } from "../documents/plans.js";
import type { ExportSettings, ExportWarning } from "../export.js";
import { preparedFileNames } from "../layout.js";
import { checkNotEmpty } from "./export.js";
import type { ModelDocuments } from "./model-files.js";
import type { PreparedFormat } from "./prepared-files.js";
import { listProbabilities, loadCaseProperties, loadProbabilities, peekProbabilities } from "./probability-files.js";

/** Where a first stage's logits come from, whom they are for, and where the labels go. */
export interface CascadeStores {
  /** `ID.npz`: logits of the first stage on its own grid. */
  readonly input: Store;
  /** Cases preprocessed for the next stage: `ID.b2nd` or `ID.npz`, and `ID.pkl`. */
  readonly nextStage: Store;
  /** Gets `ID.b2nd` or `ID.npz`, as the next stage's cases are stored: nnU-Net's `predicted_next_stage/CONFIGURATION`. */
  readonly output: Store;
}

/** What became of a case. */
export interface NextStageCase {
  /** Grid of the next stage, the network's axes. */
  readonly shape: Shape3;
  readonly format: PreparedFormat;
  readonly warnings: readonly ExportWarning[];
}

interface CascadeArgument {
  readonly identifier: string;
  readonly settings: ExportSettings;
  /** Of the first stage: nnU-Net cuts the file by it. */
  readonly patchSize: readonly number[];
}

/** nnU-Net's key of the labels in an npz file. */
const KEY = "seg";

/** How a case is stored for the next stage, and its grid, from the head of its file. */
async function peekNextStage(store: Store, identifier: string): Promise<{ format: PreparedFormat; shape: Shape3 }> {
  const { data, npz } = preparedFileNames(identifier);
  const format = (await store.exists(data)) ? "b2nd" : "npz";
  const path = format === "b2nd" ? data : npz;
  const file = store.location(path);
  if (!(await store.exists(path))) {
    throw new NnprepError(
      "FILE_NOT_FOUND",
      `${store.location(data)}: no such file, and no ${npz}; preprocess the case for the next stage first`,
      { file, case: identifier },
    );
  }
  return inFile(file, async () => {
    const { shape } =
      format === "b2nd"
        ? peekB2nd(await store.readHead(path, B2ND_HEAD_BYTES))
        : peekNpz(await store.readHead(path, NPZ_HEAD_BYTES));
    if (shape.length === 4) return { format, shape: shape.slice(1) as unknown as Shape3 };
    throw new NnprepError(
      "CORRUPT_FILE",
      `its array has the shape ${formatShape(shape)}; (channels, a0, a1, a2) of a preprocessed case is expected`,
      { found: [...shape] },
    );
  });
}

/** The job of a worker: one case's logits onto the next stage's grid, as labels. */
async function cascadeOneCase(stores: CascadeStores, argument: CascadeArgument): Promise<NextStageCase> {
  const { identifier, settings, patchSize } = argument;
  const { input, nextStage, output } = stores;
  const { format, shape } = await peekNextStage(nextStage, identifier);
  const properties = await loadCaseProperties(nextStage, identifier);
  const logits = await loadProbabilities(input, identifier, "logits");
  const { data, npz } = preparedFileNames(identifier);
  const { labels, warnings } = await inFile(input.location(npz), () =>
    predictNextStage(logits, properties, shape, settings),
  );
  const array = new NdArray(labels, shape);
  // What nnU-Net finds first must not be of an earlier run.
  await output.remove(format === "b2nd" ? npz : data);
  if (format === "b2nd") await output.write(data, await writeB2nd(array, { patchSize }));
  else await output.write(npz, await writeNpzPieces({ [KEY]: array }, { compression: "fast" }));
  return { shape, format, warnings };
}

export const cascadeJob = defineJob("v2/cascade", cascadeOneCase);

/** Node, kernels and their window. */
const BASE_BYTES = 128 << 20;
/** Of a voxel of the next stage: labels of up to 16 bits, and their file. */
const LABEL_BYTES = 4;

/** Bytes that one case needs, from the heads of its files; undefined if they cannot be read. */
async function estimate({ input, nextStage }: CascadeStores, identifier: string): Promise<number | undefined> {
  try {
    const { byteLength, compressedByteLength } = await peekProbabilities(input, identifier);
    const { shape } = await peekNextStage(nextStage, identifier);
    return byteLength + compressedByteLength + LABEL_BYTES * voxelCount(shape) + BASE_BYTES;
  } catch {
    // The case fails by itself, with a message of its own.
    return undefined;
  }
}

/**
 * Brings a folder of a first stage's logits onto the grid of the next stage: what nnU-Net 2.8.1 leaves in
 * `predicted_next_stage` when it validates a fold. A case that fails does not stop the others.
 *
 * @param configuration of the first stage, by its name in the plans
 * @throws NnprepError INVALID_DATASET if there is no case, INVALID_ARGUMENT, ABORTED
 */
export async function cascadeFolder(
  executor: Executor<CascadeStores>,
  stores: CascadeStores,
  { plans, dataset }: ModelDocuments,
  configuration: string,
  options: RunOptions = {},
): Promise<CaseOutcome<NextStageCase>[]> {
  const identifiers = await listProbabilities(stores.input);
  checkNotEmpty(identifiers, stores.input.location(""), "logits");
  const { name, spacingMm, resampleProbabilities, patchSize } = getConfiguration(plans, configuration);
  const settings: ExportSettings = {
    plans: { transposeForward: plans.transposeForward },
    configuration: { name, spacingMm, resampleProbabilities },
    labels: dataset.labels,
  };
  const jobs: CaseJob<CascadeArgument>[] = [];
  for (const identifier of takePart(identifiers, options.part)) {
    const argument = { identifier, settings, patchSize };
    const memoryBytes = await estimate(stores, identifier);
    jobs.push(memoryBytes === undefined ? { identifier, argument } : { identifier, argument, memoryBytes });
  }
  return runCases(executor, cascadeJob, "cascade", jobs, options);
}
