import { NnprepError, plainError } from "../core/errors.js";
import { checkWritable, openStore, removeLeftovers } from "../runner/open-store.js";
import { type NamedFolders, ProcessExecutor, type StoresOf } from "../runner/process-executor.js";
import type { CaseEvent, RunOptions as CaseOptions, Executor } from "../runner/run.js";
import type { Store } from "../runner/store.js";
import { EventLines } from "./event-lines.js";
import { FAILED, INTERRUPTED, mayPass, TRY_AGAIN } from "./exit-codes.js";
import { memoryBudget } from "./memory-limit.js";
import type { CommandOptions } from "./options.js";
import { chosenPart, type PartOptions } from "./parts-option.js";
import { ProgressBar } from "./progress.js";
import { printable } from "./table.js";
import { UsageError } from "./usage-error.js";

/** What a command has to say when it is done. */
export interface CommandReport {
  readonly ok: boolean;
  /** Whether running again may help, where the cases of this run do not tell. */
  readonly retry?: boolean;
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
  readonly store: (name: keyof F & string) => Store;
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
  #mayPass = false;
  readonly #events: EventLines | undefined;
  /** Plain values that stand in the document whatever happens: of what was done before a failure, too. */
  known: Readonly<Record<string, unknown>> = {};
  /** What to say after an interruption, when running the same command again is not what goes on. */
  ifStopped: string | undefined;

  constructor(
    readonly command: string,
    readonly options: Partial<CommandOptions & PartOptions>,
  ) {
    if (options.jsonLines === true) this.#events = new EventLines(command, () => chosenPart(options));
  }

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

  /** Prints text at once; nothing with `--json` or `--json-lines`. */
  print(text: string): void {
    if (this.options.json !== true && this.#events === undefined) process.stdout.write(`${printable(text)}\n`);
  }

  /** Says something on stderr that is not the result; with `--json` too, where it cannot be mistaken for the document. */
  say(text: string): void {
    process.stderr.write(`${printable(text)}\n`);
  }

  /** A warning as it arises. */
  warn(text: string): void {
    if (this.#events === undefined) this.say(`warning: ${text}`);
    else this.#events.emit("warning", { message: text });
  }

  /** One event of `--json-lines` that is not of a case. */
  emit(event: string, fields: object): void {
    this.#events?.emit(event, fields);
  }

  /** Takes notice of a failure that is not of one case: of a dataset, or of the whole command. */
  noteFailure(error: unknown, place: object = {}): void {
    this.#mayPass ||= mayPass(error);
    this.#events?.error(error, place);
  }

  /** What stages tell of their cases. @param place the dataset, where a command goes over several */
  onCase(place: object = {}): (event: CaseEvent) => void {
    return (event) => {
      if (event.state === "ended" && !event.outcome.ok) this.#mayPass ||= mayPass(event.outcome.error);
      this.#events?.case(event, place);
    };
  }

  /** A progress bar of its own name; it ends with the command. */
  bar(name: string, enabled = true): ProgressBar {
    const bar = new ProgressBar(enabled && this.options.progress === true && this.#events === undefined, name);
    this.#bars.push(bar);
    return bar;
  }

  /** What stages take: interruption, progress, memory, the part of the cases. The memory that is free is looked up once. */
  caseOptions(): CaseOptions {
    this.#caseOptions ??= {
      signal: this.signal,
      onProgress: this.bar(this.command).show,
      onWarning: (text) => this.warn(text),
      onCase: this.onCase(),
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
      store: (name) => openStore(folders[name] as string),
      options: this.caseOptions(),
    };
  }

  /** @throws NnprepError CANNOT_WRITE for folders that cannot be written, before hours of work */
  async checkWritable(...folders: readonly string[]): Promise<void> {
    for (const folder of folders) await checkWritable(openStore(folder));
  }

  /**
   * Removes temporary files that earlier runs left in folders that are the program's own, and at the end those of this run.
   * A part looks for both at its end: a part is small, and the folders are those of all cases.
   */
  async keepClean(...folders: readonly string[]): Promise<void> {
    for (const folder of folders) {
      if (this.caseOptions().part === undefined) await removeLeftovers(openStore(folder));
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

  /** The last event of `--json-lines`. */
  end(ok: boolean, exitCode: number): void {
    this.#events?.end(ok, exitCode, this.seconds);
  }

  /** What the exit code has to say. */
  exitCode(ok: boolean, retry = false): number {
    if (this.aborted) return INTERRUPTED;
    if (ok) return 0;
    return retry || this.#mayPass ? TRY_AGAIN : FAILED;
  }

  /** Ends bars, workers and listeners. */
  async close(): Promise<void> {
    for (const bar of this.#bars) bar.stop();
    await (this.aborted ? this.#workers?.stop() : this.#workers?.close());
    process.off("SIGINT", this.#interrupt);
    process.off("SIGTERM", this.#interrupt);
    for (const [folder, levels] of this.#outputs) await removeLeftovers(openStore(folder), levels);
  }
}

/**
 * Runs a command: progress, interruption, its report as text, as one JSON document or as events, its errors, the exit
 * code.
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
  if (failure !== undefined) run.noteFailure(failure);
  const exitCode = run.exitCode(ok, report?.retry);
  if (options.jsonLines === true) {
    for (const warning of report?.warnings ?? []) run.warn(warning);
    run.end(ok, exitCode);
  } else if (options.json === true) printDocument(run, ok, report, failure);
  else printText(run, ok, report, failure);
  if (exitCode !== 0) process.exitCode = exitCode;
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
  for (const warning of report?.warnings ?? []) run.warn(warning);
  if (report !== undefined && report.text !== "") {
    const time = `${ok ? "Done" : "Failed"} in ${run.seconds.toFixed(1)} s`;
    run.print(run.usedWorkers ? `${report.text}\n\n${time}` : report.text);
  }
  if (failure !== undefined) run.say(`nnprep: ${plainError(failure).message}`);
}
