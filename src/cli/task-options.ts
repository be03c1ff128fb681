import { type Command, Option } from "commander";
import type { NpzCompression } from "../io/npz.js";
import type { LabelRule } from "../kernels/linear-labels.js";
import type { Precision } from "../steps/resampler.js";
import { V1_OPTIONS } from "./generations.js";
import { wholeNumber } from "./options.js";

/* Options of nnU-Net v1's commands. */

export function labelOrderOption(): Option {
  return new Option("--label-order <order>", "interpolation of labels: 1 as nnU-Net's code, 0 nearest, as published")
    .choices(["0", "1"])
    .default("1")
    .helpGroup(V1_OPTIONS);
}

export function targetSpacingRuleOption(): Option {
  return new Option(
    "--target-spacing-rule <rule>",
    "spacing that the worst axis is compared with: max of the others as nnU-Net's code, min as published",
  )
    .choices(["max", "min"])
    .default("max")
    .helpGroup(V1_OPTIONS);
}

export function plannerOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--planner3d <name>", "3-D planner, or None (-pl3d)")
        .choices(["ExperimentPlanner3D_v21", "None"])
        .default("ExperimentPlanner3D_v21")
        .helpGroup(V1_OPTIONS),
    )
    .addOption(
      new Option("--planner2d <name>", "2-D planner, or None (-pl2d)")
        .choices(["ExperimentPlanner2D_v21", "None"])
        .default("ExperimentPlanner2D_v21")
        .helpGroup(V1_OPTIONS),
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
  return new Option("--workers-lowres <n>", "cases at the same time for the low resolution (-tl)")
    .argParser(wholeNumber(1, 256))
    .helpGroup(V1_OPTIONS);
}

/** Options of preprocessing. */
interface PreprocessingValues {
  readonly planner3d: string;
  readonly planner2d: string;
  readonly labelOrder: "0" | "1";
  readonly labelRule?: LabelRule;
  readonly precision: Precision;
  readonly workersLowres?: number;
  readonly compression: NpzCompression;
  readonly overwrite: boolean;
}

/** What preprocessing takes, from the options. */
export function taskPreprocessing(options: PreprocessingValues) {
  const { labelRule = "threshold", precision, compression, overwrite, workersLowres: lowresWorkers } = options;
  const labelOrder = Number(options.labelOrder) as 0 | 1;
  return { planners: chosenPlanners(options), labelOrder, labelRule, precision, lowresWorkers, compression, overwrite };
}
