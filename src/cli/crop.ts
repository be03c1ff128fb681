import { Command } from "commander";
import type { NpzCompression } from "../node.js";
import { addCommonOptions, type CommonOptions, compressionOption, overwriteOption } from "./options.js";
import { runCommand } from "./run-command.js";

export function cropCommand(): Command {
  const command = new Command("crop")
    .description("crop every training case to its non-zero part")
    .addHelpText("after", "\nExample:\n  $ nnprep crop -t 1 --raw data/nnUNet_raw_data --workers 4");
  return addCommonOptions(command)
    .addOption(overwriteOption())
    .addOption(compressionOption())
    .action((options: CommonOptions & { overwrite: boolean; compression: NpzCompression }) => {
      const { overwrite, compression } = options;
      return runCommand("crop", options, { crop: { overwrite, compression } }, { preprocessed: false });
    });
}
