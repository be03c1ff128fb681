import { basename, dirname, resolve } from "node:path";
import { Command } from "commander";
import { formatVoxels } from "../core/grid-text.js";
import type { Volume } from "../core/volume.js";
import type { NpzCompression } from "../io/npz.js";
import { readScanPath } from "../io/scan-path.js";
import { cropCase } from "../recipes/v1/crop/crop-case.js";
import { stackCase } from "../recipes/v1/crop/stack-case.js";
import { saveCase } from "../recipes/v1/stages/case-files.js";
import { FolderStore } from "../runner/folder-store.js";
import { init } from "../runtime/instantiate.js";
import { matchGrid, turnedWarning } from "../steps/match-grid.js";
import { type CommandReport, type CommandRun, runCommand } from "./command-runner.js";
import { compressionOption } from "./options.js";
import { addScanOptions, readOptions, type ScanOptions } from "./scan-options.js";

interface ToNpzOptions extends ScanOptions {
  readonly output: string;
  readonly label?: string;
  readonly crop: boolean;
  readonly compression: NpzCompression;
  readonly json: boolean;
  readonly progress: boolean;
}

export function toNpzCommand(): Command {
  const command = new Command("to-npz")
    .argument("<image...>", "channels in order: files of any format that is read, DICOM folders; all on one grid")
    .requiredOption("-o, --output <file>", "OUT.npz; OUT.pkl comes beside it")
    .option("--label <file>", "the label, on the same grid; without it the last channel is 0")
    .option("--crop", "crop to the non-zero part as nnU-Net does; label -1 is then outside of its mask", false)
    .addOption(compressionOption())
    .option("--json", "print one JSON document instead of text", false)
    .option("--no-progress", "no progress bar on stderr")
    .addHelpText("after", HELP);
  return addScanOptions(command).action((images: string[], options: ToNpzOptions) =>
    runCommand("to-npz", options, (run) => writeCase(run, images, options)),
  );
}

const HELP = `
Examples:
  $ nnprep to-npz t1.nrrd t2.nrrd --label tumour.nrrd -o case.npz
  $ nnprep to-npz dicom_folder --crop -o case.npz

case.npz holds "data", float32 (channels + 1, z, y, x). case.pkl holds itk_origin, itk_spacing, itk_direction,
original_size_of_raw_data, original_spacing, list_of_data_files, seg_file, crop_bbox, classes, size_after_cropping.
nnprep to-nifti is the way back.`;

async function writeCase(run: CommandRun, images: readonly string[], options: ToNpzOptions): Promise<CommandReport> {
  const scan = readOptions(options);
  const paths = options.label === undefined ? images : [...images, options.label];
  const bar = run.bar("to-npz");
  const warnings: string[] = [];
  const volumes: Volume[] = [];
  for (const [done, path] of paths.entries()) {
    bar.show({ stage: "read", done, total: paths.length, identifier: path });
    const { volume, warnings: found } = await readScanPath(path, scan);
    warnings.push(...found.map((warning) => `${path}: ${warning}`));
    if (path !== options.label && !fitsFloat32(volume)) {
      warnings.push(`${path}: has values that float32 does not hold; they are rounded, as nnU-Net does`);
    }
    const matched = volumes[0] === undefined ? null : matchGrid(volume, volumes[0]);
    if (matched?.turned === true) {
      warnings.push(`${path}: ${turnedWarning(paths[0])}`);
      volumes.push(matched.volume);
    } else volumes.push(volume);
  }
  const label = options.label === undefined ? undefined : volumes.pop();
  await init();
  const files = { images: images.map((path) => resolve(path)), label: label && resolve(options.label as string) };
  const given = { images: volumes, label, files: { images: files.images, label: files.label ?? null } };
  const { arrays, properties } = options.crop ? cropCase(given) : stackCase(given);
  const output = resolve(options.output.replace(/\.npz$/i, ""));
  await saveCase(new FolderStore(dirname(output)), basename(output), arrays, properties, "", options.compression);
  const shape = [arrays.channels.length + 1, ...arrays.shape];
  const { crop_bbox, classes } = properties;
  return {
    ok: true,
    document: { output: `${output}.npz`, properties: `${output}.pkl`, shape, crop_bbox, classes, warnings },
    warnings,
    text: `${output}.npz, .pkl: ${arrays.channels.length} channels and the label, ${formatVoxels(arrays.shape)} (z, y, x)`,
  };
}

/** Whether every value is the same as float32; NaN is. */
function fitsFloat32({ data }: Volume): boolean {
  if (!(data instanceof Float64Array || data instanceof Int32Array || data instanceof Uint32Array)) return true;
  for (let i = 0; i < data.length; i++) if (!Object.is(Math.fround(data[i]), data[i])) return false;
  return true;
}
