import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { NnprepError } from "../core/errors.js";
import type { Volume } from "../core/volume.js";
import { readScanPath } from "../io/scan-path.js";
import { parseDatasetJson } from "../recipes/v1/documents/dataset-json.js";
import { isFolder } from "./is-folder.js";

/** Files that hold a whole volume. */
export const WHOLE_VOLUME = /\.(nii\.gz|nii|nrrd|mha)$/i;
/** Headers whose voxels are in a file beside them. */
const DETACHED = /\.(nhdr|mhd|hdr)$/i;
const ENDING = new RegExp(`${WHOLE_VOLUME.source}|${DETACHED.source}`, "i");
/** Folders upwards from a label in which its dataset.json is looked for. */
const FOLDERS_UP = 3;

/** The name of a scan or label without folder and ending. */
export function stemOf(file: string): string {
  return basename(file).replace(ENDING, "");
}

/** Files as given, and those that can be read in folders given; each once. */
export function listInputs(inputs: readonly string[]): string[] {
  const files = inputs.flatMap((input) => {
    const path = resolve(input);
    if (!isFolder(path)) return [path];
    const found = readdirSync(path).filter((name) => ENDING.test(name) && !name.startsWith("."));
    if (found.length === 0) {
      throw new NnprepError(
        "FILE_NOT_FOUND",
        `${path}: no file in this folder ends in .nii, .nii.gz, .nrrd, .nhdr, .mha, .mhd or .hdr`,
        { file: path },
      );
    }
    return found.sort().map((name) => join(path, name));
  });
  return [...new Set(files)];
}

async function bytesOf(file: string): Promise<Uint8Array> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    const missing = error.code === "ENOENT" || error.code === "ENOTDIR";
    throw new NnprepError("FILE_NOT_FOUND", `${file}: ${missing ? "no such file" : `cannot be read (${error.code})`}`, {
      file,
      reason: error.code,
    });
  });
}

/** Reads a scan or a label from its file; sheared axes are looked at as they are. @throws NnprepError that names it */
export async function readFileVolume(file: string): Promise<Volume> {
  return (await readScanPath(file, { nifti: { allow: ["sheared"] } })).volume;
}

/** What is known of a label's task. */
export interface TaskNames {
  readonly labels: ReadonlyMap<number, string>;
  /** Name of the first channel. */
  readonly modality: string | undefined;
}

/** Names of labels from the file given, or from a dataset.json in the label's folder or above; none without either. */
export async function readTaskNames(label: string, given: string | undefined): Promise<TaskNames> {
  if (given !== undefined) return parseNames(resolve(given));
  let folder = dirname(label);
  for (let i = 0; i < FOLDERS_UP; i++, folder = dirname(folder)) {
    const file = join(folder, "dataset.json");
    // A dataset.json that was not asked for may be anything.
    if (existsSync(file)) return parseNames(file).catch(() => ({ labels: new Map(), modality: undefined }));
  }
  return { labels: new Map(), modality: undefined };
}

async function parseNames(file: string): Promise<TaskNames> {
  const bytes = await bytesOf(file);
  let raw: { labels?: unknown; channel_names?: unknown };
  try {
    raw = JSON.parse(new TextDecoder().decode(bytes).replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new NnprepError("INVALID_DATASET", `${file}: not valid JSON (${(error as Error).message})`, { file });
  }
  if (raw?.channel_names === undefined) {
    const { labels, modality } = parseDatasetJson(bytes, file);
    return { labels, modality: modality.get(0) };
  }
  // nnU-Net v2 writes names first, and lists of labels for regions.
  const labels = Object.entries((raw.labels ?? {}) as Record<string, unknown>).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  const [modality] = Object.values(raw.channel_names as Record<string, unknown>);
  return {
    labels: new Map(labels.map(([name, label]) => [label, name])),
    modality: typeof modality === "string" ? modality : undefined,
  };
}

/** The scan of a label: the file given, or the one in the folder given that bears the label's name. */
export function findScan(label: string, given: string): string {
  const path = resolve(given);
  if (!isFolder(path)) return path;
  const stem = stemOf(label);
  const names = readdirSync(path).filter((name) => ENDING.test(name));
  const found = names.find((name) => stemOf(name) === `${stem}_0000`) ?? names.find((name) => stemOf(name) === stem);
  if (found === undefined) {
    throw new NnprepError(
      "FILE_NOT_FOUND",
      `${path}: no scan ${stem}_0000 or ${stem} (.nii.gz, .nii, .nrrd, .mha ...) for the label ${label}`,
      { file: path, expected: `${stem}_0000` },
    );
  }
  return join(path, found);
}
