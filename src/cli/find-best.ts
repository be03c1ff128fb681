import { existsSync, readdirSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { plainError } from "../core/errors.js";
import { findTask, MODELS, modelFolder } from "../recipes/v1/layout.js";
import { type BestConfiguration, findBestConfiguration, type RankedCandidate } from "../recipes/v1/stages/find-best.js";
import { FolderStore } from "../runner/folder-store.js";
import type { NamedFolders } from "../runner/process-executor.js";
import { type CommandReport, type CommandRun, runCommand } from "./command-runner.js";
import { addResultsOptions, foldsOption, type ResultsOptions, resultsFolder } from "./determine-postprocessing.js";
import { findBestNewer } from "./find-best-newer.js";
import { ONLY_V1, ONLY_V2, refuseForeignOptions } from "./generation.js";
import { addCommandOptions, type CommandOptions, wholeNumber } from "./options.js";
import { refuseParts } from "./parts-option.js";
import { formatTable } from "./table.js";
import { UsageError } from "./usage-error.js";

interface FindBestOptions extends CommandOptions, ResultsOptions {
  readonly models?: string[];
  readonly task?: number[];
  readonly dataset?: string;
  readonly trainer?: string[];
  readonly plansNames?: string[];
  readonly configurations?: string[];
  readonly disableEnsembling: boolean;
  readonly disablePostprocessing: boolean;
  readonly overwrite?: boolean;
}

function model(text: string, previous: string[] | undefined): string[] {
  if (!MODELS.includes(text)) throw new InvalidArgumentError(`one of ${MODELS.join(", ")} is expected.`);
  return [...(previous ?? []), text];
}

function taskNumbers(text: string, previous: number[] | undefined): number[] {
  return [...(previous ?? []), wholeNumber(0, 999)(text)];
}

const ALL_CASES = "it compares the scores of all cases; it names those that are missing";

export function findBestCommand(): Command {
  const command = new Command("find-best")
    .argument("[dataset]", "nnU-Net v2: dataset, by number or name")
    .option("-d, --dataset <id>", "the same")
    .option("--trainer <names...>", "trainers of the models (-tr; default: nnUNetTrainer, of v1 nnUNetTrainerV2)")
    .addOption(foldsOption("-f, --folds <numbers...>"))
    .option("--disable-ensembling", "look at single models only", false)
    .addOption(new Option("-p, --plans-names <names...>", "plans (default: nnUNetPlans)").helpGroup(ONLY_V2))
    .addOption(
      new Option("-c, --configurations <names...>", "configurations (default: all four, as far as planned)").helpGroup(
        ONLY_V2,
      ),
    )
    .addOption(new Option("-t, --task <numbers...>", "task numbers").argParser(taskNumbers).helpGroup(ONLY_V1))
    .addOption(
      new Option(
        "-m, --models <names...>",
        `models to choose from (default: those of ${MODELS.join(", ")} that are there)`,
      )
        .argParser(model)
        .helpGroup(ONLY_V1),
    )
    .addOption(
      new Option("--ref <folder>", "folder with the references (-ref; default: the model's gt_niftis)").helpGroup(
        ONLY_V1,
      ),
    )
    .addOption(new Option("--disable-postprocessing", "leave post-processing out").default(false).helpGroup(ONLY_V1))
    // Two flags of one value: neither can be of one generation only.
    .option("--overwrite", "do again what earlier runs left (default of v2)")
    .option("--no-overwrite", "keep what they left (default of v1; --no_overwrite)")
    .addHelpText(
      "after",
      "\nExample:\n  $ nnprep find-best -t 5 -m 2d 3d_fullres\n  $ nnprep find-best 5 -c 2d 3d_fullres -f 0 1 2 3 4",
    );
  return refuseParts(addCommandOptions(addResultsOptions(command)), ALL_CASES).action(
    (given: string | undefined, options: FindBestOptions) =>
      runCommand("find-best", options, async (run) => {
        const dataset = options.dataset ?? given;
        if ((dataset === undefined) === (options.task === undefined)) {
          throw new UsageError("give a task of nnU-Net v1 (-t 5) or a dataset of v2 (find-best 5), one of them");
        }
        if (dataset !== undefined) {
          refuseForeignOptions(command, "v2", `${dataset} is a dataset of v2`);
          return findBestNewer(run, { ...options, dataset, trainers: options.trainer });
        }
        refuseForeignOptions(command, "v1", "-t names a task of v1");
        const root = resultsFolder(options);
        const path = (folder: string) => (isAbsolute(folder) ? folder : join(root, folder));
        const caseOptions = run.caseOptions();
        const access = {
          store: (folder: string) => new FolderStore(path(folder)),
          executor: <F extends NamedFolders>(folders: F) => {
            const paths = Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, path(folder)]));
            return run.open(paths as { readonly [K in keyof F]: string }).executor;
          },
        };
        const trainer = onlyTrainer(options);
        const results: TaskChoice[] = [];
        for (const number of options.task ?? []) {
          const task = findTask(number, tasksOf(root), root);
          const { cascadeTrainer, plans, folds, val, disableEnsembling, disablePostprocessing } = options;
          const names = { trainer, cascadeTrainer, plans };
          const models = modelsOf(options.models, root, task, names);
          const reference = options.ref === undefined ? undefined : resolve(options.ref);
          const settings = {
            disableEnsembling,
            disablePostprocessing,
            overwrite: options.overwrite === true,
            reference,
          };
          const found = { task, models, folds, validationFolder: val, ...names, ...settings };
          results.push(await chooseFor(run, task, () => findBestConfiguration(access, found, caseOptions)));
        }
        return report(results);
      }),
  );
}

interface TaskChoice {
  readonly task: string;
  readonly choice?: BestConfiguration;
  readonly error?: unknown;
}

/** One task that fails does not stop the others. */
async function chooseFor(run: CommandRun, task: string, choose: () => Promise<BestConfiguration>): Promise<TaskChoice> {
  try {
    return { task, choice: await choose() };
  } catch (error) {
    run.noteFailure(error, { task });
    return { task, error };
  }
}

function foldersOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Names of all tasks for which there is a model. */
function tasksOf(root: string): string[] {
  return [...new Set(MODELS.flatMap((name) => foldersOf(join(root, name))))];
}

function onlyTrainer({ trainer = [] }: FindBestOptions): string | undefined {
  if (trainer.length <= 1) return trainer[0];
  throw new UsageError(`-tr ${trainer.join(" ")}: models of nnU-Net v1 are compared with one trainer; give one`);
}

type ModelNames = Parameters<typeof modelFolder>[2];

function modelsOf(asked: readonly string[] | undefined, root: string, task: string, names: ModelNames) {
  const isThere = (name: string) => existsSync(join(root, modelFolder(name, task, names)));
  if (asked !== undefined) {
    const missing = asked.filter((name) => !isThere(name));
    if (missing.length === 0) return [...new Set(asked)];
    const folders = missing.map((name) => join(root, modelFolder(name, task, names)));
    throw new UsageError(`no such model: ${folders.join(", ")}; check -m, -tr, -ctr and -pl`);
  }
  const found = MODELS.filter(isThere);
  if (found.length > 0) return found;
  throw new UsageError(`no model of ${task} in ${root}; check -tr, -ctr and -pl`);
}

function describePostprocessing({ postprocessing }: RankedCandidate): string {
  if (postprocessing === null) return "left out";
  if (postprocessing.length === 0) return "none";
  const entries = postprocessing.map((entry) => (typeof entry === "number" ? String(entry) : entry.join("+")));
  return `largest component of ${entries.join(", ")}`;
}

function formatChoice({ task, choice, error }: TaskChoice): string {
  if (choice === undefined) return `${task}\n\nFailed: ${error instanceof Error ? error.message : String(error)}`;
  const { candidates, best, commands, packageCommands, files } = choice;
  const rows = candidates.map((candidate) => [
    candidate.name,
    Number.isNaN(candidate.meanForegroundDice) ? "-" : candidate.meanForegroundDice.toFixed(6),
    describePostprocessing(candidate),
    candidate.reused ? "as an earlier run left it" : "",
  ]);
  const warnings = candidates.flatMap(({ name, warnings: texts }) => texts.map((text) => `warning: ${name}: ${text}`));
  return [
    task,
    formatTable(["candidate", "mean Dice", "post-processing", ""], rows),
    ...(warnings.length === 0 ? [] : [warnings.join("\n")]),
    `Submit ${best.map(({ name }) => name).join(" or ")}`,
    `Predict test cases:\n${commands}`.trimEnd(),
    ...(packageCommands === ""
      ? []
      : [`With this package, once the networks have predicted:\n${packageCommands}`.trimEnd()]),
    ["Files:", ...files].join("\n  "),
  ].join("\n\n");
}

function report(results: readonly TaskChoice[]): CommandReport {
  return {
    ok: results.every(({ choice }) => choice !== undefined),
    text: results.map((result) => formatChoice(result)).join("\n\n"),
    document: {
      tasks: results.map(({ task, choice, error }) => {
        if (choice === undefined) return { task, ok: false, error: plainError(error) };
        const candidates = choice.candidates.map(({ summary: _, ...candidate }) => candidate);
        const best = choice.best.map(({ name }) => name);
        const { commands, packageCommands, files } = choice;
        return { task, ok: true, candidates, best, commands, packageCommands, files };
      }),
    },
  };
}
