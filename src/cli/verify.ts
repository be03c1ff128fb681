import { Command } from "commander";
import { addTaskOptions, type TaskOptions } from "./options.js";
import { addDatasetScanOptions, type DatasetScanOptions, datasetReadOptions } from "./scan-options.js";
import { runTaskCommand } from "./task-command.js";

export function verifyCommand(): Command {
  const command = new Command("verify").addHelpText(
    "after",
    "\nExample:\n  $ nnprep verify -t 1 --raw data/nnUNet_raw_data",
  );
  return addDatasetScanOptions(addTaskOptions(command)).action((options: TaskOptions & DatasetScanOptions) =>
    runTaskCommand("verify", options, { verify: { scan: datasetReadOptions(options) } }, { preprocessed: false }),
  );
}
