import { type Command, InvalidArgumentError, Option } from "commander";
import type { Axes3 } from "../core/volume.js";
import { ONLY_V1 } from "./generation.js";

/** Options that decide how probabilities become labels. */
export interface ExportOptionValues {
  readonly regions?: number[];
  readonly transposeForward?: Axes3;
  readonly nnunetTargetAxis: boolean;
}

function regionLabels(text: string): number[] {
  const labels = text.split(",").map(Number);
  if (!/^\d+(,\d+)*$/.test(text) || labels.some((label) => label > 255)) {
    throw new InvalidArgumentError("labels from 0 to 255 with commas between them are expected, like 1,2,3.");
  }
  return labels;
}

/** Parses `1,0,2`. */
export function permutation(text: string): Axes3 {
  const axes = text.split(",").map(Number);
  if (!/^[012],[012],[012]$/.test(text) || new Set(axes).size !== 3) {
    throw new InvalidArgumentError("an order of 0, 1 and 2 with commas between them is expected, like 1,0,2.");
  }
  return axes as unknown as Axes3;
}

export function addExportOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--regions <labels>",
        "labels of region-based training, one per channel, later ones overwrite: 1,2,3 (default: as the .pkl says)",
      )
        .argParser(regionLabels)
        .helpGroup(ONLY_V1),
    )
    .addOption(
      new Option(
        "--transpose-forward <axes>",
        "transpose_forward of the plans: 1,0,2 (default: found from shapes and spacings)",
      )
        .argParser(permutation)
        .helpGroup(ONLY_V1),
    )
    .addOption(
      new Option(
        "--nnunet-target-axis",
        "take nnU-Net's axis for separate resampling even where it mixes up transposed axes",
      )
        .default(false)
        .helpGroup(ONLY_V1),
    );
}
