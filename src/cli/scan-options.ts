import { type Command, InvalidArgumentError, Option } from "commander";
import type { DicomAllowance } from "../io/dicom.js";
import type { ReadScanOptions } from "../io/formats.js";
import type { NiftiAllowance } from "../io/nifti.js";

type Allowance = DicomAllowance | NiftiAllowance;

/** What commands that read DICOM take. */
export interface ScanOptions {
  readonly series?: string;
  readonly allow?: Allowance[];
}

const DICOM_ALLOWANCES: readonly DicomAllowance[] = ["gap", "tilt", "duplicates", "mixed", "units", "colour"];
const NIFTI_ALLOWANCES: readonly NiftiAllowance[] = ["sheared"];
const ALLOWANCES: readonly Allowance[] = [...DICOM_ALLOWANCES, ...NIFTI_ALLOWANCES];

function allowance(text: string, previous: Allowance[] = []): Allowance[] {
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
      new Option(
        "--allow <doubts>",
        `what is accepted of a DICOM series: ${DICOM_ALLOWANCES.join(", ")}; of a NIfTI file: ${NIFTI_ALLOWANCES.join(", ")}`,
      ).argParser(allowance),
    );
}

/** What commands that read the files of a raw task take. */
export interface DatasetScanOptions {
  readonly allow?: NiftiAllowance;
}

/** Adds `--allow` to a command on raw tasks. */
export function addDatasetScanOptions(command: Command): Command {
  return command.addOption(
    new Option("--allow <doubt>", "read NIfTI files whose axes are not at right angles, which nnU-Net refuses").choices(
      NIFTI_ALLOWANCES,
    ),
  );
}

export function datasetReadOptions({ allow }: DatasetScanOptions): ReadScanOptions {
  return allow === undefined ? {} : { nifti: { allow: [allow] } };
}

export function readOptions({ series, allow = [] }: ScanOptions): ReadScanOptions {
  return {
    dicom: {
      ...(series === undefined ? {} : { series }),
      allow: DICOM_ALLOWANCES.filter((name) => allow.includes(name)),
    },
    nifti: { allow: NIFTI_ALLOWANCES.filter((name) => allow.includes(name)) },
  };
}
