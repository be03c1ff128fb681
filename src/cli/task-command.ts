import type { CommandReport, CommandRun } from "./command-runner.js";
import type { PlaceOptions } from "./generations.js";
import { formatTaskOutcome, plainTaskOutcome } from "./task-outcome-text.js";
import { hasFailed, runStages, type Stages, type TaskOutcome } from "./task-pipeline.js";
import { resolveTasks } from "./task-places.js";

/** Runs the stages on every task asked for; what was done on a task is printed when it is done. */
export async function runTasks(
  run: CommandRun,
  options: PlaceOptions,
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
