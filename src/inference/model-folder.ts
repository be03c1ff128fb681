import { inFile, NnprepError } from "../core/errors.js";
import { JsonFields } from "../io/json-fields.js";
import { parseJsonDict } from "../io/ordered-json.js";
import { type ScanFile, scanFileFromBlob } from "../io/scan-file.js";
import { isZip, membersOfZip } from "../io/zip-files.js";
import type { Configuration } from "../recipes/v2/documents/configuration.js";
import { type DatasetJson, parseDatasetJson } from "../recipes/v2/documents/dataset-json.js";
import { getConfiguration, type Plans, parsePlans } from "../recipes/v2/documents/plans.js";

/* A trained model as docs/model-folder.md describes it: nnU-Net's results folder with an ONNX file in each fold. */

/** A network that was trained on one fold. */
export interface ModelFold {
  /** "0" ... or "all". */
  readonly name: string;
  /** The ONNX file. */
  readonly file: ScanFile;
}

/** What stands in a model's folder, read and checked; the networks themselves are not opened yet. */
export interface ModelFolder {
  /** What messages call it. */
  readonly name: string;
  readonly plans: Plans;
  readonly dataset: DatasetJson;
  readonly configuration: Configuration;
  /** nnU-Net's class that trained it. */
  readonly trainer: string;
  /** Axes of the patch that the trainer allows to be mirrored; null: none. */
  readonly mirrorAxes: readonly number[] | null;
  /** Channels of the network's input: those of the images, and one per foreground label of a previous stage. */
  readonly channels: number;
  /** Channels of its output. */
  readonly classes: number;
  readonly folds: readonly ModelFold[];
  /** `postprocessing.pkl` of nnU-Net, if the folder has one. */
  readonly postprocessing: ScanFile | undefined;
}

/** Which of a model folder's folds and files are taken. */
export interface ModelFolderOptions {
  /** Folds to average, "0" ... or "all". Default: all that are there, without "all" where there are others. */
  readonly folds?: readonly string[] | undefined;
  /** nnU-Net's name of the checkpoint. Default "checkpoint_final.pth", which is `model.onnx`. */
  readonly checkpoint?: string | undefined;
}

const FINAL_CHECKPOINT = "checkpoint_final.pth";
const EXPORT = "Make it with tools/export_onnx.py, in the Python environment in which the model was trained";
const FORMAT = "nnunet-onnx";
const fields = new JsonFields("CORRUPT_FILE");

/** `model.onnx`, or the name of another checkpoint with the ending `.onnx`. */
export function onnxFileName(checkpoint = FINAL_CHECKPOINT): string {
  return checkpoint === FINAL_CHECKPOINT ? "model.onnx" : `${checkpoint.replace(/\.(pth|onnx)$/, "")}.onnx`;
}

/** The files of a zip archive, or those given. In a page: what was dropped. */
async function filesOf(source: readonly ScanFile[]): Promise<readonly ScanFile[]> {
  const [only] = source;
  return source.length === 1 && only !== undefined && (await isZip(only)) ? membersOfZip(only) : source;
}

const pathOf = ({ name }: ScanFile): string => name.replaceAll("\\", "/");
const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Folders that hold plans.json and folds. */
function modelRoots(paths: readonly string[]): string[] {
  const below = (root: string) => (root === "" ? "" : `${root}/`);
  const roots = paths.filter((path) => nameOf(path) === "plans.json").map(folderOf);
  return roots.filter((root) => paths.some((path) => path.startsWith(`${below(root)}fold_`)));
}

function noModel(name: string, paths: readonly string[]): NnprepError {
  const version1 = paths.some((path) => /(^|\/)(plans\.pkl|model_(final|best)_checkpoint\.model(\.pkl)?)$/.test(path));
  if (version1) {
    return new NnprepError(
      "UNSUPPORTED",
      `${name} holds a model of nnU-Net v1 (plans.pkl); a model of v2 (plans.json, dataset.json, fold_X/model.onnx) is expected`,
      { file: name, generation: "v1" },
    );
  }
  return new NnprepError(
    "FILE_NOT_FOUND",
    `${name}: no trained model found; a folder with plans.json, dataset.json, inference.json and fold_X/model.onnx is expected. ${EXPORT}`,
    { file: name, expected: ["plans.json", "dataset.json", "inference.json", "fold_X/model.onnx"] },
  );
}

function chooseRoot(name: string, paths: readonly string[]): string {
  const roots = modelRoots(paths);
  if (roots.length === 1) return roots[0];
  if (roots.length === 0) throw noModel(name, paths);
  const found = roots.map((root) => nameOf(root));
  throw new NnprepError("INVALID_ARGUMENT", `${name} holds ${roots.length} models (${found.join(", ")}): give one`, {
    file: name,
    found,
  });
}

function chooseFolds(
  name: string,
  inFolder: ReadonlyMap<string, ScanFile>,
  { folds, checkpoint = FINAL_CHECKPOINT }: ModelFolderOptions,
): ModelFold[] {
  const onnx = onnxFileName(checkpoint);
  const there = [...inFolder.keys()].flatMap((path) => /^fold_([^/]+)\//.exec(path)?.[1] ?? []);
  const complete = [...new Set(there)].filter((fold) => inFolder.has(`fold_${fold}/${onnx}`)).sort();
  const several = complete.filter((fold) => fold !== "all");
  const wanted = folds ?? (several.length > 0 ? several : complete);
  const missing = wanted.filter((fold) => !complete.includes(fold));
  if (wanted.length > 0 && missing.length === 0) {
    return wanted.map((fold) => ({ name: fold, file: inFolder.get(`fold_${fold}/${onnx}`) as ScanFile }));
  }
  const lacking = (missing.length > 0 ? missing : [...new Set(there)]).map((fold) => `fold_${fold}/${onnx}`);
  const untrained = missing.some((fold) => !there.includes(fold));
  const known = complete.length > 0 ? ` There is ${complete.map((fold) => `fold_${fold}`).join(", ")}.` : "";
  throw new NnprepError(
    "FILE_NOT_FOUND",
    `${name}: ${lacking.join(", ")} missing.${known} ${untrained ? "Choose other folds (-f), or train these" : EXPORT}`,
    { file: name, missing: lacking, found: complete },
  );
}

interface InferenceJson {
  readonly configuration: string;
  readonly trainer: string;
  readonly mirrorAxes: readonly number[] | null;
}

/** `inference.json`: the little that plans.json and dataset.json lack. */
function readInferenceJson(bytes: Uint8Array): InferenceJson {
  const document = parseJsonDict(bytes);
  const format = fields.text(document.get("format"), "format");
  const version = fields.text(document.get("format_version"), "format_version");
  if (format !== FORMAT || version !== "1") {
    throw new NnprepError("UNSUPPORTED", `format ${format} ${version} found; ${FORMAT} 1 is expected`, {
      found: `${format} ${version}`,
      expected: `${FORMAT} 1`,
    });
  }
  const axes = document.get("inference_allowed_mirroring_axes");
  return {
    configuration: fields.text(document.get("configuration"), "configuration"),
    trainer: fields.text(document.get("trainer"), "trainer"),
    mirrorAxes: axes === null ? null : fields.list(axes, "inference_allowed_mirroring_axes", fields.whole),
  };
}

/**
 * Reads a trained model: the files of its folder (or of a folder above it), a zip archive of them, or what a page was
 * given. Other files beside them do no harm.
 *
 * @param name what messages call the model
 * @throws NnprepError FILE_NOT_FOUND naming what is missing, INVALID_PLANS, INVALID_DATASET, CORRUPT_FILE, UNSUPPORTED
 * (a model of v1, a newer format), INVALID_ARGUMENT (several models)
 */
export async function readModelFolder(
  source: readonly ScanFile[],
  name: string,
  options: ModelFolderOptions = {},
): Promise<ModelFolder> {
  const files = await filesOf(source);
  const root = chooseRoot(name, files.map(pathOf));
  const prefix = root === "" ? "" : `${root}/`;
  const inFolder = new Map(
    files.filter((file) => pathOf(file).startsWith(prefix)).map((file) => [pathOf(file).slice(prefix.length), file]),
  );
  const required = ["plans.json", "dataset.json", "inference.json"];
  const missing = required.filter((file) => !inFolder.has(file));
  if (missing.length > 0) {
    throw new NnprepError("FILE_NOT_FOUND", `${root || name}: ${missing.join(", ")} missing. ${EXPORT}`, {
      file: root || name,
      missing,
    });
  }
  const read = <T>(file: string, parse: (bytes: Uint8Array, path: string) => T): Promise<T> => {
    const found = inFolder.get(file) as ScanFile;
    return inFile(found.name, async () => parse(await found.read(), found.name));
  };
  const plans = await read("plans.json", parsePlans);
  const dataset = await read("dataset.json", parseDatasetJson);
  const inference = await read("inference.json", readInferenceJson);
  const configuration = await read("inference.json", () => getConfiguration(plans, inference.configuration));
  const previous = configuration.previousStage === undefined ? 0 : dataset.labels.foreground.length;
  return {
    name: nameOf(root) || name,
    plans,
    dataset,
    configuration,
    trainer: inference.trainer,
    mirrorAxes: inference.mirrorAxes,
    channels: dataset.channels.length + previous,
    classes: dataset.labels.heads,
    folds: chooseFolds(root || name, inFolder, options),
    postprocessing: [...inFolder].find(([path]) => /^(crossval_results[^/]*\/)?postprocessing\.pkl$/.test(path))?.[1],
  };
}

/**
 * The files of a page's `File` list (a folder or a zip that was dropped or chosen).
 *
 * @example
 * ```ts
 * import { loadModel, modelFilesFromBlobs } from "nnprep";
 *
 * // For `<input type="file" webkitdirectory>`.
 * export const open = (input: { readonly files: Iterable<Blob> }) => loadModel(modelFilesFromBlobs(input.files), "model");
 * ```
 */
export function modelFilesFromBlobs(blobs: Iterable<Blob>): ScanFile[] {
  return [...blobs].map((blob) => {
    const path = (blob as { webkitRelativePath?: string }).webkitRelativePath;
    return path === undefined || path === "" ? scanFileFromBlob(blob) : scanFileFromBlob(blob, path);
  });
}
