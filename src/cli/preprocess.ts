import { Command } from "commander";
import type { NpzCompression } from "../node.js";
import {
  addCommonOptions,
  type CommonOptions,
  chosenPlanners,
  compressionOption,
  labelOrderOption,
  lowresWorkersOption,
  plannerOptions,
} from "./options.js";
import { runCommand } from "./run-command.js";

interface PreprocessCommandOptions extends CommonOptions {
  readonly planner3d: string;
  readonly planner2d: string;
  readonly labelOrder: "0" | "1";
  readonly workersLowres?: number;
  readonly compression: NpzCompression;
}

export function preprocessCommand(): Command {
  const command = new Command("preprocess")
    .description("resample and normalise a planned task")
    .addHelpText(
      "after",
      "\nExample:\n  $ nnprep preprocess -t 1 --raw data/nnUNet_raw_data --preprocessed data/preprocessed -pl2d None",
    );
  return plannerOptions(addCommonOptions(command))
    .addOption(labelOrderOption())
    .addOption(lowresWorkersOption())
    .addOption(compressionOption())
    .action((options: PreprocessCommandOptions) =>
      runCommand(
        "preprocess",
        options,
        {
          preprocess: {
            planners: chosenPlanners(options),
            labelOrder: Number(options.labelOrder) as 0 | 1,
            lowresWorkers: options.workersLowres,
            compression: options.compression,
          },
        },
        { preprocessed: true },
      ),
    );
}
