import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { NnprepError } from "../core/errors.js";
import { findTask } from "../recipes/v1/layout.js";
import { datasetOfNumber, requireFolder } from "./dataset-places.js";
import type { FolderOptions } from "./generations.js";
import { addCommandOptions, type CommandOptions, numberList } from "./options.js";
import { UsageError } from "./usage-error.js";

/** What commands that only v1 has take. */
export interface TaskOptions extends CommandOptions {
  readonly task: number[];
  readonly raw?: string;
  readonly cropped?: string;
  readonly preprocessed?: string;
}

/** Adds `-t`, the folders, `--workers`, `--json` and `--no-progress`. */
export function addTaskOptions(command: Command): Command {
  command
    .addOption(
      new Option("-t, --task <numbers...>", "task numbers; may be repeated")
        .argParser(numberList(0, 999))
        .makeOptionMandatory(),
    )
    .option("--raw <folder>", "folder with the raw tasks (default: $nnUNet_raw_data_base/nnUNet_raw_data)")
    .option("--cropped <folder>", "folder for the cropped tasks (default: nnUNet_cropped_data beside the raw tasks)")
    .option("--preprocessed <folder>", "folder for the results (default: $nnUNet_preprocessed)");
  return addCommandOptions(command);
}

/** One task of nnU-Net v1 and where it lives. */
export interface LocatedTask {
  /** Task005_NAME. */
  readonly name: string;
  readonly raw: string;
  readonly cropped: string;
  readonly preprocessed: string;
}

export function rawFolder(options: Pick<TaskOptions, "raw">): string {
  const base = process.env.nnUNet_raw_data_base;
  const given = options.raw ?? base;
  if (given === undefined || given === "") {
    throw new UsageError("no folder with raw tasks: give --raw FOLDER or set nnUNet_raw_data_base");
  }
  requireFolder(given);
  const inner = join(given, "nnUNet_raw_data");
  return resolve(options.raw === undefined || existsSync(inner) ? inner : given);
}

function findNamed(number: number, names: readonly string[], raw: string): string {
  try {
    return findTask(number, names, raw);
  } catch (error) {
    const dataset = datasetOfNumber(number, raw);
    if (dataset === undefined) throw error;
    throw new NnprepError(
      "INVALID_DATASET",
      `task ${number} is not in ${raw}, but ${dataset} is there, a dataset of nnU-Net v2: use -d ${number}`,
      { found: dataset },
    );
  }
}

/**
 * Every task asked for, with its folders.
 * @param needs what must exist or be known: the command's own inputs and outputs.
 */
export function resolveTasks(options: FolderOptions, needs: { preprocessed: boolean }): LocatedTask[] {
  const raw = rawFolder(options);
  const cropped = resolve(options.cropped ?? join(dirname(raw), "nnUNet_cropped_data"));
  const preprocessed = options.preprocessed ?? process.env.nnUNet_preprocessed;
  if (needs.preprocessed && (preprocessed === undefined || preprocessed === "")) {
    throw new UsageError("no folder for the results: give --preprocessed FOLDER or set nnUNet_preprocessed");
  }
  requireFolder(preprocessed ?? "");
  const names = existsSync(raw) ? readdirSync(raw) : [];
  return (options.task ?? []).map((number) => {
    const name = findNamed(number, names, raw);
    return {
      name,
      raw: join(raw, name),
      cropped: join(cropped, name),
      preprocessed: resolve(preprocessed ?? "", name),
    };
  });
}
