import { resolve } from "node:path";
import { Command, Option } from "commander";
import { formatVoxels } from "../core/grid-text.js";
import type { Axes3 } from "../core/volume.js";
import type { LabelRule } from "../kernels/linear-labels.js";
import { cascadeDataset } from "../recipes/v1/stages/cascade.js";
import { FolderStore } from "../runner/folder-store.js";
import { permutation } from "./export-options.js";
import { runFolderCommand } from "./folder-command.js";
import { addCommandOptions, type CommandOptions, labelRuleOption } from "./options.js";
import { addPartOptions, type PartOptions } from "./parts-option.js";
import { formatMebibytes } from "./table.js";

interface CascadeCommandOptions extends CommandOptions, PartOptions {
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
    .requiredOption("-i, --input <folder>", "predictions: ID.npz (probabilities) or ID.nii.gz (segmentations)")
    .requiredOption("-p, --preprocessed <folder>", "cases preprocessed for the next stage, ID.npz and ID.pkl")
    .requiredOption("-o, --output <folder>", "folder for the results")
    .addOption(
      new Option("--transpose-forward <axes>", "transpose_forward of the plans: 1,0,2 (default: 0,1,2)").argParser(
        permutation,
      ),
    )
    .option("--network-axes", "the probabilities have the network's axes, not the file's", false)
    .option("--nnunet-uncropped", "do not crop segmentations first, as nnU-Net v1 when it predicts", false)
    .addOption(labelRuleOption());
  return addCommandOptions(addPartOptions(command))
    .addHelpText(
      "after",
      "\nExample:\n  $ nnprep cascade -i lowres -p Task001_X/nnUNetData_plans_v2.1_stage1 -o pred_next_stage",
    )
    .action(runCascade);
}

async function runCascade(options: CascadeCommandOptions): Promise<void> {
  const folders = {
    input: resolve(options.input),
    nextStage: resolve(options.preprocessed),
    output: resolve(options.output),
  };
  const stores = {
    input: new FolderStore(folders.input),
    nextStage: new FolderStore(folders.nextStage),
    output: new FolderStore(folders.output),
  };
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
    {
      header: ["made from", "voxels", "time", "peak memory"],
      cells: (value, { seconds, peakMemoryBytes }) => [
        value.source,
        formatVoxels(value.shape),
        `${seconds.toFixed(2)} s`,
        formatMebibytes(peakMemoryBytes),
      ],
      warnings: () => [],
      summary: `Results: ${folders.output}`,
    },
  );
}
