import { type CommandReport, type CommandRun, runCommand } from "./command-runner.js";
import { resolveTasks, type TaskOptions } from "./options.js";
import { hasFailed, runStages, type Stages, type TaskOutcome } from "./pipeline.js";
import { formatTaskOutcome, plainTaskOutcome } from "./task-outcome-text.js";

/** Runs a command of stages on every task asked for. */
export function runTaskCommand(
  command: string,
  options: TaskOptions,
  stages: Stages,
  needs: { preprocessed: boolean },
): Promise<void> {
  return runCommand(command, options, (run) => runTasks(run, options, stages, needs));
}

/** Runs the stages on every task asked for; what was done on a task is printed when it is done. */
export async function runTasks(
  run: CommandRun,
  options: TaskOptions,
  stages: Stages,
  needs: { preprocessed: boolean },
): Promise<CommandReport> {
  const outcomes: TaskOutcome[] = [];
  run.known = { tasks: [] };
  for (const task of resolveTasks(options, needs)) {
    const outcome = await runStages(task, stages, run);
    outcomes.push(outcome);
    run.known = { tasks: outcomes.map(plainTaskOutcome) };
    run.print(`${formatTaskOutcome(outcome)}\n`);
  }
  return { ok: !outcomes.some(hasFailed), text: "", document: {} };
}
