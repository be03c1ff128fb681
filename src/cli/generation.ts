import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseDatasetJson } from "../recipes/v2/documents/dataset-json.js";
import { parsePlans } from "../recipes/v2/documents/plans.js";
import { DATASET_FILE } from "../recipes/v2/layout.js";
import { type ModelDocuments, PLANS_FILE, readModelDocuments } from "../recipes/v2/stages/model-files.js";
import { FolderStore } from "../runner/folder-store.js";
import { UsageError } from "./usage-error.js";

/** Which nnU-Net wrote a folder of predictions: v2 puts its plans.json and dataset.json beside them. */
export function generationOf(folders: readonly string[]): "v1" | "v2" {
  const isV2 = (folder: string) => [PLANS_FILE, DATASET_FILE].some((name) => existsSync(join(folder, name)));
  const newer = folders.find(isV2);
  const older = folders.find((folder) => !isV2(folder));
  if (newer === undefined || older === undefined) return newer === undefined ? "v1" : "v2";
  throw new UsageError(
    `${newer} was written by nnU-Net v2 (it has ${PLANS_FILE} or ${DATASET_FILE}), ${older} was not; the two cannot be mixed`,
  );
}

/** Files that stand in for those of a folder. */
export interface DocumentOptions {
  readonly plansJson?: string;
  readonly datasetJson?: string;
}

/** plans.json and dataset.json of a folder, or those that the options name. @throws NnprepError */
export async function documentsOf(folder: string, options: DocumentOptions): Promise<ModelDocuments> {
  const read = async <T>(path: string | undefined, parse: (content: Uint8Array, file: string) => T) => {
    if (path === undefined) return undefined;
    const file = resolve(path);
    return parse(await new FolderStore(dirname(file)).read(basename(file)), file);
  };
  const plans = await read(options.plansJson, parsePlans);
  const dataset = await read(options.datasetJson, parseDatasetJson);
  const given = { ...(plans === undefined ? {} : { plans }), ...(dataset === undefined ? {} : { dataset }) };
  return readModelDocuments(new FolderStore(folder), given);
}
