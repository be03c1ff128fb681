import {
  type RunOptions as CaseOptions,
  type Executor,
  FolderStore,
  type NamedFolders,
  NnprepError,
  ProcessExecutor,
  type StoresOf,
} from "../node.js";
import { memoryBudget } from "./memory-limit.js";
import { type RunOptions, UsageError } from "./options.js";
import { ProgressBar } from "./progress.js";

const INTERRUPTED = 130;

/** What a command has to say when it is done. */
export interface WorkReport {
  readonly ok: boolean;
  readonly text: string;
  /** The same as plain values. */
  readonly document: object;
}

/** Workers on named folders, and the folders as stores. */
export interface Workshop<F> {
  readonly executor: Executor<StoresOf<F>>;
  readonly store: (name: string) => FolderStore;
  readonly options: CaseOptions;
}

/** Opens workers on folders, by the names under which jobs know them; they are closed when the command is done. */
export interface OpenWorkshop {
  <F extends NamedFolders>(folders: F): Workshop<F>;
  readonly options: () => CaseOptions;
}

/** Runs a command: progress, interruption, the report as text or JSON, the exit code. */
export async function runWork(
  command: string,
  options: RunOptions,
  work: (open: OpenWorkshop) => Promise<WorkReport>,
): Promise<void> {
  const abort = new AbortController();
  const interrupt = () => abort.abort();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  const bar = new ProgressBar(options.progress, command);
  // Starting a process costs more than many a job: all folders share the workers.
  const workers = new ProcessExecutor({}, options.workers);
  const outputs = new Set<string>();
  const caseOptions = { signal: abort.signal, onProgress: bar.show, ...memoryBudget(options.memoryLimit) };
  const openFolders = <F extends NamedFolders>(folders: F): Workshop<F> => {
    const executor = workers.on(folders);
    if (folders.output !== undefined) outputs.add(folders.output);
    return { executor, store: (name) => new FolderStore(folders[name] as string), options: caseOptions };
  };
  const open = Object.assign(openFolders, { options: () => caseOptions });
  const start = performance.now();
  let report: WorkReport;
  try {
    report = await work(open);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    report = failure(error);
  } finally {
    bar.stop();
    await (abort.signal.aborted ? workers.stop() : workers.close());
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
    // A model's results lie one level below its folder. Deeper may be anything: the folder can be anybody's.
    for (const output of outputs) await new FolderStore(output).removeLeftovers(1);
  }
  const seconds = (performance.now() - start) / 1000;
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ command, ok: report.ok, seconds, ...report.document }, null, 2)}\n`);
  } else if (report.ok) {
    process.stdout.write(`${report.text}\n\nDone in ${seconds.toFixed(1)} s\n`);
  } else if (report.text.startsWith("nnprep: ")) {
    process.stderr.write(`${report.text}\n`);
  } else {
    process.stdout.write(`${report.text}\n\nFailed in ${seconds.toFixed(1)} s\n`);
  }
  if (abort.signal.aborted) process.exitCode = INTERRUPTED;
  else if (!report.ok) process.exitCode = 1;
}

/** An error as plain values. */
export function plainError(error: unknown): object {
  if (error instanceof NnprepError) return { code: error.code, message: error.message, detail: error.detail };
  return { code: "UNEXPECTED", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

function failure(error: unknown): WorkReport {
  const message = error instanceof Error ? error.message : String(error);
  return { ok: false, text: `nnprep: ${message}`, document: { error: plainError(error) } };
}
