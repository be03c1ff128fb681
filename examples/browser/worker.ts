import { createEngine, type Engine, init, NnprepError, type Volume } from "nnprep";
import { formatNifti } from "nnprep/io";
import { intensityStatistics, stageSettings } from "nnprep/v1";
import { getConfiguration } from "nnprep/v2";
import { findGreyLine } from "./grey-line.js";
import { openRecipe, type Recipe } from "./open-recipe.js";
import { takeLabelPicture, takePicture } from "./picture.js";
import { predictScan } from "./predict-scan.js";
import { prepareV1 } from "./prepare-v1.js";
import { labelNames, prepareV2 } from "./prepare-v2.js";
import { labelVolumes, type Prepared, type Restored, Steps } from "./prepared.js";
import type {
  CaseFiles,
  ChannelNumbers,
  ChannelPictures,
  FromWorker,
  NamedBlob,
  OpenedCase,
  OpenedRecipe,
  Output,
  PathFile,
  Picture,
  PredictSettings,
  PreparedCase,
  Requests,
  RestoredLabel,
  Settings,
  ToWorker,
} from "./protocol.js";
import { type ReadCase, readCase } from "./read-case.js";
import { restoreLabel } from "./restore-label.js";

/** The page's worker: holds one case, and does everything that works on voxels. */

const MOST_THREADS = 8;
/** Window of a CT on the screen, in Hounsfield units: soft tissue. */
const SOFT_TISSUE = [-160, 240] as const;
/** Below this there is air around the patient, in Hounsfield units. */
const AIR = -500;

let read: ReadCase | undefined;
let prepared: Prepared | undefined;
let recipe: Recipe | undefined;
let engine: Promise<Engine> | undefined;
/** The channel that is shown. */
let channel = 0;

const send = (message: FromWorker, transfer: Transferable[] = []) => self.postMessage(message, { transfer });
const tell = (step: string, share: number) => send({ kind: "progress", step, share });

/** Threads share a volume only in an isolated page; elsewhere this worker does it all. */
function startEngine(): Promise<Engine> {
  const threads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
  engine ??= createEngine({ threads });
  return engine;
}

function needed<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new NnprepError("INVALID_ARGUMENT", `there is no ${what} yet`);
}

function float32(volume: Volume): Float32Array {
  return volume.data instanceof Float32Array ? volume.data : new Float32Array(volume.data);
}

function scanPicture({ images }: ReadCase, c: number): { image: Picture; looksLikeCt: boolean } {
  const volume = images[c] as Volume;
  const statistics = intensityStatistics(float32(volume));
  const looksLikeCt = statistics.mn < AIR;
  const window = looksLikeCt ? SOFT_TISSUE : ([statistics.percentile_00_5, statistics.percentile_99_5] as const);
  return { image: takePicture(volume, window), looksLikeCt };
}

function preparedPicture(
  { channels, label, shape, geometry, axes, numbers }: Prepared,
  { images }: ReadCase,
  window: readonly [number, number],
): Pick<PreparedCase, "image" | "line"> {
  const data = channels[channel] as Float32Array;
  const { percentile_00_5, percentile_99_5 } = (numbers.channels[channel] as ChannelNumbers).after;
  const line = findGreyLine(images[channel] as Volume, { data, shape }, numbers.box, axes, label, window);
  return { image: takePicture({ data, shape, geometry }, [percentile_00_5, percentile_99_5]), line };
}

async function open(files: CaseFiles): Promise<OpenedCase> {
  await init();
  prepared = undefined;
  read = undefined;
  channel = 0;
  tell("Read", 0);
  const next = await readCase(files, (share) => tell("Read", 0.6 * share));
  tell("Look at the voxels", 0.6);
  const { image, looksLikeCt } = scanPicture(next, 0);
  const { shape, geometry } = next.images[0] as Volume;
  read = next;
  return {
    name: next.name,
    shape,
    spacingMm: geometry.spacingMm,
    orientation: next.orientation,
    channels: next.images.length,
    hasLabel: next.label !== undefined,
    looksLikeCt,
    scanIsLabel: next.scanIsLabel,
    findings: next.findings,
    warnings: next.warnings,
    image,
    label: next.label === undefined ? null : takeLabelPicture(next.label),
  };
}

async function openPlans(files: readonly PathFile[]): Promise<OpenedRecipe> {
  recipe = undefined;
  const reading = await openRecipe(files);
  recipe = reading.recipe;
  return reading.opened;
}

async function prepareBy(settings: Settings, current: ReadCase): Promise<Prepared> {
  const steps = new Steps(current.images.length + 5, tell);
  const threads = await startEngine();
  if (settings.from === "form") return prepareV1(current, settings, threads, steps);
  const plans = needed(recipe, "plans file");
  if (plans.generation === "v1") {
    return prepareV1(current, stageSettings(plans.plans, Number(settings.choice)), threads, steps);
  }
  const configuration = getConfiguration(plans.plans, settings.choice);
  return prepareV2(current, plans.plans, plans.dataset, configuration, threads, steps);
}

async function prepare(settings: Settings): Promise<PreparedCase> {
  const current = needed(read, "scan");
  prepared = await prepareBy(settings, current);
  const { numbers, label, shape, geometry } = prepared;
  tell("Draw", 0.95);
  const hasLabel = current.label !== undefined && label !== null;
  return {
    ...numbers,
    ...preparedPicture(prepared, current, scanPicture(current, channel).image.window),
    label: hasLabel ? takeLabelPicture({ data: label, shape, geometry }) : null,
  };
}

async function showChannel(c: number): Promise<ChannelPictures> {
  const current = needed(read, "scan");
  channel = c;
  const before = scanPicture(current, c).image;
  return { before, after: prepared === undefined ? null : preparedPicture(prepared, current, before.window) };
}

async function output(what: Output): Promise<NamedBlob> {
  const done = needed(prepared, "prepared scan");
  if (what === "arrays" || what === "seg" || what === "properties") {
    tell("Write the arrays", 0.1);
    return done.file(what);
  }
  tell("Write NIfTI", 0.1);
  const { shape, geometry } = done;
  const data = what === "image" ? (done.channels[channel] as Float32Array) : needed(done.label ?? undefined, "label");
  const bytes = await formatNifti({ data, shape, geometry }, { gzip: true });
  const ending = what === "label" ? "_label" : "";
  return { name: `${done.numbers.name}_prepared${ending}.nii.gz`, blob: new Blob([bytes]) };
}

/** A segmentation on the scan for the page, compared with the label that was given. */
async function describeSegmentation({ segmentation, warnings }: Restored): Promise<RestoredLabel> {
  const { name, label } = needed(read, "scan");
  let different = 0;
  if (label !== undefined) {
    for (let i = 0; i < label.data.length; i++) if (label.data[i] !== segmentation.data[i]) different++;
  }
  const names = recipe?.generation === "v2" ? labelNames(recipe.dataset) : new Map<number, string>();
  return {
    name: `${name}_segmentation.nii.gz`,
    blob: new Blob([await formatNifti(segmentation, { gzip: true })]),
    shape: segmentation.shape,
    labels: labelVolumes(segmentation, names),
    difference: label === undefined ? null : { voxels: different, of: segmentation.data.length },
    picture: takeLabelPicture(segmentation),
    notes: warnings,
  };
}

async function restore(file: PathFile | null): Promise<RestoredLabel> {
  const done = needed(prepared, "prepared scan");
  tell("Back to the scan", 0);
  return describeSegmentation(await restoreLabel(file, done, (share) => tell("Back to the scan", 0.9 * share)));
}

async function predictLabel(settings: PredictSettings): Promise<RestoredLabel> {
  const current = needed(read, "scan");
  prepared = undefined;
  const model = needed(recipe?.model ?? undefined, "model");
  return describeSegmentation(await predictScan(current, model, settings, tell));
}

const work: { [K in keyof Requests]: (ask: Requests[K]["ask"]) => Promise<Requests[K]["answer"]> } = {
  open,
  recipe: openPlans,
  prepare,
  predict: predictLabel,
  channel: showChannel,
  output,
  restore,
};

/** Buffers of pictures, which move to the page instead of being copied. */
function movable(value: object): Transferable[] {
  return Object.values(value).flatMap((part: unknown) => {
    if (typeof part !== "object" || part === null || part instanceof Blob) return [];
    const { data, image } = part as { data?: Picture["data"]; image?: Picture };
    const buffers = [data?.buffer, image?.data.buffer];
    return buffers.filter((buffer) => buffer instanceof ArrayBuffer);
  });
}

self.addEventListener("message", async ({ data }: MessageEvent<ToWorker>) => {
  try {
    const value = await (work[data.kind] as (ask: unknown) => Promise<object>)(data.ask);
    send({ kind: "answer", id: data.id, value }, movable(value));
  } catch (error) {
    if (error instanceof NnprepError) send({ kind: "error", id: data.id, plain: error.toPlain() });
    else
      send({
        kind: "failure",
        id: data.id,
        text: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
  }
});
