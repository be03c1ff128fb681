import { NnprepError } from "../core/errors.js";
import { type ScanFile, scanFileFromBlob } from "../io/scan-file.js";
import { isZip, membersOfZip } from "../io/zip-files.js";

/* Where a trained model's files are: a folder of nnU-Net's results with an ONNX file in each fold. */

/** A network that was trained on one fold. */
export interface ModelFold {
  /** "0" ... or "all". */
  readonly name: string;
  /** The ONNX file. */
  readonly file: ScanFile;
}

/** Which of a model folder's folds and files are taken. */
export interface ModelFolderOptions {
  /** Folds to average, "0" ... or "all". Default: all that are there, without "all" where there are others. */
  readonly folds?: readonly string[] | undefined;
  /** nnU-Net's name of the checkpoint. Default "checkpoint_final.pth", which is `model.onnx`. */
  readonly checkpoint?: string | undefined;
}

/** The files of one model by their paths in its folder. */
export interface ModelFiles {
  /** What messages call it. */
  readonly name: string;
  /** By the name of its plans: plans.json or plans.pkl. */
  readonly generation: "v1" | "v2";
  readonly inFolder: ReadonlyMap<string, ScanFile>;
}

const FINAL_CHECKPOINT = "checkpoint_final.pth";
const EXPORT: Readonly<Record<ModelFiles["generation"], string>> = {
  v1: "Make it with tools/export_onnx_v1.py, in the Python environment in which the model was trained",
  v2: "Make it with tools/export_onnx.py, in the Python environment in which the model was trained",
};
const PLANS = /^plans\.(json|pkl)$/;

/** `model.onnx`, or the name of another checkpoint with the ending `.onnx`. */
export function onnxFileName(checkpoint = FINAL_CHECKPOINT): string {
  return checkpoint === FINAL_CHECKPOINT ? "model.onnx" : `${checkpoint.replace(/\.(pth|model|onnx)$/, "")}.onnx`;
}

/** The files of a zip archive, or those given. In a page: what was dropped. */
async function filesOf(source: readonly ScanFile[]): Promise<readonly ScanFile[]> {
  const [only] = source;
  return source.length === 1 && only !== undefined && (await isZip(only)) ? membersOfZip(only) : source;
}

const pathOf = ({ name }: ScanFile): string => name.replaceAll("\\", "/");
const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Folders that hold plans and folds. nnU-Net v1 calls the fold of all cases `all`. */
function modelRoots(paths: readonly string[]): string[] {
  const below = (root: string) => (root === "" ? "" : `${root}/`);
  const roots = paths.filter((path) => PLANS.test(nameOf(path))).map(folderOf);
  return [...new Set(roots)].filter((root) =>
    paths.some((path) => path.startsWith(`${below(root)}fold_`) || path.startsWith(`${below(root)}all/`)),
  );
}

function chooseRoot(name: string, paths: readonly string[]): string {
  const roots = modelRoots(paths);
  if (roots.length === 1) return roots[0];
  if (roots.length === 0) {
    throw new NnprepError(
      "FILE_NOT_FOUND",
      `${name}: no trained model found; a folder with plans.json, dataset.json, inference.json and fold_X/model.onnx is expected (for nnU-Net v1 plans.pkl, inference.json and fold_X/model.onnx). ${EXPORT.v2}`,
      { file: name, expected: ["plans.json", "dataset.json", "inference.json", "fold_X/model.onnx"] },
    );
  }
  const found = roots.map((root) => nameOf(root));
  throw new NnprepError("INVALID_ARGUMENT", `${name} holds ${roots.length} models (${found.join(", ")}): give one`, {
    file: name,
    found,
  });
}

/**
 * The one model in a folder, in a folder above it, in a zip archive of either, or in what a page was given.
 *
 * @throws NnprepError FILE_NOT_FOUND, INVALID_ARGUMENT (several models)
 */
export async function findModelFiles(source: readonly ScanFile[], name: string): Promise<ModelFiles> {
  const files = await filesOf(source);
  const root = chooseRoot(name, files.map(pathOf));
  const prefix = root === "" ? "" : `${root}/`;
  const inFolder = new Map(
    files.filter((file) => pathOf(file).startsWith(prefix)).map((file) => [pathOf(file).slice(prefix.length), file]),
  );
  return { name: nameOf(root) || name, generation: inFolder.has("plans.json") ? "v2" : "v1", inFolder };
}

/** @throws NnprepError FILE_NOT_FOUND naming what is missing */
export function requireFiles({ name, generation, inFolder }: ModelFiles, required: readonly string[]): void {
  const missing = required.filter((file) => !inFolder.has(file));
  if (missing.length === 0) return;
  throw new NnprepError("FILE_NOT_FOUND", `${name}: ${missing.join(", ")} missing. ${EXPORT[generation]}`, {
    file: name,
    missing,
  });
}

/** The networks of the folds that are wanted. @throws NnprepError FILE_NOT_FOUND naming what is missing */
export function chooseFolds(
  { name, generation, inFolder }: ModelFiles,
  { folds, checkpoint = FINAL_CHECKPOINT }: ModelFolderOptions,
): ModelFold[] {
  const onnx = onnxFileName(checkpoint);
  const folderOfFold = (fold: string) => (generation === "v1" && fold === "all" ? "all" : `fold_${fold}`);
  const fileOf = (fold: string) => inFolder.get(`${folderOfFold(fold)}/${onnx}`);
  const inPath = (path: string) =>
    generation === "v1" && path.startsWith("all/") ? "all" : (/^fold_([^/]+)\//.exec(path)?.[1] ?? []);
  const there = [...new Set([...inFolder.keys()].flatMap(inPath))];
  const complete = there.filter((fold) => fileOf(fold) !== undefined).sort();
  const several = complete.filter((fold) => fold !== "all");
  const wanted = folds ?? (several.length > 0 ? several : complete);
  const missing = wanted.filter((fold) => !complete.includes(fold));
  if (wanted.length > 0 && missing.length === 0) {
    return wanted.map((fold) => ({ name: fold, file: fileOf(fold) as ScanFile }));
  }
  const lacking = (missing.length > 0 ? missing : there).map((fold) => `${folderOfFold(fold)}/${onnx}`);
  const untrained = missing.some((fold) => !there.includes(fold));
  const known = complete.length > 0 ? ` There is ${complete.map(folderOfFold).join(", ")}.` : "";
  throw new NnprepError(
    "FILE_NOT_FOUND",
    `${name}: ${lacking.join(", ")} missing.${known} ${untrained ? "Choose other folds (-f), or train these" : EXPORT[generation]}`,
    { file: name, missing: lacking, found: complete },
  );
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
