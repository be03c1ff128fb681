import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Volume } from "../../../../src/core/volume.js";
import { formatNifti } from "../../../../src/io/nifti.js";
import { type TinyTask, taskFiles } from "./tiny-task.js";

/** Writes the task below `raw` in nnU-Net's layout and returns its folder. */
export async function writeTask(raw: string, task: TinyTask): Promise<string> {
  const folder = join(raw, task.name);
  for (const [path, bytes] of await taskFiles(task)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
  return folder;
}

export function imagePath(folder: string, identifier: string, channel: number): string {
  return join(folder, "imagesTr", `${identifier}_000${channel}.nii.gz`);
}

export function labelPath(folder: string, identifier: string): string {
  return join(folder, "labelsTr", `${identifier}.nii.gz`);
}

export async function writeVolume(file: string, volume: Volume): Promise<void> {
  writeFileSync(file, await formatNifti(volume, { gzip: true }));
}
