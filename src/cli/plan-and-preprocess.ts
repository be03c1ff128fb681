import { Command } from "commander";
import type { LabelRule, NpzCompression, TargetSpacingRule } from "../node.js";
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
  targetSpacingRuleOption,
} from "./options.js";
import type { Stages } from "./pipeline.js";
import { addDatasetScanOptions, type DatasetScanOptions, datasetReadOptions } from "./scan-options.js";
import { runTaskCommand } from "./task-command.js";

interface WholeOptions extends TaskOptions, DatasetScanOptions {
  readonly verifyDatasetIntegrity: boolean;
  readonly overwrite: boolean;
  readonly planner3d: string;
  readonly planner2d: string;
  readonly preprocessing: boolean;
  readonly targetSpacingRule: TargetSpacingRule;
  readonly labelOrder: "0" | "1";
  readonly labelRule: LabelRule;
  readonly workersLowres?: number;
  readonly compression: NpzCompression;
}

function stagesOf(options: WholeOptions): Stages {
  const planners = chosenPlanners(options);
  const scan = datasetReadOptions(options);
  return {
    ...(options.verifyDatasetIntegrity ? { verify: { scan } } : {}),
    crop: { overwrite: options.overwrite, compression: options.compression, scan },
    plan: { planners, targetSpacingRule: options.targetSpacingRule },
    ...(options.preprocessing
      ? {
          preprocess: {
            planners,
            labelOrder: Number(options.labelOrder) as 0 | 1,
            labelRule: options.labelRule,
            lowresWorkers: options.workersLowres,
            compression: options.compression,
            overwrite: options.overwrite,
          },
        }
      : {}),
  };
}

export function planAndPreprocessCommand(): Command {
  const command = new Command("plan-and-preprocess").addHelpText(
    "after",
    "\nExample:\n  $ nnprep plan-and-preprocess -t 1 --verify-dataset-integrity --workers 4\n" +
      "\nnnU-Net's own spellings work too: -t 1 2 -tl 4 -tf 4 -pl2d None -no_pp --verify_dataset_integrity",
  );
  return addDatasetScanOptions(plannerOptions(addTaskOptions(command)))
    .option("--verify-dataset-integrity", "check the raw task first, and stop if something is wrong", false)
    .option("--no-preprocessing", "stop after planning (-no_pp)")
    .addOption(overwriteOption())
    .addOption(targetSpacingRuleOption())
    .addOption(labelOrderOption())
    .addOption(labelRuleOption())
    .addOption(lowresWorkersOption())
    .addOption(compressionOption())
    .action((options: WholeOptions) =>
      runTaskCommand("plan-and-preprocess", options, stagesOf(options), { preprocessed: true }),
    );
}
