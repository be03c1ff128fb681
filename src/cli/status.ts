import { Command, Option } from "commander";
import { type ErrorFacts, NnprepError } from "../core/errors.js";
import { datasetStatus as taskStatus } from "../recipes/v1/stages/status.js";
import { datasetStatus } from "../recipes/v2/stages/status.js";
import { FolderStore } from "../runner/folder-store.js";
import { openStore } from "../runner/open-store.js";
import type { StageStatus } from "../runner/status.js";
import type { CommandReport, CommandRun } from "./command-runner.js";
import { plansNameOption } from "./dataset-options.js";
import { resolveDatasets } from "./dataset-places.js";
import { mayPass } from "./exit-codes.js";
import { addFolderOptions, type FolderOptions, runForGeneration, V2_OPTIONS } from "./generations.js";
import { addJsonOptions } from "./options.js";
import { formatTable } from "./table.js";
import { resolveTasks } from "./task-places.js";

interface StatusCommandOptions extends FolderOptions {
  readonly plansName?: string;
  readonly configurations?: string[];
}

interface DatasetStatus {
  readonly name: string;
  readonly stages: readonly StageStatus[];
  /** The command that goes on; null when all is done. */
  readonly next: string | null;
}

export function statusCommand(): Command {
  const command = new Command("status").addHelpText(
    "after",
    "\nExamples:\n  $ nnprep status -d 1\n  $ nnprep status -t 1 --json\n" +
      "\nWhat all parts have noted beside the results is read, not the scans. " +
      "Exit code: 0 all done, 1 something failed and will fail again, 75 run what is missing.",
  );
  addJsonOptions(addFolderOptions(command))
    .addOption(new Option("-c, --configurations <names...>", "(default: those in the plans)").helpGroup(V2_OPTIONS))
    .addOption(plansNameOption());
  return command.action((options: StatusCommandOptions, own: Command) =>
    runForGeneration(own, options, {
      tasks: (run) => report(run, "task", () => tasksOf(options)),
      datasets: (run) => report(run, "dataset", () => datasetsOf(options)),
    }),
  );
}

async function* tasksOf(options: StatusCommandOptions): AsyncGenerator<DatasetStatus> {
  for (const { name, raw, cropped, preprocessed } of resolveTasks(options, { preprocessed: true })) {
    const [first, second, third] = [raw, cropped, preprocessed].map((folder) => new FolderStore(folder));
    const stores = { raw: first, cropped: second, preprocessed: third };
    const stages = await taskStatus({ stores });
    yield { name, stages, next: nextCommand(stages, `-t ${Number(/\d+/.exec(name)?.[0])}`) };
  }
}

async function* datasetsOf(options: StatusCommandOptions): AsyncGenerator<DatasetStatus> {
  const { plansName, configurations } = options;
  for (const { name, raw, preprocessed } of await resolveDatasets(options, { preprocessed: true })) {
    const stores = { raw: openStore(raw), preprocessed: openStore(preprocessed) };
    const stages = await datasetStatus({ stores }, { plansName, configurations, environment: process.env });
    yield { name, stages, next: nextCommand(stages, `-d ${Number(/\d+/.exec(name)?.[0])}`) };
  }
}

const isDone = ({ missing, failed }: StageStatus) => missing.length === 0 && failed.length === 0;

/** The command of the first stage that is not done. */
function nextCommand(stages: readonly StageStatus[], which: string): string | null {
  const open = stages.find((stage) => !isDone(stage));
  if (open === undefined) return null;
  // Parts have read all cases, but nobody has joined what they read.
  const unjoined = open.stage === "plan" && stages[0]?.stage === "extract-fingerprint" && open.done === 0;
  return `nnprep ${unjoined ? "extract-fingerprint" : open.stage.split(" ")[0]} ${which}`;
}

async function report(
  run: CommandRun,
  kind: "task" | "dataset",
  find: () => AsyncGenerator<DatasetStatus>,
): Promise<CommandReport> {
  const found: DatasetStatus[] = [];
  run.known = { [`${kind}s`]: found };
  for await (const status of find()) {
    found.push(status);
    run.print(`${formatStatus(status)}\n`);
    for (const stage of status.stages) run.emit("stage", { [kind]: status.name, ...stage });
  }
  const stages = found.flatMap((status) => status.stages);
  const retry = stages.some(({ missing, failed }) => missing.length > 0 || failed.some((one) => isPassing(one.error)));
  return { ok: stages.every(isDone), retry, text: "", document: {} };
}

function isPassing({ code, message, detail }: ErrorFacts): boolean {
  return code !== "UNEXPECTED" && mayPass(new NnprepError(code, message, detail));
}

const MOST_NAMES = 10;

function formatStatus({ name, stages, next }: DatasetStatus): string {
  const rows = stages.map(({ stage, done, missing, failed }) =>
    [stage, done, missing.length, failed.length].map(String),
  );
  const parts = [name, formatTable(["stage", "done", "missing", "failed"], rows)];
  const missing = stages.flatMap(({ stage, done, missing: names }) => {
    // Where nothing is done the names say nothing.
    if (names.length === 0 || (done === 0 && names.length > MOST_NAMES)) return [];
    const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more (--json has all)` : "";
    return [`${stage}: ${names.slice(0, MOST_NAMES).join(", ")}${more}`];
  });
  if (missing.length > 0) parts.push(["Missing:", ...missing].join("\n  "));
  const failed = stages.flatMap(({ stage, failed: cases }) =>
    cases.map(({ identifier, error }) => {
      const hint = isPassing(error) ? " (may pass: run it again)" : "";
      return `${identifier} (${stage}): ${error.message}${hint}`;
    }),
  );
  if (failed.length > 0) parts.push(["Failed:", ...failed].join("\n  "));
  parts.push(next === null ? "All is done" : `Next: ${next}`);
  return parts.join("\n\n");
}
