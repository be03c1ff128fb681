import { NnprepError } from "../core/errors.js";
import { differingFields, FIELD_NAMES, NUMPY_CLOSENESS } from "../core/geometry.js";
import { checkLength, formatShape, type Shape3, sameShape, type Volume, voxelCount } from "../core/volume.js";
import { wholeLabels } from "../kernels/clean.js";
import type { CaseProperties, ReaderProperties } from "../recipes/v2/documents/properties.js";
import { init } from "../runtime/instantiate.js";
import type { LoadedModel, LoadedModelV1 } from "./load-model.js";
import { estimateWindowMemory } from "./memory.js";
import type { TrainedModel } from "./model-folder.js";
import type { NetworkInput } from "./patches.js";
import { prepareCaseV1, windowRulesV1 } from "./predict-case-v1.js";
import { prepareCaseV2 } from "./predict-case-v2.js";
import type { CaseInput, SaveProbabilities, ScanProbabilities } from "./prepared-case.js";
import { predictLogits, type SlidingWindowSettings } from "./sliding-window.js";
import { LOGITS_V2 } from "./window-rules.js";

/** How far a prediction is. */
export interface PredictProgress {
  /** Windows that are done, and of all; a window counts once per fold. 0 while the case is preprocessed. */
  readonly done: number;
  readonly total: number;
  /** By the time that the windows so far took; null before the first. */
  readonly secondsLeft: number | null;
}

/** How a case is predicted. */
export interface PredictOptions {
  /** Distance of windows as a share of the patch; default 0.5. */
  readonly stepSize?: number | undefined;
  /** False: no mirroring (`--disable_tta`). Default true: along the axes that the model allows. */
  readonly mirroring?: boolean | undefined;
  /** Of the sums over windows: float16 (default) as in nnU-Net, or float32. */
  readonly precision?: SlidingWindowSettings["precision"];
  /** Labels of the previous stage on the scan's grid; a cascade needs them. */
  readonly previousStage?: Volume | undefined;
  /** True: probabilities too, which takes more memory. */
  readonly probabilities?: boolean | undefined;
  /** A case that needs more bytes than this, its network left out, is refused before its first window. */
  readonly memoryLimitBytes?: number | undefined;
  readonly onProgress?: ((progress: PredictProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a model makes of a case. */
export interface CasePrediction {
  /** Labels of the scan's `shape`, C order, axes of the file. */
  readonly labels: Uint8Array | Uint16Array;
  readonly shape: Shape3;
  /** With `probabilities`, of a model of v2: each class on the whole scan, float32. */
  readonly probabilities: ScanProbabilities | undefined;
  /** With `probabilities`: writes `ID.npz` and `ID.pkl` as nnU-Net v2 or v1 (`--save_npz`) keeps them. */
  readonly saveProbabilities?: SaveProbabilities | undefined;
  /** What nnU-Net v2 stores as `ID.pkl` beside probabilities; null for a model of v1. */
  readonly properties: CaseProperties | null;
  /** What the user should know, a sentence each. */
  readonly warnings: readonly string[];
}

/** The same on the grid of the scan. */
export interface Prediction extends Omit<CasePrediction, "labels" | "shape"> {
  readonly segmentation: Volume<Uint8Array | Uint16Array>;
}

/**
 * Scan in, labels out: `nnUNetv2_predict` of nnU-Net 2.8.1 for one case, or `nnUNet_predict` of 1.7.1 for a model of v1.
 * Everything around the network is equal to it in every bit or as its own documentation says; the network's rounding
 * depends on its runtime.
 *
 * @param input left as it is unless `inPlace`
 * @throws NnprepError SHAPE_MISMATCH, INVALID_VALUES (NaN or infinite voxels or logits), INVALID_ARGUMENT (a cascade
 * without its previous stage), OUT_OF_MEMORY (more than `memoryLimitBytes`), UNSUPPORTED, ABORTED
 */
export async function predictCase(
  model: LoadedModel | LoadedModelV1,
  input: CaseInput,
  options: Omit<PredictOptions, "previousStage"> & { readonly inPlace?: boolean } = {},
): Promise<CasePrediction> {
  checkInput(model, input);
  throwIfAborted(options.signal);
  await init();
  const prepared =
    model.generation === "v1" ? await prepareCaseV1(model, input, options) : await prepareCaseV2(model, input, options);
  if (options.inPlace === true) dropChannels(input);
  throwIfAborted(options.signal);
  const { image, properties, toLabels, toProbabilities } = prepared;
  const settings = windowSettings(model, options);
  checkMemory(model, image, settings, options);
  const output = predictLogits(model.networks, image, settings);
  const common = { shape: input.shape, properties };
  if (options.probabilities !== true) {
    const { labels, warnings } = await toLabels(output);
    return { ...common, labels, probabilities: undefined, warnings: [...prepared.warnings, ...warnings] };
  }
  const { labels, warnings, probabilities, save } = await toProbabilities(output);
  return { ...common, labels, probabilities, saveProbabilities: save, warnings: [...prepared.warnings, ...warnings] };
}

/**
 * `predictCase` for volumes, however they were read.
 *
 * @param volumes one per channel of dataset.json, in their order, on one grid
 * @throws NnprepError as `predictCase`; GEOMETRY_MISMATCH for other spacings
 *
 * @example
 * ```ts
 * import { loadModel, predict, readScanPath, scanFilesInFolder, writeVolume } from "nnprep";
 * import { writeFile } from "node:fs/promises";
 *
 * const model = await loadModel(await scanFilesInFolder("model"), "model", { folds: ["0"] });
 * const scans = await Promise.all(["t2.nii.gz", "t1.nii.gz"].map((path) => readScanPath(path)));
 * const { segmentation } = await predict(model, scans.map(({ volume }) => volume));
 * await writeFile("segmentation.nii.gz", await writeVolume("segmentation.nii.gz", segmentation));
 * await model.dispose();
 * ```
 */
export async function predict(
  model: LoadedModel | LoadedModelV1,
  volumes: readonly Volume[],
  options: PredictOptions = {},
): Promise<Prediction> {
  checkCount(model, volumes.length);
  const previous = model.previousStage === undefined ? undefined : options.previousStage;
  const warnings = checkVolumes(model, volumes, previous);
  await init();
  const first = volumes[0];
  const channels = volumes.map(({ data }) => (data instanceof Float32Array ? data : new Float32Array(data)));
  const previousStage = previous === undefined ? undefined : labelsOf(previous);
  const owned = channels.every((channel, c) => channel !== volumes[c]?.data) && previousStage !== previous?.data;
  const input = { channels, shape: first.shape, properties: readerProperties(first), previousStage };
  const { labels, shape, ...others } = await predictCase(model, input, { ...options, inPlace: owned });
  const { geometry, niftiForms } = first;
  return {
    ...others,
    segmentation: { data: labels, shape, geometry, niftiForms },
    warnings: [...warnings, ...others.warnings],
  };
}

function labelsOf({ data }: Volume): Int16Array {
  const labels = wholeLabels(data);
  if (typeof labels !== "number") return labels;
  throw new NnprepError(
    "INVALID_VALUES",
    `the previous stage's label has the value ${data[labels]}; whole numbers are expected. Is it an image?`,
    { found: data[labels] },
  );
}

/**
 * What SimpleITK says of a scan on this grid.
 *
 * @example
 * ```ts
 * import { readerProperties, readScanPath } from "nnprep";
 *
 * const { volume } = await readScanPath("t1.nii.gz");
 * console.log(readerProperties(volume).spacingMm); // what preprocessCase wants to know of a volume in memory
 * ```
 */
export function readerProperties({ geometry }: Volume): ReaderProperties {
  const { spacingMm, originMm, direction } = geometry;
  const [z, y, x] = spacingMm;
  return { sitk: { spacing: [x, y, z], origin: originMm, direction }, spacingMm };
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new NnprepError("ABORTED", "stopped before the prediction was done");
}

/** The scan has been prepared: nothing needs its voxels any more, whoever still holds the case. */
function dropChannels({ channels }: CaseInput): void {
  (channels as Float32Array[]).length = 0;
}

/** Progress with the time that is left, by the mean time of a window. */
function timed(report: (progress: PredictProgress) => void): NonNullable<SlidingWindowSettings["onProgress"]> {
  const start = performance.now();
  return (done, total) => {
    const seconds = (performance.now() - start) / 1000;
    report({ done, total, secondsLeft: (seconds / done) * (total - done) });
  };
}

function windowSettings(model: LoadedModel | LoadedModelV1, options: PredictOptions): SlidingWindowSettings {
  const { onProgress } = options;
  return {
    patch: model.patchSize,
    classes: model.classes,
    rules: model.generation === "v1" ? windowRulesV1(model) : LOGITS_V2,
    stepSize: options.stepSize,
    mirrorAxes: options.mirroring === false ? null : model.mirrorAxes,
    precision: options.precision,
    onProgress: onProgress === undefined ? undefined : timed(onProgress),
    signal: options.signal,
  };
}

function checkCount({ channelNames: channels }: TrainedModel, count: number): void {
  if (count === channels.length) return;
  throw new NnprepError(
    "SHAPE_MISMATCH",
    `${count} images are given, but the model takes ${channels.length}: ${channels.join(", ")}, in this order`,
    { found: count, expected: [...channels] },
  );
}

function checkInput(model: TrainedModel, { channels, shape, previousStage: label }: CaseInput): void {
  checkCount(model, channels.length);
  const { name, previousStage } = model;
  if (previousStage === undefined) return;
  if (label !== undefined) {
    checkLength("the previous stage's label", label, shape);
    return;
  }
  throw new NnprepError(
    "INVALID_ARGUMENT",
    `${name} is a cascade: it needs the labels that ${previousStage} predicted for this case; predict with that model first and give its result (-prev_stage_predictions)`,
    { previousStage },
  );
}

/** Says what does not fit, and returns what nnU-Net only warns of. */
function checkVolumes(model: TrainedModel, volumes: readonly Volume[], previous: Volume | undefined): string[] {
  const { channelNames: channels } = model;
  const first = volumes[0];
  const others = volumes.slice(1).map((volume, i) => [volume, `image ${i + 1} (${channels[i + 1]})`] as const);
  const label = previous === undefined ? [] : [[previous, "the previous stage's label"] as const];
  return [...others, ...label].flatMap(([volume, name]) => compareGrids(first, volume, name, channels[0]));
}

function compareGrids(first: Volume, other: Volume, name: string, firstName: string): string[] {
  if (!sameShape(first.shape, other.shape)) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `${name} has the shape ${formatShape(other.shape)}, but image 0 (${firstName}) ${formatShape(first.shape)}; resample it onto the same grid`,
      { found: [...other.shape], expected: [...first.shape] },
    );
  }
  return differingFields(other.geometry, first.geometry, NUMPY_CLOSENESS).map((field) => {
    const found = formatShape(other.geometry[field]);
    const message = `${name} has the ${FIELD_NAMES[field]} ${found}, but image 0 (${firstName}) ${formatShape(first.geometry[field])}`;
    if (field !== "spacingMm") return `${message}; nnU-Net takes the voxels as they lie in the files`;
    throw new NnprepError("GEOMETRY_MISMATCH", `${message}; resample it onto the same grid`, {
      field,
      found: [...other.geometry[field]],
      expected: [...first.geometry[field]],
    });
  });
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

function checkMemory(
  model: LoadedModel | LoadedModelV1,
  image: NetworkInput,
  settings: SlidingWindowSettings,
  { memoryLimitBytes, probabilities = false }: PredictOptions,
): void {
  if (memoryLimitBytes === undefined) return;
  const windows = estimateWindowMemory(image.shape, image.channels.length, model.networks.length, settings);
  const { rules = LOGITS_V2, precision = rules.precision } = settings;
  const perValue = precision === "float32" ? 4 : 2;
  const whole = probabilities ? voxelCount(image.shape) * model.classes * perValue : 0;
  const needed = windows.totalBytes + whole;
  if (needed <= memoryLimitBytes) return;
  const halves = { ...settings, precision: "float16" } as const;
  const half =
    estimateWindowMemory(image.shape, image.channels.length, model.networks.length, halves).totalBytes + whole / 2;
  const inHalf =
    precision === "float32" && rules.precision === "float16" ? `sums in float16 (${mebibytes(half)}), ` : "";
  throw new NnprepError(
    "OUT_OF_MEMORY",
    `this case needs about ${mebibytes(needed)} beside its network (${mebibytes(windows.sumBytes)} for sums over windows of ` +
      `${model.patchSize.join(" x ")} voxels and ${model.classes} classes${probabilities ? `, ${mebibytes(whole)} because probabilities are wanted` : ""}), ` +
      `but the limit is ${mebibytes(memoryLimitBytes)}. Use ${inHalf}fewer folds, no mirroring, a machine with more memory, or a model of a coarser grid`,
    { needed, memoryLimitBytes, ...windows },
  );
}
