import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Command } from "commander";
import { NnprepError, plainError } from "../core/errors.js";
import type { Postprocessing } from "../recipes/v1/documents/postprocessing.js";
import {
  type AppliedFile,
  type AppliedPostprocessing,
  applyToFiles,
  filesToApply,
  loadPostprocessing,
} from "../recipes/v1/stages/postprocess.js";
import type { PostprocessingStep } from "../recipes/v2/documents/postprocessing.js";
import { applyToFolder, loadPostprocessing as loadSteps } from "../recipes/v2/stages/postprocess.js";
import { isRemote, locationBelow, openStore, openStoreOf, resolveLocation } from "../runner/open-store.js";
import type { CaseOutcome } from "../runner/run.js";
import { type CommandReport, type CommandRun, runCommand } from "./command-runner.js";
import {
  addDocumentOptions,
  type DocumentOptions,
  documentsOf,
  type Generation,
  generationOf,
  refuseForFolder,
} from "./generation.js";
import { addCommandOptions, type CommandOptions } from "./options.js";
import { addPartOptions, type PartOptions } from "./parts-option.js";
import { region } from "./regions.js";
import { formatTable } from "./table.js";
import { UsageError } from "./usage-error.js";

interface ApplyOptions extends CommandOptions, PartOptions, DocumentOptions {
  readonly input: string;
  readonly output: string;
  readonly postprocessing?: string;
  readonly classes?: (number | number[])[];
}

export function applyPostprocessingCommand(): Command {
  const command = new Command("apply-postprocessing")
    .requiredOption("-i, --input <path>", "folder with segmentations, or one file")
    .requiredOption("-o, --output <path>", "folder for the results; may be a file name if the input is a file")
    .option(
      "--postprocessing <file>",
      "postprocessing.json (v1), or postprocessing.pkl (v2), of nnU-Net or determine-postprocessing (-pp, -pp_pkl_file)",
    )
    .option("-c, --classes <classes...>", "instead of the file: classes to treat in turn, 1+2 for two as one", region)
    .addHelpText(
      "after",
      "\nExamples:\n  $ nnprep apply-postprocessing -i predictions -o final -pp model/postprocessing.json" +
        "\n  $ nnprep apply-postprocessing -i predictions -o final -pp_pkl_file model/postprocessing.pkl" +
        "\n  $ nnprep apply-postprocessing -i case.nii.gz -o case_largest.nii.gz -c 1+2",
    );
  addDocumentOptions(command);
  return addCommandOptions(addPartOptions(command)).action((options: ApplyOptions) =>
    runCommand("apply-postprocessing", options, async (run) => {
      const input = resolveLocation(options.input);
      const generation = await generationOf([input], options);
      checkRules(options, generation, input);
      refuseForFolder(command, generation, input);
      if (generation === "v2") return applyNewer(run, options);
      const postprocessing = await choose(options);
      const { folders, files } = await locate(options);
      const { executor, options: runOptions } = run.open(folders);
      const outcomes = await applyToFiles(executor, files, postprocessing, runOptions);
      const outputOf = new Map(
        files.map(({ identifier, output }) => [identifier, locationBelow(folders.output, output)]),
      );
      return report(outcomes, (identifier) => outputOf.get(identifier) as string, folders.output);
    }),
  );
}

/** @throws UsageError for rules of one nnU-Net and predictions of the other */
function checkRules({ postprocessing, classes }: ApplyOptions, generation: Generation, input: string): void {
  if ((postprocessing === undefined) === (classes === undefined)) {
    throw new UsageError("give either -pp postprocessing.json (v1), -pp postprocessing.pkl (v2) or --classes");
  }
  if (postprocessing === undefined) return;
  const isNewer = /\.pkl$/.test(postprocessing);
  if (isNewer === (generation === "v2")) return;
  const problem = `${postprocessing} is of nnU-Net ${isNewer ? "v2" : "v1"}`;
  throw new UsageError(
    isNewer
      ? `${problem}, but ${input} has neither plans.json nor dataset.json as folders of v2 do; the two cannot be mixed. If it is of v2, name both: -plans_json, -dataset_json`
      : `${problem} or only tells of a postprocessing.pkl, but ${input} was written by v2 (it has plans.json or dataset.json), which needs that .pkl; the two cannot be mixed`,
  );
}

/** Rules for a folder that nnU-Net v2 wrote. */
async function stepsOf({ postprocessing, classes = [] }: ApplyOptions): Promise<PostprocessingStep[]> {
  if (postprocessing === undefined) return classes.map((of) => ({ region: of }));
  const { store, path } = openStoreOf(postprocessing);
  return loadSteps(store, path);
}

/** nnU-Net v2's rules on a folder that it wrote. */
async function applyNewer(run: CommandRun, options: ApplyOptions): Promise<CommandReport> {
  const folders = { input: resolveLocation(options.input), output: resolveLocation(options.output) };
  const steps = await stepsOf(options);
  const documents = await documentsOf(folders.input, options);
  const { executor, store, options: runOptions } = run.open(folders);
  const stores = { input: store("input"), output: store("output") };
  const outcomes = await applyToFolder(executor, stores, steps, documents, runOptions);
  const { fileEnding } = documents.dataset;
  return report(outcomes, (identifier) => locationBelow(folders.output, `${identifier}${fileEnding}`), folders.output);
}

async function choose({ postprocessing, classes }: ApplyOptions): Promise<Postprocessing> {
  if (classes !== undefined) return { for_which_classes: classes, min_valid_object_sizes: null };
  const { store, path } = openStoreOf(postprocessing as string);
  return loadPostprocessing(store, path);
}

async function locate(
  options: ApplyOptions,
): Promise<{ folders: { input: string; output: string }; files: AppliedFile[] }> {
  const [input, output] = [resolveLocation(options.input), resolveLocation(options.output)];
  if (isRemote(input)) return { folders: { input, output }, files: await filesToApply(openStore(input)) };
  if (!existsSync(input)) {
    throw new NnprepError("FILE_NOT_FOUND", `${input}: no such file or folder; check --input`, { file: input });
  }
  if (!statSync(input).isFile()) {
    const files = await filesToApply(openStore(input));
    return { folders: { input, output }, files };
  }
  const target = /\.nii(\.gz)?$/.test(output) ? output : join(output, basename(input));
  const file = { identifier: basename(input), input: basename(input), output: basename(target) };
  return { folders: { input: dirname(input), output: dirname(target) }, files: [file] };
}

function report(
  outcomes: readonly CaseOutcome<AppliedPostprocessing>[],
  outputOf: (identifier: string) => string,
  folder: string,
): CommandReport {
  const failures = outcomes.flatMap((outcome) =>
    outcome.ok ? [] : [`${outcome.identifier}: ${outcome.error.message}`],
  );
  const changed = outcomes.filter((outcome) => outcome.ok && outcome.value.changed).length;
  const rows = outcomes.map((outcome) => {
    if (!outcome.ok) return [outcome.identifier, "failed", ""];
    const { changed, voxelsRemoved } = outcome.value;
    return [outcome.identifier, changed ? "changed" : "as it was", changed ? String(voxelsRemoved) : ""];
  });
  const parts = [
    formatTable(["file", "result", "voxels removed"], rows),
    `${changed} of ${outcomes.length} files changed, written to ${folder}`,
  ];
  if (failures.length > 0) parts.push(["Failed:", ...failures].join("\n  "));
  return {
    ok: failures.length === 0,
    text: parts.join("\n\n"),
    document: {
      folder,
      changed,
      files: outcomes.map((outcome) => {
        const { identifier, ok } = outcome;
        if (!ok) return { identifier, ok, error: plainError(outcome.error) };
        return { identifier, ok, file: outputOf(identifier), ...outcome.value };
      }),
    },
  };
}
