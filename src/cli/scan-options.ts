import { type Command, InvalidArgumentError, Option } from "commander";
import type { DicomAllowance, ReadScanOptions } from "../node.js";

/** What commands that read DICOM take. */
export interface ScanOptions {
  readonly series?: string;
  readonly allow?: DicomAllowance[];
}

const ALLOWANCES: readonly DicomAllowance[] = ["gap", "tilt", "duplicates", "mixed", "units", "colour"];

function allowance(text: string, previous: DicomAllowance[] = []): DicomAllowance[] {
  const names = text.split(",").map((word) => {
    const found = ALLOWANCES.find((name) => name === word.trim());
    if (found === undefined) throw new InvalidArgumentError(`one or more of ${ALLOWANCES.join(", ")} expected.`);
    return found;
  });
  return previous.concat(names);
}

/** Adds `--series` and `--allow`. */
export function addScanOptions(command: Command): Command {
  return command
    .option("--series <id>", "which DICOM series, when a folder has several (nnprep info lists them)")
    .addOption(
      new Option("--allow <doubts>", `what is accepted of a DICOM series: ${ALLOWANCES.join(", ")}`).argParser(
        allowance,
      ),
    );
}

export function readOptions({ series, allow }: ScanOptions): ReadScanOptions {
  return {
    dicom: { ...(series === undefined ? {} : { series }), ...(allow === undefined ? {} : { allow }) },
  };
}
