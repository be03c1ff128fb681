import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Command, Option } from "commander";
import { formatVoxels } from "../core/grid-text.js";
import type { Axes3 } from "../core/volume.js";
import type { LabelRule } from "../kernels/linear-labels.js";
import { cascadeDataset, type NextStageCase } from "../recipes/v1/stages/cascade.js";
import type { Plans } from "../recipes/v2/documents/plans.js";
import { FINGERPRINT_FILE } from "../recipes/v2/layout.js";
import { cascadeFolder, type NextStageCase as NewerCase } from "../recipes/v2/stages/cascade.js";
import { FolderStore } from "../runner/folder-store.js";
import { requireFolder } from "./dataset-places.js";
import { permutation } from "./export-options.js";
import { type FolderReport, runFolderCommand } from "./folder-command.js";
import {
  addDocumentOptions,
  type DocumentOptions,
  documentsOf,
  generationOf,
  ONLY_V1,
  ONLY_V2,
  refuseForFolder,
} from "./generation.js";
import { addCommandOptions, type CommandOptions, labelRuleOption } from "./options.js";
import { addPartOptions, type PartOptions } from "./parts-option.js";
import { formatMebibytes } from "./table.js";
import { UsageError } from "./usage-error.js";

interface CascadeCommandOptions extends CommandOptions, PartOptions, DocumentOptions {
  readonly configuration?: string;
  readonly input: string;
  readonly preprocessed: string;
  readonly output: string;
  readonly transposeForward?: Axes3;
  readonly networkAxes: boolean;
  readonly nnunetUncropped: boolean;
  readonly labelRule: LabelRule;
}

export function cascadeCommand(): Command {
  const command = new Command("cascade")
    .requiredOption(
      "-i, --input <folder>",
      "predictions: ID.npz (probabilities of v1, logits of v2) or, of v1, ID.nii.gz (segmentations)",
    )
    .requiredOption("-p, --preprocessed <folder>", "cases preprocessed for the next stage")
    .requiredOption("-o, --output <folder>", "folder for the results")
    .addOption(
      new Option("--transpose-forward <axes>", "transpose_forward of the plans: 1,0,2 (default: 0,1,2)")
        .argParser(permutation)
        .helpGroup(ONLY_V1),
    )
    .addOption(
      new Option("--network-axes", "the probabilities have the network's axes, not the file's")
        .default(false)
        .helpGroup(ONLY_V1),
    )
    .addOption(
      new Option("--nnunet-uncropped", "do not crop segmentations first, as nnU-Net v1 when it predicts")
        .default(false)
        .helpGroup(ONLY_V1),
    )
    .addOption(labelRuleOption().helpGroup(ONLY_V1))
    .addOption(
      new Option(
        "-c, --configuration <name>",
        "first stage that the logits are of (default: the one of the plans that has a next_stage)",
      ).helpGroup(ONLY_V2),
    );
  addDocumentOptions(command);
  return addCommandOptions(addPartOptions(command))
    .addHelpText(
      "after",
      "\nExamples:\n  $ nnprep cascade -i lowres -p Task001_X/nnUNetData_plans_v2.1_stage1 -o pred_next_stage" +
        "\n  $ nnprep cascade -i logits -p Dataset001_X/nnUNetPlans_3d_fullres -o predicted_next_stage/3d_cascade_fullres",
    )
    .action((options: CascadeCommandOptions) => runCascade(command, options));
}

/** What preprocessing of nnU-Net v2 leaves in a folder or beside it, and that of v1 does not. */
function isPreparedByNewer(folder: string): boolean {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.some((name) => name.endsWith(".b2nd")) || existsSync(join(dirname(folder), FINGERPRINT_FILE));
}

/** The configuration that predicts for a next one. */
function firstStage({ configurations }: Plans): string {
  const found = [...configurations.values()].filter(({ nextStages }) => nextStages.length > 0);
  if (found.length === 1) return found[0].name;
  throw new UsageError(
    `which configuration are the logits of? Give -c, one of ${[...configurations.keys()].join(", ")}; ${found.length} of them have a next_stage`,
  );
}

async function runCascade(command: Command, options: CascadeCommandOptions): Promise<void> {
  const folders = {
    input: resolve(requireFolder(options.input)),
    nextStage: resolve(requireFolder(options.preprocessed)),
    output: resolve(requireFolder(options.output)),
  };
  const stores = {
    input: new FolderStore(folders.input),
    nextStage: new FolderStore(folders.nextStage),
    output: new FolderStore(folders.output),
  };
  const generation = await generationOf([folders.input], options);
  if ((generation === "v2") !== isPreparedByNewer(folders.nextStage)) {
    const [predictions, cases] = generation === "v2" ? ["v2", "v1"] : ["v1", "v2"];
    throw new UsageError(
      `${folders.input} has predictions of nnU-Net ${predictions}, ${folders.nextStage} cases preprocessed by ${cases}; the two cannot be mixed`,
    );
  }
  refuseForFolder(command, generation, folders.input);
  if (generation === "v2") {
    const documents = await documentsOf(folders.input, options);
    const configuration = options.configuration ?? firstStage(documents.plans);
    await runFolderCommand(
      "cascade",
      folders,
      options,
      ({ executor, ...run }) => cascadeFolder(executor, stores, documents, configuration, run),
      {
        ...cascadeReport<NewerCase>(folders.output, "file", ({ format }) => format),
        warnings: ({ warnings }) => warnings.map(({ message }) => message),
      },
    );
    return;
  }
  const settings = {
    transposeForward: options.transposeForward,
    transposed: options.networkAxes,
    uncropped: options.nnunetUncropped,
    labelRule: options.labelRule,
  };
  await runFolderCommand(
    "cascade",
    folders,
    options,
    ({ executor, ...run }) => cascadeDataset(executor, stores, { ...run, ...settings }),
    cascadeReport<NextStageCase>(folders.output, "made from", ({ source }) => source),
  );
}

function cascadeReport<R extends NextStageCase | NewerCase>(
  output: string,
  title: string,
  kind: (value: R) => string,
): FolderReport<R> {
  return {
    header: [title, "voxels", "time", "peak memory"],
    cells: (value, { seconds, peakMemoryBytes }) => [
      kind(value),
      formatVoxels(value.shape),
      `${seconds.toFixed(2)} s`,
      formatMebibytes(peakMemoryBytes),
    ],
    warnings: () => [],
    summary: `Results: ${output}`,
  };
}
