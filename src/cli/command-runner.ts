import { NnprepError, plainError } from "../core/errors.js";
import { FolderStore } from "../runner/folder-store.js";
import { type NamedFolders, ProcessExecutor, type StoresOf } from "../runner/process-executor.js";
import type { RunOptions as CaseOptions, Executor } from "../runner/run.js";
import { FAILED, INTERRUPTED } from "./exit-codes.js";
import { memoryBudget } from "./memory-limit.js";
import type { CommandOptions } from "./options.js";
import { chosenPart, type PartOptions } from "./parts-option.js";
import { ProgressBar } from "./progress.js";
import { printable } from "./table.js";
import { UsageError } from "./usage-error.js";

/** What a command has to say when it is done. */
export interface CommandReport {
  readonly ok: boolean;
  /** For people; "" when all was printed on the way. */
  readonly text: string;
  /** Said on stderr, one line each. */
  readonly warnings?: readonly string[];
  /** The same as plain values. */
  readonly document: object;
}

/** Workers on named folders, and the folders as stores. */
export interface Workshop<F> {
  readonly executor: Executor<StoresOf<F>>;
  readonly store: (name: keyof F & string) => FolderStore;
  readonly options: CaseOptions;
}

/** What one run of a command has: where it prints, whether it is to stop, its workers. Made by `runCommand`. */
export class CommandRun {
  readonly #start = performance.now();
  readonly #abort = new AbortController();
  readonly #interrupt = () => this.#abort.abort();
  readonly #bars: ProgressBar[] = [];
  /** Folders that are cleared of temporary files at the end, and how many levels deep. */
  readonly #outputs = new Map<string, number>();
  #listens = false;
  #workers: ProcessExecutor<NamedFolders> | undefined;
  #caseOptions: CaseOptions | undefined;
  /** Plain values that stand in the document whatever happens: of what was done before a failure, too. */
  known: Readonly<Record<string, unknown>> = {};
  /** What to say after an interruption, when running the same command again is not what goes on. */
  ifStopped: string | undefined;

  constructor(
    readonly command: string,
    readonly options: Partial<CommandOptions & PartOptions>,
  ) {}

  /** Fires on Ctrl-C. A command that never asks for it is ended by the signal at once, and needs no more. */
  get signal(): AbortSignal {
    if (!this.#listens) {
      process.once("SIGINT", this.#interrupt);
      process.once("SIGTERM", this.#interrupt);
      this.#listens = true;
    }
    return this.#abort.signal;
  }

  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** Prints text at once; nothing with `--json`. */
  print(text: string): void {
    if (this.options.json !== true) process.stdout.write(`${printable(text)}\n`);
  }

  /** Says something on stderr that is not the result; with `--json` too, where it cannot be mistaken for the document. */
  say(text: string): void {
    process.stderr.write(`${printable(text)}\n`);
  }

  /** A progress bar of its own name; it ends with the command. */
  bar(name: string, enabled = true): ProgressBar {
    const bar = new ProgressBar(enabled && this.options.progress === true, name);
    this.#bars.push(bar);
    return bar;
  }

  /** What stages take: interruption, progress, memory, the part of the cases. The memory that is free is looked up once. */
  caseOptions(): CaseOptions {
    this.#caseOptions ??= {
      signal: this.signal,
      onProgress: this.bar(this.command).show,
      onWarning: (text) => this.say(`warning: ${text}`),
      part: chosenPart(this.options),
      ...memoryBudget(this.options.memoryLimit),
    };
    return this.#caseOptions;
  }

  /**
   * Opens workers on folders, by the names under which jobs know them. Starting a process costs more than many a job, so
   * all folders share the workers, which are closed when the command is done; temporary files in `output` are removed then.
   */
  open<F extends NamedFolders>(folders: F): Workshop<F> {
    this.#workers ??= new ProcessExecutor({}, this.options.workers ?? 1);
    // A model's results lie one level below its folder. Deeper may be anything: the folder can be anybody's.
    if (folders.output !== undefined) this.#outputs.set(folders.output, 1);
    return {
      executor: this.#workers.on(folders),
      store: (name) => new FolderStore(folders[name] as string),
      options: this.caseOptions(),
    };
  }

  /** @throws NnprepError CANNOT_WRITE for folders that cannot be written, before hours of work */
  async checkWritable(...folders: readonly string[]): Promise<void> {
    for (const folder of folders) await new FolderStore(folder).checkWritable();
  }

  /** Removes temporary files that earlier runs left in folders that are the program's own, and at the end those of this run. */
  async keepClean(...folders: readonly string[]): Promise<void> {
    for (const folder of folders) {
      await new FolderStore(folder).removeLeftovers();
      this.#outputs.set(folder, Number.POSITIVE_INFINITY);
    }
  }

  /** Whether workers were opened: such a command says at its end how long it took. */
  get usedWorkers(): boolean {
    return this.#workers !== undefined;
  }

  get aborted(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Ends bars, workers and listeners. */
  async close(): Promise<void> {
    for (const bar of this.#bars) bar.stop();
    await (this.aborted ? this.#workers?.stop() : this.#workers?.close());
    process.off("SIGINT", this.#interrupt);
    process.off("SIGTERM", this.#interrupt);
    for (const [folder, levels] of this.#outputs) await new FolderStore(folder).removeLeftovers(levels);
  }
}

/**
 * Runs a command: progress, interruption, its report as text or as one JSON document, its errors, the exit code.
 * Every command goes through here, so that all of them behave alike.
 *
 * @throws UsageError of `work`, before anything is printed
 */
export async function runCommand(
  command: string,
  options: Partial<CommandOptions & PartOptions>,
  work: (run: CommandRun) => Promise<CommandReport>,
): Promise<void> {
  const run = new CommandRun(command, options);
  let report: CommandReport | undefined;
  let failure: unknown;
  try {
    report = await work(run);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    failure =
      run.aborted && run.ifStopped !== undefined ? new NnprepError("ABORTED", run.ifStopped) : (error ?? "no reason");
  } finally {
    await run.close();
  }
  const ok = failure === undefined && report?.ok === true;
  if (options.json === true) printDocument(run, ok, report, failure);
  else printText(run, ok, report, failure);
  if (run.aborted) process.exitCode = INTERRUPTED;
  else if (!ok) process.exitCode = FAILED;
}

function printDocument(run: CommandRun, ok: boolean, report: CommandReport | undefined, failure: unknown): void {
  const document = {
    command: run.command,
    ok,
    seconds: run.seconds,
    ...run.known,
    ...report?.document,
    ...(failure === undefined ? {} : { error: plainError(failure) }),
  };
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

function printText(run: CommandRun, ok: boolean, report: CommandReport | undefined, failure: unknown): void {
  for (const warning of report?.warnings ?? []) run.say(`warning: ${warning}`);
  if (report !== undefined && report.text !== "") {
    const time = `${ok ? "Done" : "Failed"} in ${run.seconds.toFixed(1)} s`;
    run.print(run.usedWorkers ? `${report.text}\n\n${time}` : report.text);
  }
  if (failure !== undefined) run.say(`nnprep: ${plainError(failure).message}`);
}
