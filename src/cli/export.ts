import { Command, Option } from "commander";
import { formatVoxels } from "../core/grid-text.js";
import { type ExportedCase, exportDataset } from "../recipes/v1/stages/export.js";
import { exportFolder, type ExportedCase as NewerCase } from "../recipes/v2/stages/export.js";
import { openStore, resolveLocation } from "../runner/open-store.js";
import { addExportOptions, type ExportOptionValues } from "./export-options.js";
import { type FolderReport, runFolderCommand } from "./folder-command.js";
import {
  addDocumentOptions,
  copyGivenDocuments,
  type DocumentOptions,
  documentsOf,
  generationOf,
  ONLY_V2,
  refuseForFolder,
} from "./generation.js";
import { addCommandOptions, type CommandOptions } from "./options.js";
import { addPartOptions, type PartOptions } from "./parts-option.js";
import { formatMebibytes } from "./table.js";
import { UsageError } from "./usage-error.js";

interface ExportCommandOptions extends CommandOptions, PartOptions, ExportOptionValues, DocumentOptions {
  readonly configuration?: string;
  readonly input: string;
  readonly output: string;
  readonly saveProbabilities: boolean;
}

export function exportCommand(): Command {
  const command = new Command("export")
    .requiredOption(
      "-i, --input <folder>",
      "folder with ID.npz and ID.pkl: probabilities (v1, as its --save_npz), or logits (v2)",
    )
    .requiredOption("-o, --output <folder>", "folder for the segmentations")
    .option(
      "--save-probabilities",
      "write the probabilities on the scan's voxels beside them, as .npz and .pkl",
      false,
    );
  command.addOption(
    new Option("-c, --configuration <name>", "configuration of the plans that the logits are of").helpGroup(ONLY_V2),
  );
  addDocumentOptions(command);
  addExportOptions(command);
  return addCommandOptions(addPartOptions(command))
    .addHelpText(
      "after",
      "\nExamples:\n  $ nnprep export -i predictions -o segmentations --workers 4" +
        "\n  $ nnprep export -i logits -o segmentations -c 3d_fullres",
    )
    .action((options: ExportCommandOptions) => runExport(command, options));
}

async function runExport(command: Command, options: ExportCommandOptions): Promise<void> {
  const folders = { input: resolveLocation(options.input), output: resolveLocation(options.output) };
  if (options.saveProbabilities && folders.input === folders.output) {
    throw new UsageError("--save-probabilities would overwrite its own input; give another --output folder");
  }
  const stores = { input: openStore(folders.input), output: openStore(folders.output) };
  const generation = await generationOf([folders.input], options);
  refuseForFolder(command, generation, folders.input);
  if (generation === "v2") {
    const documents = await documentsOf(folders.input, options);
    const { configuration, saveProbabilities } = options;
    if (configuration === undefined) {
      const known = [...documents.plans.configurations.keys()].join(", ");
      throw new UsageError(`which configuration are the logits of? Give -c, one of ${known}`);
    }
    await runFolderCommand(
      "export",
      folders,
      options,
      async ({ executor, ...run }) => {
        const outcomes = await exportFolder(executor, stores, documents, configuration, { ...run, saveProbabilities });
        await copyGivenDocuments(options, stores.output);
        return outcomes;
      },
      exportReport(`Segmentations: ${folders.output}`),
    );
    return;
  }
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

function exportReport(summary: string): FolderReport<ExportedCase | NewerCase> {
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
