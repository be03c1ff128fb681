import { readdir, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { NnprepError } from "../../core/errors.js";
import type { ReadScanOptions } from "../../io/formats.js";
import type { Progress } from "../../runner/run.js";

/* Raw folders of both generations have the same subfolders. */

export const DATASET_JSON = "dataset.json";
export const IMAGES_TRAINING = "imagesTr";
export const LABELS_TRAINING = "labelsTr";
export const IMAGES_TEST = "imagesTs";
export const SUBFOLDERS = [
  IMAGES_TRAINING,
  LABELS_TRAINING,
  IMAGES_TEST,
  "labelsTs",
  "imagesVal",
  "labelsVal",
] as const;
/** What files are written as. */
export const ENDING = ".nii.gz";

/** How a raw dataset is built out of files that lie elsewhere. */
export interface BuildOptions {
  readonly scan?: ReadScanOptions;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

async function checkEmpty(folder: string): Promise<void> {
  const names: string[] = await readdir(folder).catch(() => []);
  if (names.length === 0) return;
  const problem = names.includes(DATASET_JSON)
    ? "data is there already; remove its folder or choose another name"
    : "the folder is not empty and has no dataset.json: perhaps a run that was killed left it. Remove it and run again, or choose another name";
  throw new NnprepError("CANNOT_WRITE", `${folder}: ${problem}`, { file: folder });
}

/** Does the work on a folder that was empty, and empties it again if that fails or is stopped. */
export async function allOrNothing<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await checkEmpty(folder);
  const isNew = await stat(folder).then(
    () => false,
    () => true,
  );
  try {
    return await work();
  } catch (error) {
    for (const name of [...SUBFOLDERS, DATASET_JSON]) {
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
    }
    if (isNew) await rmdir(folder).catch(() => undefined);
    throw error;
  }
}

export async function runJobs<T extends { readonly id: string }>(
  stage: string,
  jobs: readonly T[],
  { onProgress, signal }: BuildOptions,
  work: (job: T) => Promise<void>,
): Promise<void> {
  for (const [done, job] of jobs.entries()) {
    if (signal?.aborted) throw new NnprepError("ABORTED", `stopped after ${done} of ${jobs.length} files`);
    onProgress?.({ stage, done, total: jobs.length, identifier: job.id });
    await work(job);
  }
  onProgress?.({ stage, done: jobs.length, total: jobs.length });
}
