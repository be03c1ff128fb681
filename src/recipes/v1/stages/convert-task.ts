import { readdir, rm, rmdir, stat } from "node:fs/promises";
import { basename, isAbsolute, join, resolve } from "node:path";
import { NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import { type ReadScanOptions, writeVolume } from "../../../io/formats.js";
import { isGzip } from "../../../io/gzip.js";
import { formatNifti, parseNiftiChannels } from "../../../io/nifti.js";
import { readScanPath, scanFileFromPath } from "../../../io/scan-path.js";
import { FolderStore } from "../../../runner/folder-store.js";
import type { Progress } from "../../../runner/run.js";
import { type Grid, matchGrid, turnedWarning } from "../../../steps/match-grid.js";
import type { DescribedCase, FilePattern, TaskDescription } from "../../task-description.js";
import { formatDatasetJson } from "../documents/dataset-json.js";
import { DATASET_JSON, IMAGES_TEST, IMAGES_TRAINING, LABELS_TRAINING } from "../layout.js";

/* Building raw tasks of nnU-Net v1 from files of other kinds and places. */

export interface BuildTaskOptions {
  readonly scan?: ReadScanOptions;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** A file to make: from where, to where inside the task. */
interface FileJob {
  readonly from: string;
  readonly to: string;
  readonly id: string;
  /** Whether it is channel 0, whose grid the case's other files share. */
  readonly isFirst: boolean;
}

const PLACE = "{id}";
const ENDING = ".nii.gz";

/**
 * Builds a raw task from a description: `imagesTr`, `labelsTr`, `imagesTs` with .nii.gz files, and dataset.json, which
 * comes last. Files that are .nii.gz already are copied; others are read and written with their geometry.
 *
 * @param base folder that the description's paths are relative to. @param folder the task's own, new or empty.
 * @returns warnings of the readers, with file names
 * @throws NnprepError INVALID_DATASET, FILE_NOT_FOUND, and whatever reading the files gives
 */
export async function buildTask(
  description: TaskDescription,
  base: string,
  folder: string,
  options: BuildTaskOptions = {},
): Promise<string[]> {
  return allOrNothing(folder, () => fillTask(description, base, folder, options));
}

async function fillTask(
  description: TaskDescription,
  base: string,
  folder: string,
  options: BuildTaskOptions,
): Promise<string[]> {
  const { training, test } = await findCases(description, base);
  const jobs = [
    ...training.flatMap((entry) => jobsOf(entry, base, IMAGES_TRAINING)),
    ...test.flatMap((entry) => jobsOf(entry, base, IMAGES_TEST)),
  ];
  const store = new FolderStore(folder);
  const warnings: string[] = [];
  let grid: Grid | null = null;
  await runJobs("convert", jobs, options, async (job) => {
    const done = await convertFile(job, store, job.isFirst ? null : grid, options.scan);
    warnings.push(...done.warnings);
    if (job.isFirst) grid = done.grid;
  });
  const numbered = (record: Readonly<Record<string, string>>) =>
    new Map(Object.entries(record).map(([key, name]) => [Number(key), name]));
  const text = formatDatasetJson({
    name: basename(folder).replace(/^Task\d+_/, ""),
    modality: numbered(description.modality),
    labels: numbered(description.labels),
    training: training.map(({ id }) => ({
      image: `./${IMAGES_TRAINING}/${id}${ENDING}`,
      label: `./${LABELS_TRAINING}/${id}${ENDING}`,
    })),
    test: test.map(({ id }) => `./${IMAGES_TEST}/${id}${ENDING}`),
  });
  await store.write(DATASET_JSON, new TextEncoder().encode(text));
  return warnings;
}

async function checkEmpty(folder: string): Promise<void> {
  const names: string[] = await readdir(folder).catch(() => []);
  if (names.length === 0) return;
  const problem = names.includes(DATASET_JSON)
    ? "a task is there already; remove its folder or choose another task"
    : "the folder is not empty and has no dataset.json: perhaps a run that was killed left it. Remove it and run again, or choose another task";
  throw new NnprepError("CANNOT_WRITE", `${folder}: ${problem}`, { file: folder });
}

/** Does the work on a folder that was empty, and empties it again if that fails or is stopped. */
async function allOrNothing<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await checkEmpty(folder);
  const isNew = await stat(folder).then(
    () => false,
    () => true,
  );
  try {
    return await work();
  } catch (error) {
    for (const name of [IMAGES_TRAINING, LABELS_TRAINING, IMAGES_TEST, DATASET_JSON]) {
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
    }
    if (isNew) await rmdir(folder).catch(() => undefined);
    throw error;
  }
}

async function runJobs<T extends { readonly id: string }>(
  stage: string,
  jobs: readonly T[],
  { onProgress, signal }: BuildTaskOptions,
  work: (job: T) => Promise<void>,
): Promise<void> {
  for (const [done, job] of jobs.entries()) {
    if (signal?.aborted) throw new NnprepError("ABORTED", `stopped after ${done} of ${jobs.length} files`);
    onProgress?.({ stage, done, total: jobs.length, identifier: job.id });
    await work(job);
  }
  onProgress?.({ stage, done: jobs.length, total: jobs.length });
}

function jobsOf({ id, images, label }: DescribedCase, base: string, folder: string): FileJob[] {
  const jobs = images.map((image, channel) => ({
    id,
    isFirst: channel === 0,
    from: resolve(base, image),
    to: joinPath(folder, `${id}_${String(channel).padStart(4, "0")}${ENDING}`),
  }));
  if (label !== null)
    jobs.push({ id, isFirst: false, from: resolve(base, label), to: joinPath(LABELS_TRAINING, `${id}${ENDING}`) });
  return jobs;
}

/**
 * Files that are .nii.gz already are copied, others are written anew. Axes that run otherwise than those of channel 0
 * are turned, so that all files of a case lie on one grid; what else differs is for `verify` to tell.
 */
async function convertFile(
  { from, to }: FileJob,
  store: FolderStore,
  grid: Grid | null,
  scan: ReadScanOptions = {},
): Promise<{ warnings: string[]; grid: Grid }> {
  const reading = await readScanPath(from, scan);
  const { shape, geometry, niftiForms } = reading.volume;
  const matched = grid === null ? null : matchGrid(reading.volume, grid);
  const warnings = reading.warnings.map((warning) => `${from}: ${warning}`);
  if (matched?.turned === true) {
    warnings.push(`${from}: ${turnedWarning("channel 0")}`);
    await store.write(to, await writeVolume(to, matched.volume));
  } else {
    const bytes = from.toLowerCase().endsWith(ENDING) ? await (await scanFileFromPath(from)).read() : undefined;
    const isCopy = bytes !== undefined && isGzip(bytes);
    await store.write(to, isCopy ? bytes : await writeVolume(to, reading.volume));
  }
  return { warnings, grid: { shape, geometry, niftiForms } };
}

async function findCases(
  { training, test }: TaskDescription,
  base: string,
): Promise<{ training: DescribedCase[]; test: DescribedCase[] }> {
  const isPattern = (entry: TaskDescription["training"]): entry is FilePattern => "images" in entry;
  const isList = (entry: TaskDescription["test"]): entry is readonly DescribedCase[] => Array.isArray(entry);
  const trained = isPattern(training) ? await casesOf(training.images, training.label, base) : [...training];
  let forTest: DescribedCase[] = [];
  if (isList(test)) forTest = [...test];
  else if ("images" in test) forTest = await casesOf(test.images, null, base);
  else if (isPattern(training)) {
    const all = await casesOf(training.images, null, base);
    forTest = test.ids.map((id) => {
      const found = all.find((entry) => entry.id === id);
      if (found !== undefined) return found;
      throw new NnprepError(
        "INVALID_DATASET",
        `test: no files of case "${id}" found by the pattern ${training.images[0]}`,
        { id },
      );
    });
  }
  const held = new Set(forTest.map(({ id }) => id));
  const kept = trained.filter(({ id }) => !held.has(id));
  if (kept.length === 0) {
    throw new NnprepError("INVALID_DATASET", `training: no case was found below ${base}; check the patterns`, { base });
  }
  return { training: kept, test: forTest };
}

/** The cases whose label (or first channel, without one) is there; every channel of them must be. */
async function casesOf(images: readonly string[], label: string | null, base: string): Promise<DescribedCase[]> {
  const first = label ?? (images[0] as string);
  const ids = await identifiers(first, base);
  const fill = (text: string, id: string) => text.replaceAll(PLACE, id);
  return ids.map((id) => ({
    id,
    images: images.map((image) => fill(image, id)),
    label: label === null ? null : fill(label, id),
  }));
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** What `{id}` stands for in the paths that are there, sorted; hidden files and folders are left out. */
async function identifiers(pattern: string, base: string): Promise<string[]> {
  const parts = pattern.split("/").filter((part) => part !== "" && part !== ".");
  const at = parts.findIndex((part) => part.includes(PLACE));
  const folder = resolve(base, isAbsolute(pattern) ? "/" : "", ...parts.slice(0, at));
  const [before, ...after] = (parts[at] as string).split(PLACE);
  const rest = after.map((text, i) => (i === 0 ? `([^/\\s]+)${quoted(text)}` : `\\1${quoted(text)}`)).join("");
  const expression = new RegExp(`^${quoted(before as string)}${rest}$`);
  const names = await readdir(folder).catch(() => {
    throw new NnprepError("FILE_NOT_FOUND", `${folder}: no such folder; the pattern "${pattern}" names it`, {
      file: folder,
    });
  });
  const ids = names.filter((name) => !name.startsWith(".")).flatMap((name) => expression.exec(name)?.[1] ?? []);
  return [...new Set(ids)].sort();
}

/**
 * Splits a 4-D task of the Medical Segmentation Decathlon into one file per channel: `split_4d` of nnU-Net 1.7.1
 * (`nnUNet_convert_decathlon_task`). Volumes, labels and dataset.json are those that it writes; hidden files are left
 * out, not deleted from the input.
 *
 * @throws NnprepError INVALID_DATASET, FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED, CANNOT_WRITE
 */
export async function splitMsdTask(input: string, folder: string, options: BuildTaskOptions = {}): Promise<void> {
  return allOrNothing(folder, () => splitFiles(input, folder, options));
}

async function splitFiles(input: string, folder: string, options: BuildTaskOptions): Promise<void> {
  const [source, target] = [new FolderStore(input), new FolderStore(folder)];
  const visible = async (name: string) => (await source.list(name)).filter((file) => !file.startsWith("."));
  if (!(await source.exists(DATASET_JSON)) || (await visible(IMAGES_TRAINING)).length === 0) {
    throw new NnprepError(
      "INVALID_DATASET",
      `${input}: a folder of the Medical Segmentation Decathlon with dataset.json, imagesTr and labelsTr is expected`,
      { file: input },
    );
  }
  const jobs: Omit<FileJob, "isFirst">[] = [];
  for (const name of [IMAGES_TRAINING, IMAGES_TEST]) {
    for (const file of await visible(name)) {
      if (file.endsWith(ENDING))
        jobs.push({ id: file, from: joinPath(name, file), to: joinPath(name, file.slice(0, -7)) });
    }
  }
  for (const file of await visible(LABELS_TRAINING)) {
    jobs.push({ id: file, from: joinPath(LABELS_TRAINING, file), to: joinPath(LABELS_TRAINING, file) });
  }
  await runJobs("split", jobs, options, ({ from, to }) => splitFile(source, target, from, to));
  await target.write(DATASET_JSON, await source.read(DATASET_JSON));
}

async function splitFile(source: FolderStore, target: FolderStore, from: string, to: string): Promise<void> {
  const bytes = await source.read(from);
  if (to.endsWith(ENDING)) return target.write(to, bytes);
  try {
    const volumes = await parseNiftiChannels(bytes);
    const name = (channel: number) => `${to}_${String(channel).padStart(4, "0")}${ENDING}`;
    if (volumes.length === 1) return await target.write(name(0), bytes);
    for (const [channel, volume] of volumes.entries()) {
      await target.write(name(channel), await formatNifti(volume, { gzip: true }));
    }
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(source.location(from)) : error;
  }
}
