import { basename } from "node:path";
import { inFile, NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import { type JsonDict, parseJsonDict } from "../../../io/ordered-json.js";
import type { PythonJson } from "../../../io/python-json.js";
import { FolderStore } from "../../../runner/folder-store.js";
import { buildRaw } from "../../convert/build-raw.js";
import { allOrNothing, type BuildOptions, ENDING, runJobs, SUBFOLDERS } from "../../convert/raw-folder.js";
import { splitMsd } from "../../convert/split-msd.js";
import type { TaskDescription } from "../../task-description.js";
import { formatDatasetJson, makeDatasetDocument } from "../documents/dataset-json.js";
import { DATASET_FILE, IMAGES_FOLDER, LABELS_FOLDER } from "../layout.js";

const BACKGROUND = "background";

/**
 * Builds a raw dataset of nnU-Net v2 from a description; see `buildRaw`. Its background is called "background", as
 * nnU-Net wants it, whatever the description calls it.
 * @param folder the dataset's own, `Dataset001_NAME`, new or empty
 */
export function buildDataset(
  description: TaskDescription,
  base: string,
  folder: string,
  options: BuildOptions = {},
): Promise<string[]> {
  const format: Parameters<typeof buildRaw>[3] = ({ channels, labels, training }) =>
    formatDatasetJson(
      makeDatasetDocument({
        channels: [...channels].sort(([a], [b]) => a - b).map(([, name]) => name),
        labels: new Map([...labels].map(([value, name]) => [value === 0 ? BACKGROUND : name, value])),
        numTraining: training.length,
        fileEnding: ENDING,
      }),
    );
  return buildRaw(description, base, folder, format, options);
}

/** `labels` by number turned into labels by name. @throws NnprepError INVALID_DATASET for names that would get lost */
function labelsByName(value: PythonJson | undefined): Map<string, number> {
  if (!(value instanceof Map)) {
    throw new NnprepError("INVALID_DATASET", 'labels: expected names by number, such as {"0": "background"}');
  }
  const byName = new Map<string, number>();
  for (const [key, name] of value as ReadonlyMap<string, PythonJson>) {
    if (!/^\d+$/.test(key) || typeof name !== "string") {
      throw new NnprepError("INVALID_DATASET", `labels: "${key}" found; expected a number with a name`, { key });
    }
    if (byName.has(name)) {
      throw new NnprepError(
        "INVALID_DATASET",
        `labels: ${byName.get(name)} and ${key} are both called "${name}"; give them different names: v2 knows labels by name`,
        { found: name },
      );
    }
    byName.set(name, Number(key));
  }
  const zero = [...byName].find(([, number]) => number === 0)?.[0];
  if (zero !== BACKGROUND) {
    throw new NnprepError(
      "INVALID_DATASET",
      `labels: 0 is ${zero === undefined ? "missing" : `"${zero}"`}; expected "${BACKGROUND}", the name that nnU-Net v2 asks for. Rename it in dataset.json`,
      { found: zero ?? null, expected: BACKGROUND },
    );
  }
  return byName;
}

/** What the new document is made of. nnU-Net asks for the keys that it drops as well. */
const NEEDED = ["modality", "labels", "numTraining"] as const;

function requireKeys(document: JsonDict): void {
  const missing = NEEDED.filter((key) => !document.has(key));
  if (missing.length === 0) return;
  throw new NnprepError("INVALID_DATASET", `${missing.join(", ")} missing; the conversion needs ${NEEDED.join(", ")}`, {
    missing,
  });
}

/** The document of v2, in the order that nnU-Net gives it. */
function documentOfTask(document: JsonDict): Map<string, PythonJson> {
  requireKeys(document);
  const result = new Map(document);
  for (const key of ["tensorImageSize", "numTest", "training", "test", "modality"]) result.delete(key);
  result.set("channel_names", document.get("modality") as PythonJson);
  result.set("labels", labelsByName(document.get("labels")));
  result.set("file_ending", ENDING);
  return result;
}

function documentOfMsd(document: JsonDict): Map<string, PythonJson> {
  requireKeys(document);
  const result = new Map(document);
  result.set("labels", labelsByName(document.get("labels")));
  result.set("file_ending", ENDING);
  result.set("channel_names", document.get("modality") as PythonJson);
  for (const key of ["modality", "training", "test"]) result.delete(key);
  return result;
}

/** The text of the new dataset.json. @throws NnprepError INVALID_DATASET that names the file */
async function turn(
  content: Uint8Array,
  file: string,
  documentOf: (document: JsonDict) => Map<string, PythonJson>,
): Promise<Uint8Array> {
  const document = await inFile(file, () => documentOf(parseJsonDict(content)));
  return new TextEncoder().encode(formatDatasetJson(document));
}

/**
 * Splits a task of the Medical Segmentation Decathlon into a raw dataset (`nnUNetv2_convert_MSD_dataset` of 2.8.1); see
 * `splitMsd`. What is wrong with its dataset.json is said before anything is written.
 */
export function splitMsdDataset(input: string, folder: string, options: BuildOptions = {}): Promise<void> {
  return splitMsd(input, folder, (content, file) => turn(content, file, documentOfMsd), options);
}

/**
 * Makes a raw dataset of a raw task of nnU-Net v1 (`nnUNetv2_convert_old_nnUNet_dataset` of 2.8.1): files are copied,
 * dataset.json is turned. Unlike there everything is checked before anything is copied.
 *
 * @param input the task's folder, `Task001_NAME`
 * @throws NnprepError FILE_NOT_FOUND, INVALID_DATASET, CANNOT_WRITE, ABORTED
 */
export async function convertFromTask(input: string, folder: string, options: BuildOptions = {}): Promise<void> {
  const source = new FolderStore(input);
  const document = await turn(await source.read(DATASET_FILE), source.location(DATASET_FILE), documentOfTask);
  const files: string[] = [];
  for (const name of SUBFOLDERS) {
    for (const file of await source.list(name)) if (!file.startsWith(".")) files.push(joinPath(name, file));
  }
  checkFiles(input, files);
  await allOrNothing(folder, async () => {
    const target = new FolderStore(folder);
    const jobs = files.map((file) => ({ id: basename(file), file }));
    await runJobs("copy", jobs, options, async ({ file }) => target.write(file, await source.read(file)));
    await target.write(DATASET_FILE, document);
  });
}

function checkFiles(input: string, files: readonly string[]): void {
  for (const name of [IMAGES_FOLDER, LABELS_FOLDER]) {
    if (files.some((file) => file.startsWith(`${name}/`))) continue;
    throw new NnprepError("INVALID_DATASET", `${input}: no files in ${name}; a raw task of nnU-Net v1 is expected`, {
      file: input,
    });
  }
  const other = files.filter((file) => !file.endsWith(ENDING));
  if (other.length === 0) return;
  throw new NnprepError(
    "INVALID_DATASET",
    `${input}: ${other[0]} found; tasks of nnU-Net v1 hold ${ENDING} files only. Remove it, or build the dataset with --to-dataset`,
    { file: input, found: other },
  );
}
