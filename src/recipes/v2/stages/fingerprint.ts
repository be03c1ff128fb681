import { inFile, NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import { readNpz, writeNpzPieces } from "../../../io/npz.js";
import { noteFailures } from "../../../runner/failures.js";
import { defineJob } from "../../../runner/jobs.js";
import { takePart } from "../../../runner/parts.js";
import { readingOnce } from "../../../runner/read-once.js";
import { digestFiles, findResult, saveRecord } from "../../../runner/record.js";
import { type CaseJob, type CaseOutcome, runCases, takeCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { collectGarbage, giveBack } from "../../../runtime/scratch.js";
import type { PooledChannel } from "../../../steps/pooled-statistics.js";
import { type Fingerprint, formatFingerprint } from "../documents/fingerprint.js";
import {
  type CaseDraws,
  type CaseGrid,
  DrawnDataset,
  drawsOfCase,
  makeFingerprint,
  measureForeground,
  measureForegroundAgain,
  planSamples,
  takeForeground,
} from "../fingerprint.js";
import { FINGERPRINT_FILE, type TrainingCase } from "../layout.js";
import type { ReadCaseOptions } from "../readers/reader.js";
import { type Dataset, type DatasetStores, listTrainingCases, readDatasetJson, type StageOptions } from "./dataset.js";
import {
  FAILURES_OF_FINGERPRINT as FAILURES,
  RECORDS_OF_FINGERPRINT as FOLDER,
  fingerprintRecord,
  loadFingerprint,
} from "./fingerprint-files.js";
import { chooseDatasetReader, readTrainingCase } from "./read-case.js";

/** How a dataset's fingerprint is taken. */
export interface FingerprintOptions extends StageOptions {
  /** Makes it anew though there is one; nnU-Net's `--clean`. Default false: it is used again unseen, as nnU-Net does. */
  readonly clean?: boolean | undefined;
  readonly reading?: ReadCaseOptions | undefined;
}

/** What one case gives to the fingerprint beside its foreground voxels, which wait in a file. */
export interface ForegroundGrid extends CaseGrid {
  /** Voxels with a label above 0 inside the crop box. */
  readonly foregroundVoxels: number;
  readonly warnings: readonly string[];
}

export interface ExtractedFingerprint {
  /** null after one of several parts: the others are needed too. */
  readonly fingerprint: Fingerprint | null;
  /** True if it was there already and nothing was done. */
  readonly reused: boolean;
  readonly file: string;
  readonly cases: readonly CaseOutcome<ForegroundGrid>[];
}

function foregroundPath(identifier: string): string {
  return joinPath(FOLDER, `${identifier}.npz`);
}

interface TakeArgument {
  readonly names: TrainingCase;
  readonly readerName: string;
  readonly reading: ReadCaseOptions | undefined;
}

/** The job of a worker: reads and crops one case, and keeps its foreground voxels for the two readings of all draws. */
async function takeOneCase(
  { raw, preprocessed }: DatasetStores,
  { names, readerName, reading }: TakeArgument,
): Promise<ForegroundGrid> {
  const { identifier, images, label } = names;
  const files = readingOnce(raw);
  const inputs = await digestFiles(files, [...images, label]);
  const settings = JSON.stringify({ readerName, reading });
  const path = foregroundPath(identifier);
  const earlier = await findResult(preprocessed, fingerprintRecord(identifier), settings, inputs);
  if (earlier !== null) return earlier.result as ForegroundGrid;
  const { arrays, properties, warnings } = await readTrainingCase(files, names, readerName, reading);
  const { foreground, ...shapes } = await inFile(raw.location(images[0]), () => takeForeground(arrays));
  giveBack([...arrays.channels, arrays.label]);
  collectGarbage();
  const foregroundVoxels = foreground[0]?.length ?? 0;
  const channels = foreground.map((data, c) => [`channel_${c}`, { chunks: [data], shape: [data.length] }] as const);
  await preprocessed.write(path, await writeNpzPieces(Object.fromEntries(channels), { compression: "none" }));
  const { spacingMm, wholeSpacing } = properties;
  const result: ForegroundGrid = { ...shapes, spacingMm, wholeSpacing, foregroundVoxels, warnings };
  await saveRecord(preprocessed, fingerprintRecord(identifier), { settings, inputs, result }, [path]);
  return result;
}

export const takeForegroundJob = defineJob("v2/foreground", takeOneCase);

async function loadForeground(store: Store, identifier: string): Promise<Float32Array[]> {
  const path = foregroundPath(identifier);
  const bytes = await store.read(path);
  const arrays = await inFile(store.location(path), () => readNpz(bytes));
  return [...arrays.values()].map(({ data }) => data as Float32Array);
}

interface MeasureArgument {
  readonly identifier: string;
  readonly draws: CaseDraws;
  /** Of the case in the dataset. */
  readonly index: number;
}

/** First reading of one case's draws. */
export const measureJob = defineJob(
  "v2/measure",
  async ({ preprocessed }: Pick<DatasetStores, "preprocessed">, { identifier, draws }: MeasureArgument) =>
    measureForeground(await loadForeground(preprocessed, identifier), draws),
);

/** Second reading of the same draws, when the mean of all is known. */
export const measureAgainJob = defineJob(
  "v2/measure-again",
  async (
    { preprocessed }: Pick<DatasetStores, "preprocessed">,
    { identifier, draws, pooled }: MeasureArgument & { readonly pooled: readonly PooledChannel[] },
  ) => measureForegroundAgain(await loadForeground(preprocessed, identifier), draws, pooled),
);

/** Of an outcome; an error stops a stage that needs every case. */
function requireValue<T>(outcome: CaseOutcome<T>): T {
  if (!outcome.ok) throw outcome.error;
  return outcome.value;
}

/** @throws NnprepError INVALID_DATASET that names the cases that failed */
function requireAll(outcomes: readonly CaseOutcome<unknown>[]): void {
  const failed = outcomes.filter(({ ok }) => !ok).map(({ identifier }) => identifier);
  if (failed.length === 0) return;
  throw new NnprepError(
    "INVALID_DATASET",
    `${failed.length} of ${outcomes.length} cases could not be read (${failed.join(", ")}), and a fingerprint without them would be another one. ` +
      "Correct them or take them out of the dataset and run again: the cases that are done are kept",
    { failed },
  );
}

/**
 * The fingerprint of a raw dataset (`extract_fingerprints` of nnU-Net 2.8.1), equal in every bit: each case is read and
 * cropped once, its foreground waits in a file while the draws of all cases are made twice. With `part` only the cases of
 * that part are read, and the run without `part`, when all parts are done, joins what they left.
 *
 * @throws NnprepError INVALID_DATASET if a case cannot be read or no case has foreground, CANNOT_WRITE, ABORTED
 */
export async function extractFingerprint(
  { stores, executor }: Dataset,
  options: FingerprintOptions = {},
): Promise<ExtractedFingerprint> {
  const { raw, preprocessed } = stores;
  const file = preprocessed.location(FINGERPRINT_FILE);
  if (options.clean !== true && (await preprocessed.exists(FINGERPRINT_FILE))) {
    return { fingerprint: await loadFingerprint(preprocessed), reused: true, file, cases: [] };
  }
  const dataset = await readDatasetJson(raw);
  const all = await listTrainingCases(raw, dataset, options);
  const { name: readerName } = await chooseDatasetReader(raw, dataset, all, options.reading);
  const jobs = takePart(all, options.part).map(
    (names): CaseJob<TakeArgument> => ({
      identifier: names.identifier,
      argument: { names, readerName, reading: options.reading },
    }),
  );
  const cases = await runCases(
    executor,
    takeForegroundJob,
    "foreground",
    jobs,
    noteFailures(preprocessed, FAILURES, options),
  );
  if (options.part !== undefined) return { fingerprint: null, reused: false, file, cases };
  requireAll(cases);
  const grids = cases.map(requireValue);
  const plan = planSamples(grids.map(({ foregroundVoxels }) => foregroundVoxels > 0));
  const drawn = new DrawnDataset(plan);
  const draws = all.flatMap(({ identifier }, index) => {
    const own = drawsOfCase(plan, index);
    return own === undefined ? [] : [{ identifier, argument: { identifier, draws: own, index } }];
  });
  const measured = await takeCases(executor, measureJob, "intensities", draws, options, (parts, { index }) =>
    drawn.addMeasured(index, parts),
  );
  measured.forEach(requireValue);
  const pooled = drawn.pool();
  const again = await takeCases(
    executor,
    measureAgainJob,
    "deviations",
    draws.map(({ identifier, argument }) => ({ identifier, argument: { ...argument, pooled } })),
    options,
    (parts, { index }) => drawn.addDeviations(index, parts),
  );
  again.forEach(requireValue);
  const fingerprint = makeFingerprint(grids, drawn.statistics());
  await preprocessed.write(FINGERPRINT_FILE, new TextEncoder().encode(formatFingerprint(fingerprint)));
  // The voxels have served; the records would have a later run look for them.
  for (const name of await preprocessed.list(FOLDER)) await preprocessed.remove(joinPath(FOLDER, name));
  return { fingerprint, reused: false, file, cases };
}
