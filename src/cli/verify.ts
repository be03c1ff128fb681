import { Command } from "commander";
import { addCommonOptions, type CommonOptions } from "./options.js";
import { runCommand } from "./run-command.js";

export function verifyCommand(): Command {
  const command = new Command("verify")
    .description("check a raw task: files, geometry, labels, values; reports everything that is wrong in one pass")
    .addHelpText("after", "\nExample:\n  $ nnprep verify -t 1 --raw data/nnUNet_raw_data");
  return addCommonOptions(command).action((options: CommonOptions) =>
    runCommand("verify", options, { verify: true }, { preprocessed: false }),
  );
}
