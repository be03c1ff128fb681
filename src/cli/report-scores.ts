import { statSync } from "node:fs";
import { basename } from "node:path";
import {
  type CaseScores,
  evaluateCases,
  FolderStore,
  loadVolume,
  NnprepError,
  parseSummary,
  type ReportCase,
  type ReportScores,
  type Store,
} from "../node.js";
import type { CommandRun } from "./command-runner.js";
import { picturesOfPrediction } from "./report-pictures.js";
import { formatVoxels } from "./table.js";
import { WHOLE_VOLUME } from "./view-files.js";

export interface Predictions {
  readonly folder: string;
  /** Folder of the references. */
  readonly reference: string;
  readonly labels: ReadonlyMap<number, string>;
}

const mean = (values: readonly number[]): number => {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? Number.NaN : known.reduce((a, b) => a + b, 0) / known.length;
};

function checkFolder(folder: string, of: "predictions" | "references"): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  const what = found === undefined ? "there is no such folder" : "this is no folder";
  throw new NnprepError("FILE_NOT_FOUND", `${folder}: ${what}; give the folder of the ${of}`, { file: folder });
}

/** Whether there is anything to score, before it is done. @throws NnprepError FILE_NOT_FOUND, INVALID_DATASET */
export async function checkPredictions({ folder, reference }: Predictions): Promise<void> {
  checkFolder(folder, "predictions");
  const store = new FolderStore(folder);
  if (await store.exists("summary.json")) {
    await readSummary(store);
    return;
  }
  checkFolder(reference, "references");
  if ((await scansIn(store)).size > 0) return;
  throw new NnprepError(
    "INVALID_DATASET",
    `${folder}: neither summary.json nor predictions (.nii.gz, .nii, .nrrd, .mha) found; give the folder of the predictions`,
    { file: folder },
  );
}

async function readSummary(store: FolderStore): Promise<readonly CaseScores[]> {
  const bytes = await store.read("summary.json");
  try {
    return parseSummary(new TextDecoder().decode(bytes)).all;
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(store.location("summary.json")) : error;
  }
}

/** `summary.json` beside the predictions if there is one, otherwise they are compared with the references. */
async function readScores(
  { folder, reference, labels }: Predictions,
  run: CommandRun,
): Promise<{ source: string; all: readonly CaseScores[]; failures: string[] }> {
  const store = new FolderStore(folder);
  if (await store.exists("summary.json")) {
    return { source: `From ${store.location("summary.json")}`, all: await readSummary(store), failures: [] };
  }
  const workshop = run.open({ prediction: folder, reference });
  const stores = { prediction: workshop.store("prediction"), reference: workshop.store("reference") };
  const regions = [...labels.keys()].filter((value) => value > 0);
  const [predicted, references] = [await scansIn(stores.prediction), await scansIn(stores.reference)];
  // References without a prediction are most of the training cases: that is no failure.
  const unpaired = [...predicted.keys()].filter((name) => !references.has(name));
  const pairs = [...predicted].flatMap(([identifier, prediction]) => {
    const other = references.get(identifier);
    return other === undefined ? [] : [{ identifier, prediction, reference: other }];
  });
  const outcomes = await evaluateCases(workshop.executor, pairs, regions, workshop.options);
  return {
    source: `${folder} compared with ${reference}`,
    all: outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value.scores] : [])),
    failures: [
      ...outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error.message])),
      ...unpaired.map((name) => `${name}: a prediction without a reference of that name in ${reference}`),
    ],
  };
}

/** The scans in a folder of a store: names without ending, and files. */
async function scansIn(store: Store, folder?: string): Promise<Map<string, string>> {
  const found = (await store.list(folder)).filter((file) => WHOLE_VOLUME.test(file) && !file.startsWith("."));
  return new Map(found.sort().map((file) => [file.replace(WHOLE_VOLUME, ""), file]));
}

const caseName = ({ test }: CaseScores): string => basename(test).replace(WHOLE_VOLUME, "");

/** What a label of a summary is called; several that count as one are written 1+2. */
function nameOf(key: string, labels: Predictions["labels"]): string {
  const parts = key.split("+").map((part) => labels.get(Number(part)));
  return parts.every((name) => name !== undefined) ? parts.join(" + ") : `label ${key}`;
}

/** The Dice of every case, the worst first. */
export async function gatherScores(predictions: Predictions, run: CommandRun): Promise<ReportScores> {
  const { source, all, failures } = await readScores(predictions, run);
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
    labels: keys.map((key) => nameOf(key, predictions.labels)),
    rows,
    means: keys.map((_, k) => mean(rows.map(({ dice }) => dice[k]))),
    failures,
  };
}

/** Pictures of the worst cases; a case whose files cannot be read says so. */
export async function worstCases(
  scores: ReportScores,
  { folder, reference }: Predictions,
  rawFolder: string,
  count: number,
): Promise<ReportCase[]> {
  const store = { prediction: new FolderStore(folder), reference: new FolderStore(reference) };
  const raw = new FolderStore(rawFolder);
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
      cases.push({ name, text: `${text}; no pictures: ${(error as Error).message}`, pictures: [] });
    }
  }
  return cases;
}

async function imageOf(raw: FolderStore, name: string): Promise<string | null> {
  for (const folder of ["imagesTr", "imagesTs"]) {
    const file = (await scansIn(raw, folder)).get(`${name}_0000`);
    if (file !== undefined) return `${folder}/${file}`;
  }
  return null;
}
