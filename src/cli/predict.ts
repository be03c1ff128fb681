import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { NnprepError, plainError } from "../core/errors.js";
import { type LoadedModel, type LoadedModelV1, loadAnyModel } from "../inference/load-model.js";
import { readPostprocessing } from "../inference/postprocessing.js";
import {
  type CasesProgress,
  caseOfFiles,
  caseOfVolume,
  listPredictionCases,
  type PredictedCase,
  type PredictionCase,
  predictCases,
  writePredictionDocuments,
} from "../inference/predict-cases.js";
import type { PythonJson } from "../io/python-json.js";
import type { ScanFile } from "../io/scan-file.js";
import { readScanPath, scanFileFromPath } from "../io/scan-path.js";
import { findDataset, modelFolderName } from "../recipes/v2/layout.js";
import { scanFileInStore } from "../recipes/v2/stages/read-case.js";
import { isRemote, openStore, resolveLocation } from "../runner/open-store.js";
import { type CommandReport, type CommandRun, runCommand } from "./command-runner.js";
import { formatLabels } from "./export.js";
import { memoryBudget, memoryLimitOption } from "./memory-limit.js";
import { modelFilesAt } from "./model-location.js";
import { addJsonOptions, wholeNumber } from "./options.js";
import { addPartOptions, chosenPart, type PartOptions } from "./parts-option.js";
import { isSameFolder } from "./same-folder.js";
import { addScanOptions, readOptions, type ScanOptions } from "./scan-options.js";
import { formatTable, joinShared } from "./table.js";
import { UsageError } from "./usage-error.js";

type AnyModel = LoadedModel | LoadedModelV1;

interface PredictCommandOptions extends ScanOptions, PartOptions {
  readonly input: string;
  readonly output: string;
  readonly model?: string;
  readonly dataset?: string;
  readonly configuration?: string;
  readonly plans: string;
  readonly trainer: string;
  readonly folds?: string[];
  readonly checkpoint: string;
  readonly stepSize: number;
  readonly disableTta: boolean;
  readonly saveProbabilities: boolean;
  readonly continuePrediction: boolean;
  readonly postprocess: boolean;
  readonly prevStagePredictions?: string;
  readonly float32: boolean;
  readonly threads?: number;
  readonly memoryLimit?: number;
  readonly json: boolean;
  readonly jsonLines?: boolean;
  readonly progress: boolean;
}

function stepSize(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError("a share of the patch above 0, at most 1, is expected.");
}

export function predictCommand(): Command {
  const command = new Command("predict")
    .requiredOption("-i, --input <path>", "folder of cases (ID_0000.nii.gz ...), one scan, or a folder of DICOM slices")
    .requiredOption("-o, --output <folder>", "folder for the labels")
    .option("-m, --model <path>", "model folder or zip (docs/model-folder.md); or -d and -c")
    .option("-d, --dataset <id>", "number or name of the dataset, in $nnUNet_results")
    .option("-c, --configuration <name>", "2d, 3d_fullres ..., with -d")
    .option("-p, --plans <name>", "plans, with -d", "nnUNetPlans")
    .option("--trainer <name>", "trainer, with -d (-tr)", "nnUNetTrainer")
    .option("-f, --folds <folds...>", "folds to average, or all (default: those that are there)")
    .option("--checkpoint <name>", "which checkpoint's ONNX file (-chk)", "checkpoint_final.pth")
    .option("--step-size <share>", "distance of windows as a share of the patch (-step_size)", stepSize, 0.5)
    .option("--disable-tta", "no mirroring: faster, less accurate (--disable_tta)", false)
    .option("--save-probabilities", "write ID.npz and ID.pkl too (--save_probabilities, v1: --save_npz)", false)
    .option("--continue-prediction", "leave out cases that are there (--continue_prediction)", false)
    .option(
      "--prev-stage-predictions <folder>",
      "labels of the previous stage, for a cascade (-prev_stage_predictions)",
    )
    .option("--postprocess", "apply the postprocessing.pkl that the model folder holds", false)
    .option("--float32", "sum windows in float32, which nnU-Net does not do: for logits beyond float16", false)
    .option("--threads <n>", "threads of the network (default: all cores)", wholeNumber(1, 1024))
    .addOption(memoryLimitOption())
    .addOption(new Option("--no-progress", "no progress bar on stderr (--disable_progress_bar)"));
  return addScanOptions(addPartOptions(addJsonOptions(command)))
    .addHelpText(
      "after",
      "\nExample:\n  $ nnprep predict -i imagesTs -o labels -m nnUNetTrainer__nnUNetPlans__3d_fullres",
    )
    .action(runPredict);
}

function modelPath(options: PredictCommandOptions): string {
  if (options.model !== undefined) return resolveLocation(options.model);
  const { dataset, configuration, trainer, plans } = options;
  if (dataset === undefined || configuration === undefined) {
    throw new UsageError("which model? Give -m FOLDER, or -d DATASET and -c CONFIGURATION");
  }
  const results = process.env.nnUNet_results;
  if (results === undefined || results === "")
    throw new UsageError("-d needs the folder of models: set nnUNet_results");
  const names = existsSync(results) ? readdirSync(results) : [];
  return join(resolve(results), findDataset(dataset, [names], results), modelFolderName(trainer, plans, configuration));
}

/** The model with its networks. */
async function openModel(options: PredictCommandOptions): Promise<AnyModel> {
  const path = modelPath(options);
  const files = await modelFilesAt(path);
  const { folds, checkpoint, threads } = options;
  return loadAnyModel(files, path, { folds, checkpoint, threads });
}

/** One scan (a file, or a folder of DICOM slices), named as nnU-Net names the images of a case. */
function singleCase(path: string, model: AnyModel, options: PredictCommandOptions): PredictionCase {
  const ending = model.fileEnding;
  const name = basename(path);
  const stem = name.endsWith(ending) ? name.slice(0, -ending.length) : name.replace(/\.(nii\.gz|[^.]+)$/i, "");
  return caseOfVolume(model, stem.replace(/_0000$/, ""), () => readScanPath(path, readOptions(options)));
}

/** The cases of a folder, by the ending of the model's dataset. */
async function folderCases(
  input: string,
  names: readonly string[],
  model: AnyModel,
  options: PredictCommandOptions,
): Promise<PredictionCase[]> {
  const ending = model.fileEnding;
  const files = names.filter((name) => !name.startsWith("."));
  const { prevStagePredictions: previous } = options;
  const part = chosenPart(options);
  const chosen = part === undefined ? {} : { parts: part.count, part: part.index };
  const { nifti } = readOptions(options);
  const cases: PredictionCase[] = [];
  for (const { identifier, images } of listPredictionCases(files, ending, chosen)) {
    const read = async () => {
      const scans = [];
      for (const image of images) scans.push(await fileIn(input, image));
      const label = previous === undefined ? undefined : await fileIn(previous, `${identifier}${ending}`);
      return caseOfFiles(model, identifier, { images: scans, previousStage: label }, { nifti }).read();
    };
    cases.push({ identifier, read });
  }
  return cases;
}

function fileIn(location: string, name: string): Promise<ScanFile> {
  return isRemote(location) ? scanFileInStore(openStore(location), name) : scanFileFromPath(join(location, name));
}

async function findCases(input: string, model: AnyModel, options: PredictCommandOptions): Promise<PredictionCase[]> {
  const ending = model.fileEnding;
  const remote = isRemote(input);
  if (!remote && !existsSync(input)) throw new UsageError(`${input}: no such file or folder`);
  if (!remote && !statSync(input).isDirectory()) return [singleCase(input, model, options)];
  const names = remote ? await openStore(input).list() : readdirSync(input);
  if (names.some((name) => name.endsWith(ending))) return folderCases(input, names, model, options);
  const others = [...new Set(names.map((name) => /\.(nii\.gz|nii|mha|nrrd|png|tiff?)$/i.exec(name)?.[0]))].filter(
    Boolean,
  );
  if (!remote && names.length > 0 && others.length === 0) return [singleCase(input, model, options)];
  const found = others.length === 0 ? "nothing" : `files that end in ${others.join(", ")}`;
  throw new NnprepError(
    "INVALID_DATASET",
    `${input}: ${found} found; images that end in ${ending}, as the model's dataset has them, or DICOM slices are expected`,
    { folder: input, expected: ending },
  );
}

/** What nnU-Net notes beside its predictions. */
function argumentsOf(options: PredictCommandOptions, input: string, output: string): Map<string, PythonJson> {
  const part = chosenPart(options) ?? { index: 0, count: 1 };
  return new Map<string, PythonJson>([
    ["list_of_lists_or_source_folder", input],
    ["output_folder_or_list_of_truncated_output_files", output],
    ["save_probabilities", options.saveProbabilities],
    ["overwrite", !options.continuePrediction],
    ["num_processes_preprocessing", 1],
    ["num_processes_segmentation_export", 1],
    ["folder_with_segs_from_prev_stage", options.prevStagePredictions ?? null],
    ["num_parts", part.count],
    ["part_id", part.index],
  ]);
}

function runPredict(options: PredictCommandOptions): Promise<void> {
  const input = resolveLocation(options.input);
  const output = resolveLocation(options.output);
  // Labels among scans would be taken for scans by the next run.
  if (isSameFolder(input, output)) throw new UsageError(`${output} holds the scans; give another --output folder`);
  return runCommand("predict", options, async (run): Promise<CommandReport> => {
    run.known = { input, output, cases: [] };
    const signal = run.signal;
    const model = await openModel(options);
    try {
      const postprocessing = options.postprocess ? await readPostprocessing(model) : undefined;
      const cases = await findCases(input, model, options);
      await run.keepClean(output);
      const store = openStore(output);
      await writePredictionDocuments(store, model, argumentsOf(options, input, output));
      const results = await predictCases(model, cases, store, {
        stepSize: options.stepSize,
        mirroring: !options.disableTta,
        precision: options.float32 ? "float32" : undefined,
        probabilities: options.saveProbabilities,
        overwrite: !options.continuePrediction,
        postprocessing,
        memoryLimitBytes: memoryBudget(options.memoryLimit).memoryBudgetBytes,
        onProgress: progressOf(run),
        onCase: run.onCase(),
        signal,
      });
      return report(results, output);
    } finally {
      await model.dispose();
    }
  });
}

/** One bar per case: windows, and the time that they will take. */
function progressOf(run: CommandRun): (progress: CasesProgress) => void {
  const bar = run.bar("predict");
  return ({ identifier, casesDone, cases, done, total, secondsLeft }) => {
    const left = secondsLeft === null ? "" : `${formatSeconds(secondsLeft)} left`;
    bar.show({ stage: `${identifier} (${casesDone + 1} of ${cases})`, done, total, identifier: left });
  };
}

function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return parts
    .slice(whole < 3600 ? 1 : 0)
    .map((n) => String(n).padStart(2, "0"))
    .join(":");
}

function report(results: readonly PredictedCase[], output: string): CommandReport {
  const rows = results.map((result) => {
    if (result.state !== "done") return [result.identifier, result.state === "failed" ? "failed" : "there already"];
    return [result.identifier, formatLabels(result.labels), `${result.seconds.toFixed(1)} s`];
  });
  const failed = results.flatMap((result) => (result.state === "failed" ? [result] : []));
  const said = results.flatMap((result) =>
    result.state === "done" ? result.warnings.map((text) => [result.identifier, text] as const) : [],
  );
  const lines = failed.map(({ identifier, error }) => `  ${identifier}: ${plainError(error).message}`);
  return {
    ok: failed.length === 0,
    text: [
      ...(rows.length === 0 ? [] : [formatTable(["case", "labels", "time"], rows)]),
      failed.length === 0 ? `Labels: ${output}` : ["Failed:", ...lines].join("\n"),
    ].join("\n\n"),
    warnings: joinShared(said),
    document: {
      cases: results.map((result) =>
        result.state === "failed" ? { ...result, error: plainError(result.error) } : result,
      ),
    },
  };
}
