import { Command } from "commander";
import type { TargetSpacingRule } from "../recipes/v1/planners/experiment-planner.js";
import { type PlanValues, planningOf, planningOptions } from "./dataset-options.js";
import { addPlaceOptions, type PlaceOptions, runForGeneration } from "./generations.js";
import { refuseParts } from "./parts-option.js";
import { chosenPlanners, plannerOptions, targetSpacingRuleOption } from "./task-options.js";

interface PlanCommandOptions extends PlaceOptions, PlanValues {
  readonly planner3d: string;
  readonly planner2d: string;
  readonly targetSpacingRule: TargetSpacingRule;
}

const ALL_CASES = "plans follow from all cases; run it once, after the parts of crop (-t) or extract-fingerprint (-d)";

export function planCommand(): Command {
  const command = new Command("plan").addHelpText(
    "after",
    "\nExamples:\n  $ nnprep plan -t 1 --raw data/nnUNet_raw_data --preprocessed data/preprocessed" +
      "\n  $ nnprep plan -d 1 -pl nnUNetPlannerResEncM -gpu_memory_target 11",
  );
  refuseParts(plannerOptions(addPlaceOptions(command)), ALL_CASES).addOption(targetSpacingRuleOption());
  for (const option of planningOptions()) command.addOption(option);
  return command.action((options: PlanCommandOptions, own: Command) =>
    runForGeneration(own, options, {
      tasks: async (run) => {
        const { runTasks } = await import("./task-command.js");
        const plan = { planners: chosenPlanners(options), targetSpacingRule: options.targetSpacingRule };
        return runTasks(run, options, { plan }, { preprocessed: true });
      },
      datasets: async (run) => {
        const { runDatasets } = await import("./dataset-command.js");
        return runDatasets(run, options, { plan: planningOf(options) }, { preprocessed: true });
      },
    }),
  );
}
