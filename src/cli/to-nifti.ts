import { basename, dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { inFile } from "../core/errors.js";
import { formatSpacing, formatVoxels } from "../core/grid-text.js";
import type { Volume } from "../core/volume.js";
import { writeVolume } from "../io/formats.js";
import { unstackCase } from "../recipes/v1/crop/stack-case.js";
import { loadArrays, loadProperties } from "../recipes/v1/stages/case-files.js";
import { FolderStore } from "../runner/folder-store.js";
import { type CommandReport, type CommandRun, runCommand } from "./command-runner.js";
import { isFolder } from "./is-folder.js";
import { UsageError } from "./usage-error.js";

interface ToNiftiOptions {
  readonly output?: string;
  readonly json: boolean;
  readonly progress: boolean;
}

export function toNiftiCommand(): Command {
  return new Command("to-nifti")
    .argument("<npz>", "CASE.npz, whole or cropped, with CASE.pkl beside it (nnprep to-npz, nnU-Net's cropped data)")
    .option("-o, --output <name>", "OUT: a name for the files, or a folder (default: CASE, beside the .npz)")
    .option("--json", "print one JSON document instead of text", false)
    .option("--no-progress", "no progress bar on stderr")
    .addHelpText("after", HELP)
    .action((input: string, options: ToNiftiOptions) => {
      if (!/\.npz$/i.test(input)) throw new UsageError(`${input}: a file CASE.npz is expected`);
      return runCommand("to-nifti", options, (run) => writeScans(run, input, options));
    });
}

const HELP = `
Example:
  $ nnprep to-nifti nnUNet_cropped_data/Task001_Example/case.npz -o scans/case

Cropped arrays are put back to where they were: images and label have the scan's size, origin, spacing and direction,
0 where it was cut off. Label -1, outside of nnU-Net's mask, becomes 0. Preprocessed cases are refused.`;

async function writeScans(run: CommandRun, input: string, options: ToNiftiOptions): Promise<CommandReport> {
  const file = resolve(input);
  const identifier = basename(file).slice(0, -4);
  const store = new FolderStore(dirname(file));
  const bar = run.bar("to-nifti");
  const properties = await loadProperties(store, identifier);
  const arrays = await loadArrays(store, identifier);
  const { images, label } = await inFile(file, () => unstackCase(arrays, properties));
  const base = outputBase(options.output, file);
  const target = new FolderStore(dirname(base));
  const jobs: (readonly [string, Volume])[] = images.map((image, channel) => [
    `${basename(base)}_${String(channel).padStart(4, "0")}.nii.gz`,
    image,
  ]);
  if (label !== null) jobs.push([`${basename(base)}.nii.gz`, label]);
  for (const [done, [name, volume]] of jobs.entries()) {
    bar.show({ stage: "write", done, total: jobs.length, identifier: name });
    await target.write(name, await writeVolume(name, volume));
  }
  const files = jobs.map(([name]) => target.location(name));
  const shape = [...properties.original_size_of_raw_data].reverse();
  return {
    ok: true,
    document: { input: file, files, shape, spacing: properties.itk_spacing, label: label !== null },
    warnings: [],
    text: `${files.join("\n")}\n${formatVoxels(shape)} voxels of ${formatSpacing(properties.itk_spacing)} mm`,
  };
}

/** What the names of the files begin with. */
function outputBase(output: string | undefined, input: string): string {
  const name = basename(input).slice(0, -4);
  if (output === undefined) return join(dirname(input), name);
  const intoFolder = /[\\/]$/.test(output) || isFolder(output);
  return intoFolder ? resolve(output, name) : resolve(output.replace(/\.nii(\.gz)?$/i, ""));
}
