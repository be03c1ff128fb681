import { NnprepError } from "../core/errors.js";
import { formatVoxels } from "../core/grid-text.js";
import type { ComparedStores } from "../recipes/prediction-files.js";
import { loadVolume } from "../recipes/scan-files.js";
import { type CaseScores, parseSummary } from "../recipes/v1/documents/summary.js";
import { IMAGES_TEST, IMAGES_TRAINING } from "../recipes/v1/layout.js";
import { evaluateCases } from "../recipes/v1/stages/evaluate.js";
import type { Executor, RunOptions } from "../runner/run.js";
import type { Store } from "../runner/store.js";
import type { ReportCase, ReportScores } from "../view/report.js";
import { picturesOfPrediction } from "./pictures.js";

/** Predictions to be shown, their references, and who compares them where there is no summary.json. */
export interface PredictionsToShow {
  readonly stores: ComparedStores;
  readonly executor: Executor<ComparedStores>;
}

/** Files that hold a whole volume. */
const WHOLE_VOLUME = /\.(nii\.gz|nii|nrrd|mha)$/i;
/** The file that nnU-Net writes beside predictions that were compared. */
export const SUMMARY = "summary.json";

const folderOf = (store: Store): string => store.location("").replace(/(.)\/$/, "$1");

const mean = (values: readonly number[]): number => {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? Number.NaN : known.reduce((a, b) => a + b, 0) / known.length;
};

/** Whether there is anything to score, before it is done. @throws NnprepError CORRUPT_FILE, INVALID_DATASET */
export async function checkPredictions({ stores: { prediction } }: PredictionsToShow): Promise<void> {
  if (await prediction.exists(SUMMARY)) {
    await readSummary(prediction);
    return;
  }
  if ((await scansIn(prediction)).size > 0) return;
  const folder = folderOf(prediction);
  throw new NnprepError(
    "INVALID_DATASET",
    `${folder}: neither ${SUMMARY} nor predictions (.nii.gz, .nii, .nrrd, .mha) found; give the folder of the predictions`,
    { file: folder },
  );
}

async function readSummary(store: Store): Promise<readonly CaseScores[]> {
  const bytes = await store.read(SUMMARY);
  try {
    return parseSummary(new TextDecoder().decode(bytes)).all;
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(store.location(SUMMARY)) : error;
  }
}

/** `summary.json` beside the predictions if there is one, otherwise they are compared with the references. */
async function readScores(
  { stores, executor }: PredictionsToShow,
  labels: ReadonlyMap<number, string>,
  options: RunOptions,
): Promise<{ source: string; all: readonly CaseScores[]; failures: string[] }> {
  const { prediction, reference } = stores;
  if (await prediction.exists(SUMMARY)) {
    return { source: `From ${prediction.location(SUMMARY)}`, all: await readSummary(prediction), failures: [] };
  }
  const [predicted, references] = [await scansIn(prediction), await scansIn(reference)];
  // References without a prediction are most of the training cases: that is no failure.
  const unpaired = [...predicted.keys()].filter((name) => !references.has(name));
  const pairs = [...predicted].flatMap(([identifier, file]) => {
    const other = references.get(identifier);
    return other === undefined ? [] : [{ identifier, prediction: file, reference: other }];
  });
  const outcomes = await evaluateCases(executor, pairs, [...labels.keys()], options);
  return {
    source: `${folderOf(prediction)} compared with ${folderOf(reference)}`,
    all: outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value.scores] : [])),
    failures: [
      ...outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error.message])),
      ...unpaired.map((name) => `${name}: a prediction without a reference of that name in ${folderOf(reference)}`),
    ],
  };
}

/** The scans in a folder of a store: names without ending, and files. */
async function scansIn(store: Store, folder?: string): Promise<Map<string, string>> {
  const found = (await store.list(folder)).filter((file) => WHOLE_VOLUME.test(file) && !file.startsWith("."));
  return new Map(found.sort().map((file) => [file.replace(WHOLE_VOLUME, ""), file]));
}

const caseName = ({ test }: CaseScores): string => test.replace(/^.*[\\/]/, "").replace(WHOLE_VOLUME, "");

/** What a label of a summary is called; several that count as one are written 1+2. */
function nameOf(key: string, labels: ReadonlyMap<number, string>): string {
  const parts = key.split("+").map((part) => labels.get(Number(part)));
  return parts.every((name) => name !== undefined) ? parts.join(" + ") : `label ${key}`;
}

/** The Dice of every case, the worst first. */
export async function gatherScores(
  predictions: PredictionsToShow,
  labels: ReadonlyMap<number, string>,
  options: RunOptions,
): Promise<ReportScores> {
  const { source, all, failures } = await readScores(predictions, labels, options);
  const keys = [...new Set(all.flatMap(({ labels }) => [...labels.keys()]))].filter(
    (key) => key !== "0" && key !== "mean",
  );
  const rows = all.map((scores) => {
    const dice = keys.map((key) => scores.labels.get(key)?.get("Dice") ?? Number.NaN);
    return { name: caseName(scores), mean: mean(dice), dice };
  });
  // Cases without any foreground come last.
  rows.sort((a, b) => (Number.isNaN(a.mean) ? 2 : a.mean) - (Number.isNaN(b.mean) ? 2 : b.mean));
  return {
    source,
    labels: keys.map((key) => nameOf(key, labels)),
    rows,
    means: keys.map((_, k) => mean(rows.map(({ dice }) => dice[k]))),
    failures,
  };
}

/** Pictures of the worst cases; a case whose files cannot be read says so. */
export async function worstCases(
  scores: ReportScores,
  { stores: store }: PredictionsToShow,
  raw: Store,
  count: number,
): Promise<ReportCase[]> {
  const files = { prediction: await scansIn(store.prediction), reference: await scansIn(store.reference) };
  const load = (which: "prediction" | "reference", name: string) =>
    loadVolume(store[which], files[which].get(name) ?? `${name}.nii.gz`);
  const cases: ReportCase[] = [];
  for (const { name, mean: dice } of scores.rows.slice(0, count)) {
    const text = `mean Dice ${Number.isNaN(dice) ? "–" : dice.toFixed(3)}`;
    try {
      const prediction = await load("prediction", name);
      const expected = await load("reference", name);
      if (prediction.shape.join() !== expected.shape.join()) {
        const voxels = (shape: readonly number[]) => formatVoxels([...shape].reverse());
        throw new NnprepError(
          "SHAPE_MISMATCH",
          `the prediction has ${voxels(prediction.shape)} voxels, its reference ${voxels(expected.shape)}`,
        );
      }
      const image = await imageOf(raw, name);
      const scan = image === null ? undefined : await loadVolume(raw, image);
      const fits = scan?.shape.join() === expected.shape.join();
      cases.push(picturesOfPrediction(name, text, fits ? scan : undefined, prediction, expected));
    } catch (error) {
      cases.push({ name, text: `${text}; no pictures: ${(error as Error).message}`, groups: [] });
    }
  }
  return cases;
}

async function imageOf(raw: Store, name: string): Promise<string | null> {
  for (const folder of [IMAGES_TRAINING, IMAGES_TEST]) {
    const file = (await scansIn(raw, folder)).get(`${name}_0000`);
    if (file !== undefined) return `${folder}/${file}`;
  }
  return null;
}
