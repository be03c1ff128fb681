#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { translateArguments } from "./argv.js";
import { COMMANDS, type CommandEntry } from "./commands.js";
import { FAILED, WRONG_USAGE } from "./exit-codes.js";
import { UsageError } from "./usage-error.js";

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** The command that is asked for, itself or its help. */
function findEntry(argv: readonly string[]): CommandEntry | undefined {
  const name = argv[0] === "help" ? argv[1] : argv[0];
  return COMMANDS.find((entry) => entry.name === name);
}

/** The program with the command that is asked for; with the names of all when there is none, for help and suggestions. */
async function buildProgram(argv: readonly string[]): Promise<Command> {
  const program = new Command("nnprep")
    .description("nnU-Net without Python: raw scans to what it trains from, and a trained network's labels on scans")
    .version(version())
    .addHelpText(
      "after",
      "\nExamples:\n  $ nnprep plan-and-preprocess -d 1 --verify-dataset-integrity\n" +
        "  $ nnprep predict -i scans -o labels -m model\n" +
        "\n-d is a dataset of nnU-Net v2, -t a task of v1. Folders are taken from nnUNet_raw, nnUNet_preprocessed and\n" +
        "nnUNet_results (v2) or nnUNet_raw_data_base, nnUNet_preprocessed and RESULTS_FOLDER (v1) unless given.\n" +
        "Exit code: 0 done, 1 something failed, 75 something failed that may work when it is run again, 2 wrong usage,\n" +
        "130 interrupted.",
    )
    .showHelpAfterError("(add --help for the options and an example)");
  const entry = findEntry(argv);
  for (const { name, description, load } of entry === undefined ? COMMANDS : [entry]) {
    const command = entry === undefined ? new Command(name).usage("[options]") : await load();
    command.description(description).copyInheritedSettings(program).exitOverride();
    program.addCommand(command);
  }
  return program.exitOverride();
}

// A reader that has seen enough (head, less) is no fault; a full disk is.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  process.stderr.write(`nnprep: standard output cannot be written (${error.code ?? error.message})\n`);
  process.exit(FAILED);
});

try {
  const argv = translateArguments(process.argv.slice(2));
  await (await buildProgram(argv)).parseAsync(argv, { from: "user" });
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : WRONG_USAGE;
  } else if (error instanceof UsageError) {
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = WRONG_USAGE;
  } else {
    process.stderr.write(`nnprep: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = FAILED;
  }
}
