#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { applyPostprocessingCommand } from "./apply-postprocessing.js";
import { translateArguments } from "./argv.js";
import { cascadeCommand } from "./cascade.js";
import { convertCommand } from "./convert.js";
import { cropCommand } from "./crop.js";
import { determinePostprocessingCommand } from "./determine-postprocessing.js";
import { ensembleCommand } from "./ensemble.js";
import { evaluateCommand } from "./evaluate.js";
import { exportCommand } from "./export.js";
import { findBestCommand } from "./find-best.js";
import { htmlReportCommand } from "./html-report.js";
import { infoCommand } from "./info.js";
import { UsageError } from "./options.js";
import { planCommand } from "./plan.js";
import { planAndPreprocessCommand } from "./plan-and-preprocess.js";
import { preprocessCommand } from "./preprocess.js";
import { toNiftiCommand } from "./to-nifti.js";
import { toNpzCommand } from "./to-npz.js";
import { verifyCommand } from "./verify.js";
import { viewCommand } from "./view.js";

const WRONG_USAGE = 2;

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

function buildProgram(): Command {
  const program = new Command("nnprep")
    .description("nnU-Net's data preparation: raw scans in, folders to train from out")
    .version(version())
    .addHelpText(
      "after",
      "\nExample:\n  $ nnprep plan-and-preprocess -t 1 --verify-dataset-integrity\n" +
        "\nFolders are taken from nnUNet_raw_data_base and nnUNet_preprocessed unless given.\n" +
        "Exit code: 0 done, 1 something failed, 2 wrong usage.",
    )
    .showHelpAfterError("(add --help for the options and an example)");
  for (const command of [
    infoCommand(),
    convertCommand(),
    toNpzCommand(),
    toNiftiCommand(),
    verifyCommand(),
    cropCommand(),
    planCommand(),
    preprocessCommand(),
    planAndPreprocessCommand(),
    exportCommand(),
    ensembleCommand(),
    cascadeCommand(),
    evaluateCommand(),
    determinePostprocessingCommand(),
    applyPostprocessingCommand(),
    findBestCommand(),
    viewCommand(),
    htmlReportCommand(),
  ]) {
    command.copyInheritedSettings(program).exitOverride();
    program.addCommand(command);
  }
  return program.exitOverride();
}

try {
  await buildProgram().parseAsync(translateArguments(process.argv.slice(2)), { from: "user" });
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : WRONG_USAGE;
  } else if (error instanceof UsageError) {
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = WRONG_USAGE;
  } else {
    process.stderr.write(`nnprep: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  }
}
