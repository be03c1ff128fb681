import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { NnprepError } from "../core/errors.js";
import type { ReadScanOptions } from "../io/formats.js";
import type { BuildOptions } from "../recipes/convert/raw-folder.js";
import { parseTaskDescription, type TaskDescription } from "../recipes/task-description.js";
import { throwIfAborted } from "../runner/run.js";
import { type CommandReport, type CommandRun, runCommand } from "./command-runner.js";
import { rawDatasetsFolder } from "./dataset-places.js";
import type { CommandOptions } from "./options.js";
import { joinShared } from "./table.js";
import { rawFolder } from "./task-places.js";
import { UsageError } from "./usage-error.js";

/** Options of `convert` that build whole tasks of nnU-Net v1 and datasets of v2. */
export interface RawConversionOptions extends CommandOptions {
  readonly toTask?: string;
  readonly toDataset?: string;
  readonly description?: string;
  readonly fromMsd?: string;
  readonly fromV1?: string;
  readonly taskId?: string;
  readonly raw?: string;
}

/** Whether the options ask for a task or a dataset instead of a file. */
export function buildsRaw({ toTask, toDataset, fromMsd, fromV1 }: RawConversionOptions): boolean {
  return [toTask, toDataset, fromMsd, fromV1].some((option) => option !== undefined);
}

/** Builds a task or a dataset, and runs `verify` on it. */
export async function convertRaw(options: RawConversionOptions, scan: ReadScanOptions): Promise<void> {
  const sources = [options.description, options.fromMsd, options.fromV1].filter((source) => source !== undefined);
  if (sources.length !== 1) {
    throw new UsageError("give one of --description FILE.json, --from-msd FOLDER and --from-v1 FOLDER (see --help)");
  }
  if (options.toTask !== undefined && (options.toDataset !== undefined || options.description === undefined)) {
    throw new UsageError("--to-task needs --description FILE.json, and does not go with --to-dataset (see --help)");
  }
  const isDataset = options.toDataset !== undefined || options.fromV1 !== undefined;
  if (isDataset) return buildNamed(options, datasetName(options), scan, datasetBuilder);
  return buildNamed(options, taskName(options), scan, taskBuilder);
}

function taskName({ toTask, fromMsd, taskId }: RawConversionOptions): string {
  if (toTask !== undefined) {
    if (/^Task\d{3}_\S+$/.test(toTask)) return toTask;
    throw new UsageError(`--to-task ${toTask}: a name like Task510_Liver is expected`);
  }
  const input = resolve(fromMsd as string);
  const match = /^Task(\d{2})_(.+)$/.exec(basename(input));
  if (match === null) throw new UsageError(`--from-msd ${input}: a folder named like Task01_BrainTumour is expected`);
  const number = taskId ?? match[1];
  if (!/^\d{1,3}$/.test(number)) throw new UsageError(`--task-id ${number}: a number from 0 to 999 is expected`);
  return `Task${number.padStart(3, "0")}_${match[2]}`;
}

function datasetName({ toDataset, fromV1, taskId }: RawConversionOptions): string {
  if (taskId !== undefined) throw new UsageError("--task-id: the number stands in --to-dataset");
  const input = fromV1 === undefined ? "" : basename(resolve(fromV1));
  const name = toDataset ?? input.replace(/^Task(\d{3}_)/, "Dataset$1");
  if (/^Dataset\d{3}_\S+$/.test(name)) return name;
  if (toDataset !== undefined) throw new UsageError(`--to-dataset ${name}: a name like Dataset510_Liver is expected`);
  throw new UsageError(`--from-v1 ${fromV1}: a folder named like Task005_Prostate is expected, or --to-dataset NAME`);
}

/** How one generation builds its raw folder, and how what was built is checked. */
interface RawBuilder {
  readonly what: string;
  readonly raw: (options: RawConversionOptions) => string;
  readonly build: (description: TaskDescription, base: string, folder: string, run: BuildOptions) => Promise<string[]>;
  readonly split: (input: string, folder: string, run: BuildOptions) => Promise<void>;
  readonly flag: "-t" | "-d";
  readonly verify: (
    run: CommandRun,
    options: RawConversionOptions,
    raw: string,
    number: number,
  ) => Promise<CommandReport>;
}

const onlyRaw = ({ raw }: RawConversionOptions) => (raw === undefined ? {} : { raw });

const taskBuilder: RawBuilder = {
  what: "task",
  flag: "-t",
  raw: (options) => rawFolder(onlyRaw(options)),
  build: async (...given) => (await import("../recipes/v1/stages/convert-task.js")).buildTask(...given),
  split: async (...given) => (await import("../recipes/v1/stages/convert-task.js")).splitMsdTask(...given),
  verify: async (run, options, raw, number) => {
    const { runTasks } = await import("./task-command.js");
    return runTasks(run, { ...options, raw, task: [number] }, { verify: { scan: {} } }, { preprocessed: false });
  },
};

const datasetBuilder: RawBuilder = {
  what: "dataset",
  flag: "-d",
  raw: (options) => rawDatasetsFolder(onlyRaw(options)),
  build: async (...given) => (await import("../recipes/v2/stages/convert-dataset.js")).buildDataset(...given),
  split: async (...given) => (await import("../recipes/v2/stages/convert-dataset.js")).splitMsdDataset(...given),
  verify: async (run, options, raw, number) => {
    const { runDatasets } = await import("./dataset-command.js");
    return runDatasets(run, { ...options, raw, dataset: [String(number)] }, { verify: true }, { preprocessed: false });
  },
};

async function buildNamed(
  options: RawConversionOptions,
  name: string,
  scan: ReadScanOptions,
  builder: RawBuilder,
): Promise<void> {
  await runCommand("convert", options, async (run) => {
    const raw = builder.raw(options);
    const folder = join(raw, name);
    const bar = run.bar(name);
    await build(options, folder, { onProgress: bar.show, signal: run.signal, scan }, run, builder);
    bar.stop();
    const number = Number(/\d{3}/.exec(name)?.[0]);
    run.ifStopped = `${folder}: the ${builder.what} is complete, but was not checked; run "nnprep verify ${builder.flag} ${number} --raw ${raw}"`;
    throwIfAborted(run.signal);
    return builder.verify(run, options, raw, number);
  });
}

async function build(
  { description, fromMsd, fromV1 }: RawConversionOptions,
  folder: string,
  built: BuildOptions,
  run: CommandRun,
  builder: RawBuilder,
): Promise<void> {
  if (fromMsd !== undefined) return builder.split(resolve(fromMsd), folder, built);
  if (fromV1 !== undefined) {
    const { convertFromTask } = await import("../recipes/v2/stages/convert-dataset.js");
    return convertFromTask(resolve(fromV1), folder, built);
  }
  const file = resolve(description as string);
  const content = parseTaskDescription(readDescription(file), file);
  const warnings = await builder.build(content, dirname(file), folder, built);
  // What all files share is said once.
  const said = warnings.map((warning) => {
    const at = warning.indexOf(": ");
    return [warning.slice(0, at), warning.slice(at + 2)] as const;
  });
  for (const warning of joinShared(said)) run.warn(warning);
}

function readDescription(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new NnprepError("FILE_NOT_FOUND", `${file}: cannot be read (${(error as Error).message})`, { file });
  }
}
