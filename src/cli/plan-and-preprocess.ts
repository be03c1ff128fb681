import { Command } from "commander";
import type { NpzCompression } from "../io/npz.js";
import type { LabelRule } from "../kernels/linear-labels.js";
import type { TargetSpacingRule } from "../recipes/v1/planners/experiment-planner.js";
import type { Precision } from "../steps/resampler.js";
import {
  cleanOption,
  extractorOption,
  type FingerprintValues,
  fingerprintWorkersOption,
  type PlanValues,
  type PreprocessValues,
  planningOf,
  planningOptions,
  preprocessingOf,
  preprocessingOptions,
  verboseOption,
  withWorkers,
} from "./dataset-options.js";
import type { DatasetStages } from "./dataset-pipeline.js";
import { addPlaceOptions, type PlaceOptions, runForGeneration } from "./generations.js";
import { compressionOption, labelRuleOption, overwriteOption, precisionOption } from "./options.js";
import { refuseParts } from "./parts-option.js";
import { addDatasetScanOptions, type DatasetScanOptions, datasetReadOptions } from "./scan-options.js";
import {
  chosenPlanners,
  labelOrderOption,
  lowresWorkersOption,
  plannerOptions,
  targetSpacingRuleOption,
  taskPreprocessing,
} from "./task-options.js";
import type { Stages } from "./task-pipeline.js";

interface WholeOptions extends PlaceOptions, DatasetScanOptions, FingerprintValues, PlanValues, PreprocessValues {
  readonly verifyDatasetIntegrity: boolean;
  readonly overwrite: boolean;
  readonly planner3d: string;
  readonly planner2d: string;
  readonly preprocessing: boolean;
  readonly targetSpacingRule: TargetSpacingRule;
  readonly labelOrder: "0" | "1";
  readonly labelRule?: LabelRule;
  readonly precision: Precision;
  readonly workersLowres?: number;
  readonly compression: NpzCompression;
  readonly fingerprintWorkers?: number;
}

function taskStages(options: WholeOptions): Stages {
  const scan = datasetReadOptions(options);
  return {
    ...(options.verifyDatasetIntegrity ? { verify: { scan } } : {}),
    crop: { overwrite: options.overwrite, compression: options.compression, scan },
    plan: { planners: chosenPlanners(options), targetSpacingRule: options.targetSpacingRule },
    ...(options.preprocessing ? { preprocess: taskPreprocessing(options) } : {}),
  };
}

function datasetStages(options: WholeOptions): DatasetStages {
  return {
    reading: datasetReadOptions(options),
    ...(options.verifyDatasetIntegrity ? { verify: true as const } : {}),
    fingerprint: { clean: options.clean, workers: options.fingerprintWorkers },
    plan: planningOf(options),
    ...(options.preprocessing ? { preprocess: preprocessingOf(options) } : {}),
  };
}

const ALL_CASES =
  "planning needs all cases, so that parts have to wait for each other in between. " +
  "Run extract-fingerprint (-d) or crop (-t) in parts, plan once, then preprocess in parts (docs/many-machines.md)";

export function planAndPreprocessCommand(): Command {
  const command = new Command("plan-and-preprocess").addHelpText(
    "after",
    "\nExamples:\n  $ nnprep plan-and-preprocess -t 1 --verify-dataset-integrity --workers 4" +
      "\n  $ nnprep plan-and-preprocess -d 1 --verify_dataset_integrity -c 2d 3d_fullres\n" +
      "\nnnU-Net's own spellings work: -t 1 2 -tl 4 -tf 4 -pl2d None -no_pp, -d 1 -pl nnUNetPlannerResEncL -np 8 4 --no_pp",
  );
  refuseParts(plannerOptions(addDatasetScanOptions(addPlaceOptions(command))), ALL_CASES)
    .option("--verify-dataset-integrity", "check the raw data first, and stop if something is wrong", false)
    .option("--no-preprocessing", "stop after planning (-no_pp, --no_pp)")
    .addOption(overwriteOption())
    .addOption(compressionOption())
    .addOption(labelRuleOption())
    .addOption(precisionOption())
    .addOption(targetSpacingRuleOption())
    .addOption(labelOrderOption())
    .addOption(lowresWorkersOption())
    .addOption(extractorOption())
    .addOption(cleanOption())
    .addOption(fingerprintWorkersOption())
    .addOption(verboseOption());
  for (const option of [...planningOptions(), ...preprocessingOptions()]) command.addOption(option);
  return command.action((options: WholeOptions, own: Command) =>
    runForGeneration(own, withWorkers(options), {
      tasks: async (run) => {
        const { runTasks } = await import("./task-command.js");
        return runTasks(run, options, taskStages(options), { preprocessed: true });
      },
      datasets: async (run) => {
        const { runDatasets } = await import("./dataset-command.js");
        return runDatasets(run, options, datasetStages(options), { preprocessed: true });
      },
    }),
  );
}
