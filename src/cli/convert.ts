import { basename, dirname, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { NnprepError } from "../core/errors.js";
import { formatSpacing, formatVoxels } from "../core/grid-text.js";
import type { Volume, VoxelArray } from "../core/volume.js";
import { canWriteVolume, writeVolume } from "../io/formats.js";
import { readScanPath } from "../io/scan-path.js";
import { FolderStore } from "../runner/folder-store.js";
import { matchGrid, turnedWarning } from "../steps/match-grid.js";
import { isOrientation, reorient } from "../steps/reorient.js";
import { type CommandReport, runCommand } from "./command-runner.js";
import { buildsRaw, convertRaw, type RawConversionOptions } from "./convert-task.js";
import { addCommandOptions } from "./options.js";
import { addScanOptions, readOptions, type ScanOptions } from "./scan-options.js";
import { UsageError } from "./usage-error.js";

interface ConvertOptions extends ScanOptions, RawConversionOptions {
  readonly like?: string;
  readonly orient?: string;
  readonly compress: boolean;
}

export function convertCommand(): Command {
  const command = new Command("convert")
    .argument(
      "[input]",
      "scan or label: NIfTI, MetaImage, NRRD, GIPL, a DICOM folder or zip; with --from-msd its folder",
    )
    .argument("[output]", "file to write: .nii.gz, .nii, .mha, .nrrd or .gipl")
    .option(
      "--like <file>",
      "lie on the grid of this file, with its header: a label on its scan; axes are turned if needed",
    )
    .addOption(
      new Option("--orient <axes>", "reorder and flip axes so that they run towards these sides, such as RAS or LPS")
        .argParser(orientation)
        .conflicts("like"),
    )
    .option("--no-compress", "write .mha and .nrrd uncompressed")
    .option("--to-task <name>", "build the raw task of this name, Task510_NAME, from --description")
    .option("--to-dataset <name>", "the same as a raw dataset of nnU-Net v2, Dataset510_NAME")
    .option("--description <json>", "which files are which cases, channels, labels (see below)")
    .option(
      "--from-msd <folder>",
      "split a 4-D task of the Medical Segmentation Decathlon into channels; with --to-dataset for v2",
    )
    .option("--from-v1 <folder>", "make a raw dataset of nnU-Net v2 of the raw task of v1 in this folder")
    .option("--task-id <number>", "with --from-msd: number of the task to write instead of its own")
    .option(
      "--raw <folder>",
      "folder with the raw tasks or datasets (default: $nnUNet_raw_data_base/nnUNet_raw_data, $nnUNet_raw)",
    )
    .addHelpText("after", EXAMPLES);
  return addScanOptions(addCommandOptions(command)).action(
    async (input: string | undefined, output: string | undefined, options: ConvertOptions) => {
      if (buildsRaw(options)) return convertRaw(options, readOptions(options));
      if (input === undefined || output === undefined) {
        throw new UsageError(
          "give an input and an output file, or --to-task, --to-dataset, --from-msd or --from-v1 (add --help for examples)",
        );
      }
      return convertScan(input, output, options);
    },
  );
}

const EXAMPLES = `
Examples:
  $ nnprep convert dicom_folder scan.nii.gz
  $ nnprep convert prediction.mha label.nii.gz --like scan.nii.gz
  $ nnprep convert --to-task Task510_Liver --description liver.json --raw nnUNet_raw_data
  $ nnprep convert --to-dataset Dataset510_Liver --description liver.json --raw nnUNet_raw
  $ nnprep convert --from-msd Task01_BrainTumour --raw nnUNet_raw_data
  $ nnprep convert --from-v1 nnUNet_raw_data/Task005_Prostate --raw nnUNet_raw

A description names channels and labels, and the files by a pattern or one by one; paths are relative to it:
  {
    "modality": {"0": "T1", "1": "T2"},
    "labels": {"0": "background", "1": "tumour"},
    "training": {"images": ["scans/{id}/T1.nrrd", "scans/{id}/T2_dicom"], "label": "labels/{id}.mha"},
    "test": {"ids": ["p17", "p18"]}
  }
"labels" may also say which numbers of the files become which label: {"background": 0, "liver": [1, 2], "tumour": 5};
they are merged and numbered anew in this order.
or "training": [{"id": "p1", "images": ["a.nrrd", "b.mha"], "label": "c.nii.gz"}, ...], "test": [...] alike.`;

function orientation(text: string): string {
  const axes = text.toUpperCase();
  if (isOrientation(axes)) return axes;
  throw new InvalidArgumentError("three letters are expected, one of R L, one of A P and one of S I, as in RAS.");
}

async function convertScan(input: string, output: string, options: ConvertOptions): Promise<void> {
  if (!canWriteVolume(output)) {
    throw new UsageError(`${output}: the ending tells the format to write; use .nii.gz, .nii, .mha or .nrrd`);
  }
  await runCommand("convert", options, async (run) => {
    run.known = { input, output };
    const bar = run.bar("convert");
    const scan = readOptions(options);
    const onProgress = (done: number, total: number) => bar.show({ stage: "read", done, total });
    const { volume, warnings } = await readScanPath(input, { ...scan, dicom: { ...scan.dicom, onProgress } });
    const { placed, warnings: ofPlace } = await place(volume, input, options);
    const path = resolve(output);
    const bytes = await writeVolume(basename(path), placed, { compress: options.compress });
    await new FolderStore(dirname(path)).write(basename(path), bytes);
    return report(input, output, placed, [...warnings, ...ofPlace]);
  });
}

async function place(volume: Volume, name: string, { like, orient }: ConvertOptions) {
  if (like !== undefined) return placeLike(volume, name, like);
  return { placed: orient === undefined ? volume : reorient(volume, orient), warnings: [] };
}

/** The same place as that file's, voxels reordered where only the axes differ; else its place is taken over. */
async function placeLike(
  volume: Volume,
  name: string,
  like: string,
): Promise<{ placed: Volume<VoxelArray>; warnings: string[] }> {
  const reference = (await readScanPath(like)).volume;
  const matched = matchGrid(volume, reference);
  if (matched !== null) {
    return { placed: matched.volume, warnings: matched.turned ? [turnedWarning(like)] : [] };
  }
  const { shape, geometry, niftiForms } = reference;
  if (shape.some((n, axis) => n !== volume.shape[axis])) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `${name}: shape (${volume.shape.join(", ")}), but ${like} has (${shape.join(", ")}), slowest axis first, and they do not lie on the same places; resample it onto that grid first`,
      { file: name, found: volume.shape, expected: shape },
    );
  }
  return {
    placed: { ...volume, geometry, niftiForms },
    warnings: [`its own place in the patient is another than that of ${like}, and was replaced`],
  };
}

function report(input: string, output: string, volume: Volume, warnings: readonly string[]): CommandReport {
  const shape = [...volume.shape].reverse();
  const spacing = [...volume.geometry.spacingMm].reverse();
  const dtype = volume.data.constructor.name.replace("Array", "").toLowerCase();
  return {
    ok: true,
    text: `${output}: ${formatVoxels(shape)} voxels of ${formatSpacing(spacing)} mm, ${dtype}`,
    warnings: warnings.map((warning) => `${input}: ${warning}`),
    document: { shape, spacing, dtype, warnings },
  };
}
