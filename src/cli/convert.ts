import { mkdirSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { Command } from "commander";
import { formatSpacing, formatVoxels } from "../core/grid-text.js";
import {
  canWriteVolume,
  FolderStore,
  matchGrid,
  NnprepError,
  readScanPath,
  turnedWarning,
  type Volume,
  type VoxelArray,
  writeVolume,
} from "../node.js";
import { type CommandReport, runCommand } from "./command-runner.js";
import { convertMsdTask, convertTask, type TaskConversionOptions } from "./convert-task.js";
import { addCommandOptions } from "./options.js";
import { addScanOptions, readOptions, type ScanOptions } from "./scan-options.js";
import { UsageError } from "./usage-error.js";

interface ConvertOptions extends ScanOptions, TaskConversionOptions {
  readonly like?: string;
  readonly compress: boolean;
}

export function convertCommand(): Command {
  const command = new Command("convert")
    .argument("[input]", "scan or label: NIfTI, MetaImage, NRRD, a DICOM folder or zip; with --from-msd its folder")
    .argument("[output]", "file to write: .nii.gz, .nii, .mha or .nrrd")
    .option(
      "--like <file>",
      "lie on the grid of this file, with its header: a label on its scan; axes are turned if needed",
    )
    .option("--no-compress", "write .mha and .nrrd uncompressed")
    .option("--to-task <name>", "build the raw task of this name, Task510_NAME, from --description")
    .option("--description <json>", "which files are which cases, channels, labels (see below)")
    .option("--from-msd <folder>", "split a 4-D task of the Medical Segmentation Decathlon into channels")
    .option("--task-id <number>", "with --from-msd: number of the task to write instead of its own")
    .option("--raw <folder>", "with tasks: folder with the raw tasks (default: $nnUNet_raw_data_base/nnUNet_raw_data)")
    .addHelpText("after", EXAMPLES);
  return addScanOptions(addCommandOptions(command)).action(
    async (input: string | undefined, output: string | undefined, options: ConvertOptions) => {
      if (options.fromMsd !== undefined) return convertMsdTask(options);
      if (options.toTask !== undefined) return convertTask(options, readOptions(options));
      if (input === undefined || output === undefined) {
        throw new UsageError("give an input and an output file, or --to-task, or --from-msd (add --help for examples)");
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
  $ nnprep convert --from-msd Task01_BrainTumour --raw nnUNet_raw_data

A description names channels and labels, and the files by a pattern or one by one; paths are relative to it:
  {
    "modality": {"0": "T1", "1": "T2"},
    "labels": {"0": "background", "1": "tumour"},
    "training": {"images": ["scans/{id}/T1.nrrd", "scans/{id}/T2_dicom"], "label": "labels/{id}.mha"},
    "test": {"ids": ["p17", "p18"]}
  }
or "training": [{"id": "p1", "images": ["a.nrrd", "b.mha"], "label": "c.nii.gz"}, ...], "test": [...] alike.`;

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
    const { placed, warnings: ofPlace } =
      options.like === undefined ? { placed: volume, warnings: [] } : await placeLike(volume, input, options.like);
    const path = resolve(output);
    mkdirSync(dirname(path), { recursive: true });
    const bytes = await writeVolume(basename(path), placed, { compress: options.compress });
    await new FolderStore(dirname(path)).write(basename(path), bytes);
    return report(input, output, placed, [...warnings, ...ofPlace]);
  });
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
