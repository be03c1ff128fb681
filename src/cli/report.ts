import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Command } from "commander";
import {
  type DatasetJson,
  type DatasetProperties,
  datasetPropertiesFromPython,
  FolderStore,
  formatHtmlReport,
  init,
  labelColor,
  loadPlans,
  loadVolume,
  NnprepError,
  type PlansV1,
  parseDatasetJson,
  parsePickle,
  permute,
  type ReportCase,
  type ReportData,
  type ReportGap,
  type ReportGrid,
  type ReportScores,
  type StripPlot,
  trainingCases,
  verifyDataset,
} from "../node.js";
import { type CommandRun, runCommand, type Workshop } from "./command-runner.js";
import { addTaskOptions, type LocatedTask, resolveTasks, type TaskOptions, wholeNumber } from "./options.js";
import { type PreparedFolder, picturesAfter, picturesBefore, sceneOf } from "./report-pictures.js";
import { explainPlans } from "./report-plan.js";
import { type CasePaths, type LoadedCase, loadCase, Samples } from "./report-samples.js";
import { checkPredictions, gatherScores, type Predictions, worstCases } from "./report-scores.js";
import { formatSpacing, formatVoxels } from "./table.js";
import { UsageError } from "./usage-error.js";

interface HtmlReportOptions extends TaskOptions {
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
    .addHelpText("after", "\nExample:\n  $ nnprep report -t 1 --predictions predictions -o task1.html");
  return addTaskOptions(command).action((options: HtmlReportOptions) =>
    runCommand("report", options, async (run) => {
      if (options.output !== undefined && options.task.length > 1) {
        throw new UsageError("--output takes one task; leave it out to get one file per task in the current folder");
      }
      if (options.output !== undefined && statSync(options.output, { throwIfNoEntry: false })?.isDirectory()) {
        throw new UsageError(`--output ${options.output} is a folder; give the name of the file`);
      }
      await init();
      const files: string[] = [];
      for (const task of resolveTasks(options, { preprocessed: false })) {
        files.push(await reportTask(task, options, run));
      }
      return { ok: true, text: files.map((file) => `Report: ${file}`).join("\n"), document: { files } };
    }),
  );
}

/** Makes the report of one task; the file that was written. */
async function reportTask(located: LocatedTask, options: HtmlReportOptions, run: CommandRun): Promise<string> {
  const { raw, cropped, preprocessed } = located;
  const workshop = run.open({ raw, cropped, preprocessed });
  const gatherer = new ReportGatherer(located, options, run, workshop);
  const script = readFileSync(new URL("../view/surface-viewer.min.js", import.meta.url), "utf8");
  const page = formatHtmlReport(await gatherer.gather(), script);
  const file = resolve(options.output ?? `${located.name}_report.html`);
  await new FolderStore(dirname(file)).write(basename(file), new TextEncoder().encode(page));
  return file;
}

const isMissing = (error: unknown): boolean => error instanceof NnprepError && error.code === "FILE_NOT_FOUND";

/** `count` of the items, evenly spread. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]);
}

/** Gathers what the report of one task shows, one case in memory at a time. */
class ReportGatherer {
  readonly #number: number;
  readonly #notes: string[] = [];

  constructor(
    readonly task: LocatedTask,
    readonly options: HtmlReportOptions,
    readonly run: CommandRun,
    readonly workshop: Workshop<Omit<LocatedTask, "name">>,
  ) {
    this.#number = Number(task.name.slice(4, 7));
  }

  async gather(): Promise<ReportData> {
    const raw = this.workshop.store("raw");
    const dataset = parseDatasetJson(await raw.read("dataset.json"), raw.location("dataset.json"));
    const all: CasePaths[] = trainingCases(dataset);
    // What is wrong with the arguments is said before hours of reading.
    const wanted = this.#wantedCase(all);
    const predictions = this.#predictionsOf(dataset);
    if (predictions !== null) await checkPredictions(predictions);
    const findings = await this.#verify();
    const plans = await this.#plans();
    const known =
      plans.get("3d")?.dataset_properties ?? plans.get("2d")?.dataset_properties ?? (await this.#fingerprint());
    const looked = spread(all, this.options.sample);
    const shown = new Set(spread(looked, this.options.pictures).map(({ identifier }) => identifier));
    const samples = new Samples(looked.length, dataset.modality.size);
    const prepared = this.#prepared(plans);
    const cases: ReportCase[] = [];
    for (const [i, paths] of looked.entries()) {
      this.#progress(i, looked.length, paths.identifier);
      const loaded = await this.#load(paths);
      if (loaded === null) continue;
      samples.add(paths.identifier, loaded);
      if (shown.has(paths.identifier)) cases.push(await this.#case(paths.identifier, loaded, dataset, prepared));
    }
    this.#progress(looked.length, looked.length);
    if (looked.length < all.length) {
      this.#notes.push(
        `Histograms and volumes come from ${looked.length} of ${all.length} cases, evenly spread (--sample).`,
      );
    }
    const { scores, worst } = await this.#scores(predictions);
    const grids = gridsOf(known, samples);
    return {
      title: `${this.task.name}: ${dataset.name}`,
      made: `Made by nnprep on ${new Date().toISOString().slice(0, 10)} from ${raw.location("")}.`,
      numbers: [
        { name: "training cases", value: String(dataset.training.length) },
        { name: "test cases", value: String(dataset.test.length) },
        { name: "channels", value: [...dataset.modality.values()].join(", ") },
        { name: "labels", value: String([...dataset.labels.keys()].filter((value) => value > 0).length) },
      ],
      notes: this.#notes,
      labels: [...dataset.labels]
        .filter(([value]) => value > 0)
        .map(([value, name]) => ({ value, name, color: colorOf(value) })),
      plots: plotsOf(dataset, grids, samples, plans.get("3d") ?? plans.get("2d")),
      histograms: this.#histograms(dataset, samples, known),
      grids,
      plan:
        plans.size > 0
          ? [...plans.values()].map(explainPlans)
          : this.#gap("There are no plans yet.", "plan-and-preprocess"),
      findings,
      cases: cases.length > 0 || this.options.pictures === 0 ? cases : { missing: "No case could be read." },
      casesNote: this.#casesNote(prepared, cases.length, all.length),
      scores,
      worst,
      scene: await this.#scene(dataset, wanted ?? chooseCase(all, scores)),
    };
  }

  #gap(missing: string, command: string): ReportGap {
    const { raw, cropped, preprocessed } = this.options;
    const given = Object.entries({ raw, cropped, preprocessed }).filter(([, folder]) => folder !== undefined);
    return {
      missing,
      command: [`nnprep ${command} -t ${this.#number}`, ...given.map(([name, folder]) => `--${name} ${folder}`)].join(
        " ",
      ),
    };
  }

  #progress(done: number, total: number, identifier?: string): void {
    if (this.workshop.options.signal?.aborted === true)
      throw new NnprepError("ABORTED", "stopped before the report was done");
    this.workshop.options.onProgress?.({
      stage: "report",
      done,
      total,
      ...(identifier === undefined ? {} : { identifier }),
    });
  }

  async #verify(): Promise<ReportData["findings"]> {
    if (!this.options.verify) return this.#gap("The task was not checked (--no-verify).", "verify");
    const { executor, store, options } = this.workshop;
    const stores = { raw: store("raw"), cropped: store("cropped"), preprocessed: store("preprocessed") };
    const { trainingCases: training, testCases: test, findings } = await verifyDataset({ stores, executor }, options);
    return { checked: `${training} training and ${test} test cases checked`, list: findings };
  }

  async #plans(): Promise<Map<"3d" | "2d", PlansV1>> {
    const plans = new Map<"3d" | "2d", PlansV1>();
    for (const planner of ["3d", "2d"] as const) {
      try {
        plans.set(planner, await loadPlans(this.workshop.store("preprocessed"), planner));
      } catch (error) {
        if (!isMissing(error)) this.#notes.push(`${planner.toUpperCase()} plans: ${(error as Error).message}`);
      }
    }
    return plans;
  }

  async #fingerprint(): Promise<DatasetProperties | undefined> {
    const store = this.workshop.store("cropped");
    try {
      return datasetPropertiesFromPython(parsePickle(await store.read("dataset_properties.pkl")));
    } catch {
      return undefined;
    }
  }

  /** The folder of the finest stage that is there. */
  #prepared(plans: ReadonlyMap<"3d" | "2d", PlansV1>): PreparedFolder | null {
    for (const found of plans.values()) {
      const folder = `${found.data_identifier}_stage${found.num_stages - 1}`;
      if (existsSync(join(this.task.preprocessed, folder))) {
        return { store: this.workshop.store("preprocessed"), folder, axes: found.transpose_forward };
      }
    }
    return null;
  }

  async #load(paths: CasePaths): Promise<LoadedCase | null> {
    try {
      return await loadCase(this.workshop.store("raw"), paths);
    } catch (error) {
      this.#notes.push(`${paths.identifier} is left out: ${(error as Error).message}`);
      return null;
    }
  }

  async #case(name: string, { images, label }: LoadedCase, dataset: DatasetJson, prepared: PreparedFolder | null) {
    const modalities = [...dataset.modality.values()];
    const xyz = (values: readonly number[]) => [...values].reverse();
    const grid = `${formatVoxels(xyz(label.shape))} voxels of ${formatSpacing(xyz(label.geometry.spacingMm))} mm`;
    try {
      const before = picturesBefore({ name, images, label, modalities });
      const after = prepared === null ? null : await picturesAfter(name, prepared);
      return {
        name,
        text: [grid, ...(after === null ? [] : [after.text])].join("; "),
        pictures: [...before, ...(after?.pictures ?? [])],
      };
    } catch (error) {
      return { name, text: `${grid}; no pictures: ${(error as Error).message}`, pictures: [] };
    }
  }

  #casesNote(prepared: PreparedFolder | null, shown: number, all: number): string {
    const count = shown < all ? `${shown} of ${all} cases, evenly spread (--pictures). ` : "";
    const { command } = this.#gap("", "preprocess");
    const after =
      prepared === null ? `There are no prepared cases yet: run ${command} to see them beside the scans. ` : "";
    return `${count}${after}Slices with most labelled voxels, seen as in radiology: the patient's right is on the left.`;
  }

  #histograms(dataset: DatasetJson, samples: Samples, known: DatasetProperties | undefined): ReportData["histograms"] {
    const plots = [...dataset.modality].flatMap(([channel, name]) => {
      const numbers = known?.intensityproperties?.get(channel);
      const marks =
        numbers === undefined || !/^ct$/i.test(name)
          ? []
          : [
              { name: "clipped below", value: numbers.percentile_00_5 },
              { name: "mean", value: numbers.mean },
              { name: "clipped above", value: numbers.percentile_99_5 },
            ];
      const plot = samples.histogram(
        channel,
        `${name} (channel ${channel})`,
        marks,
        /^ct$/i.test(name) ? "HU" : "intensity",
      );
      return plot === null ? [] : [plot];
    });
    return plots.length > 0 ? plots : { missing: "No labelled voxels were found in the cases that were read." };
  }

  #predictionsOf({ labels }: DatasetJson): Predictions | null {
    const { predictions, ref } = this.options;
    if (predictions === undefined) return null;
    const reference = ref === undefined ? join(this.task.raw, "labelsTr") : resolve(ref);
    return { folder: resolve(predictions), reference, labels };
  }

  async #scores(predictions: Predictions | null): Promise<{ scores: ReportScores | ReportGap; worst: ReportCase[] }> {
    if (predictions === null) {
      const command = `nnprep report -t ${this.#number} --predictions FOLDER`;
      return { scores: { ...this.#gap("No predictions were given.", "report"), command }, worst: [] };
    }
    const scores = await gatherScores(predictions, this.run);
    return { scores, worst: await worstCases(scores, predictions, this.task.raw, this.options.pictures) };
  }

  /** The case of `--case`. @throws UsageError when the task does not have it */
  #wantedCase(all: readonly CasePaths[]): CasePaths | undefined {
    const wanted = this.options.case;
    const found = all.find(({ identifier }) => identifier === wanted);
    if (wanted === undefined || found !== undefined) return found;
    const names = all.map(({ identifier }) => identifier);
    const some = names.length > 5 ? `${names.slice(0, 5).join(", ")} ...` : names.join(", ");
    throw new UsageError(`--case ${wanted}: the task has no such training case; it has ${some}`);
  }

  async #scene(dataset: DatasetJson, found: CasePaths | undefined): Promise<ReportData["scene"]> {
    if (found === undefined) return { missing: "The task has no training cases." };
    try {
      const label = await loadVolume(this.workshop.store("raw"), `labelsTr/${found.label}`);
      return (
        sceneOf(found.identifier, label, dataset.labels) ?? {
          missing: `${found.identifier} has no labelled voxels; choose another with --case.`,
        }
      );
    } catch (error) {
      return { missing: `No surfaces: ${(error as Error).message}` };
    }
  }
}

/** The worst prediction of which the task has the reference, or else the first case. */
function chooseCase(all: readonly CasePaths[], scores: ReportScores | ReportGap): CasePaths | undefined {
  const rows = "missing" in scores ? [] : scores.rows;
  const found = rows.map(({ name }) => all.find(({ identifier }) => identifier === name));
  return found.find((paths) => paths !== undefined) ?? all[0];
}

function colorOf(label: number): string {
  return `rgb(${labelColor(label).join(" ")})`;
}

/** All cases from the fingerprint, which knows what cropping left; otherwise those that were read. */
function gridsOf(known: DatasetProperties | undefined, samples: Samples): readonly ReportGrid[] {
  const names = [...(known?.size_reductions.keys() ?? [])];
  if (known === undefined || names.length !== known.all_sizes.length) return samples.grids;
  return names.map((name, i) => ({
    name,
    shape: known.all_sizes[i],
    spacingMm: known.all_spacings[i],
    kept: known.size_reductions.get(name) ?? null,
  }));
}

function plotsOf(dataset: DatasetJson, grids: readonly ReportGrid[], samples: Samples, plans?: PlansV1): StripPlot[] {
  if (grids.length === 0) return [];
  const finest = plans?.plans_per_stage[plans.num_stages - 1];
  const target =
    plans === undefined || finest === undefined ? null : permute(finest.current_spacing, plans.transpose_backward);
  const axes = [2, 1, 0] as const;
  const rows = (pick: (grid: ReportGrid, axis: 0 | 1 | 2) => number) =>
    axes.map((axis) => ({ name: ["z", "y", "x"][axis], values: grids.map((grid) => pick(grid, axis)) }));
  const isCropped = grids.some(({ kept }) => kept !== null);
  const kept = grids.flatMap((grid) => (grid.kept === null ? [] : [100 * grid.kept]));
  const volumes = [...dataset.labels].filter(([value]) => value > 0);
  return [
    {
      title: target === null ? "Spacing" : "Spacing; triangle: target",
      unit: "mm",
      rows: rows((grid, axis) => grid.spacingMm[axis]),
      ...(target === null ? {} : { targets: axes.map((axis) => target[axis]) }),
    },
    { title: isCropped ? "Size after cropping" : "Size", unit: "voxels", rows: rows((grid, axis) => grid.shape[axis]) },
    ...(isCropped
      ? [{ title: "Left by cropping", unit: "% of the voxels", rows: [{ name: "cases", values: kept }] }]
      : []),
    {
      title: "Volume of the labels, in the cases that have them",
      unit: "mL",
      rows: volumes.map(([value, name]) => ({
        name: name.slice(0, 18),
        values: samples.volumes.get(value) ?? [],
        color: colorOf(value),
      })),
    },
  ];
}
