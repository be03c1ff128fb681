import { NnprepError } from "../node.js";
import { memoryBudget } from "./memory-limit.js";
import { type CommonOptions, resolveFolders, type TaskFolders, UsageError } from "./options.js";
import { hasFailed, runStages, type Stages, type TaskReport } from "./pipeline.js";
import { formatReport, toPlainReport } from "./report.js";

const INTERRUPTED = 130;

/**
 * Runs the stages on every task asked for, prints what was done and sets the exit code.
 * @param ifStopped what to say after an interruption, when running the same command again is not what goes on
 */
export async function runCommand(
  command: string,
  options: CommonOptions,
  stages: Stages,
  needs: { preprocessed: boolean },
  ifStopped?: string,
): Promise<void> {
  const abort = new AbortController();
  const interrupt = () => abort.abort();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  const reports: TaskReport[] = [];
  let stopped: Error | undefined;
  try {
    for (const folders of resolveFolders(options, needs)) {
      const report = await runOne(folders, options, stages, abort);
      reports.push(report);
      if (!options.json) process.stdout.write(`${formatReport(report)}\n\n`);
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    stopped = error instanceof Error ? error : new Error(String(error));
    if (abort.signal.aborted && ifStopped !== undefined) stopped = new NnprepError("ABORTED", ifStopped);
    if (!options.json) process.stderr.write(`nnprep: ${stopped.message}\n`);
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
  if (options.json) print(command, reports, stopped);
  if (abort.signal.aborted) process.exitCode = INTERRUPTED;
  else if (stopped !== undefined || reports.some(hasFailed)) process.exitCode = 1;
}

function runOne(folders: TaskFolders, options: CommonOptions, stages: Stages, abort: AbortController) {
  return runStages(folders, stages, {
    workers: options.workers,
    progress: options.progress,
    signal: abort.signal,
    ...memoryBudget(options.memoryLimit),
  });
}

function print(command: string, reports: readonly TaskReport[], error?: Error): void {
  const document = {
    command,
    ok: error === undefined && !reports.some(hasFailed),
    tasks: reports.map(toPlainReport),
    ...(error === undefined
      ? {}
      : { error: { code: error instanceof NnprepError ? error.code : "UNEXPECTED", message: error.message } }),
  };
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
