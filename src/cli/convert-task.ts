import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { buildTask, NnprepError, parseTaskDescription, type ReadScanOptions, splitMsdTask } from "../node.js";
import { type RunOptions, rawFolder, UsageError } from "./options.js";
import { ProgressBar } from "./progress.js";
import { runCommand } from "./run-command.js";
import { printError } from "./run-file-command.js";

/** Options of `convert` that build whole tasks. */
export interface TaskConversionOptions extends RunOptions {
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
  await build(options, name, async (folder, run) => {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      throw new NnprepError("FILE_NOT_FOUND", `${file}: cannot be read (${(error as Error).message})`, { file });
    }
    const warnings = await buildTask(parseTaskDescription(text, file), dirname(file), folder, { ...run, scan });
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
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
  await build(options, name, (folder, run) => splitMsdTask(input, folder, run));
}

interface Run {
  readonly onProgress: ProgressBar["show"];
  readonly signal: AbortSignal;
}

async function build(
  options: TaskConversionOptions,
  name: string,
  work: (folder: string, run: Run) => Promise<void>,
): Promise<void> {
  const raw = rawBase(options);
  const number = Number(name.slice(4, 7));
  const complete = `${join(raw, name)}: the task is complete, but was not checked; run "nnprep verify -t ${number} --raw ${raw}"`;
  const bar = new ProgressBar(options.progress, name);
  const abort = new AbortController();
  const interrupt = () => abort.abort();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  try {
    await work(join(raw, name), { onProgress: bar.show, signal: abort.signal });
    if (abort.signal.aborted) throw new NnprepError("ABORTED", complete);
    bar.stop();
    // Still listening: between two listeners a signal would be lost.
    await runCommand(
      "convert",
      { ...options, raw, task: [number] },
      { verify: true },
      { preprocessed: false },
      complete,
    );
  } catch (error) {
    bar.stop();
    printError("convert", options.json, error);
    if (abort.signal.aborted) process.exitCode = 130;
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}
