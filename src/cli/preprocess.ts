import { Command } from "commander";
import type { NpzCompression } from "../io/npz.js";
import type { LabelRule } from "../kernels/linear-labels.js";
import type { Precision } from "../steps/resampler.js";
import {
  type PreprocessValues,
  plansNameOption,
  preprocessingOf,
  preprocessingOptions,
  verboseOption,
  withWorkers,
} from "./dataset-options.js";
import { addPlaceOptions, type PlaceOptions, runForGeneration } from "./generations.js";
import { compressionOption, labelRuleOption, overwriteOption, precisionOption } from "./options.js";
import { addPartOptions, type PartOptions } from "./parts-option.js";
import { addDatasetScanOptions, type DatasetScanOptions, datasetReadOptions } from "./scan-options.js";
import { labelOrderOption, lowresWorkersOption, plannerOptions, taskPreprocessing } from "./task-options.js";

interface PreprocessCommandOptions extends PlaceOptions, PartOptions, PreprocessValues, DatasetScanOptions {
  readonly planner3d: string;
  readonly planner2d: string;
  readonly labelOrder: "0" | "1";
  readonly labelRule?: LabelRule;
  readonly precision: Precision;
  readonly workersLowres?: number;
  readonly compression: NpzCompression;
  readonly overwrite: boolean;
  readonly plansName?: string;
}

export function preprocessCommand(): Command {
  const command = new Command("preprocess").addHelpText(
    "after",
    "\nExamples:\n  $ nnprep preprocess -t 1 --raw data/nnUNet_raw_data --preprocessed data/preprocessed -pl2d None" +
      "\n  $ nnprep preprocess -d 1 -c 2d 3d_fullres -np 8 4",
  );
  plannerOptions(addPartOptions(addDatasetScanOptions(addPlaceOptions(command))))
    .addOption(overwriteOption())
    .addOption(compressionOption())
    .addOption(labelRuleOption())
    .addOption(precisionOption())
    .addOption(labelOrderOption())
    .addOption(lowresWorkersOption())
    .addOption(plansNameOption())
    .addOption(verboseOption());
  for (const option of preprocessingOptions()) command.addOption(option);
  return command.action((options: PreprocessCommandOptions, own: Command) =>
    runForGeneration(own, withWorkers(options), {
      tasks: async (run) => {
        const { runTasks } = await import("./task-command.js");
        return runTasks(run, options, { preprocess: taskPreprocessing(options) }, { preprocessed: true });
      },
      datasets: async (run) => {
        const { runDatasets } = await import("./dataset-command.js");
        const preprocess = { ...preprocessingOf(options), plansName: options.plansName };
        const stages = { reading: datasetReadOptions(options), preprocess };
        return runDatasets(run, options, stages, { preprocessed: true });
      },
    }),
  );
}
