import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { buildTask, NnprepError, parseTaskDescription, type ReadScanOptions, splitMsdTask } from "../node.js";
import { throwIfAborted } from "../runner/run.js";
import { type CommandRun, runCommand } from "./command-runner.js";
import { type CommandOptions, rawFolder } from "./options.js";
import type { ProgressBar } from "./progress.js";
import { runTasks } from "./task-command.js";
import { UsageError } from "./usage-error.js";

/** Options of `convert` that build whole tasks. */
export interface TaskConversionOptions extends CommandOptions {
  readonly toTask?: string;
  readonly description?: string;
  readonly fromMsd?: string;
  readonly taskId?: string;
  readonly raw?: string;
}

function rawBase(options: TaskConversionOptions): string {
  return rawFolder(options.raw === undefined ? {} : { raw: options.raw });
}

/** Builds the task that a description tells, and runs `verify` on it. */
export async function convertTask(options: TaskConversionOptions, scan: ReadScanOptions): Promise<void> {
  const name = options.toTask as string;
  if (!/^Task\d{3}_\S+$/.test(name)) throw new UsageError(`--to-task ${name}: a name like Task510_Liver is expected`);
  if (options.description === undefined) throw new UsageError("--to-task needs --description FILE.json (see --help)");
  const file = resolve(options.description);
  await build(options, name, async (folder, run, built) => {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      throw new NnprepError("FILE_NOT_FOUND", `${file}: cannot be read (${(error as Error).message})`, { file });
    }
    const warnings = await buildTask(parseTaskDescription(text, file), dirname(file), folder, { ...built, scan });
    for (const warning of warnings) run.say(`warning: ${warning}`);
  });
}

/** Splits a task of the Medical Segmentation Decathlon, and runs `verify` on the result. */
export async function convertMsdTask(options: TaskConversionOptions): Promise<void> {
  const input = resolve(options.fromMsd as string);
  const match = /^Task(\d{2})_(.+)$/.exec(basename(input));
  if (match === null) throw new UsageError(`--from-msd ${input}: a folder named like Task01_BrainTumour is expected`);
  const number = options.taskId ?? (match[1] as string);
  if (!/^\d{1,3}$/.test(number)) throw new UsageError(`--task-id ${number}: a number from 0 to 999 is expected`);
  const name = `Task${number.padStart(3, "0")}_${match[2]}`;
  await build(options, name, (folder, _run, built) => splitMsdTask(input, folder, built));
}

/** What building a task takes. */
interface BuildRun {
  readonly onProgress: ProgressBar["show"];
  readonly signal: AbortSignal;
}

async function build(
  options: TaskConversionOptions,
  name: string,
  work: (folder: string, run: CommandRun, built: BuildRun) => Promise<void>,
): Promise<void> {
  await runCommand("convert", options, async (run) => {
    const raw = rawBase(options);
    const number = Number(name.slice(4, 7));
    const bar = run.bar(name);
    await work(join(raw, name), run, { onProgress: bar.show, signal: run.signal });
    bar.stop();
    run.ifStopped = `${join(raw, name)}: the task is complete, but was not checked; run "nnprep verify -t ${number} --raw ${raw}"`;
    throwIfAborted(run.signal);
    return runTasks(run, { ...options, raw, task: [number] }, { verify: { scan: {} } }, { preprocessed: false });
  });
}
