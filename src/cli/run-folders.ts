import {
  type CaseOutcome,
  type Executor,
  FolderStore,
  type NamedFolders,
  NnprepError,
  ProcessExecutor,
  type Progress,
  type StoresOf,
} from "../node.js";
import { memoryBudget } from "./memory-limit.js";
import { type RunOptions, UsageError } from "./options.js";
import { ProgressBar } from "./progress.js";
import { formatTable } from "./table.js";

const INTERRUPTED = 130;

/** What a stage gets beside its own settings. */
export interface FolderRun<F> {
  readonly executor: Executor<StoresOf<F>>;
  readonly signal: AbortSignal;
  readonly memoryBudgetBytes: number;
  readonly memoryAvailableBytes: number;
  readonly onProgress: (progress: Progress) => void;
}

/** How the outcome of a command on folders is shown. */
export interface FolderReport<R> {
  readonly header: readonly string[];
  /** Cells of a case that went well, without its name. */
  readonly cells: (value: R, outcome: { seconds: number; peakMemoryBytes: number | null }) => string[];
  readonly warnings: (value: R) => readonly string[];
  /** What is said of the results at the end. */
  readonly summary: string;
}

/**
 * Runs one stage over the cases of folders with worker processes, prints what was done and sets the exit code.
 * @param folders by the names under which the jobs know their stores; "output" is cleared of temporary files.
 */
export async function runFolders<F extends NamedFolders & { readonly output: string }, R>(
  command: string,
  folders: F,
  options: RunOptions,
  stage: (run: FolderRun<F>) => Promise<CaseOutcome<R>[]>,
  report: FolderReport<R>,
): Promise<void> {
  const abort = new AbortController();
  const interrupt = () => abort.abort();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  const executor = new ProcessExecutor(folders, options.workers);
  const bar = new ProgressBar(options.progress, "");
  const start = performance.now();
  let outcomes: CaseOutcome<R>[] = [];
  let stopped: Error | undefined;
  try {
    const limits = memoryBudget(options.memoryLimit);
    outcomes = await stage({ executor, signal: abort.signal, onProgress: bar.show, ...limits });
  } catch (error) {
    if (error instanceof UsageError) throw error;
    stopped = error instanceof Error ? error : new Error(String(error));
  } finally {
    bar.stop();
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
    await (abort.signal.aborted ? executor.stop() : executor.close());
    await new FolderStore(folders.output).removeLeftovers(0);
  }
  const seconds = (performance.now() - start) / 1000;
  if (options.json) printJson(command, folders, outcomes, stopped, seconds);
  else printText(outcomes, stopped, seconds, report);
  if (abort.signal.aborted) process.exitCode = INTERRUPTED;
  else if (stopped !== undefined || outcomes.some((outcome) => !outcome.ok)) process.exitCode = 1;
}

function plainError(error: Error): { code: string; message: string } {
  return { code: error instanceof NnprepError ? error.code : "UNEXPECTED", message: error.message };
}

function printJson(
  command: string,
  folders: Readonly<Record<string, string>>,
  outcomes: readonly CaseOutcome<unknown>[],
  stopped: Error | undefined,
  seconds: number,
): void {
  const document = {
    command,
    ok: stopped === undefined && outcomes.every((outcome) => outcome.ok),
    folders,
    seconds,
    cases: outcomes.map((outcome) => (outcome.ok ? outcome : { ...outcome, error: plainError(outcome.error) })),
    ...(stopped === undefined ? {} : { error: plainError(stopped) }),
  };
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

function printText<R>(
  outcomes: readonly CaseOutcome<R>[],
  stopped: Error | undefined,
  seconds: number,
  report: FolderReport<R>,
): void {
  const parts: string[] = [];
  if (outcomes.length > 0) {
    const rows = outcomes.map((outcome) =>
      outcome.ok ? [outcome.identifier, ...report.cells(outcome.value, outcome)] : [outcome.identifier, "failed"],
    );
    parts.push(formatTable(["case", ...report.header], rows));
  }
  const warnings = outcomes.flatMap((outcome) => {
    if (!outcome.ok) return [];
    const texts = [
      ...report.warnings(outcome.value),
      ...(outcome.memoryWarning === undefined ? [] : [outcome.memoryWarning]),
    ];
    return texts.map((text) => `warning: ${outcome.identifier}: ${text}`);
  });
  if (warnings.length > 0) parts.push(warnings.join("\n"));
  const failures = outcomes.flatMap((outcome) =>
    outcome.ok ? [] : [`${outcome.identifier}: ${outcome.error.message}`],
  );
  if (failures.length > 0) parts.push(["Failed:", ...failures].join("\n  "));
  if (stopped !== undefined) parts.push(`Stopped: ${stopped.message}`);
  const failed = stopped !== undefined || failures.length > 0;
  if (!failed) parts.push(report.summary);
  parts.push(`${failed ? "Failed" : "Done"} in ${seconds.toFixed(1)} s`);
  process.stdout.write(`${parts.join("\n\n")}\n`);
}
