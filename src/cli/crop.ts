import { Command } from "commander";
import type { NpzCompression } from "../io/npz.js";
import { runCommand } from "./command-runner.js";
import { compressionOption, overwriteOption } from "./options.js";
import { addPartOptions, type PartOptions } from "./parts-option.js";
import { addDatasetScanOptions, type DatasetScanOptions, datasetReadOptions } from "./scan-options.js";
import { addTaskOptions, type TaskOptions } from "./task-places.js";

export function cropCommand(): Command {
  const command = new Command("crop").addHelpText(
    "after",
    "\nExample:\n  $ nnprep crop -t 1 --raw data/nnUNet_raw_data --workers 4",
  );
  return addPartOptions(addDatasetScanOptions(addTaskOptions(command)))
    .addOption(overwriteOption())
    .addOption(compressionOption())
    .action(
      (
        options: TaskOptions & PartOptions & DatasetScanOptions & { overwrite: boolean; compression: NpzCompression },
      ) => {
        const { overwrite, compression } = options;
        return runCommand("crop", options, async (run) => {
          const { runTasks } = await import("./task-command.js");
          const crop = { overwrite, compression, scan: datasetReadOptions(options) };
          return runTasks(run, options, { crop }, { preprocessed: false });
        });
      },
    );
}
