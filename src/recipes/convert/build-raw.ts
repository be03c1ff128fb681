import { readdir, stat } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { NnprepError } from "../../core/errors.js";
import { joinPath } from "../../core/paths.js";
import type { Volume, VoxelArray } from "../../core/volume.js";
import { isScanFile, type ReadScanOptions, writeVolume } from "../../io/formats.js";
import { isGzip } from "../../io/gzip.js";
import { isMissing, readScanPath, scanFileFromPath } from "../../io/scan-path.js";
import { FolderStore } from "../../runner/folder-store.js";
import { type Grid, matchGrid, turnedWarning } from "../../steps/match-grid.js";
import {
  type DescribedCase,
  type DescribedLabels,
  describedLabels,
  type FilePattern,
  type TaskDescription,
} from "../task-description.js";
import {
  allOrNothing,
  type BuildOptions,
  DATASET_JSON,
  ENDING,
  IMAGES_TEST,
  IMAGES_TRAINING,
  LABELS_TRAINING,
  runJobs,
} from "./raw-folder.js";

/* Building the raw folder of a task or dataset from files of other kinds and places. */

/** What was put together, for the dataset.json. */
export interface BuiltRaw {
  /** By channel number. */
  readonly channels: ReadonlyMap<number, string>;
  readonly labels: ReadonlyMap<number, string>;
  /** Identifiers. */
  readonly training: readonly string[];
  readonly test: readonly string[];
}

/** A file to make: from where, to where inside the task. */
interface FileJob {
  readonly from: string;
  readonly to: string;
  readonly id: string;
  /** Whether it is channel 0, whose grid the case's other files share. */
  readonly isFirst: boolean;
  readonly isLabel: boolean;
}

const PLACE = "{id}";

/**
 * Builds a raw folder from a description: `imagesTr`, `labelsTr`, `imagesTs` with .nii.gz files, and dataset.json, which
 * comes last. Files that are .nii.gz already are copied; others are read and written with their geometry, labels with
 * the numbers that the description gives them.
 *
 * @param base folder that the description's paths are relative to. @param folder the new folder, or an empty one.
 * @param formatDocument text of the dataset.json
 * @returns warnings of the readers, with file names
 * @throws NnprepError INVALID_DATASET, FILE_NOT_FOUND, and whatever reading the files gives
 */
export function buildRaw(
  description: TaskDescription,
  base: string,
  folder: string,
  formatDocument: (built: BuiltRaw) => string,
  options: BuildOptions = {},
): Promise<string[]> {
  return allOrNothing(folder, () => fill(description, base, folder, formatDocument, options));
}

async function fill(
  description: TaskDescription,
  base: string,
  folder: string,
  formatDocument: (built: BuiltRaw) => string,
  options: BuildOptions,
): Promise<string[]> {
  const { training, test } = await findCases(description, base);
  const labels = describedLabels(description);
  const jobs = [
    ...training.flatMap((entry) => jobsOf(entry, base, IMAGES_TRAINING)),
    ...test.flatMap((entry) => jobsOf(entry, base, IMAGES_TEST)),
  ];
  const store = new FolderStore(folder);
  const warnings: string[] = [];
  let grid: Grid | null = null;
  await runJobs("convert", jobs, options, async (job) => {
    const done = await convertFile(job, store, job.isFirst ? null : grid, labels, options.scan);
    warnings.push(...done.warnings);
    if (job.isFirst) grid = done.grid;
  });
  const text = formatDocument({
    channels: new Map(Object.entries(description.modality).map(([key, name]) => [Number(key), name])),
    labels: labels.names,
    training: training.map(({ id }) => id),
    test: test.map(({ id }) => id),
  });
  await store.write(DATASET_JSON, new TextEncoder().encode(text));
  return warnings;
}

function jobsOf({ id, images, label }: DescribedCase, base: string, folder: string): FileJob[] {
  const jobs = images.map((image, channel) => ({
    id,
    isFirst: channel === 0,
    isLabel: false,
    from: resolve(base, image),
    to: joinPath(folder, `${id}_${String(channel).padStart(4, "0")}${ENDING}`),
  }));
  if (label !== null) {
    const to = joinPath(LABELS_TRAINING, `${id}${ENDING}`);
    jobs.push({ id, isFirst: false, isLabel: true, from: resolve(base, label), to });
  }
  return jobs;
}

/**
 * Files that are .nii.gz already are copied, others are written anew. Axes that run otherwise than those of channel 0
 * are turned, so that all files of a case lie on one grid; what else differs is for `verify` to tell.
 */
async function convertFile(
  { from, to, isLabel }: FileJob,
  store: FolderStore,
  grid: Grid | null,
  labels: DescribedLabels,
  scan: ReadScanOptions = {},
): Promise<{ warnings: string[]; grid: Grid }> {
  const reading = await readScanPath(from, scan);
  const { shape, geometry, niftiForms } = reading.volume;
  const matched = grid === null ? null : matchGrid(reading.volume, grid);
  const warnings = reading.warnings.map((warning) => `${from}: ${warning}`);
  if (matched?.turned === true) warnings.push(`${from}: ${turnedWarning("channel 0")}`);
  if (matched?.turned === true || (isLabel && labels.numbers !== null)) {
    const placed = matched?.volume ?? reading.volume;
    const written = isLabel && labels.numbers !== null ? renumber(placed, labels.numbers, from) : placed;
    await store.write(to, await writeVolume(to, written));
  } else {
    const bytes = from.toLowerCase().endsWith(ENDING) ? await (await scanFileFromPath(from)).read() : undefined;
    const isCopy = bytes !== undefined && isGzip(bytes);
    await store.write(to, isCopy ? bytes : await writeVolume(to, reading.volume));
  }
  return { warnings, grid: { shape, geometry, niftiForms } };
}

/** The label with the numbers that it is to have. @throws NnprepError INVALID_VALUES for one that has none */
function renumber(label: Volume, numbers: ReadonlyMap<number, number>, file: string): Volume<VoxelArray> {
  const largest = Math.max(...numbers.values());
  const data = largest < 256 ? new Uint8Array(label.data.length) : new Uint16Array(label.data.length);
  for (let i = 0; i < data.length; i++) {
    const number = numbers.get(label.data[i]);
    if (number === undefined) {
      const known = [...numbers.keys()].join(", ");
      throw new NnprepError(
        "INVALID_VALUES",
        `${file}: label ${label.data[i]} found, but the description names only ${known}; add it to one of its labels`,
        { file, found: label.data[i], expected: [...numbers.keys()] },
      );
    }
    data[i] = number;
  }
  return { ...label, data };
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
  const first = label ?? images[0];
  const ids = await identifiers(first, base);
  const fill = (text: string, id: string) => text.replaceAll(PLACE, id);
  const cases = ids.map((id) => ({
    id,
    images: images.map((image) => fill(image, id)),
    label: label === null ? null : fill(label, id),
  }));
  await requireImages(cases, first, base);
  return cases;
}

/** @throws NnprepError INVALID_DATASET naming every case that was found by `pattern` and lacks a channel */
async function requireImages(cases: readonly DescribedCase[], pattern: string, base: string): Promise<void> {
  const lacking: string[] = [];
  for (const { id, images } of cases) {
    for (const image of images) {
      const isThere = await stat(resolve(base, image)).then(
        () => true,
        (error) => !isMissing(error),
      );
      if (!isThere) lacking.push(`${id} (${image})`);
    }
  }
  if (lacking.length === 0) return;
  const named = lacking.slice(0, 10).join(", ");
  const more = lacking.length > 10 ? ` and ${lacking.length - 10} more` : "";
  throw new NnprepError(
    "INVALID_DATASET",
    `${pattern} finds cases that lack a scan: ${named}${more}; add the files, take these cases out, or list the cases one by one`,
    { found: lacking },
  );
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** Whether a path that a pattern ends with may be a case: a folder, or a file that is no list or note beside the scans. */
async function mayBeScan(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory() || isScanFile(await scanFileFromPath(path));
}

/**
 * What `{id}` stands for in the paths that are there, sorted; hidden files and folders are left out, and where the pattern
 * ends with `{id}` what is no scan.
 */
async function identifiers(pattern: string, base: string): Promise<string[]> {
  const parts = pattern.split("/").filter((part) => part !== "" && part !== ".");
  const at = parts.findIndex((part) => part.includes(PLACE));
  const folder = resolve(base, isAbsolute(pattern) ? "/" : "", ...parts.slice(0, at));
  const [before, ...after] = parts[at].split(PLACE);
  const rest = after.map((text, i) => (i === 0 ? `([^/\\s]+)${quoted(text)}` : `\\1${quoted(text)}`)).join("");
  const expression = new RegExp(`^${quoted(before)}${rest}$`);
  const names = await readdir(folder).catch(() => {
    throw new NnprepError("FILE_NOT_FOUND", `${folder}: no such folder; the pattern "${pattern}" names it`, {
      file: folder,
    });
  });
  const ids: string[] = [];
  for (const name of names.filter((name) => !name.startsWith("."))) {
    const id = expression.exec(name)?.[1];
    if (id === undefined) continue;
    if (at < parts.length - 1 || after.at(-1) !== "" || (await mayBeScan(resolve(folder, name)))) ids.push(id);
  }
  return [...new Set(ids)].sort();
}
