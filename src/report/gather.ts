import { NnprepError } from "../core/errors.js";
import { loadVolume } from "../recipes/scan-files.js";
import type { RunOptions } from "../runner/run.js";
import { labelColor } from "../view/label-colors.js";
import type { ReportCase, ReportData, ReportGap, ReportGrid, ReportScores } from "../view/report.js";
import type { StripPlot } from "../view/report-plots.js";
import { chooseCases, lookAtCases } from "./looks.js";
import { sceneOf } from "./pictures.js";
import { Samples } from "./samples.js";
import { checkPredictions, gatherScores, type PredictionsToShow, worstCases } from "./scores.js";
import type { CasePaths, PlanFacts, ReportSource } from "./source.js";

export interface GatherReportOptions extends Pick<RunOptions, "signal" | "onProgress"> {
  readonly predictions?: PredictionsToShow | undefined;
  /** Cases with pictures, and as many of the worst predictions. Default 6. */
  readonly pictures?: number | undefined;
  /** Cases to read for histograms and volumes, spread evenly. Default 50. */
  readonly sample?: number | undefined;
  /** The case of the turnable surfaces. Default: the worst prediction, or the first case. */
  readonly caseName?: string | undefined;
  /** Check the dataset. Default true. */
  readonly verify?: boolean | undefined;
}

function colorOf(label: number): string {
  return `rgb(${labelColor(label).join(" ")})`;
}

/**
 * Gathers what the report of one dataset shows, one case in memory at a time, and takes what `lookAtPart` has left. Parts
 * that are not there say how to get them; a case that cannot be read is left out and named.
 *
 * @throws NnprepError INVALID_ARGUMENT for a case that the dataset does not have, INVALID_DATASET for predictions that
 * are none, ABORTED
 */
export async function gatherReport(source: ReportSource, options: GatherReportOptions = {}): Promise<ReportData> {
  const { pictures = 6, sample = 50, predictions, verify = true } = options;
  const all = source.trainingCases;
  // What is wrong with the arguments is said before hours of reading.
  const wanted = wantedCase(all, options.caseName);
  if (predictions !== undefined) await checkPredictions(predictions);
  const notes: string[] = [];
  const findings = verify ? await findingsOf(source) : gapOf(source, "It was not checked (--no-verify).", "verify");
  const plan = await source.plan(notes);
  const isPrepared = await source.isPrepared();
  const looks = { signal: options.signal, onProgress: options.onProgress, pictures, sample };
  const looked = chooseCases(source, looks);
  const samples = new Samples(source.channels.length);
  const cases: ReportCase[] = [];
  const leftOut = (name: string, error: Error) => notes.push(`${name} is left out: ${error.message}`);
  for await (const { sample: one, picture } of lookAtCases(source, looks, leftOut)) {
    samples.add(one);
    if (picture !== null) cases.push(picture);
  }
  if (looked.length < all.length) {
    notes.push(`Histograms and volumes come from ${looked.length} of ${all.length} cases, evenly spread (--sample).`);
  }
  const scores =
    predictions === undefined
      ? { missing: "No predictions were given.", command: `${source.commandOf("report")} --predictions FOLDER` }
      : await gatherScores(predictions, source.labels, options);
  const worst =
    predictions === undefined || "missing" in scores ? [] : await worstCases(scores, predictions, source.raw, pictures);
  const grids = (await source.grids()) ?? samples.grids;
  return {
    title: source.title,
    made: `Made by nnprep on ${new Date().toISOString().slice(0, 10)} from ${source.raw.location("")}.`,
    numbers: [
      { name: "training cases", value: String(all.length) },
      { name: "test cases", value: String(source.testCaseCount) },
      { name: "channels", value: source.channels.join(", ") },
      { name: "labels", value: String(source.labels.size) },
    ],
    notes,
    labels: [...source.labels].map(([value, name]) => ({
      value,
      name,
      color: colorOf(value),
      absent: looked.length > 0 && !samples.volumes.has(value),
    })),
    plots: plotsOf(source, grids, samples, plan),
    histograms: await histogramsOf(source, samples),
    grids,
    plan: plan === null ? gapOf(source, "There are no plans yet.", "plan-and-preprocess") : plan.explained,
    findings,
    cases: cases.length > 0 || pictures === 0 ? cases : { missing: "No case could be read." },
    casesNote: noteOnCases(source, isPrepared, cases.length, all.length),
    scores,
    worst,
    scene: await sceneFor(source, wanted ?? chooseCase(all, scores)),
  };
}

function gapOf(source: ReportSource, missing: string, step: Parameters<ReportSource["commandOf"]>[0]): ReportGap {
  return { missing, command: source.commandOf(step) };
}

async function findingsOf(source: ReportSource): Promise<ReportData["findings"]> {
  const { trainingCases, testCases, findings } = await source.verify();
  return { checked: `${trainingCases} training and ${testCases} test cases checked`, list: findings };
}

function noteOnCases(source: ReportSource, isPrepared: boolean, shown: number, all: number): string {
  const count = shown < all ? `${shown} of ${all} cases, evenly spread (--pictures). ` : "";
  const after = isPrepared
    ? "Each slice of the scan stands beside the same slice of the prepared case, in the same window. "
    : `There are no prepared cases yet: run ${source.commandOf("preprocess")} to see them beside the scans. `;
  return `${count}${after}Slices with most labelled voxels, seen as in radiology: the patient's right is on the left.`;
}

async function histogramsOf(source: ReportSource, samples: Samples): Promise<ReportData["histograms"]> {
  const plots = [];
  for (const [channel, name] of source.channels.entries()) {
    const unit = /^ct$/i.test(name) ? "HU" : "intensity";
    const marks = await source.intensityMarks(channel);
    const plot = samples.histogram(channel, `${name} (channel ${channel})`, marks, unit);
    if (plot !== null) plots.push(plot);
  }
  return plots.length > 0 ? plots : { missing: "No labelled voxels were found in the cases that were read." };
}

/** The case that was asked for. @throws NnprepError INVALID_ARGUMENT when the dataset does not have it */
function wantedCase(all: readonly CasePaths[], wanted: string | undefined): CasePaths | undefined {
  const found = all.find(({ identifier }) => identifier === wanted);
  if (wanted === undefined || found !== undefined) return found;
  const names = all.map(({ identifier }) => identifier);
  const some = names.length > 5 ? `${names.slice(0, 5).join(", ")} ...` : names.join(", ");
  throw new NnprepError("INVALID_ARGUMENT", `case ${wanted}: the dataset has no such training case; it has ${some}`, {
    found: wanted,
    expected: names,
  });
}

/** The worst prediction of which the dataset has the reference, or else the first case. */
function chooseCase(all: readonly CasePaths[], scores: ReportScores | ReportGap): CasePaths | undefined {
  const rows = "missing" in scores ? [] : scores.rows;
  const found = rows.map(({ name }) => all.find(({ identifier }) => identifier === name));
  return found.find((paths) => paths !== undefined) ?? all[0];
}

async function sceneFor(source: ReportSource, found: CasePaths | undefined): Promise<ReportData["scene"]> {
  if (found === undefined) return { missing: "There are no training cases." };
  try {
    const label = await loadVolume(source.raw, found.label);
    const missing = `${found.identifier} has no labelled voxels; choose another with --case.`;
    return sceneOf(found.identifier, label, source.labels) ?? { missing };
  } catch (error) {
    return { missing: `No surfaces: ${(error as Error).message}` };
  }
}

function plotsOf(
  source: ReportSource,
  grids: readonly ReportGrid[],
  samples: Samples,
  plan: PlanFacts | null,
): StripPlot[] {
  if (grids.length === 0) return [];
  const target = plan?.targetMm ?? null;
  const axes = [2, 1, 0] as const;
  const rows = (pick: (grid: ReportGrid, axis: 0 | 1 | 2) => number) =>
    axes.map((axis) => ({ name: ["z", "y", "x"][axis], values: grids.map((grid) => pick(grid, axis)) }));
  const isCropped = grids.some(({ kept }) => kept !== null);
  const kept = grids.flatMap((grid) => (grid.kept === null ? [] : [100 * grid.kept]));
  // Labels that no case has would be empty rows.
  const there = [...source.labels].filter(([value]) => samples.volumes.has(value));
  return [
    {
      title: target === null ? "Spacing" : "Spacing; triangle: target",
      unit: "mm",
      rows: rows((grid, axis) => grid.spacingMm[axis]),
      ...(target === null ? {} : { targets: axes.map((axis) => target[axis]) }),
    },
    { title: isCropped ? "Size after cropping" : "Size", unit: "voxels", rows: rows((grid, axis) => grid.shape[axis]) },
    ...(isCropped
      ? [{ title: "Cropped to", unit: "% of the voxels", most: 100, rows: [{ name: "cases", values: kept }] }]
      : []),
    {
      title: "Volume of the labels, in the cases that have them",
      unit: "mL",
      rows: there.map(([value, name]) => ({
        name: name.slice(0, 18),
        values: samples.volumes.get(value) ?? [],
        color: colorOf(value),
      })),
    },
  ];
}
