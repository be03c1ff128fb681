import { createEngine, type Engine, init, NnprepError, type Volume } from "nnprep";
import { MemoryStore } from "nnprep/dataset";
import { formatNifti, formatPickle, gzip, parsePickle } from "nnprep/io";
import {
  intensityStatistics,
  type PlansV1,
  plansFromPython,
  preparedGeometry,
  propertiesToPython,
  saveCase,
  stageSettings,
} from "nnprep/v1";
import { takePicture } from "./picture.js";
import { labelVolumes, type PreparedArrays, prepareCase, Steps } from "./prepare-case.js";
import type {
  CaseFiles,
  FromWorker,
  NamedBlob,
  OpenedCase,
  OpenedPlans,
  Output,
  Picture,
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
let prepared: PreparedArrays | undefined;
let plans: PlansV1 | undefined;
let engine: Promise<Engine> | undefined;

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

async function open(files: CaseFiles): Promise<OpenedCase> {
  await init();
  prepared = undefined;
  read = undefined;
  tell("Read", 0);
  const next = await readCase(files, (share) => tell("Read", 0.6 * share));
  tell("Look at the voxels", 0.6);
  const image = next.images[0] as Volume;
  const statistics = intensityStatistics(float32(image));
  const looksLikeCt = statistics.mn < AIR;
  const window = looksLikeCt ? SOFT_TISSUE : ([statistics.percentile_00_5, statistics.percentile_99_5] as const);
  read = next;
  return {
    name: next.name,
    shape: image.shape,
    spacingMm: image.geometry.spacingMm,
    orientation: next.orientation,
    channels: next.images.length,
    hasLabel: next.label !== undefined,
    looksLikeCt,
    findings: next.findings,
    warnings: next.warnings,
    image: await takePicture(image, window),
    label: next.label === undefined ? null : await takePicture(next.label, [0, 255]),
  };
}

async function openPlans(file: File): Promise<OpenedPlans> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    plans = plansFromPython(parsePickle(bytes));
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(file.name) : error;
  }
  const stages = Array.from({ length: plans.num_stages }, (_, stage) => stageSettings(plans as PlansV1, stage));
  return {
    name: file.name,
    stages: stages.map(({ targetSpacingMm, planar }) => ({ spacingMm: targetSpacingMm, planar })),
    schemes: stages[0]?.normalizationSchemes ?? [],
  };
}

function preparedVolume(arrays: PreparedArrays, data: Float32Array | Int16Array): Volume {
  return { data, shape: arrays.shape, geometry: preparedGeometry(arrays.properties, arrays.shape, arrays.axes) };
}

async function prepare(settings: Settings): Promise<PreparedCase> {
  const current = needed(read, "scan");
  const stage = settings.from === "plans" ? stageSettings(needed(plans, "plans file"), settings.stage) : null;
  const steps = new Steps(current.images.length + 5, tell);
  const { numbers, arrays } = await prepareCase(current, settings, stage, await startEngine(), steps);
  prepared = arrays;
  const { after } = numbers.channels[0] as PreparedCase["channels"][number];
  tell("Draw", 0.95);
  return {
    ...numbers,
    image: await takePicture(preparedVolume(arrays, arrays.channels[0] as Float32Array), [
      after.percentile_00_5,
      after.percentile_99_5,
    ]),
    label:
      current.label === undefined
        ? null
        : await takePicture(
            preparedVolume(
              arrays,
              arrays.label.map((value) => Math.max(0, value)),
            ),
            [0, 255],
          ),
  };
}

async function output(what: Output): Promise<NamedBlob> {
  const arrays = needed(prepared, "prepared scan");
  const { name } = needed(read, "scan");
  if (what === "properties") {
    return { name: `${name}.pkl`, blob: new Blob([formatPickle(propertiesToPython(arrays.properties)) as BlobPart]) };
  }
  if (what === "arrays") {
    tell("Write the arrays", 0.1);
    const store = new MemoryStore();
    await saveCase(store, name, arrays, arrays.properties);
    return { name: `${name}.npz`, blob: new Blob([(await store.read(`${name}.npz`)) as BlobPart]) };
  }
  tell("Write NIfTI", 0.1);
  const data = what === "image" ? (arrays.channels[0] as Float32Array) : arrays.label;
  const bytes = await formatNifti(preparedVolume(arrays, data), { gzip: true });
  return { name: `${name}_prepared${what === "label" ? "_label" : ""}.nii.gz`, blob: new Blob([bytes]) };
}

async function restore(file: File | null): Promise<RestoredLabel> {
  const arrays = needed(prepared, "prepared scan");
  const { name, label } = needed(read, "scan");
  tell("Back to the scan", 0);
  const { segmentation, warnings } = await restoreLabel(file, arrays, (share) => tell("Back to the scan", 0.9 * share));
  let different = 0;
  if (label !== undefined) {
    for (let i = 0; i < label.data.length; i++) if (label.data[i] !== segmentation.data[i]) different++;
  }
  const volumes = labelVolumes(Int16Array.from(segmentation.data), segmentation.geometry.spacingMm);
  const raw = await formatNifti(segmentation, { gzip: false });
  return {
    name: `${name}_segmentation.nii.gz`,
    blob: new Blob([(await gzip(raw)) as BlobPart]),
    shape: segmentation.shape,
    labels: [...volumes].sort(([a], [b]) => a - b).map(([value, ml]) => ({ value, ml })),
    difference: label === undefined ? null : { voxels: different, of: segmentation.data.length },
    picture: await takePicture(segmentation, [0, 255]),
    notes: warnings.map(({ message }) => message),
  };
}

const work: { [K in keyof Requests]: (ask: Requests[K]["ask"]) => Promise<Requests[K]["answer"]> } = {
  open,
  plans: openPlans,
  prepare,
  output,
  restore,
};

/** Buffers that move to the page instead of being copied. */
function movable(value: object): Transferable[] {
  return Object.values(value)
    .map((part) => (part as Partial<Picture> | null)?.bytes)
    .filter((bytes) => bytes instanceof ArrayBuffer);
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
