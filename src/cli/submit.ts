import { spawnSync } from "node:child_process";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Argument, Command, Option } from "commander";
import { NnprepError } from "../core/errors.js";
import { forecastPrediction } from "../inference/forecast.js";
import { readAnyModelFolder } from "../inference/load-model.js";
import { listPredictionCases } from "../inference/predict-cases.js";
import { forecastTask } from "../recipes/v1/stages/forecast.js";
import { DEFAULT_PLANNER } from "../recipes/v2/planners/planner-list.js";
import { forecastDataset } from "../recipes/v2/stages/forecast.js";
import { openStore, resolveLocation } from "../runner/open-store.js";
import { type CommandReport, type CommandRun, runCommand } from "./command-runner.js";
import { resolveDatasets } from "./dataset-places.js";
import { byteCount } from "./memory-limit.js";
import { modelFilesAt } from "./model-location.js";
import { wholeNumber } from "./options.js";
import { datasetJobs, MAIN_MIB, predictionJobs, taskJobs } from "./slurm-chains.js";
import { formatSlurmScript, type SlurmJob } from "./slurm-script.js";
import { formatMebibytes } from "./table.js";
import { resolveTasks } from "./task-places.js";
import { UsageError } from "./usage-error.js";

interface SubmitOptions {
  readonly dataset?: string;
  readonly task?: number;
  readonly cropped?: string;
  readonly input?: string;
  readonly output?: string;
  readonly model?: string;
  readonly raw?: string;
  readonly preprocessed?: string;
  readonly numParts?: number;
  readonly configurations?: string[];
  readonly planner: string;
  readonly workers: number;
  readonly mem?: number;
  readonly logs: string;
  readonly sbatch?: string[];
  readonly program?: string[];
  readonly run: boolean;
  readonly json: boolean;
}

const MIB = 2 ** 20;
/** What estimates may fall short by, and the granularity of what is asked for. */
const MARGIN = 1.2;
const STEP_MIB = 64;
/** Cases of a part unless the user says otherwise; a task should be worth its start. */
const CASES_PER_PART = 20;
const MOST_PARTS = 1000;

export function submitCommand(): Command {
  return new Command("submit")
    .addArgument(new Argument("<scheduler>", "who runs the jobs").choices(["slurm"]))
    .addArgument(new Argument("[options...]", "after --: further options of predict"))
    .option("-d, --dataset <id>", "prepare a dataset of nnU-Net v2, by number or name")
    .option("-t, --task <number>", "or a task of nnU-Net v1", wholeNumber(0, 999))
    .option("--cropped <folder>", "with -t: folder for the cropped tasks (default: beside the raw tasks)")
    .option("-i, --input <folder>", "or predict: folder of cases, on all nodes")
    .option("-o, --output <folder>", "and folder for the labels, on all nodes")
    .option("-m, --model <path>", "and model folder or zip, on all nodes")
    .option("--raw <folder>", "folder with the raw datasets, on all nodes (default: $nnUNet_raw)")
    .option("--preprocessed <folder>", "folder for the results, on all nodes (default: $nnUNet_preprocessed)")
    .option(
      "--num-parts <n>",
      `tasks of each array (-num_parts; default: one for ${CASES_PER_PART} cases)`,
      wholeNumber(1, MOST_PARTS),
    )
    .option("-c, --configurations <names...>", "configurations to preprocess for (default: those in the plans)")
    .option("--planner <class>", "experiment planner (-pl)", DEFAULT_PLANNER)
    .option("-w, --workers <n>", "cases at the same time in one task, a CPU each", wholeNumber(1, 256), 1)
    .addOption(
      new Option("--mem <bytes>", "memory of a task, like 8G (default: by the estimate of the largest case)").argParser(
        byteCount,
      ),
    )
    .option("--logs <folder>", "folder for the logs, on all nodes", "nnprep-logs")
    .option("--sbatch <options...>", "more options of every sbatch, such as --sbatch=--partition=long")
    .option("--program <words...>", "how nnprep is called on the nodes (default: as here)")
    .option("--run", "submit it with sbatch, instead of printing it", false)
    .option("--json", "print one JSON document instead of text", false)
    .addHelpText(
      "after",
      "\nExamples:\n  $ nnprep submit slurm -d 1 --num-parts 7 > prepare.sh\n  $ nnprep submit slurm -d 1 -c 3d_fullres --run" +
        "\n  $ nnprep submit slurm -i imagesTs -o labels -m MODEL --num-parts 7 --workers 8 -- --save-probabilities",
    )
    .action((_: string, more: string[], options: SubmitOptions) =>
      runCommand("submit", { json: options.json, progress: false }, (run) => submit(run, options, more)),
    );
}

/** A script, and what is known of it. */
interface Submission {
  readonly script: string;
  readonly document: object;
}

async function submit(run: CommandRun, options: SubmitOptions, more: readonly string[]): Promise<CommandReport> {
  const { input, output, model, dataset, task } = options;
  const isPrediction = [input, output, model].some((folder) => folder !== undefined);
  if ([dataset !== undefined, task !== undefined, isPrediction].filter(Boolean).length !== 1) {
    throw new UsageError(
      "what is to be submitted? Give one of -d DATASET, -t TASK, or -i INPUT -o OUTPUT -m MODEL for predictions",
    );
  }
  if (!isPrediction && more.length > 0) throw new UsageError(`${more.join(" ")}: only predictions take more`);
  const prepare = task === undefined ? preparation : taskPreparation;
  const { script, document } = isPrediction ? await prediction(options, more) : await prepare(options);
  if (!options.run) return { ok: true, text: script.trimEnd(), document: { ...document, script } };
  const said = sendToBash(script);
  run.known = { ...document, script };
  return { ok: true, text: said.trimEnd(), document: { said } };
}

function partsOf(cases: number, { numParts }: SubmitOptions): number {
  return numParts ?? Math.max(1, Math.min(MOST_PARTS, Math.ceil(cases / CASES_PER_PART)));
}

/** Mebibytes of a task. @throws NnprepError INVALID_DATASET where nothing tells them */
function memoryOf(bytes: number | null, cases: number, { mem }: SubmitOptions): number {
  if (mem !== undefined) return Math.ceil(mem / MIB);
  if (bytes === null) {
    throw new NnprepError(
      "INVALID_DATASET",
      "no image has a head that tells its size, so that the memory of a task is not known; give it: --mem 16G",
    );
  }
  return Math.ceil((MARGIN * cases * bytes) / MIB / STEP_MIB) * STEP_MIB + MAIN_MIB;
}

function foldersOf({ raw, cropped, preprocessed }: SubmitOptions) {
  return {
    ...(raw === undefined ? {} : { raw }),
    ...(cropped === undefined ? {} : { cropped }),
    ...(preprocessed === undefined ? {} : { preprocessed }),
  };
}

function programOf({ program }: SubmitOptions): readonly string[] {
  return program ?? [process.execPath, fileURLToPath(new URL("./main.js", import.meta.url))];
}

/** What every forecast tells. */
interface CasesForecast {
  readonly cases: number;
  readonly memoryBytes: number | null;
  readonly largest: string | null;
}

function noteOn({ cases, memoryBytes, largest }: CasesForecast): string {
  if (memoryBytes === null) return `${cases} cases.`;
  return `${cases} cases; the largest, ${largest}, needs about ${formatMebibytes(memoryBytes)} by estimate.`;
}

function scriptOf(
  subject: string,
  forecast: CasesForecast,
  jobs: readonly SlurmJob[],
  parts: number,
  { workers, logs, sbatch = [] }: SubmitOptions,
): string {
  const notes = [noteOn(forecast)];
  return formatSlurmScript({ subject, notes, jobs, parts, cpus: workers, logs: resolve(logs), extra: sbatch });
}

/** Everything up to the preprocessed data of a dataset. */
async function preparation(options: SubmitOptions): Promise<Submission> {
  const { dataset: id = "", planner, configurations = [], workers } = options;
  const [dataset] = await resolveDatasets({ ...foldersOf(options), dataset: [id] }, { preprocessed: true });
  if (dataset === undefined) throw new UsageError("which dataset? Give -d NUMBER");
  const { name, raw, preprocessed } = dataset;
  const stores = { raw: openStore(raw), preprocessed: openStore(preprocessed) };
  const settings = { planner, configurations: options.configurations, environment: process.env };
  const forecast = await forecastDataset({ name, stores }, settings);
  const parts = partsOf(forecast.cases, options);
  const memoryMib = {
    fingerprint: memoryOf(forecast.fingerprintBytes, workers, options),
    preprocess: memoryOf(forecast.memoryBytes, workers, options),
  };
  // The folder of all datasets; s3:// and the like have their names at the end, too.
  const above = (location: string) => location.slice(0, -name.length - 1);
  const jobs = datasetJobs({
    program: programOf(options),
    places: ["-d", name, "--raw", above(raw), "--preprocessed", above(preprocessed)],
    planner,
    plansName: forecast.plansName,
    configurations,
    parts,
    workers,
    memoryMib,
  });
  return { script: scriptOf(name, forecast, jobs, parts, options), document: { dataset: name, parts, memoryMib } };
}

/** Everything up to the preprocessed data of a task of nnU-Net v1. */
async function taskPreparation(options: SubmitOptions): Promise<Submission> {
  const { task: number = 0, workers, configurations } = options;
  if (configurations !== undefined)
    throw new UsageError("-c: configurations are nnU-Net v2's; a task has all of its plans");
  const [task] = resolveTasks({ ...foldersOf(options), task: [number] }, { preprocessed: true });
  const { name, raw, cropped, preprocessed } = task;
  const stores = { raw: openStore(raw), cropped: openStore(cropped), preprocessed: openStore(preprocessed) };
  const forecast = await forecastTask({ stores });
  const parts = partsOf(forecast.cases, options);
  const memoryMib = {
    crop: memoryOf(forecast.cropBytes, workers, options),
    preprocess: memoryOf(forecast.memoryBytes, workers, options),
  };
  const places = ["--raw", dirname(raw), "--cropped", dirname(cropped), "--preprocessed", dirname(preprocessed)];
  const jobs = taskJobs({
    program: programOf(options),
    places: ["-t", String(number), ...places],
    parts,
    workers,
    memoryMib,
  });
  return { script: scriptOf(name, forecast, jobs, parts, options), document: { task: name, parts, memoryMib } };
}

/** The prediction of a folder, in one array. */
async function prediction(options: SubmitOptions, more: readonly string[]): Promise<Submission> {
  const { workers } = options;
  if (options.input === undefined || options.output === undefined || options.model === undefined) {
    throw new UsageError("a prediction needs all of -i INPUT, -o OUTPUT and -m MODEL");
  }
  const [input, output, model] = [options.input, options.output, options.model].map(resolveLocation);
  const found = await readAnyModelFolder(await modelFilesAt(model), model);
  if (found.generation === "v1" && options.mem === undefined) {
    throw new UsageError("the memory of a prediction with a model of nnU-Net v1 is not estimated; give it: --mem 16G");
  }
  const mirroring = !more.some((word) => /^--?disable[-_]tta$/.test(word));
  const forecast =
    found.generation === "v1"
      ? { cases: await countCases(input, found.fileEnding), memoryBytes: null, largest: null }
      : await forecastPrediction(found, openStore(input), { mirroring });
  const parts = partsOf(forecast.cases, options);
  const memoryMib = memoryOf(forecast.memoryBytes, 1, options);
  const jobs = predictionJobs({ program: programOf(options), input, output, model, parts, workers, memoryMib, more });
  const script = scriptOf(basename(output), forecast, jobs, parts, options);
  return { script, document: { input, output, model, parts, memoryMib } };
}

async function countCases(input: string, ending: string): Promise<number> {
  return listPredictionCases(await openStore(input).list(), ending).length;
}

/** Runs the script. @throws NnprepError UNSUPPORTED when it fails: no sbatch, or one that refuses */
function sendToBash(script: string): string {
  const { status, stdout, stderr, error } = spawnSync("bash", ["-s"], { input: script, encoding: "utf8" });
  if (status === 0) return stdout;
  const reason = (stderr ?? "").trim() || error?.message || `exit code ${status}`;
  throw new NnprepError(
    "UNSUPPORTED",
    `the jobs could not be submitted: ${reason}. Print the script without --run, and correct its options with --sbatch`,
    { reason },
  );
}
