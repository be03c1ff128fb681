import { Command } from "commander";
import type { TargetSpacingRule } from "../node.js";
import {
  addCommonOptions,
  type CommonOptions,
  chosenPlanners,
  plannerOptions,
  targetSpacingRuleOption,
} from "./options.js";
import { runCommand } from "./run-command.js";

interface PlanCommandOptions extends CommonOptions {
  readonly planner3d: string;
  readonly planner2d: string;
  readonly targetSpacingRule: TargetSpacingRule;
}

export function planCommand(): Command {
  const command = new Command("plan")
    .description("fingerprint and plans of a cropped task")
    .addHelpText(
      "after",
      "\nExample:\n  $ nnprep plan -t 1 --raw data/nnUNet_raw_data --preprocessed data/preprocessed",
    );
  return plannerOptions(addCommonOptions(command))
    .addOption(targetSpacingRuleOption())
    .action((options: PlanCommandOptions) =>
      runCommand(
        "plan",
        options,
        { plan: { planners: chosenPlanners(options), targetSpacingRule: options.targetSpacingRule } },
        { preprocessed: true },
      ),
    );
}
