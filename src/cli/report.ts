import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { NnprepError } from "../core/errors.js";
import { LABELS_TRAINING } from "../recipes/v1/layout.js";
import { gatherReport } from "../report/gather.js";
import { forgetLooks, lookAtPart } from "../report/looks.js";
import { type PredictionsToShow, SUMMARY } from "../report/scores.js";
import type { ReportSource } from "../report/source.js";
import { reportSourceV1 } from "../report/source-v1.js";
import { reportSourceV2 } from "../report/source-v2.js";
import { FolderStore } from "../runner/folder-store.js";
import type { Part } from "../runner/parts.js";
import { init } from "../runtime/instantiate.js";
import { formatHtmlReport } from "../view/report.js";
import type { CommandReport, CommandRun } from "./command-runner.js";
import { requireFolder, resolveDatasets } from "./dataset-places.js";
import { addPlaceOptions, type PlaceOptions, runForGeneration } from "./generations.js";
import { isFolder } from "./is-folder.js";
import { wholeNumber } from "./options.js";
import { addPartOptions, chosenPart, type PartOptions } from "./parts-option.js";
import { resolveTasks } from "./task-places.js";
import { UsageError } from "./usage-error.js";

interface ReportOptions extends PlaceOptions, PartOptions {
  readonly output?: string;
  readonly predictions?: string;
  readonly ref?: string;
  readonly pictures: number;
  readonly sample: number;
  readonly case?: string;
  readonly verify: boolean;
}

export function reportCommand(): Command {
  const command = new Command("report")
    .option("-o, --output <file>", "the report (default: TASK_report.html in the current folder)")
    .option("--predictions <folder>", "predictions to show, with summary.json or to be compared with the references")
    .option("--ref <folder>", "references of the predictions (default: labelsTr of the task)")
    .option("--pictures <n>", "cases with pictures, and as many of the worst predictions", wholeNumber(0, 1000), 6)
    .option("--sample <n>", "cases to read for histograms and volumes, spread evenly", wholeNumber(1, 100_000), 50)
    .option("--case <id>", "case of the turnable surfaces (default: the worst prediction, or the first case)")
    .option("--no-verify", "do not check the task")
    .addHelpText(
      "after",
      "\nExamples:\n  $ nnprep report -d 1\n  $ nnprep report -t 1 --predictions predictions -o task1.html" +
        "\n  $ nnprep report -d 1 --num-parts 7 --part-id 3   (0 to 6, then once without parts)",
    );
  return addPartOptions(addPlaceOptions(command)).action((options: ReportOptions, own: Command) =>
    runForGeneration(own, options, {
      tasks: (run) => writeReports(run, options, openTasks),
      datasets: (run) => writeReports(run, options, openDatasets),
    }),
  );
}

/** A dataset of either generation that a report is to be made of. */
interface OpenedDataset {
  readonly name: string;
  /** Its own folder of raw files. */
  readonly raw: string;
  readonly open: () => Promise<ReportSource>;
}

type OpenDatasets = (options: ReportOptions, run: CommandRun) => OpenedDataset[] | Promise<OpenedDataset[]>;

async function writeReports(run: CommandRun, options: ReportOptions, find: OpenDatasets): Promise<CommandReport> {
  const found = await find(options, run);
  if (options.output !== undefined && found.length > 1) {
    throw new UsageError("--output takes one dataset; leave it out to get one file for each in the current folder");
  }
  if (options.output !== undefined && isFolder(options.output)) {
    throw new UsageError(`--output ${options.output} is a folder; give the name of the file`);
  }
  await init();
  const { part } = run.caseOptions();
  if (part !== undefined) return readPart(found, part, options, run);
  const files: string[] = [];
  for (const { name, raw, open } of found) files.push(await writeReport(name, raw, await open(), options, run));
  return { ok: true, text: files.map((file) => `Report: ${file}`).join("\n"), document: { files } };
}

/** Looks at the cases of one part and leaves what they give; no report is written. */
async function readPart(
  found: readonly OpenedDataset[],
  part: Part,
  options: ReportOptions,
  run: CommandRun,
): Promise<CommandReport> {
  const { pictures, sample } = options;
  const warnings: string[] = [];
  let cases = 0;
  for (const { open } of found) {
    const source = await open();
    const { signal, onProgress } = run.caseOptions();
    const looked = await lookAtPart(source, part, { signal, onProgress, pictures, sample });
    cases += looked.cases;
    warnings.push(...looked.failures);
  }
  const text = `${cases} cases of this part are read. When all parts are, the same command without parts joins them`;
  return { ok: true, text, warnings, document: { cases, failures: warnings } };
}

/** Options that say where the data lies, for commands that the report proposes. */
function placesOf(options: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(options).flatMap(([option, folder]) => (folder === undefined ? [] : [`--${option} ${folder}`]));
}

/** Parts leave what they gather beside the preprocessed data. */
function isPart(options: ReportOptions): boolean {
  return chosenPart(options) !== undefined;
}

function openTasks(options: ReportOptions, run: CommandRun): OpenedDataset[] {
  const { raw, cropped, preprocessed, task = [] } = options;
  return resolveTasks({ ...options, task }, { preprocessed: isPart(options) }).map(({ name, ...folders }) => ({
    name,
    raw: folders.raw,
    open: () => {
      const { executor, store, options: caseOptions } = run.open(folders);
      const stores = { raw: store("raw"), cropped: store("cropped"), preprocessed: store("preprocessed") };
      return reportSourceV1(name, { stores, executor }, caseOptions, placesOf({ raw, cropped, preprocessed }));
    },
  }));
}

async function openDatasets(options: ReportOptions, run: CommandRun): Promise<OpenedDataset[]> {
  const { raw, preprocessed } = options;
  return (await resolveDatasets(options, { preprocessed: isPart(options) })).map(({ name, ...folders }) => ({
    name,
    raw: requireFolder(folders.raw),
    open: () => {
      const { executor, store, options: caseOptions } = run.open(folders);
      const stores = { raw: store("raw"), preprocessed: store("preprocessed") };
      const settings = { ...caseOptions, environment: process.env };
      return reportSourceV2({ name, stores, executor }, settings, placesOf({ raw, preprocessed }));
    },
  }));
}

/** Writes the report of one dataset; the file that was written. */
async function writeReport(
  name: string,
  raw: string,
  source: ReportSource,
  options: ReportOptions,
  run: CommandRun,
): Promise<string> {
  checkCase(source, options.case);
  const { pictures, sample, verify } = options;
  const data = await gatherReport(source, {
    ...run.caseOptions(),
    predictions: predictionsOf(raw, options, run),
    caseName: options.case,
    pictures,
    sample,
    verify,
  });
  const script = readFileSync(new URL("../view/surface-viewer.min.js", import.meta.url), "utf8");
  const file = resolve(options.output ?? `${name}_report.html`);
  const page = new TextEncoder().encode(formatHtmlReport(data, script));
  await new FolderStore(dirname(file)).write(basename(file), page);
  await forgetLooks(source);
  return file;
}

function checkCase({ trainingCases }: ReportSource, wanted: string | undefined): void {
  const names = trainingCases.map(({ identifier }) => identifier);
  if (wanted === undefined || names.includes(wanted)) return;
  const some = names.length > 5 ? `${names.slice(0, 5).join(", ")} ...` : names.join(", ");
  throw new UsageError(`--case ${wanted}: the dataset has no such training case; it has ${some}`);
}

/** The predictions to show and their references. @throws NnprepError FILE_NOT_FOUND when a folder is not there */
function predictionsOf(raw: string, options: ReportOptions, run: CommandRun): PredictionsToShow | undefined {
  if (options.predictions === undefined) return undefined;
  const folders = {
    prediction: resolve(options.predictions),
    reference: options.ref === undefined ? join(raw, LABELS_TRAINING) : resolve(options.ref),
  };
  checkFolder(folders.prediction, "predictions");
  if (!existsSync(join(folders.prediction, SUMMARY))) checkFolder(folders.reference, "references");
  const { executor, store } = run.open(folders);
  const stores = { prediction: store("prediction"), reference: store("reference") };
  return { stores, executor };
}

function checkFolder(folder: string, of: string): void {
  if (isFolder(folder)) return;
  const what = existsSync(folder) ? "this is no folder" : "there is no such folder";
  throw new NnprepError("FILE_NOT_FOUND", `${folder}: ${what}; give the folder of the ${of}`, { file: folder });
}
