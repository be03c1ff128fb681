import { resolve } from "node:path";
import { Command } from "commander";
import { formatVoxels } from "../core/grid-text.js";
import { type ExportedCase, exportDataset } from "../recipes/v1/stages/export.js";
import { FolderStore } from "../runner/folder-store.js";
import { addExportOptions, type ExportOptionValues } from "./export-options.js";
import { type FolderReport, runFolderCommand } from "./folder-command.js";
import { addCommandOptions, type CommandOptions } from "./options.js";
import { formatMebibytes } from "./table.js";
import { UsageError } from "./usage-error.js";

interface ExportCommandOptions extends CommandOptions, ExportOptionValues {
  readonly input: string;
  readonly output: string;
  readonly saveProbabilities: boolean;
}

export function exportCommand(): Command {
  const command = new Command("export")
    .requiredOption("-i, --input <folder>", "folder with the probabilities, as nnU-Net writes them with --save_npz")
    .requiredOption("-o, --output <folder>", "folder for the segmentations")
    .option(
      "--save-probabilities",
      "write the probabilities on the scan's voxels beside them, as .npz and .pkl",
      false,
    );
  addExportOptions(command);
  return addCommandOptions(command)
    .addHelpText("after", "\nExample:\n  $ nnprep export -i predictions -o segmentations --workers 4")
    .action(runExport);
}

async function runExport(options: ExportCommandOptions): Promise<void> {
  const folders = { input: resolve(options.input), output: resolve(options.output) };
  if (options.saveProbabilities && folders.input === folders.output) {
    throw new UsageError("--save-probabilities would overwrite its own input; give another --output folder");
  }
  const stores = { input: new FolderStore(folders.input), output: new FolderStore(folders.output) };
  const { regions, transposeForward, nnunetTargetAxis: untransposedTargetAxis, saveProbabilities } = options;
  const settings = { regions, transposeForward, untransposedTargetAxis, saveProbabilities };
  await runFolderCommand(
    "export",
    folders,
    options,
    ({ executor, ...run }) => exportDataset(executor, stores, { ...run, ...settings }),
    exportReport(`Segmentations: ${folders.output}`),
  );
}

function exportReport(summary: string): FolderReport<ExportedCase> {
  return {
    header: ["classes", "voxels before", "voxels after", "labels", "time", "peak memory"],
    cells: (value, { seconds, peakMemoryBytes }) => [
      String(value.classes),
      formatVoxels(value.shapeBefore),
      formatVoxels(value.shapeAfter),
      formatLabels(value.labels),
      `${seconds.toFixed(2)} s`,
      formatMebibytes(peakMemoryBytes),
    ],
    warnings: (value) => value.warnings.map(({ message }) => message),
    summary,
  };
}

const MOST_LABELS = 8;

/** Few labels one by one, many by their number. */
export function formatLabels(labels: readonly number[]): string {
  return labels.length <= MOST_LABELS ? labels.join(" ") : `${labels.length} labels`;
}
