import * as v from "valibot";
import { NnprepError } from "../../../core/errors.js";
import { md5Hex } from "../../../core/md5.js";
import { nanMean, pairwiseMean } from "../../../core/mean.js";
import { compareCodePoints } from "../../../core/paths.js";
import { PyFloat } from "../../../core/python.js";
import { formatPythonJson, type PythonJson, parsePythonJson } from "../../../io/python-json.js";

/** Metric to value, NaN where the metric says nothing. */
export type Scores = ReadonlyMap<string, number>;

/** What was measured on one case. */
export interface CaseScores {
  /** Label, as text, to its metrics; in the order in which labels were asked for. */
  readonly labels: ReadonlyMap<string, Scores>;
  /** File of the prediction. */
  readonly test: string;
  readonly reference: string;
}

/** nnU-Net v1's summary.json: the evaluation of a folder of predictions. */
export interface Summary {
  readonly name: string;
  readonly description: string;
  /** Local time as Python prints it: `2020-01-31 12:00:00.000000`. */
  readonly timestamp: string;
  readonly task: string;
  readonly author: string;
  readonly all: readonly CaseScores[];
  /** Mean over the cases that are not NaN; after `addForegroundMean` with the mean over the labels under "mean". */
  readonly mean: ReadonlyMap<string, Scores>;
  readonly id: string;
  /** Only in summaries of ensembles. */
  readonly experimentName?: string | undefined;
}

/** Metrics that nnU-Net keeps as ints case by case. */
const WHOLE: ReadonlySet<string> = new Set([
  "Total Positives Test",
  "Total Positives Reference",
  "Total Negatives Test",
  "total Negatives Reference",
]);
/** Key of the mean over the labels. */
const MEAN = "mean";
/** Labels that never count as foreground. */
const NOT_FOREGROUND: ReadonlySet<string> = new Set(["0", "-1", "99", MEAN]);
const ID_LENGTH = 12;

/** `str(datetime)`, to the millisecond. */
export function pythonTimestamp(date: Date): string {
  const pad = (value: number, length = 2) => String(value).padStart(length, "0");
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  const milliseconds = date.getMilliseconds();
  return `${day} ${time}${milliseconds === 0 ? "" : `.${pad(milliseconds, 3)}000`}`;
}

function meanOverCases(all: readonly CaseScores[]): Map<string, Scores> {
  const lists = new Map<string, Map<string, number[]>>();
  for (const { labels } of all) {
    for (const [label, scores] of labels) {
      const ofLabel = lists.get(label) ?? new Map<string, number[]>();
      lists.set(label, ofLabel);
      for (const [metric, value] of scores) {
        const values = ofLabel.get(metric);
        if (values === undefined) ofLabel.set(metric, [value]);
        else values.push(value);
      }
    }
  }
  const mean = (ofLabel: Map<string, number[]>): Scores =>
    new Map([...ofLabel].map(([metric, values]) => [metric, nanMean(values)]));
  return new Map([...lists].map(([label, ofLabel]) => [label, mean(ofLabel)]));
}

/** Metrics in the order of their names, as nnU-Net's Evaluator sorts them. */
export function sortedScores(metrics: object): Scores {
  const entries = Object.entries(metrics) as [string, number][];
  return new Map(entries.sort(([a], [b]) => compareCodePoints(a, b)));
}

/** What a summary says of itself. */
export interface SummaryTexts {
  readonly name?: string;
  readonly description?: string;
  readonly task?: string;
  readonly author?: string;
  readonly timestamp: string;
}

/**
 * The summary of some cases: `aggregate_scores` of nnU-Net 1.7.1. `id` is the start of an MD5 of the document without
 * it, as Python's `json.dumps` writes it.
 */
export function summarize(all: readonly CaseScores[], texts: SummaryTexts): Summary {
  const { name = "", description = "", task = "", author = "", timestamp } = texts;
  const summary = { name, description, timestamp, task, author, all, mean: meanOverCases(all) };
  const id = md5Hex(formatPythonJson(toPython(summary))).slice(0, ID_LENGTH);
  return { ...summary, id };
}

function scoresToPython(scores: Scores, keepWhole: boolean): PythonJson {
  return new Map(
    [...scores].map(([metric, value]) => [
      metric,
      keepWhole && WHOLE.has(metric) && Number.isInteger(value) ? value : new PyFloat(value),
    ]),
  );
}

function toPython(summary: Omit<Summary, "id"> & { id?: string }): PythonJson {
  const labels = (map: ReadonlyMap<string, Scores>, keepWhole: boolean): [string, PythonJson][] =>
    [...map].map(([label, scores]) => [label, scoresToPython(scores, keepWhole)]);
  const all = summary.all.map(
    (scores) =>
      new Map<string, PythonJson>([
        ...labels(scores.labels, true),
        ["test", scores.test],
        ["reference", scores.reference],
      ]),
  );
  return new Map<string, PythonJson>([
    ["name", summary.name],
    ["description", summary.description],
    ["timestamp", summary.timestamp],
    ["task", summary.task],
    ["author", summary.author],
    [
      "results",
      new Map<string, PythonJson>([
        ["all", all],
        ["mean", new Map(labels(summary.mean, false))],
      ]),
    ],
    ...(summary.id === undefined ? [] : [["id", summary.id] as const]),
    ...(summary.experimentName === undefined ? [] : [["experiment_name", summary.experimentName] as const]),
  ]);
}

/** The text of summary.json: the bytes that nnU-Net 1.7.1 writes for the same values. */
export function formatSummary(summary: Summary): string {
  return formatPythonJson(toPython(summary), { indent: 4, sortKeys: true });
}

/** A summary as comma-separated values: a row per case and label, then the means. NaN where a metric says nothing. */
export function formatEvaluationCsv({ all, mean }: Summary): string {
  const metrics = [...new Set([...mean.values()].flatMap((scores) => [...scores.keys()]))];
  const row = (name: string, label: string, scores: Scores) =>
    [csvField(name), csvField(label), ...metrics.map((metric) => scores.get(metric) ?? "")].join(",");
  const rows = all.flatMap(({ test, labels }) => [...labels].map(([label, scores]) => row(test, label, scores)));
  const means = [...mean].map(([label, scores]) => row(MEAN, label, scores));
  return `${[["case", "label", ...metrics.map(csvField)].join(","), ...rows, ...means].join("\n")}\n`;
}

function csvField(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const scores = v.record(v.string(), v.union([v.number(), v.nan()]));
const schema = v.object({
  name: v.optional(v.string(), ""),
  description: v.optional(v.string(), ""),
  timestamp: v.optional(v.string(), ""),
  task: v.optional(v.string(), ""),
  author: v.optional(v.string(), ""),
  id: v.optional(v.string(), ""),
  experiment_name: v.optional(v.string()),
  results: v.object({
    all: v.array(v.objectWithRest({ test: v.optional(v.string(), ""), reference: v.optional(v.string(), "") }, scores)),
    mean: v.record(v.string(), scores),
  }),
});

/** A dict in the order in which nnU-Net saves its keys. */
function inOrder<T, R>(record: Record<string, T>, convert: (value: T) => R): Map<string, R> {
  const entries = Object.entries(record).sort(([a], [b]) => compareCodePoints(a, b));
  return new Map(entries.map(([key, value]) => [key, convert(value)]));
}

/**
 * Reads a summary.json of nnU-Net v1 or of this package; labels and metrics in the order of their names as text
 * ("1", "10", "2"), in which nnU-Net saves them.
 * @throws NnprepError CORRUPT_FILE
 */
export function parseSummary(text: string): Summary {
  const result = v.safeParse(schema, parsePythonJson(text));
  if (!result.success) {
    const [issue] = result.issues;
    throw new NnprepError("CORRUPT_FILE", `no summary.json of nnU-Net: ${v.getDotPath(issue) ?? ""} ${issue.message}`);
  }
  const { results, experiment_name, ...texts } = result.output;
  const all = results.all.map(({ test, reference, ...labels }) => ({
    test,
    reference,
    labels: inOrder(labels as Record<string, Record<string, number>>, (metrics) => inOrder(metrics, Number)),
  }));
  const mean = inOrder(results.mean, (metrics) => inOrder(metrics, Number));
  return { ...texts, all, mean, ...(experiment_name === undefined ? {} : { experimentName: experiment_name }) };
}

function codePointOrder(labels: Iterable<string>): string[] {
  return [...labels].sort(compareCodePoints);
}

/** The labels of a summary without background and mean, in the order in which nnU-Net lists them ("1", "10", "2"). */
export function summaryClasses({ mean }: Pick<Summary, "mean">): number[] {
  return codePointOrder(mean.keys())
    .filter((label) => label !== MEAN && Number(label) !== 0)
    .map(Number);
}

/**
 * Mean Dice over the labels but 0; NaN if one of them is NaN: `get_mean_foreground_dice` of nnU-Net 1.7.1, by which it
 * chooses models.
 */
export function meanForegroundDice({ mean }: Pick<Summary, "mean">): number {
  const labels = codePointOrder(mean.keys()).filter((label) => label !== "0" && label !== MEAN);
  return pairwiseMean(labels.map((label) => mean.get(label)?.get("Dice") ?? Number.NaN));
}

/**
 * The summary with the mean over the labels, leaving out NaN, under `results.mean.mean`: `foreground_mean` of nnU-Net
 * 1.7.1, which also drops label 99.
 */
export function addForegroundMean(summary: Summary): Summary {
  const mean = new Map(codePointOrder(summary.mean.keys()).map((label) => [label, summary.mean.get(label) as Scores]));
  mean.delete("99");
  const foreground = [...mean].filter(([label]) => !NOT_FOREGROUND.has(label)).map(([, values]) => values);
  const metrics = [...(foreground[0]?.keys() ?? [])];
  const over = (metric: string) => nanMean(foreground.map((values) => values.get(metric) ?? Number.NaN));
  mean.set(MEAN, new Map(metrics.map((metric) => [metric, over(metric)])));
  return { ...summary, mean };
}
