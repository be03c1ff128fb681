import * as v from "valibot";
import { NnprepError } from "../../../core/errors.js";
import { nanMean, pairwiseMean } from "../../../core/mean.js";
import { PyFloat } from "../../../core/python.js";
import { formatPythonJson, type PythonJson, parsePythonJson } from "../../../io/python-json.js";
import type { Region } from "./labels.js";

/** Metric to value, NaN where the metric says nothing. */
export type Scores = ReadonlyMap<string, number>;

/** What was measured on one case. */
export interface CaseScores {
  /** By `regionKey`, in the order in which regions were asked for. */
  readonly regions: ReadonlyMap<string, Scores>;
  readonly predictionFile: string;
  readonly referenceFile: string;
}

/** The parts of a summary that decisions are made by. */
export interface SummaryMeans {
  /** Plain mean over the regions but label 0: NaN if one of them is NaN. */
  readonly foregroundMean: Scores;
  /** By region: mean over the cases that are not NaN. */
  readonly mean: ReadonlyMap<string, Scores>;
}

/** nnU-Net v2's summary.json: the evaluation of a folder of predictions. */
export interface Summary extends SummaryMeans {
  readonly cases: readonly CaseScores[];
}

/** Metrics that nnU-Net keeps as ints case by case. */
const COUNTS: ReadonlySet<string> = new Set(["FN", "FP", "TN", "TP", "n_pred", "n_ref"]);
const BACKGROUND = "0";

/** What a region is called in a summary: `1`, or Python's `(1, 2)` and `(3,)`. */
export function regionKey(region: Region): string {
  if (typeof region === "number") return String(region);
  return region.length === 1 ? `(${region[0]},)` : `(${region.join(", ")})`;
}

/** Counts and what follows of them, by nnU-Net's names: `compute_metrics` of nnU-Net 2.8.1. */
export function regionScores({
  truePositives: tp,
  falsePositives: fp,
  falseNegatives: fn,
  trueNegatives: tn,
}: {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}): Map<string, number> {
  // 0 / 0 is NaN just where nnU-Net says NaN.
  return new Map([
    ["Dice", (2 * tp) / (2 * tp + fp + fn)],
    ["FN", fn],
    ["FP", fp],
    ["IoU", tp / (tp + fp + fn)],
    ["TN", tn],
    ["TP", tp],
    ["n_pred", fp + tp],
    ["n_ref", fn + tp],
  ]);
}

/**
 * The summary of some cases: the means of `compute_metrics_on_folder` of nnU-Net 2.8.1.
 * @param cases as `evaluateRegions` scores them, with the names of their files
 */
export function summarize(cases: readonly CaseScores[]): Summary {
  const regions = [...(cases[0]?.regions.keys() ?? [])];
  const metrics = [...(cases[0]?.regions.get(regions[0] ?? "")?.keys() ?? [])];
  const meanOf = (region: string): Scores =>
    new Map(
      metrics.map((metric) => [
        metric,
        nanMean(cases.map((one) => one.regions.get(region)?.get(metric) ?? Number.NaN)),
      ]),
    );
  const mean = new Map(regions.map((region) => [region, meanOf(region)]));
  const foreground = [...mean].filter(([region]) => region !== BACKGROUND).map(([, scores]) => scores);
  const foregroundMean = new Map(
    metrics.map((metric) => [metric, pairwiseMean(foreground.map((scores) => scores.get(metric) as number))]),
  );
  return { cases, mean, foregroundMean };
}

function scoresToPython(scores: Scores, counts: boolean): PythonJson {
  return new Map(
    [...scores].map(([metric, value]) => [metric, counts && COUNTS.has(metric) ? value : new PyFloat(value)]),
  );
}

function regionsToPython(regions: ReadonlyMap<string, Scores>, counts: boolean): PythonJson {
  return new Map([...regions].map(([region, scores]) => [region, scoresToPython(scores, counts)]));
}

/** `foreground_mean` and `mean` as nnU-Net writes them. */
export function meansToPython({ foregroundMean, mean }: SummaryMeans): [string, PythonJson][] {
  return [
    ["foreground_mean", scoresToPython(foregroundMean, false)],
    ["mean", regionsToPython(mean, false)],
  ];
}

/** The text of summary.json: the bytes that nnU-Net 2.8.1 writes for the same values. */
export function formatSummary(summary: Summary): string {
  const cases = summary.cases.map(
    ({ regions, predictionFile, referenceFile }): PythonJson =>
      new Map<string, PythonJson>([
        ["metrics", regionsToPython(regions, true)],
        ["prediction_file", predictionFile],
        ["reference_file", referenceFile],
      ]),
  );
  const document = new Map<string, PythonJson>([...meansToPython(summary), ["metric_per_case", cases]]);
  return formatPythonJson(document, { indent: 4, sortKeys: true });
}

const scores = v.record(v.string(), v.union([v.number(), v.nan()]));
const schema = v.object({
  foreground_mean: scores,
  mean: v.record(v.string(), scores),
  metric_per_case: v.array(
    v.object({
      metrics: v.record(v.string(), scores),
      prediction_file: v.optional(v.string(), ""),
      reference_file: v.optional(v.string(), ""),
    }),
  ),
});

function toScores(record: Record<string, number>): Scores {
  return new Map(Object.entries(record));
}

function toRegions(record: Record<string, Record<string, number>>): Map<string, Scores> {
  return new Map(Object.entries(record).map(([region, values]) => [region, toScores(values)]));
}

/**
 * Reads a summary.json of nnU-Net v2 or of this package.
 * @throws NnprepError CORRUPT_FILE; it says so if it is one of v1
 */
export function parseSummary(text: string): Summary {
  const value = parsePythonJson(text);
  const result = v.safeParse(schema, value);
  if (!result.success) {
    const [issue] = result.issues;
    const isV1 = typeof value === "object" && value !== null && "results" in value;
    const hint = isV1 ? ". This is a summary.json of nnU-Net v1" : "";
    throw new NnprepError(
      "CORRUPT_FILE",
      `no summary.json of nnU-Net v2: ${v.getDotPath(issue) ?? ""} ${issue.message}${hint}`,
    );
  }
  const { foreground_mean, mean, metric_per_case } = result.output;
  return {
    foregroundMean: toScores(foreground_mean),
    mean: toRegions(mean),
    cases: metric_per_case.map(({ metrics, prediction_file, reference_file }) => ({
      regions: toRegions(metrics),
      predictionFile: prediction_file,
      referenceFile: reference_file,
    })),
  };
}

/** Mean Dice of a region over the cases; NaN if it is nowhere. */
export function meanDice({ mean }: SummaryMeans, region: Region): number {
  return mean.get(regionKey(region))?.get("Dice") ?? Number.NaN;
}

/** The mean Dice over the foreground, by which nnU-Net chooses. */
export function foregroundDice({ foregroundMean }: SummaryMeans): number {
  return foregroundMean.get("Dice") ?? Number.NaN;
}
