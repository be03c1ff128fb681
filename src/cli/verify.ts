import { Command } from "commander";
import { addTaskOptions, type TaskOptions } from "./options.js";
import { runTaskCommand } from "./task-command.js";

export function verifyCommand(): Command {
  const command = new Command("verify").addHelpText(
    "after",
    "\nExample:\n  $ nnprep verify -t 1 --raw data/nnUNet_raw_data",
  );
  return addTaskOptions(command).action((options: TaskOptions) =>
    runTaskCommand("verify", options, { verify: true }, { preprocessed: false }),
  );
}
