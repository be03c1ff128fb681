import { Command } from "commander";
import { addPlaceOptions, type PlaceOptions, runForGeneration } from "./generations.js";
import { addPartOptions, type PartOptions } from "./parts-option.js";
import { addDatasetScanOptions, type DatasetScanOptions, datasetReadOptions } from "./scan-options.js";

export function verifyCommand(): Command {
  const command = new Command("verify").addHelpText(
    "after",
    "\nExamples:\n  $ nnprep verify -t 1 --raw data/nnUNet_raw_data\n  $ nnprep verify -d 1 --raw data/nnUNet_raw",
  );
  return addPartOptions(addDatasetScanOptions(addPlaceOptions(command))).action(
    (options: PlaceOptions & PartOptions & DatasetScanOptions, own: Command) => {
      const reading = datasetReadOptions(options);
      return runForGeneration(own, options, {
        tasks: async (run) => {
          const { runTasks } = await import("./task-command.js");
          return runTasks(run, options, { verify: { scan: reading } }, { preprocessed: false });
        },
        datasets: async (run) => {
          const { runDatasets } = await import("./dataset-command.js");
          return runDatasets(run, options, { verify: true, reading }, { preprocessed: false });
        },
      });
    },
  );
}
