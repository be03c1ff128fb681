import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { findTask } from "../node.js";
import { memoryLimitOption } from "./memory-limit.js";
import { UsageError } from "./usage-error.js";

/** What every command with workers takes. */
export interface CommandOptions {
  readonly workers: number;
  readonly memoryLimit?: number;
  readonly json: boolean;
  readonly progress: boolean;
}

/** What every command on tasks takes. */
export interface TaskOptions extends CommandOptions {
  readonly task: number[];
  readonly raw?: string;
  readonly cropped?: string;
  readonly preprocessed?: string;
}

export function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < low || value > high) {
      throw new InvalidArgumentError(`a whole number from ${low} to ${high} is expected.`);
    }
    return value;
  };
}

function taskNumbers(text: string, previous: number[] | undefined): number[] {
  const value = wholeNumber(0, 999)(text);
  return previous?.includes(value) ? previous : [...(previous ?? []), value];
}

/** Processes that nnU-Net would start, but no more than there are cores. */
export function defaultWorkers(): number {
  return Math.max(1, Math.min(8, availableParallelism()));
}

/** Adds `--workers`, `--memory-limit`, `--json` and `--no-progress`. */
export function addCommandOptions(command: Command): Command {
  return command
    .option(
      "-w, --workers <n>",
      "cases at the same time, each in its own process",
      wholeNumber(1, 256),
      defaultWorkers(),
    )
    .addOption(memoryLimitOption())
    .option("--json", "print one JSON document instead of text", false)
    .option("--no-progress", "no progress bar on stderr");
}

/** Adds `-t`, the folders, `--workers`, `--json` and `--no-progress`. */
export function addTaskOptions(command: Command): Command {
  command
    .addOption(
      new Option("-t, --task <numbers...>", "task numbers; may be repeated")
        .argParser(taskNumbers)
        .makeOptionMandatory(),
    )
    .option("--raw <folder>", "folder with the raw tasks (default: $nnUNet_raw_data_base/nnUNet_raw_data)")
    .option("--cropped <folder>", "folder for the cropped tasks (default: nnUNet_cropped_data beside the raw tasks)")
    .option("--preprocessed <folder>", "folder for the results (default: $nnUNet_preprocessed)");
  return addCommandOptions(command);
}

export function overwriteOption(): Option {
  return new Option("--overwrite", "make again what an earlier run made of the same files, plans and options").default(
    false,
  );
}

export function compressionOption(): Option {
  return new Option("--compression <kind>", "of the npz files: none, fast (deflate level 1), best (level 6, as NumPy)")
    .choices(["none", "fast", "best"])
    .default("fast");
}

export function labelOrderOption(): Option {
  return new Option("--label-order <order>", "interpolation of labels: 1 as nnU-Net's code, 0 nearest, as published")
    .choices(["0", "1"])
    .default("1");
}

export function labelRuleOption(): Option {
  return new Option(
    "--label-rule <rule>",
    "which label wins where several meet: threshold (batchgenerators up to 0.25.3), argmax-nearest (since 0.25.4)",
  )
    .choices(["threshold", "argmax-nearest"])
    .default("threshold");
}

export function targetSpacingRuleOption(): Option {
  return new Option(
    "--target-spacing-rule <rule>",
    "spacing that the worst axis is compared with: max of the others as nnU-Net's code, min as published",
  )
    .choices(["max", "min"])
    .default("max");
}

export function plannerOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--planner3d <name>", "3-D planner, or None (-pl3d)")
        .choices(["ExperimentPlanner3D_v21", "None"])
        .default("ExperimentPlanner3D_v21"),
    )
    .addOption(
      new Option("--planner2d <name>", "2-D planner, or None (-pl2d)")
        .choices(["ExperimentPlanner2D_v21", "None"])
        .default("ExperimentPlanner2D_v21"),
    );
}

/** The planners that are left when those called None are taken away. */
export function chosenPlanners(options: { planner3d: string; planner2d: string }): ("3d" | "2d")[] {
  const planners: ("3d" | "2d")[] = [];
  if (options.planner3d !== "None") planners.push("3d");
  if (options.planner2d !== "None") planners.push("2d");
  return planners;
}

export function lowresWorkersOption(): Option {
  return new Option("--workers-lowres <n>", "cases at the same time for the low resolution (-tl)").argParser(
    wholeNumber(1, 256),
  );
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
  const inner = join(given, "nnUNet_raw_data");
  return resolve(options.raw === undefined || existsSync(inner) ? inner : given);
}

/**
 * Every task asked for, with its folders.
 * @param needs what must exist or be known: the command's own inputs and outputs.
 */
export function resolveTasks(options: TaskOptions, needs: { preprocessed: boolean }): LocatedTask[] {
  const raw = rawFolder(options);
  const cropped = resolve(options.cropped ?? join(dirname(raw), "nnUNet_cropped_data"));
  const preprocessed = options.preprocessed ?? process.env.nnUNet_preprocessed;
  if (needs.preprocessed && (preprocessed === undefined || preprocessed === "")) {
    throw new UsageError("no folder for the results: give --preprocessed FOLDER or set nnUNet_preprocessed");
  }
  const names = existsSync(raw) ? readdirSync(raw) : [];
  return options.task.map((number) => {
    const name = findTask(number, names, raw);
    return {
      name,
      raw: join(raw, name),
      cropped: join(cropped, name),
      preprocessed: resolve(preprocessed ?? "", name),
    };
  });
}
