import { NnprepError, plainError } from "../core/errors.js";
import { scanFileFromBytes } from "../io/scan-file.js";
import { forgetMeasured } from "../recipes/evaluation-parts.js";
import { parseDatasetJson } from "../recipes/v2/documents/dataset-json.js";
import type { Region } from "../recipes/v2/documents/labels.js";
import { formatSummary, type Scores, type Summary } from "../recipes/v2/documents/summary.js";
import { evaluatedRegions } from "../recipes/v2/evaluate.js";
import { chooseReader } from "../recipes/v2/readers/registry.js";
import {
  type CaseEvaluation,
  type EvaluationSettings,
  evaluateFolder,
  summarizeOutcomes,
} from "../recipes/v2/stages/evaluate.js";
import { locationBelow, openStore, openStoreOf, resolveLocation } from "../runner/open-store.js";
import type { CaseOutcome } from "../runner/run.js";
import type { CommandReport, CommandRun } from "./command-runner.js";
import { PART_IS_MEASURED } from "./parts-option.js";
import { formatTable } from "./table.js";
import { UsageError } from "./usage-error.js";

/** `nnUNetv2_evaluate_folder` with dataset.json, `nnUNetv2_evaluate_simple` with labels. */
export interface NewerEvaluation {
  readonly reference: string;
  readonly prediction: string;
  readonly datasetJson?: string;
  readonly labels?: readonly Region[];
  readonly ignoreLabel?: number;
  readonly chill: boolean;
  readonly output?: string;
  readonly surface?: { readonly toleranceMm?: number | undefined } | undefined;
  readonly ignoreGeometry: boolean;
}

const ENDINGS = [".nii.gz", ".nii", ".mha", ".nrrd", ".gipl", ".png", ".bmp", ".tif", ".tiff"];

/** What is evaluated, and how the files are read, by dataset.json or by the labels and the files that there are. */
async function settingsOf(options: NewerEvaluation): Promise<EvaluationSettings> {
  const { datasetJson, labels, surface, ignoreGeometry } = options;
  if ((datasetJson === undefined) === (labels === undefined)) {
    throw new UsageError("what is to be evaluated? Give -djfile dataset.json, or labels: -l 1 2");
  }
  const references = openStore(resolveLocation(options.reference));
  const names = (await references.list()).filter((name) => !name.startsWith("."));
  const file = datasetJson === undefined ? undefined : openStoreOf(datasetJson);
  const dataset =
    file === undefined ? undefined : parseDatasetJson(await file.store.read(file.path), file.store.location(file.path));
  const fileEnding = dataset?.fileEnding ?? ENDINGS.find((ending) => names.some((name) => name.endsWith(ending)));
  const example = fileEnding === undefined ? undefined : names.find((name) => name.endsWith(fileEnding));
  if (fileEnding === undefined || example === undefined) {
    const folder = references.location("");
    throw new NnprepError(
      "INVALID_DATASET",
      `${folder}: no references that end in ${fileEnding ?? ENDINGS.join(", ")}`,
      {
        folder,
      },
    );
  }
  const scan = scanFileFromBytes(references.location(example), await references.read(example));
  const reader = await chooseReader({ fileEnding, readerName: dataset?.readerName }, scan);
  const regions = dataset === undefined ? (labels as readonly Region[]) : evaluatedRegions(dataset.labels);
  const ignore = dataset === undefined ? options.ignoreLabel : dataset.labels.ignore;
  return { regions, ignore, fileEnding, readerName: reader.name, surface, ignoreGeometry };
}

export async function evaluateNewer(run: CommandRun, options: NewerEvaluation): Promise<CommandReport> {
  const settings = await settingsOf(options);
  const folders = {
    prediction: resolveLocation(options.prediction),
    reference: resolveLocation(options.reference),
  };
  const workshop = run.open(folders);
  const stores = { prediction: workshop.store("prediction"), reference: workshop.store("reference") };
  const outcomes = await evaluateFolder({ stores, executor: workshop.executor }, settings, {
    ...workshop.options,
    chill: options.chill,
  });
  const summary = summarizeOutcomes(outcomes);
  const { store, path } = openStoreOf(options.output ?? locationBelow(folders.prediction, "summary.json"));
  const file = store.location(path);
  const failed = outcomes.filter(({ ok }) => !ok).length;
  const isPart = workshop.options.part !== undefined;
  const isWritten = failed < outcomes.length && !isPart;
  if (isWritten) {
    await store.write(path, new TextEncoder().encode(formatSummary(summary)));
  }
  if (failed === 0 && !isPart) await forgetMeasured(stores.prediction);
  const files = isWritten ? [file] : [];
  return {
    ok: failed === 0,
    text: [formatText(outcomes, summary, files), ...(isPart ? [PART_IS_MEASURED] : [])].join("\n\n"),
    warnings: outcomes.flatMap(describeUnexpected),
    document: toDocument(outcomes, summary, files),
  };
}

function describeUnexpected(outcome: CaseOutcome<CaseEvaluation>): string[] {
  if (!outcome.ok) return [];
  return (["prediction", "reference"] as const).flatMap((which) => {
    const labels = outcome.value.unexpectedLabels[which];
    if (labels.length === 0) return [];
    return [`${outcome.identifier}: the ${which} has labels that were not asked for (${labels.join(", ")})`];
  });
}

function show(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? "-" : value.toFixed(4);
}

function formatText(
  outcomes: readonly CaseOutcome<CaseEvaluation>[],
  { mean, foregroundMean }: Summary,
  files: readonly string[],
): string {
  const row = (name: string, scores: Scores | undefined) => [name, show(scores?.get("Dice")), show(scores?.get("IoU"))];
  const parts = [
    formatTable(
      ["label or region", "Dice", "IoU"],
      [...[...mean].map(([region, scores]) => row(region, scores)), row("foreground", foregroundMean)],
    ),
    `${outcomes.filter(({ ok }) => ok).length} of ${outcomes.length} cases`,
  ];
  const failures = outcomes.flatMap((outcome) =>
    outcome.ok ? [] : [`${outcome.identifier}: ${outcome.error.message}`],
  );
  if (failures.length > 0) parts.push(["Failed:", ...failures].join("\n  "));
  if (files.length > 0) parts.push(["Files:", ...files].join("\n  "));
  return parts.join("\n\n");
}

function toDocument(
  outcomes: readonly CaseOutcome<CaseEvaluation>[],
  { mean, foregroundMean }: Summary,
  files: readonly string[],
): object {
  const plain = (regions: ReadonlyMap<string, Scores>) =>
    Object.fromEntries([...regions].map(([region, scores]) => [region, Object.fromEntries(scores)]));
  return {
    files,
    cases: outcomes.map((outcome) => {
      const { identifier, ok } = outcome;
      if (!ok) return { identifier, ok, error: plainError(outcome.error) };
      const { scores, unexpectedLabels } = outcome.value;
      return { identifier, ok, metrics: plain(scores.regions), unexpectedLabels };
    }),
    mean: plain(mean),
    foregroundMean: Object.fromEntries(foregroundMean),
  };
}
