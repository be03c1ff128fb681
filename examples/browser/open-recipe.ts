import { NnprepError, type ScanFile, scanFileFromBlob } from "nnprep";
import { readAnyModelFolder } from "nnprep/inference";
import { parsePickle } from "nnprep/io";
import { inverseAxes, permute } from "nnprep/steps";
import { type PlansV1, plansFromPython, stageSettings } from "nnprep/v1";
import { type Configuration, type DatasetJson, type Plans, parseDatasetJson, parsePlans } from "nnprep/v2";
import type { OpenedRecipe, PathFile } from "./protocol.js";

/* What was dropped as plans or model: v1's plans (.pkl), v2's plans and dataset.json, or a model folder of either. */

export type Recipe = (
  | { readonly generation: "v1"; readonly plans: PlansV1 }
  | { readonly generation: "v2"; readonly plans: Plans; readonly dataset: DatasetJson }
) & {
  /** Files of a model folder, or its zip. */
  readonly model: readonly ScanFile[] | null;
};

export interface RecipeReading {
  readonly recipe: Recipe;
  readonly opened: OpenedRecipe;
}

/** Which of v2's two documents a JSON file is. */
type JsonKind = "plans" | "dataset" | "other";

interface JsonFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly kind: JsonKind;
  /** Of a dataset.json. */
  readonly version: "v1" | "v2";
}

const mm = (spacing: readonly number[]): string => spacing.map((s) => Number(s.toFixed(3))).join(" × ");

const bytesOf = async ({ file }: PathFile): Promise<Uint8Array> => new Uint8Array(await file.arrayBuffer());

function naming<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(name) : error;
  }
}

/** Looks at the keys only: what is wrong inside, the library says. */
async function readJson(given: PathFile): Promise<JsonFile> {
  const bytes = await bytesOf(given);
  let keys: string[] = [];
  try {
    keys = Object.keys(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    // The library says where it is damaged.
  }
  const byKeys: JsonKind = keys.includes("configurations")
    ? "plans"
    : keys.includes("labels") || keys.includes("channel_names")
      ? "dataset"
      : "other";
  const byName: JsonKind = /dataset\.json$/i.test(given.path) ? "dataset" : "plans";
  return {
    name: given.file.name,
    bytes,
    kind: byKeys === "other" && keys.length === 0 ? byName : byKeys,
    version: keys.includes("training") || keys.includes("modality") ? "v1" : "v2",
  };
}

function describeV1(name: string, plans: PlansV1, stages: readonly number[]): OpenedRecipe {
  const choices = stages.map((stage) => {
    const { targetSpacingMm, planar } = stageSettings(plans, stage);
    const spacing = [...targetSpacingMm].reverse();
    const text = planar ? `slices of ${mm(spacing.slice(0, 2))}` : mm(spacing);
    return { value: String(stage), text: `${stage}: ${text} mm` };
  });
  return { generation: "v1", name, choices, notes: [], model: null };
}

function openV1(name: string, bytes: Uint8Array): RecipeReading {
  const plans = naming(name, () => plansFromPython(parsePickle(bytes)));
  const stages = Array.from({ length: plans.num_stages }, (_, stage) => stage);
  return { recipe: { generation: "v1", plans, model: null }, opened: describeV1(name, plans, stages) };
}

/** The voxels that a configuration makes, in the page's order: x × y × z of the scan. */
function describeConfiguration({ transposeForward: axes }: Plans, { name, spacingMm }: Configuration): string {
  if (spacingMm.length === 2) return `${name}: slices of ${mm([...spacingMm].reverse())} mm`;
  const ofScan = permute(spacingMm as unknown as [number, number, number], inverseAxes(axes));
  return `${name}: ${mm([...ofScan].reverse())} mm`;
}

/** nnU-Net's usual configuration, for the form to begin with. */
const USUAL = "3d_fullres";

function describeV2(name: string, plans: Plans, configurations: readonly Configuration[]): OpenedRecipe {
  // A cascade's second stage needs the labels of the first, which nobody can give here.
  const alone = configurations.filter(({ previousStage }) => previousStage === undefined);
  const choices = alone.map((one) => ({ value: one.name, text: describeConfiguration(plans, one) }));
  choices.sort((a, b) => Number(a.value === USUAL) - Number(b.value === USUAL));
  const left = configurations.filter((one) => !alone.includes(one)).map((one) => one.name);
  const notes = [...plans.unsupported].map(([key, error]) => `${key} is left out: ${error.message}.`);
  if (left.length > 0) {
    notes.push(`${left.join(", ")} is left out: it needs the labels of an earlier stage; use the command line.`);
  }
  return { generation: "v2", name, choices, notes, model: null };
}

function openV2(plansFile: JsonFile, datasetFile: JsonFile): RecipeReading {
  const plans = parsePlans(plansFile.bytes, plansFile.name);
  const dataset = parseDatasetJson(datasetFile.bytes, datasetFile.name);
  const configurations = [...plans.configurations.values()];
  const other = configurations.find(({ normalization }) => normalization.length !== dataset.channels.length);
  if (other !== undefined) {
    throw new NnprepError(
      "INVALID_PLANS",
      `${plansFile.name} normalises ${other.normalization.length} channels, but ${datasetFile.name} has ${dataset.channels.length} (${dataset.channels.join(", ")}): they belong to different datasets`,
      { file: plansFile.name, found: other.normalization.length, expected: dataset.channels.length },
    );
  }
  const opened = describeV2(`${plansFile.name}, ${datasetFile.name}`, plans, configurations);
  return { recipe: { generation: "v2", plans, dataset, model: null }, opened };
}

/** Files that stand in a model's folder, of either generation, and nowhere else. */
const OF_MODEL = /\.(onnx|pth|zip|model)$|(^|\/)(fold_[^/]+\/|inference\.json$)|\.model\.pkl$/i;

/** What messages call a model: its folder or its archive. */
function modelName(files: readonly PathFile[]): string {
  const [first] = files;
  return first === undefined ? "the model" : (first.path.split("/")[0] as string);
}

async function openModel(given: readonly PathFile[]): Promise<RecipeReading> {
  const files = given.map(({ path, file }) => scanFileFromBlob(file, path));
  const folder = await readAnyModelFolder(files, modelName(given));
  const { name, previousStage } = folder;
  if (previousStage !== undefined) {
    throw new NnprepError(
      "UNSUPPORTED",
      `${name} is a cascade: it needs the labels of ${previousStage}, which cannot be given in this page. Predict with the command line (nnprep predict)`,
      { found: name, previousStage },
    );
  }
  const model = {
    channels: folder.channelNames,
    folds: folder.folds.map((fold) => fold.name),
    mirrors: folder.mirrorAxes !== null && folder.mirrorAxes.length > 0,
    hasPostprocessing: folder.postprocessing !== undefined,
  };
  if (folder.generation === "v1") {
    const { plans, stage } = folder;
    const opened = { ...describeV1(name, plans, [stage]), model };
    return { recipe: { generation: "v1", plans, model: files }, opened };
  }
  const { plans, dataset, configuration } = folder;
  const opened = { ...describeV2(name, plans, [configuration]), notes: [], model };
  return { recipe: { generation: "v2", plans, dataset, model: files }, opened };
}

function incomplete(found: JsonFile): NnprepError {
  const missing = found.kind === "plans" ? "dataset.json" : "plans.json or nnUNetPlans.json";
  const place =
    found.kind === "plans"
      ? "nnU-Net keeps it in nnUNet_raw and beside its plans"
      : "nnU-Net keeps it in nnUNet_preprocessed and beside its models";
  return new NnprepError(
    "FILE_NOT_FOUND",
    `${found.name} alone is not enough: ${missing} is needed too. Drop it here; ${place}`,
    {
      file: found.name,
      missing: [missing],
    },
  );
}

/** A file of either generation beside one of the other. */
function mixed(pickle: string, json: JsonFile): NnprepError {
  const what = json.kind === "plans" ? "plans" : "a dataset.json";
  return new NnprepError(
    "INVALID_ARGUMENT",
    `${pickle} holds plans of nnU-Net v1, ${json.name} is ${what} of v2: they do not belong together. Drop plans.json and dataset.json for v2, or the .pkl alone for v1`,
    { found: [pickle, json.name] },
  );
}

/** @throws NnprepError that says which file is missing, of another generation, or damaged */
export async function openRecipe(files: readonly PathFile[]): Promise<RecipeReading> {
  if (files.some(({ path }) => OF_MODEL.test(path))) return openModel(files);
  const pickles = files.filter(({ path }) => /\.pkl$/i.test(path));
  const documents = await Promise.all(files.filter(({ path }) => /\.json$/i.test(path)).map(readJson));
  const [pickle] = pickles;
  if (pickle !== undefined) {
    const newer = documents.find(({ kind, version }) => kind === "plans" || (kind === "dataset" && version === "v2"));
    if (newer !== undefined) throw mixed(pickle.file.name, newer);
    return openV1(pickle.file.name, await bytesOf(pickle));
  }
  const plans = documents.find(({ kind }) => kind === "plans");
  const dataset = documents.find(({ kind }) => kind === "dataset");
  if (plans !== undefined && dataset !== undefined) return openV2(plans, dataset);
  const half = plans ?? dataset;
  if (half !== undefined) throw incomplete(half);
  const names = files.map(({ path }) => path).join(", ");
  throw new NnprepError(
    "UNSUPPORTED",
    `${names}: no plans and no model found; nnU-Net v2's plans.json with dataset.json, a model folder or its zip, or v1's plans (.pkl) are expected`,
    {
      found: files.map(({ path }) => path),
      expected: ["plans.json and dataset.json", "model folder or zip", "nnUNetPlans….pkl"],
    },
  );
}
