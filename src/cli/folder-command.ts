import { plainError } from "../core/errors.js";
import type { NamedFolders, StoresOf } from "../runner/process-executor.js";
import type { CaseOutcome, Executor, RunOptions } from "../runner/run.js";
import { type CommandReport, runCommand } from "./command-runner.js";
import type { CommandOptions } from "./options.js";
import type { PartOptions } from "./parts-option.js";
import { formatTable, formatWarnings } from "./table.js";

/** What a stage gets beside its own settings. */
export type FolderRun<F> = RunOptions & { readonly executor: Executor<StoresOf<F>> };

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
 * Runs one stage over the cases of folders with worker processes.
 * @param folders by the names under which the jobs know their stores; "output" is cleared of temporary files.
 */
export function runFolderCommand<F extends NamedFolders & { readonly output: string }, R>(
  command: string,
  folders: F,
  options: CommandOptions & PartOptions,
  stage: (run: FolderRun<F>) => Promise<CaseOutcome<R>[]>,
  report: FolderReport<R>,
): Promise<void> {
  return runCommand(command, options, async (run): Promise<CommandReport> => {
    run.known = { folders, cases: [] };
    await run.checkWritable(folders.output);
    const { executor, options: caseOptions } = run.open(folders);
    const outcomes = await stage({ executor, ...caseOptions });
    const cases = outcomes.map((outcome) => (outcome.ok ? outcome : { ...outcome, error: plainError(outcome.error) }));
    return {
      ok: outcomes.every((outcome) => outcome.ok),
      text: formatOutcomes(outcomes, report),
      document: { cases },
    };
  });
}

function formatOutcomes<R>(outcomes: readonly CaseOutcome<R>[], report: FolderReport<R>): string {
  const rows = outcomes.map((outcome) =>
    outcome.ok ? [outcome.identifier, ...report.cells(outcome.value, outcome)] : [outcome.identifier, "failed"],
  );
  const parts = rows.length === 0 ? [] : [formatTable(["case", ...report.header], rows)];
  const said = outcomes.flatMap((outcome): [string, string][] => {
    if (!outcome.ok) return [];
    const texts = [
      ...report.warnings(outcome.value),
      ...(outcome.memoryWarning === undefined ? [] : [outcome.memoryWarning]),
    ];
    return texts.map((text) => [outcome.identifier, text]);
  });
  if (said.length > 0) parts.push(formatWarnings(said));
  const failures = outcomes.flatMap((outcome) =>
    outcome.ok ? [] : [`${outcome.identifier}: ${outcome.error.message}`],
  );
  parts.push(failures.length > 0 ? ["Failed:", ...failures].join("\n  ") : report.summary);
  return parts.join("\n\n");
}
