import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { NnprepError } from "../core/errors.js";
import { RAW_DATA_FOLDER, taskPrefix } from "../recipes/v1/layout.js";
import { datasetNumber, datasetPrefix, findDataset } from "../recipes/v2/layout.js";
import { isRemote, locationBelow, openStore } from "../runner/open-store.js";
import { S3Store } from "../runner/s3-store.js";
import type { FolderOptions } from "./generations.js";
import { UsageError } from "./usage-error.js";

/** One dataset of nnU-Net v2 and where it lives. */
export interface LocatedDataset {
  /** Dataset005_NAME. */
  readonly name: string;
  readonly raw: string;
  readonly preprocessed: string;
}

function namesIn(folder: string | undefined): string[] {
  return folder !== undefined && folder !== "" && existsSync(folder) ? readdirSync(folder) : [];
}

/** Names of the datasets at a location; null where they cannot be asked for. */
async function datasetsAt(location: string): Promise<readonly string[] | null> {
  if (!isRemote(location)) return namesIn(location);
  const store = openStore(location);
  return store instanceof S3Store ? store.listFolders() : null;
}

/** Where the raw datasets are: a folder, or another location that `openStore` knows. */
function rawDatasetsLocation({ raw }: Pick<FolderOptions, "raw">): string {
  const given = raw ?? process.env.nnUNet_raw;
  if (given === undefined || given === "") {
    throw new UsageError("no folder with raw datasets: give --raw FOLDER or set nnUNet_raw");
  }
  return isRemote(given) ? given : resolve(given);
}

/** The folder that holds the raw datasets, for commands that know folders only. */
export function rawDatasetsFolder(options: Pick<FolderOptions, "raw">): string {
  return requireFolder(rawDatasetsLocation(options));
}

/** @throws UsageError for s3:// and the like */
export function requireFolder(location: string): string {
  if (!isRemote(location)) return location;
  throw new UsageError(
    `${location}: a folder is expected here; other places are for verify, extract-fingerprint, plan, preprocess and plan-and-preprocess with -d, and for predict, export, ensemble, apply-postprocessing and evaluate`,
  );
}

/**
 * Every dataset asked for, with its folders.
 * @param needs what must be known: whether the command writes or reads prepared data
 */
export async function resolveDatasets(
  options: FolderOptions,
  needs: { preprocessed: boolean },
): Promise<LocatedDataset[]> {
  const raw = rawDatasetsLocation(options);
  const preprocessed = options.preprocessed ?? process.env.nnUNet_preprocessed;
  if (needs.preprocessed && (preprocessed === undefined || preprocessed === "")) {
    throw new UsageError("no folder for the results: give --preprocessed FOLDER or set nnUNet_preprocessed");
  }
  const names = await datasetsAt(raw);
  const located = (options.dataset ?? []).map((id) => {
    const name = findNamed(id, names, raw);
    return { name, raw: locationBelow(raw, name), preprocessed: locationBelow(preprocessed ?? "", name) };
  });
  // The same dataset by number and by name is one.
  return [...new Map(located.map((one) => [one.name, one])).values()];
}

function findNamed(id: string, names: readonly string[] | null, raw: string): string {
  if (names === null) {
    if (datasetNumber(id) !== undefined) return id;
    throw new UsageError(`-d ${id}: ${raw} does not tell which datasets it has; give the whole name, Dataset001_NAME`);
  }
  try {
    const name = findDataset(id, [names], raw);
    if (names.includes(name)) return name;
    throw new NnprepError("INVALID_DATASET", `no folder ${name} in ${raw}; check the name and the folder`, {
      found: id,
      where: raw,
    });
  } catch (error) {
    const task = taskOfNumber(Number(id), raw);
    if (task === undefined || !(error instanceof NnprepError)) throw error;
    throw new NnprepError(
      "INVALID_DATASET",
      `dataset ${id} is not in ${raw}, but ${task} is there, a task of nnU-Net v1: use -t ${id}, or convert it with "nnprep convert --from-v1"`,
      { found: task },
    );
  }
}

/** A task of nnU-Net v1 of that number, where it could be meant. */
function taskOfNumber(number: number, raw: string): string | undefined {
  if (!Number.isInteger(number) || isRemote(raw)) return undefined;
  const base = process.env.nnUNet_raw_data_base ?? "";
  const folders = [raw, join(raw, RAW_DATA_FOLDER), ...(base === "" ? [] : [join(base, RAW_DATA_FOLDER)])];
  return folders.flatMap(namesIn).find((name) => name.startsWith(taskPrefix(number)));
}

/** A dataset of nnU-Net v2 of that number, where it could be meant instead of a task. */
export function datasetOfNumber(number: number, raw: string): string | undefined {
  const folders = [raw, join(raw, ".."), process.env.nnUNet_raw];
  return folders.flatMap(namesIn).find((name) => name.startsWith(`${datasetPrefix(number)}_`));
}
