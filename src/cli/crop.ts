import { Command } from "commander";
import type { NpzCompression } from "../node.js";
import { addTaskOptions, compressionOption, overwriteOption, type TaskOptions } from "./options.js";
import { addDatasetScanOptions, type DatasetScanOptions, datasetReadOptions } from "./scan-options.js";
import { runTaskCommand } from "./task-command.js";

export function cropCommand(): Command {
  const command = new Command("crop").addHelpText(
    "after",
    "\nExample:\n  $ nnprep crop -t 1 --raw data/nnUNet_raw_data --workers 4",
  );
  return addDatasetScanOptions(addTaskOptions(command))
    .addOption(overwriteOption())
    .addOption(compressionOption())
    .action((options: TaskOptions & DatasetScanOptions & { overwrite: boolean; compression: NpzCompression }) => {
      const { overwrite, compression } = options;
      return runTaskCommand(
        "crop",
        options,
        { crop: { overwrite, compression, scan: datasetReadOptions(options) } },
        { preprocessed: false },
      );
    });
}
