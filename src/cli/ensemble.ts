import { resolve } from "node:path";
import { Command } from "commander";
import { type EnsembledCase, ensembleDataset, FolderStore } from "../node.js";
import { formatLabels } from "./export.js";
import { addExportOptions, type ExportOptionValues } from "./export-options.js";
import { addRunOptions, type RunOptions, UsageError } from "./options.js";
import { type FolderReport, runFolders } from "./run-folders.js";
import { formatMebibytes, formatVoxels } from "./table.js";

interface EnsembleCommandOptions extends RunOptions, ExportOptionValues {
  readonly folders: string[];
  readonly output: string;
  readonly export: boolean;
  readonly npz: boolean;
}

export function ensembleCommand(): Command {
  const command = new Command("ensemble")
    .description("average the probabilities of several models, case by case")
    .requiredOption("-f, --folders <folders...>", "two or more folders with ID.npz and ID.pkl of the same cases")
    .requiredOption("-o, --output <folder>", "folder for the results")
    .option("--export", "write segmentations (ID.nii.gz) instead of the averaged probabilities", false)
    .option("--npz", "with --export: write the averaged probabilities (ID.npz, ID.pkl) too", false);
  addExportOptions(command);
  return addRunOptions(command)
    .addHelpText("after", "\nExample:\n  $ nnprep ensemble -f model-a model-b -o both --export")
    .action(runEnsemble);
}

async function runEnsemble(options: EnsembleCommandOptions): Promise<void> {
  const members = options.folders.map((folder) => resolve(folder));
  const output = resolve(options.output);
  if (members.length < 2) throw new UsageError("an ensemble needs at least two folders: -f FOLDER FOLDER");
  const twice = members.find((folder, i) => members.indexOf(folder) !== i);
  if (twice !== undefined) throw new UsageError(`${twice} is given twice`);
  if (members.includes(output)) throw new UsageError(`${output} is a member; give another --output folder`);
  const named = members.map((folder, i) => [`member ${i}`, folder] as const);
  const stores = {
    ...Object.fromEntries(named.map(([name, folder]) => [name, new FolderStore(folder)])),
    output: new FolderStore(output),
  };
  const { regions, transposeForward, nnunetTargetAxis: untransposedTargetAxis } = options;
  const settings = {
    regions,
    transposeForward,
    untransposedTargetAxis,
    export: options.export,
    saveProbabilities: options.npz || !options.export,
  };
  await runFolders(
    "ensemble",
    { ...Object.fromEntries(named), output },
    options,
    ({ executor, ...run }) => ensembleDataset(executor, stores, { ...run, ...settings }),
    ensembleReport(`Results: ${output}`),
  );
}

function ensembleReport(summary: string): FolderReport<EnsembledCase> {
  return {
    header: ["members", "classes", "voxels", "labels", "time", "peak memory"],
    cells: (value, { seconds, peakMemoryBytes }) => [
      String(value.members),
      String(value.classes),
      formatVoxels(value.shape),
      value.exported === null ? "-" : formatLabels(value.exported.labels),
      `${seconds.toFixed(2)} s`,
      formatMebibytes(peakMemoryBytes),
    ],
    warnings: (value) => value.exported?.warnings.map(({ message }) => message) ?? [],
    summary,
  };
}
