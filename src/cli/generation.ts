import { type Command, Option } from "commander";
import { parseDatasetJson } from "../recipes/v2/documents/dataset-json.js";
import { parsePlans } from "../recipes/v2/documents/plans.js";
import { DATASET_FILE } from "../recipes/v2/layout.js";
import { type ModelDocuments, PLANS_FILE, readModelDocuments } from "../recipes/v2/stages/model-files.js";
import { openStore, openStoreOf, resolveLocation } from "../runner/open-store.js";
import type { Store } from "../runner/store.js";
import { UsageError } from "./usage-error.js";

/* Commands on folders serve both generations of nnU-Net: what lies in the folders decides. */

export const ONLY_V1 = "Only for nnU-Net v1:";
export const ONLY_V2 = "Only for nnU-Net v2:";

/** Which nnU-Net wrote a folder. */
export type Generation = "v1" | "v2";

/** Files that stand in for those of a folder. */
export interface DocumentOptions {
  readonly plansJson?: string;
  readonly datasetJson?: string;
}

export function addDocumentOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--plans-json <file>", "plans.json, if it is not in the folder (-plans_json, -pfile)").helpGroup(
        ONLY_V2,
      ),
    )
    .addOption(
      new Option(
        "--dataset-json <file>",
        "dataset.json, if it is not in the folder (-dataset_json, -djfile)",
      ).helpGroup(ONLY_V2),
    );
}

/** True for folders that v2 put its plans.json or dataset.json into. */
export async function isWrittenByNewer(folder: string): Promise<boolean> {
  const store = openStore(folder);
  return (await store.exists(PLANS_FILE)) || store.exists(DATASET_FILE);
}

/**
 * Which nnU-Net wrote folders of predictions: v2 puts its plans.json and dataset.json beside them, unless both are given.
 * @throws UsageError for folders of both, and names one of each
 */
export async function generationOf(folders: readonly string[], given: DocumentOptions = {}): Promise<Generation> {
  if (given.plansJson !== undefined && given.datasetJson !== undefined) return "v2";
  const isNewer = await Promise.all(folders.map(isWrittenByNewer));
  const newer = folders.find((_, i) => isNewer[i]);
  const older = folders.find((_, i) => !isNewer[i]);
  if (newer === undefined || older === undefined) return newer === undefined ? "v1" : "v2";
  throw new UsageError(
    `${newer} was written by nnU-Net v2 (it has ${PLANS_FILE} or ${DATASET_FILE}), ${older} was not; the two cannot be mixed`,
  );
}

/**
 * @param reason why the command is of this generation
 * @throws UsageError for options that only the other one knows; they would be passed over
 */
export function refuseForeignOptions(command: Command, generation: Generation, reason: string): void {
  const foreign = generation === "v2" ? ONLY_V1 : ONLY_V2;
  const other = generation === "v2" ? "v1" : "v2";
  for (const option of command.options) {
    if (option.helpGroupHeading !== foreign) continue;
    if (command.getOptionValueSource(option.attributeName()) !== "cli") continue;
    throw new UsageError(`${option.long}: an option for nnU-Net ${other} only, but ${reason}`);
  }
}

/** The same for a command on folders. */
export function refuseForFolder(command: Command, generation: Generation, folder: string): void {
  const found = generation === "v2" ? `or ${DATASET_FILE}, as those of v2` : "as those of v2 do";
  const has = generation === "v2" ? "has" : "has no";
  refuseForeignOptions(command, generation, `${folder} ${has} ${PLANS_FILE} ${found}`);
}

/** Puts the files that stand in for those of a folder beside the results, so that the next command knows what they are. */
export async function copyGivenDocuments(options: DocumentOptions, output: Store): Promise<void> {
  const files = [
    [PLANS_FILE, options.plansJson],
    [DATASET_FILE, options.datasetJson],
  ] as const;
  for (const [name, given] of files) {
    if (given === undefined || resolveLocation(given) === output.location(name)) continue;
    const { store, path } = openStoreOf(given);
    await output.write(name, await store.read(path));
  }
}

/** plans.json and dataset.json of a folder, or those that the options name. @throws NnprepError */
export async function documentsOf(folder: string, options: DocumentOptions): Promise<ModelDocuments> {
  const read = async <T>(path: string | undefined, parse: (content: Uint8Array, file: string) => T) => {
    if (path === undefined) return undefined;
    const { store, path: file } = openStoreOf(path);
    return parse(await store.read(file), store.location(file));
  };
  const plans = await read(options.plansJson, parsePlans);
  const dataset = await read(options.datasetJson, parseDatasetJson);
  const given = { ...(plans === undefined ? {} : { plans }), ...(dataset === undefined ? {} : { dataset }) };
  return readModelDocuments(openStore(folder), given);
}
