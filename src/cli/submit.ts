import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Argument, Command, Option } from "commander";
import { NnprepError } from "../core/errors.js";
import { DEFAULT_PLANNER } from "../recipes/v2/planners/planner-list.js";
import { type Forecast, forecastDataset } from "../recipes/v2/stages/forecast.js";
import { openStore } from "../runner/open-store.js";
import { type CommandReport, type CommandRun, runCommand } from "./command-runner.js";
import { type LocatedDataset, resolveDatasets } from "./dataset-places.js";
import { byteCount } from "./memory-limit.js";
import { wholeNumber } from "./options.js";
import { formatSlurmScript } from "./slurm-script.js";
import { formatMebibytes } from "./table.js";
import { UsageError } from "./usage-error.js";

interface SubmitOptions {
  readonly dataset: string;
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
/** Of the process that hands out the cases. */
const MAIN_MIB = 256;
/** What estimates may fall short by, and the granularity of what is asked for. */
const MARGIN = 1.2;
const STEP_MIB = 64;
/** Cases of a part unless the user says otherwise; a task should be worth its start. */
const CASES_PER_PART = 20;
const MOST_PARTS = 1000;

export function submitCommand(): Command {
  return new Command("submit")
    .addArgument(new Argument("<scheduler>", "who runs the jobs").choices(["slurm"]))
    .requiredOption("-d, --dataset <id>", "dataset of nnU-Net v2, by number or name")
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
      "\nExamples:\n  $ nnprep submit slurm -d 1 --num-parts 7 > prepare.sh\n  $ nnprep submit slurm -d 1 -c 3d_fullres --run",
    )
    .action((_: string, options: SubmitOptions) =>
      runCommand("submit", { json: options.json, progress: false }, (run) => submit(run, options)),
    );
}

async function submit(run: CommandRun, options: SubmitOptions): Promise<CommandReport> {
  const [dataset] = await resolveDatasets({ ...options, dataset: [options.dataset] }, { preprocessed: true });
  if (dataset === undefined) throw new UsageError("which dataset? Give -d NUMBER");
  const stores = { raw: openStore(dataset.raw), preprocessed: openStore(dataset.preprocessed) };
  const { planner, configurations } = options;
  const settings = { planner, configurations, environment: process.env };
  const forecast = await forecastDataset({ name: dataset.name, stores }, settings);
  const memoryMib = memoryOf(forecast, options);
  const script = scriptFor(dataset, forecast, memoryMib, options);
  const document = { dataset: dataset.name, parts: partsOf(forecast, options), memoryMib, script };
  if (!options.run) return { ok: true, text: script.trimEnd(), document };
  const said = sendToBash(script);
  run.known = document;
  return { ok: true, text: said.trimEnd(), document: { said } };
}

function partsOf({ cases }: Forecast, { numParts }: SubmitOptions): number {
  return numParts ?? Math.max(1, Math.min(MOST_PARTS, Math.ceil(cases / CASES_PER_PART)));
}

/** Mebibytes of a task. @throws NnprepError INVALID_DATASET where nothing tells them */
function memoryOf({ memoryBytes }: Forecast, { mem, workers }: SubmitOptions): number {
  if (mem !== undefined) return Math.ceil(mem / MIB);
  if (memoryBytes === null) {
    throw new NnprepError(
      "INVALID_DATASET",
      "no image has a head that tells its size, so that the memory of a task is not known; give it: --mem 16G",
    );
  }
  return Math.ceil((MARGIN * workers * memoryBytes) / MIB / STEP_MIB) * STEP_MIB + MAIN_MIB;
}

function scriptFor(
  { name, raw, preprocessed }: LocatedDataset,
  forecast: Forecast,
  memoryMib: number,
  options: SubmitOptions,
): string {
  const { planner, configurations = [], workers, sbatch = [] } = options;
  const { plansName, memoryBytes, largest, cases } = forecast;
  const note =
    memoryBytes === null
      ? `${cases} cases.`
      : `${cases} cases; the largest, ${largest}, needs about ${formatMebibytes(memoryBytes)} by estimate.`;
  // The folder of all datasets; s3:// and the like have their names at the end, too.
  const above = (location: string) => location.slice(0, -name.length - 1);
  const program = options.program ?? [process.execPath, fileURLToPath(new URL("./main.js", import.meta.url))];
  return formatSlurmScript({
    dataset: name,
    notes: [note],
    program,
    places: ["-d", name, "--raw", above(raw), "--preprocessed", above(preprocessed)],
    planner,
    plansName,
    configurations,
    parts: partsOf(forecast, options),
    workers,
    memoryMib,
    workersMib: Math.max(1, memoryMib - MAIN_MIB),
    logs: resolve(options.logs),
    extra: sbatch,
  });
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
