import { Command, InvalidArgumentError, Option } from "commander";
import { plainError } from "../core/errors.js";
import { forgetMeasured } from "../recipes/evaluation-parts.js";
import {
  addForegroundMean,
  formatEvaluationCsv,
  formatSummary,
  pythonTimestamp,
  type Summary,
} from "../recipes/v1/documents/summary.js";
import {
  type CaseEvaluation,
  describeUnexpectedLabels,
  evaluateFolders,
  summarizeOutcomes,
} from "../recipes/v1/stages/evaluate.js";
import { locationBelow, openStoreOf, resolveLocation } from "../runner/open-store.js";
import type { CaseOutcome } from "../runner/run.js";
import type { Region } from "../steps/metrics.js";
import { type CommandReport, runCommand } from "./command-runner.js";
import { evaluateNewer } from "./evaluate-newer.js";
import { isWrittenByNewer, ONLY_V1, ONLY_V2, refuseForeignOptions } from "./generation.js";
import { addCommandOptions, type CommandOptions, wholeNumber } from "./options.js";
import { addPartOptions, PART_IS_MEASURED, type PartOptions } from "./parts-option.js";
import { region } from "./regions.js";
import { formatTable } from "./table.js";
import { UsageError } from "./usage-error.js";

interface EvaluateCommandOptions extends CommandOptions, PartOptions {
  readonly ref?: string;
  readonly pred?: string;
  readonly labels?: Region[];
  readonly datasetJson?: string;
  readonly ignoreLabel?: number;
  readonly chill: boolean;
  readonly output?: string;
  readonly csv?: string;
  readonly surface: boolean;
  readonly tolerance?: number;
  readonly ignoreGeometry: boolean;
}

function millimetres(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0)) throw new InvalidArgumentError("a distance in mm is expected.");
  return value;
}

export function evaluateCommand(): Command {
  const command = new Command("evaluate")
    .argument("[gt]", "nnU-Net v2: folder with the references; its summary.json is written")
    .argument("[predictions]", "and folder with the predictions")
    .addOption(
      new Option("--dataset-json <file>", "dataset.json, whose labels or regions are evaluated (-djfile)").helpGroup(
        ONLY_V2,
      ),
    )
    .addOption(new Option("--plans-json <file>", "accepted, and not needed (-pfile)").helpGroup(ONLY_V2))
    .addOption(
      new Option("--ignore-label <n>", "with -l: voxels whose reference it is do not count (-il)")
        .argParser(wholeNumber(0, 65535))
        .helpGroup(ONLY_V2),
    )
    .addOption(new Option("--chill", "references without a prediction are no error").default(false).helpGroup(ONLY_V2))
    .addOption(new Option("--ref <folder>", "folder with the references (-ref)").helpGroup(ONLY_V1))
    .addOption(
      new Option("--pred <folder>", "folder with the predictions, by the same file names (-pred)").helpGroup(ONLY_V1),
    )
    .addOption(new Option("--csv <file>", "the same as a table of comma-separated values").helpGroup(ONLY_V1))
    .option("-l, --labels <labels...>", "labels to evaluate; 1+2 counts labels 1 and 2 as one", region)
    .option("-o, --output <file>", "where the summary goes (default: summary.json beside the predictions)")
    .option("--surface", "measure distances between surfaces too: Hausdorff, 95th percentile, averages", false)
    .option("--tolerance <mm>", "and the share of the surfaces that is this near (implies --surface)", millimetres)
    .option("--ignore-geometry", "compare voxel by voxel even where spacing, origin or direction differ", false)
    .addHelpText(
      "after",
      "\nExample:\n  $ nnprep evaluate -ref labelsTs -pred predictions -l 1 2 --surface" +
        "\n  $ nnprep evaluate labelsTs predictions -djfile predictions/dataset.json" +
        "\n  $ nnprep evaluate labelsTs predictions -l 1 2 --num-parts 7 --part-id 3   (0 to 6, then once without parts)",
    );
  return addCommandOptions(addPartOptions(command)).action(
    (gt: string | undefined, predictions: string | undefined, options: EvaluateCommandOptions) =>
      runCommand("evaluate", options, async (run) => {
        const measured =
          options.surface || options.tolerance !== undefined ? { toleranceMm: options.tolerance } : undefined;
        if (gt !== undefined) {
          if (predictions === undefined || options.ref !== undefined || options.pred !== undefined) {
            throw new UsageError("give two folders, GT PREDICTIONS (nnU-Net v2), or -ref GT -pred PREDICTIONS (v1)");
          }
          refuseForeignOptions(command, "v2", "two folders without -ref and -pred are for v2");
          return evaluateNewer(run, { ...options, reference: gt, prediction: predictions, surface: measured });
        }
        const { ref, pred, labels } = options;
        if (ref === undefined || pred === undefined || labels === undefined) {
          throw new UsageError(
            "give --ref, --pred and --labels (nnU-Net v1), or GT PREDICTIONS with -djfile or -l (v2)",
          );
        }
        const prediction = resolveLocation(pred);
        if (await isWrittenByNewer(prediction)) {
          throw new UsageError(
            `${prediction} was written by nnU-Net v2 (it has plans.json or dataset.json), -ref and -pred are for v1; give the two folders alone: nnprep evaluate GT PREDICTIONS`,
          );
        }
        refuseForeignOptions(command, "v1", "-ref and -pred are for v1");
        const workshop = run.open({ prediction, reference: resolveLocation(ref) });
        const stores = { prediction: workshop.store("prediction"), reference: workshop.store("reference") };
        const { ignoreGeometry } = options;
        const outcomes = await evaluateFolders({ stores, executor: workshop.executor }, labels, {
          ...workshop.options,
          surface: measured,
          ignoreGeometry,
        });
        const isPart = workshop.options.part !== undefined;
        const report = await writeReport({ ...options, pred, isPart }, outcomes);
        if (report.ok && !isPart) await forgetMeasured(stores.prediction);
        return report;
      }),
  );
}

async function writeReport(
  options: EvaluateCommandOptions & { readonly pred: string; readonly isPart: boolean },
  outcomes: readonly CaseOutcome<CaseEvaluation>[],
): Promise<CommandReport> {
  const failed = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome]));
  const description = failed.length === 0 ? "" : `without ${failed.map(({ identifier }) => identifier).join(", ")}`;
  const summary = summarizeOutcomes(outcomes, {
    author: "nnprep",
    description,
    timestamp: pythonTimestamp(new Date()),
  });
  const files: string[] = [];
  if (failed.length < outcomes.length && !options.isPart) {
    const encode = (text: string) => new TextEncoder().encode(text);
    const write = async (file: string, text: string) => {
      const { store, path } = openStoreOf(file);
      await store.write(path, encode(text));
      files.push(store.location(path));
    };
    await write(options.output ?? locationBelow(options.pred, "summary.json"), formatSummary(summary));
    if (options.csv !== undefined) await write(options.csv, formatEvaluationCsv(summary));
  }
  return {
    ok: failed.length === 0,
    text: [formatText(outcomes, summary, files), ...(options.isPart ? [PART_IS_MEASURED] : [])].join("\n\n"),
    document: toDocument(outcomes, summary, files),
  };
}

const SHOWN = [
  "Dice",
  "Jaccard",
  "Precision",
  "Recall",
  "Hausdorff Distance 95",
  "Avg. Symmetric Surface Distance",
  "Normalized Surface Dice",
];
const UNITS: Readonly<Record<string, string>> = {
  "Hausdorff Distance 95": "HD95 mm",
  "Avg. Symmetric Surface Distance": "ASSD mm",
  "Normalized Surface Dice": "surface Dice",
};

function formatScore(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? "-" : value.toFixed(4);
}

/** Mean over the cases and, in the last row, over the labels but 0. */
export function formatLabelTable(summary: Summary): string {
  const { mean } = addForegroundMean(summary);
  const metrics = SHOWN.filter((metric) => [...mean.values()].some((scores) => scores.has(metric)));
  const labels = [...summary.mean.keys()].filter((label) => label !== "mean");
  const rows = [...labels, "mean"].map((label) => {
    const scores = label === "mean" ? mean.get("mean") : summary.mean.get(label);
    return [label === "mean" ? "all but 0" : label, ...metrics.map((metric) => formatScore(scores?.get(metric)))];
  });
  return formatTable(["label", ...metrics.map((metric) => UNITS[metric] ?? metric)], rows);
}

function formatText(
  outcomes: readonly CaseOutcome<CaseEvaluation>[],
  summary: Summary,
  files: readonly string[],
): string {
  const rows = outcomes.map((outcome) => {
    if (!outcome.ok) return [outcome.identifier, "failed", ""];
    const dices = [...outcome.value.scores.labels]
      .filter(([label]) => label !== "0")
      .map(([label, scores]) => ({ label, dice: scores.get("Dice") as number }))
      .filter(({ dice }) => !Number.isNaN(dice));
    const mean = dices.length === 0 ? Number.NaN : dices.reduce((sum, { dice }) => sum + dice, 0) / dices.length;
    const [lowest] = [...dices].sort((a, b) => a.dice - b.dice);
    return [
      outcome.identifier,
      formatScore(mean),
      lowest === undefined ? "" : `label ${lowest.label} with ${formatScore(lowest.dice)}`,
    ];
  });
  const parts = [formatTable(["case", "mean Dice", "lowest"], rows)];
  if (summary.all.length > 0) parts.push(formatLabelTable(summary));
  const notes = outcomes.flatMap(describeUnexpectedLabels).map((text) => `warning: ${text}`);
  if (notes.length > 0) parts.push(notes.join("\n"));
  const failures = outcomes.flatMap((outcome) =>
    outcome.ok ? [] : [`${outcome.identifier}: ${outcome.error.message}`],
  );
  if (failures.length > 0) parts.push(["Failed:", ...failures].join("\n  "));
  if (files.length > 0) parts.push(["Files:", ...files].join("\n  "));
  return parts.join("\n\n");
}

function toDocument(
  outcomes: readonly CaseOutcome<CaseEvaluation>[],
  summary: Summary,
  files: readonly string[],
): object {
  const plain = (labels: ReadonlyMap<string, ReadonlyMap<string, number>>) =>
    Object.fromEntries([...labels].map(([label, scores]) => [label, Object.fromEntries(scores)]));
  return {
    files,
    cases: outcomes.map((outcome) => {
      const { identifier, ok } = outcome;
      if (!ok) return { identifier, ok, error: plainError(outcome.error) };
      const { scores, unexpectedLabels } = outcome.value;
      return { identifier, ok, metrics: plain(scores.labels), unexpectedLabels };
    }),
    mean: summary.all.length === 0 ? {} : plain(addForegroundMean(summary).mean),
  };
}
