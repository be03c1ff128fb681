import { joinPath } from "../core/paths.js";
import { isFirstPart, type Part, takePart } from "../runner/parts.js";
import { digestFiles, type FileDigest, findResult, RECORDS, readRecord, saveRecord } from "../runner/record.js";
import { type RunOptions, throwIfAborted } from "../runner/run.js";
import type { ReportCase } from "../view/report.js";
import { pictureCase } from "./case-pictures.js";
import { type CaseSample, type LoadedCase, loadCase, sampleCase, voxelQuota } from "./samples.js";
import type { CasePaths, ReportSource } from "./source.js";

/** Where the parts of a report leave what they have looked at. */
const FOLDER = joinPath(RECORDS, "report");

/** What a report keeps of one case; plain values, so that another machine may have gathered them. */
export interface CaseLook {
  readonly sample: CaseSample;
  /** null where the case is not to be seen. */
  readonly picture: ReportCase | null;
}

/** Which cases a report looks at, and of which it has pictures. */
export interface LookOptions extends Pick<RunOptions, "signal" | "onProgress"> {
  /** Cases to read, spread evenly. */
  readonly sample: number;
  /** Of which so many with pictures. */
  readonly pictures: number;
}

/** `count` of the items, evenly spread. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]);
}

/** The cases that a report looks at, in the order of the dataset. */
export function chooseCases({ trainingCases }: ReportSource, { sample }: LookOptions): CasePaths[] {
  return spread(trainingCases, sample);
}

function recordPath(identifier: string): string {
  return joinPath(FOLDER, `${identifier}.json`);
}

/** Looks at cases, and knows what parts have left. */
class Looking {
  readonly #source: ReportSource;
  readonly #looked: readonly CasePaths[];
  readonly #shown: ReadonlySet<string>;
  readonly #quota: number;

  constructor(source: ReportSource, options: LookOptions) {
    this.#source = source;
    this.#looked = chooseCases(source, options);
    this.#shown = new Set(spread(this.#looked, options.pictures).map(({ identifier }) => identifier));
    this.#quota = voxelQuota(this.#looked.length, source.channels.length);
  }

  async look(paths: CasePaths, loaded: LoadedCase): Promise<CaseLook> {
    const { identifier } = paths;
    const sample = sampleCase(identifier, loaded, this.#quota);
    const picture = this.#shown.has(identifier) ? await pictureCase(this.#source, identifier, loaded) : null;
    return { sample, picture };
  }

  /** All that decides a look beside the files. */
  async settings(identifier: string): Promise<string> {
    const { channels, labels } = this.#source;
    const plan = await this.#source.plan([]);
    const marks = await this.#source.intensityMarks(0);
    return JSON.stringify([this.#quota, this.#shown.has(identifier), channels, [...labels], plan, marks]);
  }

  async inputs({ identifier, images, label }: CasePaths): Promise<Record<string, FileDigest>> {
    const { raw, preprocessed } = this.#source;
    const scans = await digestFiles(raw, [...images, label]);
    if (!this.#shown.has(identifier)) return scans;
    return { ...scans, ...(await digestFiles(preprocessed, await this.#source.preparedFiles(identifier))) };
  }

  /** What a part has left of a case, if it is of the same files and settings. */
  async find(paths: CasePaths): Promise<CaseLook | null> {
    const { preprocessed } = this.#source;
    const path = recordPath(paths.identifier);
    // Without parts nothing is there, and files are not read twice.
    if ((await readRecord(preprocessed, path)) === null) return null;
    const settings = await this.settings(paths.identifier);
    const found = await findResult(preprocessed, path, settings, await this.inputs(paths));
    return found === null ? null : (found.result as CaseLook);
  }
}

/**
 * Looks at the cases of a report one after the other, and takes what parts have left.
 * @param onFailure told of a case that cannot be read; it is left out
 * @throws NnprepError ABORTED
 */
export async function* lookAtCases(
  source: ReportSource,
  options: LookOptions,
  onFailure: (identifier: string, error: Error) => void,
): AsyncGenerator<CaseLook> {
  const looking = new Looking(source, options);
  const looked = chooseCases(source, options);
  for (const [done, paths] of looked.entries()) {
    throwIfAborted(options.signal);
    options.onProgress?.({ stage: "report", done, total: looked.length, identifier: paths.identifier });
    try {
      yield (await looking.find(paths)) ?? (await looking.look(paths, await loadCase(source.raw, paths)));
    } catch (error) {
      onFailure(paths.identifier, error as Error);
    }
  }
  options.onProgress?.({ stage: "report", done: looked.length, total: looked.length });
}

/**
 * One of several parts of a report: looks at its cases and leaves what they give beside the preprocessed data, for the
 * report without parts.
 * @returns how many were looked at, and what is wrong with those that cannot be read
 * @throws NnprepError CANNOT_WRITE, ABORTED
 */
export async function lookAtPart(
  source: ReportSource,
  part: Part,
  options: LookOptions,
): Promise<{ readonly cases: number; readonly failures: readonly string[] }> {
  const looking = new Looking(source, options);
  const all = chooseCases(source, options);
  const own = takePart(all, part);
  if (isFirstPart(part)) await forgetOthers(source, all);
  const failures: string[] = [];
  for (const [done, paths] of own.entries()) {
    throwIfAborted(options.signal);
    const { identifier } = paths;
    options.onProgress?.({ stage: "report", done, total: own.length, identifier });
    if ((await looking.find(paths).catch(() => null)) !== null) continue;
    let loaded: LoadedCase;
    try {
      loaded = await loadCase(source.raw, paths);
    } catch (error) {
      failures.push(`${identifier}: ${(error as Error).message}`);
      continue;
    }
    const result = await looking.look(paths, loaded);
    const record = { settings: await looking.settings(identifier), inputs: await looking.inputs(paths), result };
    await saveRecord(source.preprocessed, recordPath(identifier), record, []);
  }
  options.onProgress?.({ stage: "report", done: own.length, total: own.length });
  return { cases: own.length, failures };
}

/** Of a report of other cases. */
async function forgetOthers({ preprocessed }: ReportSource, cases: readonly CasePaths[]): Promise<void> {
  const known = new Set(cases.map(({ identifier }) => `${identifier}.json`));
  for (const name of await preprocessed.list(FOLDER)) {
    if (!known.has(name)) await preprocessed.remove(joinPath(FOLDER, name));
  }
}

/** Removes what parts have left, when it has served. */
export async function forgetLooks({ preprocessed }: ReportSource): Promise<void> {
  for (const name of await preprocessed.list(FOLDER)) await preprocessed.remove(joinPath(FOLDER, name));
}
