import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { findTask, modelFolder } from "../recipes/v1/layout.js";
import { ALL_FOLDS, consolidateFolds } from "../recipes/v1/stages/cross-validation.js";
import type { PostprocessingResult } from "../recipes/v1/stages/postprocess.js";
import type { PostprocessingStep } from "../recipes/v2/documents/postprocessing.js";
import { regionKey, type Summary } from "../recipes/v2/documents/summary.js";
import {
  decidePostprocessing as decideNewer,
  type PostprocessingResult as NewerResult,
  POSTPROCESSING_PKL,
  POSTPROCESSING_REPORT,
} from "../recipes/v2/stages/postprocess.js";
import { type CommandReport, type CommandRun, runCommand } from "./command-runner.js";
import {
  addDocumentOptions,
  type DocumentOptions,
  documentsOf,
  isWrittenByNewer,
  ONLY_V1,
  ONLY_V2,
  refuseForeignOptions,
} from "./generation.js";
import { addCommandOptions, type CommandOptions, wholeNumber } from "./options.js";
import { refuseParts } from "./parts-option.js";
import { formatTable } from "./table.js";
import { UsageError } from "./usage-error.js";

/** Where models of v1 lie, and by which names. */
export interface ResultsOptions {
  readonly results?: string;
  readonly cascadeTrainer?: string;
  readonly plans?: string;
  readonly folds?: number[];
  readonly val: string;
  readonly ref?: string;
}

interface DetermineOptions extends CommandOptions, ResultsOptions, DocumentOptions {
  readonly input?: string;
  readonly trainer?: string;
  readonly removePostprocessed: boolean;
  readonly folder?: string;
  readonly model?: string;
  readonly task?: string;
  readonly labels?: number[];
  readonly advanced: boolean;
}

function numbers(text: string, previous: number[] | undefined): number[] {
  return [...(previous ?? []), wholeNumber(0, 0xffff)(text)];
}

const ofV1 = (flags: string, description: string) => new Option(flags, description).helpGroup(ONLY_V1);

/** `--folds`, with the flags that a command has for it. */
export function foldsOption(flags = "--folds <numbers...>"): Option {
  return new Option(flags, `folds of the cross-validation (default: ${ALL_FOLDS.join(" ")})`).argParser(numbers);
}

/** Options that say where the models of a cross-validation of v1 lie. */
export function addResultsOptions(command: Command): Command {
  return command
    .addOption(ofV1("--results <folder>", "folder with the trained models (default: $RESULTS_FOLDER/nnUNet)"))
    .addOption(
      ofV1("--cascade-trainer <name>", "trainer of the cascade (-ctr; default: nnUNetTrainerV2CascadeFullRes)"),
    )
    .addOption(ofV1("--plans <name>", "plans of the models (-pl; default: nnUNetPlansv2.1)"))
    .addOption(ofV1("--val <name>", "folder with predictions inside each fold (-val)").default("validation_raw"));
}

/** The folder that holds the models: `RESULTS_FOLDER/nnUNet` for nnU-Net. */
export function resultsFolder({ results }: Pick<ResultsOptions, "results">): string {
  if (results !== undefined) return resolve(results);
  const base = process.env.RESULTS_FOLDER;
  if (base === undefined || base === "") {
    throw new UsageError("no folder with trained models: give --results FOLDER or set RESULTS_FOLDER");
  }
  return resolve(base, "nnUNet");
}

/** `Task005_NAME` of `5` or of itself, by a listing of the folder that holds the tasks. */
export function taskName(task: string, folder: string): string {
  if (!/^\d+$/.test(task)) return task;
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    // There is no such folder: no task either.
  }
  return findTask(Number(task), names, folder);
}

const ALL_CASES = "it decides on the scores of all cases; it names those that are missing";

export function determinePostprocessingCommand(): Command {
  const command = new Command("determine-postprocessing")
    .addOption(ofV1("-f, --folder <folder>", "folder of one model, with fold_0, fold_1 ... and gt_niftis"))
    .addOption(ofV1("-m, --model <name>", "instead: 2d, 3d_lowres, 3d_fullres or 3d_cascade_fullres"))
    .addOption(ofV1("-t, --task <task>", "and task, by number or name"))
    .addOption(
      ofV1("-l, --labels <numbers...>", "labels (default: those of the first fold's summary.json)").argParser(numbers),
    )
    .addOption(ofV1("--trainer <name>", "trainer of the models (-tr; default: nnUNetTrainerV2)"))
    .addOption(foldsOption().helpGroup(ONLY_V1))
    .addOption(
      ofV1("--advanced", "remove only objects smaller than any that was the largest of its class in a case").default(
        false,
      ),
    )
    .option("--ref <folder>", "folder with the references (-ref; default of v1: the model's gt_niftis)")
    .addOption(
      new Option("-i, --input <folder>", "folder of predictions; with -ref, nothing else is needed").helpGroup(ONLY_V2),
    )
    .addOption(
      new Option("--remove-postprocessed", "do not keep the post-processed files").default(false).helpGroup(ONLY_V2),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  $ nnprep determine-postprocessing -m 3d_fullres -t 5" +
        "\n  $ nnprep determine-postprocessing -f results/my_model --folds 0 1 2 -ref labelsTr -l 0 1 2" +
        "\n  $ nnprep determine-postprocessing -i crossval_results_folds_0_1_2_3_4 -ref gt_segmentations",
    );
  addDocumentOptions(command);
  return refuseParts(addCommandOptions(addResultsOptions(command)), ALL_CASES).action((options: DetermineOptions) =>
    runCommand("determine-postprocessing", options, async (run) => {
      if (options.input !== undefined) {
        refuseForeignOptions(command, "v2", "-i is a folder of predictions of v2");
        return determineNewer(run, options, resolve(options.input));
      }
      const folder = locate(options);
      if (await isWrittenByNewer(folder)) {
        throw new UsageError(
          `${folder} was written by nnU-Net v2 (it has plans.json or dataset.json), -f, -m and -t are for models of v1; give -i FOLDER with all predictions, as find-best leaves them in crossval_results_folds_...`,
        );
      }
      refuseForeignOptions(command, "v1", "-f, -m and -t are models of v1");
      const reference = resolve(options.ref ?? join(folder, "gt_niftis"));
      const workshop = run.open({ prediction: folder, input: folder, output: folder, reference });
      const { executor, store, options: runOptions } = workshop;
      const stores = { model: store("prediction"), reference: store("reference") };
      const { folds, val, labels, advanced } = options;
      const settings = { ...runOptions, folds, validationFolder: val, labels, advanced };
      return report(folder, await consolidateFolds({ ...stores, executor }, settings));
    }),
  );
}

/** A folder of predictions of nnU-Net v2. */
async function determineNewer(run: CommandRun, options: DetermineOptions, folder: string): Promise<CommandReport> {
  if (options.ref === undefined) throw new UsageError("which references? Give -ref FOLDER");
  const documents = await documentsOf(folder, options);
  const reference = resolve(options.ref);
  const {
    executor,
    store,
    options: runOptions,
  } = run.open({
    prediction: folder,
    input: folder,
    output: folder,
    reference,
  });
  const task = { model: store("prediction"), reference: store("reference"), executor, documents };
  const keepPostprocessed = !options.removePostprocessed;
  const result = await decideNewer(task, { ...runOptions, keepPostprocessed });
  return newerReport(folder, result);
}

/** Labels or regions of a step, in words. */
export function describeStep(step: PostprocessingStep): string {
  if ("region" in step) return `label or region ${regionKey(step.region)}`;
  return `labels ${step.together.map((region) => regionKey(region)).join(", ")} together`;
}

function newerReport(folder: string, result: NewerResult): CommandReport {
  const { steps, trials, raw, final, withoutPrediction } = result;
  const show = (value: number) => (Number.isNaN(value) ? "-" : value.toFixed(4));
  const rows = trials.map(({ step, before, after, accepted }) => [
    describeStep(step),
    show(before),
    show(after),
    accepted ? "kept" : "",
  ]);
  const files = [POSTPROCESSING_PKL, POSTPROCESSING_REPORT].map((name) => join(folder, name));
  const words =
    steps.length === 0
      ? "Keep all components: nothing gets better without the smaller ones."
      : `Keep only the largest component of ${steps.map(describeStep).join(", then of ")}.`;
  const warnings =
    withoutPrediction.length === 0
      ? []
      : [
          `${withoutPrediction.length} references have no prediction (${withoutPrediction.join(", ")}); decide on all cases`,
        ];
  const dice = (summary: Summary) =>
    Object.fromEntries([...summary.mean].map(([region, scores]) => [region, scores.get("Dice")]));
  return {
    ok: true,
    text: [
      formatTable(["largest component of", "mean Dice before", "after", ""], rows),
      words,
      ["Files:", ...files].join("\n  "),
    ].join("\n\n"),
    warnings,
    document: { files, cases: final.cases.length, steps, trials, dice: { raw: dice(raw), decided: dice(final) } },
  };
}

function locate(options: DetermineOptions): string {
  const { folder, model, task } = options;
  if (folder !== undefined) return resolve(folder);
  if (model === undefined || task === undefined) {
    throw new UsageError("which model? Give -f FOLDER, or -m MODEL and -t TASK (nnU-Net v1), or -i FOLDER (v2)");
  }
  const results = resultsFolder(options);
  return join(results, modelFolder(model, taskName(task, join(results, model)), options));
}

/** What was decided, in words. */
export function describeDecision({ decision }: PostprocessingResult): string {
  const { for_which_classes, min_valid_object_sizes } = decision;
  if (for_which_classes.length === 0) return "Keep all components: no class gets better without the smaller ones.";
  const steps = for_which_classes.map((entry) =>
    typeof entry === "number" ? `class ${entry}` : `classes ${entry.join(", ")} together`,
  );
  const limits = min_valid_object_sizes?.map(({ sizeMm3 }) => `${sizeMm3.toFixed(1)} mm3`).join(", ");
  const others = limits === undefined ? "" : `; others are removed only below ${limits}`;
  return `Keep only the largest component of ${steps.join(", then of ")}${others}.`;
}

/** Dice of every class before and after. */
export function decisionTable({ decision, final }: PostprocessingResult): string {
  const { dc_per_class_raw, dc_per_class_pp_all, dc_per_class_pp_per_class } = decision;
  const show = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? "-" : value.toFixed(4));
  const rows = [...dc_per_class_raw].map(([label, raw]) => [
    label,
    show(raw),
    show(dc_per_class_pp_all.get(label)),
    show(dc_per_class_pp_per_class.get(label)),
    show(final.mean.get(label)?.get("Dice")),
  ]);
  return formatTable(["class", "Dice as it is", "all together", "each class", "decided"], rows);
}

function report(folder: string, result: PostprocessingResult): CommandReport {
  const { decision, raw, final, warnings } = result;
  const files = {
    postprocessing: join(folder, "postprocessing.json"),
    raw: join(folder, decision.validation_raw),
    final: join(folder, decision.validation_final),
  };
  const entries = (map: ReadonlyMap<string, number>) => Object.fromEntries(map);
  return {
    ok: true,
    text: [
      `${decision.num_samples} cases of ${folder}`,
      decisionTable(result),
      ...(warnings.length === 0 ? [] : [warnings.map((text) => `warning: ${text}`).join("\n")]),
      describeDecision(result),
      ["Files:", files.postprocessing, files.raw, files.final].join("\n  "),
    ].join("\n\n"),
    document: {
      files,
      cases: raw.all.length,
      warnings,
      forWhichClasses: decision.for_which_classes,
      minValidObjectSizes: decision.min_valid_object_sizes,
      dice: {
        raw: entries(decision.dc_per_class_raw),
        allTogether: entries(decision.dc_per_class_pp_all),
        eachClass: entries(decision.dc_per_class_pp_per_class),
        decided: entries(new Map([...final.mean].map(([label, scores]) => [label, scores.get("Dice") as number]))),
      },
    },
  };
}
