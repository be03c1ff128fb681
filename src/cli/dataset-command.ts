import type { CommandReport, CommandRun } from "./command-runner.js";
import { formatDatasetOutcome, plainDatasetOutcome } from "./dataset-outcome-text.js";
import { type DatasetOutcome, type DatasetStages, hasFailed, runStages } from "./dataset-pipeline.js";
import { resolveDatasets } from "./dataset-places.js";
import type { PlaceOptions } from "./generations.js";

/** Runs the stages on every dataset asked for; what was done on one is printed when it is done. */
export async function runDatasets(
  run: CommandRun,
  options: PlaceOptions,
  stages: DatasetStages,
  needs: { preprocessed: boolean },
): Promise<CommandReport> {
  const outcomes: DatasetOutcome[] = [];
  run.known = { datasets: [] };
  for (const dataset of await resolveDatasets(options, needs)) {
    const outcome = await runStages(dataset, stages, run);
    outcomes.push(outcome);
    run.known = { datasets: outcomes.map(plainDatasetOutcome) };
    run.print(`${formatDatasetOutcome(outcome)}\n`);
  }
  return { ok: !outcomes.some(hasFailed), text: "", document: {} };
}
