import { Command } from "commander";
import type { TargetSpacingRule } from "../node.js";
import {
  addTaskOptions,
  chosenPlanners,
  plannerOptions,
  type TaskOptions,
  targetSpacingRuleOption,
} from "./options.js";
import { runTaskCommand } from "./task-command.js";

interface PlanCommandOptions extends TaskOptions {
  readonly planner3d: string;
  readonly planner2d: string;
  readonly targetSpacingRule: TargetSpacingRule;
}

export function planCommand(): Command {
  const command = new Command("plan").addHelpText(
    "after",
    "\nExample:\n  $ nnprep plan -t 1 --raw data/nnUNet_raw_data --preprocessed data/preprocessed",
  );
  return plannerOptions(addTaskOptions(command))
    .addOption(targetSpacingRuleOption())
    .action((options: PlanCommandOptions) =>
      runTaskCommand(
        "plan",
        options,
        { plan: { planners: chosenPlanners(options), targetSpacingRule: options.targetSpacingRule } },
        { preprocessed: true },
      ),
    );
}
