import { type Command, Option } from "commander";
import { type CommandReport, type CommandRun, runCommand } from "./command-runner.js";
import { addCommandOptions, type CommandOptions, numberList } from "./options.js";
import type { PartOptions } from "./parts-option.js";
import { UsageError } from "./usage-error.js";

/* Commands that know both generations of nnU-Net: -t names tasks of v1, -d datasets of v2. */

export const V1_OPTIONS = "Only with -t, tasks of nnU-Net v1:";
export const V2_OPTIONS = "Only with -d, datasets of nnU-Net v2:";

/** Which tasks or datasets, and where they are. */
export interface FolderOptions {
  readonly task?: number[];
  readonly dataset?: string[];
  readonly raw?: string;
  readonly cropped?: string;
  readonly preprocessed?: string;
}

/** What every command that works on tasks and datasets takes. */
export interface PlaceOptions extends CommandOptions, FolderOptions {}

/** Adds `-t`, `-d` and the folders. */
export function addFolderOptions(command: Command): Command {
  command
    .addOption(
      new Option("-t, --task <numbers...>", "tasks of nnU-Net v1, by number; may be repeated").argParser(
        numberList(0, 999),
      ),
    )
    .addOption(new Option("-d, --dataset <ids...>", "datasets of nnU-Net v2, by number or name; may be repeated"))
    .option(
      "--raw <folder>",
      "folder with the raw data; with -d s3://bucket/prefix or https://..., too (default: $nnUNet_raw_data_base/nnUNet_raw_data, $nnUNet_raw)",
    )
    .option(
      "--preprocessed <folder>",
      "folder for the results; with -d s3://bucket/prefix, too (default: $nnUNet_preprocessed)",
    );
  return command.addOption(
    new Option(
      "--cropped <folder>",
      "folder for the cropped tasks (default: nnUNet_cropped_data beside the raw tasks)",
    ).helpGroup(V1_OPTIONS),
  );
}

/** The same with what every command with workers takes. */
export function addPlaceOptions(command: Command): Command {
  return addCommandOptions(addFolderOptions(command));
}

/** What a command does for each generation; only what is asked for is loaded. */
export interface ByGeneration {
  readonly tasks: (run: CommandRun) => Promise<CommandReport>;
  readonly datasets: (run: CommandRun) => Promise<CommandReport>;
}

type GenerationOptions = FolderOptions & Partial<CommandOptions & PartOptions>;

/** Runs a command for the generation that `-t` or `-d` asks for. @throws UsageError for options of the other one */
export function runForGeneration(command: Command, options: GenerationOptions, work: ByGeneration): Promise<void> {
  const isV2 = (options.dataset?.length ?? 0) > 0;
  if (isV2 === (options.task?.length ?? 0) > 0) {
    const problem = isV2 ? "-t and -d cannot be given together" : "nothing to work on";
    throw new UsageError(`${problem}: give -t NUMBER for a task of nnU-Net v1, or -d NUMBER for a dataset of v2`);
  }
  const foreign = isV2 ? V1_OPTIONS : V2_OPTIONS;
  for (const option of command.options) {
    if (option.helpGroupHeading !== foreign) continue;
    if (command.getOptionValueSource(option.attributeName()) !== "cli") continue;
    const [own, other] = isV2 ? ["-t, a task of nnU-Net v1", "-d"] : ["-d, a dataset of nnU-Net v2", "-t"];
    throw new UsageError(`${option.long}: this option goes with ${own}, not with ${other}`);
  }
  return runCommand(command.name(), options, isV2 ? work.datasets : work.tasks);
}
