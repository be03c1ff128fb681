import { basename } from "node:path";
import {
  type CaseScores,
  evaluateFolders,
  FolderStore,
  loadVolume,
  parseSummary,
  type ReportCase,
  type ReportScores,
  regionName,
} from "../node.js";
import { picturesOfPrediction } from "./report-pictures.js";
import type { OpenWorkshop } from "./work.js";

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

/** `summary.json` beside the predictions if there is one, otherwise they are compared with the references. */
async function readScores(
  { folder, reference, labels }: Predictions,
  open: OpenWorkshop,
): Promise<{ source: string; all: readonly CaseScores[]; failures: string[] }> {
  const store = new FolderStore(folder);
  if (await store.exists("summary.json")) {
    const summary = parseSummary(new TextDecoder().decode(await store.read("summary.json")));
    return { source: `From ${store.location("summary.json")}`, all: summary.all, failures: [] };
  }
  const workshop = open({ prediction: folder, reference });
  const stores = { prediction: workshop.store("prediction"), reference: workshop.store("reference") };
  const regions = [...labels.keys()].filter((value) => value > 0);
  const outcomes = await evaluateFolders({ stores, executor: workshop.executor }, regions, workshop.options);
  // References without a prediction are most of the training cases: that is no failure.
  const predicted = new Set((await store.list()).map((file) => file.replace(/\.nii(\.gz)?$/, "")));
  return {
    source: `${folder} compared with ${reference}`,
    all: outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value.scores] : [])),
    failures: outcomes.flatMap((outcome) =>
      outcome.ok || !predicted.has(outcome.identifier) ? [] : [outcome.error.message],
    ),
  };
}

const caseName = ({ test }: CaseScores): string => basename(test).replace(/\.nii(\.gz)?$/, "");

/** The Dice of every case, the worst first. */
export async function gatherScores(predictions: Predictions, open: OpenWorkshop): Promise<ReportScores> {
  const { source, all, failures } = await readScores(predictions, open);
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
    labels: keys.map((key) => predictions.labels.get(Number(key)) ?? `label ${regionName(Number(key))}`),
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
  const stores = [new FolderStore(folder), new FolderStore(reference), new FolderStore(rawFolder)] as const;
  const cases: ReportCase[] = [];
  for (const { name, mean: dice } of scores.rows.slice(0, count)) {
    const text = `mean Dice ${Number.isNaN(dice) ? "–" : dice.toFixed(3)}`;
    try {
      const prediction = await loadVolume(stores[0], await fileOf(stores[0], "", name));
      const expected = await loadVolume(stores[1], await fileOf(stores[1], "", name));
      const image = await imageOf(stores[2], name);
      const scan = image === null ? undefined : await loadVolume(stores[2], image);
      const fits = scan?.data.length === expected.data.length;
      cases.push(picturesOfPrediction(name, text, fits ? scan : undefined, prediction, expected));
    } catch (error) {
      cases.push({ name, text: `${text}; no pictures: ${(error as Error).message}`, pictures: [] });
    }
  }
  return cases;
}

async function fileOf(store: FolderStore, folder: string, name: string): Promise<string> {
  for (const ending of [".nii.gz", ".nii"]) {
    const path = folder === "" ? `${name}${ending}` : `${folder}/${name}${ending}`;
    if (await store.exists(path)) return path;
  }
  return `${name}.nii.gz`;
}

async function imageOf(raw: FolderStore, name: string): Promise<string | null> {
  for (const folder of ["imagesTr", "imagesTs"]) {
    const path = `${folder}/${name}_0000.nii.gz`;
    if (await raw.exists(path)) return path;
  }
  return null;
}
