import { Command } from "commander";
import type { LabelRule, NpzCompression } from "../node.js";
import {
  addTaskOptions,
  chosenPlanners,
  compressionOption,
  labelOrderOption,
  labelRuleOption,
  lowresWorkersOption,
  overwriteOption,
  plannerOptions,
  type TaskOptions,
} from "./options.js";
import { runTaskCommand } from "./task-command.js";

interface PreprocessCommandOptions extends TaskOptions {
  readonly planner3d: string;
  readonly planner2d: string;
  readonly labelOrder: "0" | "1";
  readonly labelRule: LabelRule;
  readonly workersLowres?: number;
  readonly compression: NpzCompression;
  readonly overwrite: boolean;
}

export function preprocessCommand(): Command {
  const command = new Command("preprocess").addHelpText(
    "after",
    "\nExample:\n  $ nnprep preprocess -t 1 --raw data/nnUNet_raw_data --preprocessed data/preprocessed -pl2d None",
  );
  return plannerOptions(addTaskOptions(command))
    .addOption(labelOrderOption())
    .addOption(labelRuleOption())
    .addOption(lowresWorkersOption())
    .addOption(compressionOption())
    .addOption(overwriteOption())
    .action((options: PreprocessCommandOptions) =>
      runTaskCommand(
        "preprocess",
        options,
        {
          preprocess: {
            planners: chosenPlanners(options),
            labelOrder: Number(options.labelOrder) as 0 | 1,
            labelRule: options.labelRule,
            lowresWorkers: options.workersLowres,
            compression: options.compression,
            overwrite: options.overwrite,
          },
        },
        { preprocessed: true },
      ),
    );
}
