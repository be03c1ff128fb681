import { Command, Option } from "commander";
import { formatVoxels } from "../core/grid-text.js";
import type { Postprocessing } from "../recipes/v1/documents/postprocessing.js";
import { type EnsembledCase, ensembleDataset } from "../recipes/v1/stages/ensemble.js";
import { loadPostprocessing } from "../recipes/v1/stages/postprocess.js";
import { ensembleFolders, type EnsembledCase as NewerCase } from "../recipes/v2/stages/ensemble.js";
import { openStore, openStoreOf, resolveLocation } from "../runner/open-store.js";
import type { Store } from "../runner/store.js";
import { formatLabels } from "./export.js";
import { addExportOptions, type ExportOptionValues } from "./export-options.js";
import { type FolderReport, runFolderCommand } from "./folder-command.js";
import {
  addDocumentOptions,
  copyGivenDocuments,
  type DocumentOptions,
  documentsOf,
  generationOf,
  ONLY_V1,
  refuseForFolder,
} from "./generation.js";
import { addCommandOptions, type CommandOptions } from "./options.js";
import { addPartOptions, type PartOptions } from "./parts-option.js";
import { isSameFolder } from "./same-folder.js";
import { formatMebibytes } from "./table.js";
import { UsageError } from "./usage-error.js";

interface EnsembleCommandOptions extends CommandOptions, PartOptions, ExportOptionValues, DocumentOptions {
  readonly folders?: string[];
  readonly input?: string[];
  readonly output: string;
  readonly export: boolean;
  readonly npz: boolean;
  readonly postprocessing?: string;
}

export function ensembleCommand(): Command {
  const command = new Command("ensemble")
    .option("-f, --folders <folders...>", "two or more folders with ID.npz and ID.pkl of the same cases")
    .option("-i, --input <folders...>", "the same, as nnU-Net v2 calls it")
    .requiredOption("-o, --output <folder>", "folder for the results")
    .option("--export", "write segmentations instead of the averaged probabilities; v2 always does", false)
    .addOption(
      new Option(
        "--postprocessing <file>",
        "and keep only the largest components that a postprocessing.json names (-pp)",
      ).helpGroup(ONLY_V1),
    )
    .option("--npz", "write the averaged probabilities (ID.npz, ID.pkl) beside segmentations too (--save_npz)", false);
  addDocumentOptions(command);
  addExportOptions(command);
  return addCommandOptions(addPartOptions(command))
    .addHelpText(
      "after",
      "\nExamples:\n  $ nnprep ensemble -f model-a model-b -o both --export" +
        "\n  $ nnprep ensemble -f model-a model-b -o both -pp postprocessing.json" +
        "\n  $ nnprep ensemble -i v2-model-a v2-model-b -o both --save_npz",
    )
    .action((options: EnsembleCommandOptions) => runEnsemble(command, options));
}

async function runEnsemble(command: Command, options: EnsembleCommandOptions): Promise<void> {
  const members = [...(options.folders ?? []), ...(options.input ?? [])].map(resolveLocation);
  const output = resolveLocation(options.output);
  if (members.length < 2) throw new UsageError("an ensemble needs at least two folders: -f FOLDER FOLDER, or -i");
  const twice = members.find((folder, i) => members.indexOf(folder) !== i);
  if (twice !== undefined) throw new UsageError(`${twice} is given twice`);
  if (members.some((member) => isSameFolder(member, output))) {
    throw new UsageError(`${output} is a member; give another --output folder`);
  }
  const named = members.map((folder, i) => [`member ${i}`, folder] as const);
  const stores = {
    ...Object.fromEntries(named.map(([name, folder]) => [name, openStore(folder)])),
    output: openStore(output),
  };
  const generation = await generationOf(members, options);
  refuseForFolder(command, generation, members[0]);
  if (generation === "v2") {
    const documents = await documentsOf(members[0], options);
    const saveProbabilities = options.npz;
    await runFolderCommand(
      "ensemble",
      { ...Object.fromEntries(named), output },
      options,
      async ({ executor, ...run }) => {
        const outcomes = await ensembleFolders(executor, stores, documents, { ...run, saveProbabilities });
        await copyGivenDocuments(options, stores.output);
        return outcomes;
      },
      newerReport(`Results: ${output}`),
    );
    return;
  }
  const { regions, transposeForward, nnunetTargetAxis: untransposedTargetAxis } = options;
  const { postprocessing } = options;
  const settings = {
    regions,
    transposeForward,
    untransposedTargetAxis,
    export: options.export || postprocessing !== undefined,
    saveProbabilities: options.npz || (!options.export && postprocessing === undefined),
  };
  await runFolderCommand(
    "ensemble",
    { ...Object.fromEntries(named), output },
    options,
    async ({ executor, ...run }) => {
      const rules = postprocessing === undefined ? undefined : await takeRules(postprocessing, stores.output);
      return ensembleDataset(executor, stores, { ...run, ...settings, postprocessing: rules });
    },
    ensembleReport(`Results: ${output}`),
  );
}

/** Reads a postprocessing.json, and copies it beside the results as nnU-Net does. */
async function takeRules(file: string, output: Store): Promise<Postprocessing> {
  const { store, path } = openStoreOf(file);
  const rules = await loadPostprocessing(store, path);
  await output.write("postprocessing.json", await store.read(path));
  return rules;
}

function newerReport(summary: string): FolderReport<NewerCase> {
  return {
    header: ["members", "heads", "voxels", "labels", "time", "peak memory"],
    cells: (value, { seconds, peakMemoryBytes }) => [
      String(value.members),
      String(value.classes),
      formatVoxels(value.shape),
      formatLabels(value.labels),
      `${seconds.toFixed(2)} s`,
      formatMebibytes(peakMemoryBytes),
    ],
    warnings: () => [],
    summary,
  };
}

function ensembleReport(summary: string): FolderReport<EnsembledCase> {
  return {
    header: ["members", "classes", "voxels", "labels", "voxels removed", "time", "peak memory"],
    cells: (value, { seconds, peakMemoryBytes }) => [
      String(value.members),
      String(value.classes),
      formatVoxels(value.shape),
      value.exported === null ? "-" : formatLabels(value.exported.labels),
      value.postprocessed === null ? "-" : String(value.postprocessed.voxelsRemoved),
      `${seconds.toFixed(2)} s`,
      formatMebibytes(peakMemoryBytes),
    ],
    warnings: (value) => value.exported?.warnings.map(({ message }) => message) ?? [],
    summary,
  };
}
