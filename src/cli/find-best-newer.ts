import { existsSync, readdirSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { modelNames } from "../recipes/v2/find-best.js";
import { DEFAULT_PLANS, DEFAULT_TRAINER, findDataset } from "../recipes/v2/layout.js";
import { findBestConfiguration } from "../recipes/v2/stages/find-best.js";
import { FolderStore } from "../runner/folder-store.js";
import type { NamedFolders } from "../runner/process-executor.js";
import type { CommandReport, CommandRun } from "./command-runner.js";
import { describeStep } from "./determine-postprocessing.js";
import { formatTable } from "./table.js";
import { UsageError } from "./usage-error.js";

/** What `nnUNetv2_find_best_configuration` takes. */
export interface NewerChoice {
  readonly dataset: string;
  readonly plansNames?: readonly string[];
  readonly configurations?: readonly string[];
  readonly trainers?: readonly string[] | undefined;
  readonly folds?: readonly number[];
  readonly disableEnsembling: boolean;
  /** False keeps what earlier runs gathered. */
  readonly overwrite?: boolean;
}

const CONFIGURATIONS = ["2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres"];

function rootOf(variable: "nnUNet_raw" | "nnUNet_preprocessed" | "nnUNet_results"): string | undefined {
  const value = process.env[variable];
  return value === undefined || value === "" ? undefined : resolve(value);
}

export async function findBestNewer(run: CommandRun, options: NewerChoice): Promise<CommandReport> {
  const [raw, preprocessed, results] = [rootOf("nnUNet_raw"), rootOf("nnUNet_preprocessed"), rootOf("nnUNet_results")];
  if (preprocessed === undefined || results === undefined) {
    throw new UsageError("-d needs the folders of nnU-Net v2: set nnUNet_preprocessed and nnUNet_results");
  }
  const listings = [raw, preprocessed, results].map((folder) =>
    folder !== undefined && existsSync(folder) ? readdirSync(folder) : [],
  );
  const dataset = findDataset(options.dataset, listings);
  const root = join(results, dataset);
  const path = (folder: string) => (isAbsolute(folder) ? folder : join(root, folder));
  const access = {
    store: (folder: string) => new FolderStore(path(folder)),
    executor: <F extends NamedFolders>(folders: F) => {
      const paths = Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, path(folder)]));
      return run.open(paths as { readonly [K in keyof F]: string }).executor;
    },
  };
  const models = modelNames(
    options.trainers ?? [DEFAULT_TRAINER],
    options.configurations ?? CONFIGURATIONS,
    options.plansNames ?? [DEFAULT_PLANS],
  );
  const { folds, disableEnsembling, overwrite } = options;
  const rawDataset = raw === undefined ? undefined : join(raw, dataset);
  const folders = { preprocessed: join(preprocessed, dataset), raw: rawDataset };
  const settings = { dataset, models, folds, disableEnsembling, overwrite, ...folders };
  const found = await findBestConfiguration(access, settings, run.caseOptions());
  const { candidates, best, postprocessing, instructions, packageCommands, files, warnings } = found;
  const rows = candidates.map(({ name, foregroundDice }) => [
    name,
    Number.isNaN(foregroundDice) ? "-" : foregroundDice.toFixed(6),
    name === best.name ? "best" : "",
  ]);
  const { steps } = postprocessing;
  const words = steps.length === 0 ? "none" : `largest component of ${steps.map(describeStep).join(", then of ")}`;
  return {
    ok: true,
    warnings,
    text: [
      dataset,
      formatTable(["candidate", "mean Dice", ""], rows),
      `Post-processing: ${words}`,
      instructions.trimEnd(),
      `With this package, once the networks have predicted:\n${packageCommands}`.trimEnd(),
      ["Files:", ...files].join("\n  "),
    ].join("\n\n"),
    document: {
      dataset,
      candidates: candidates.map(({ name, models: members, foregroundDice }) => ({
        name,
        models: members,
        foregroundDice,
      })),
      best: best.name,
      postprocessing: steps,
      instructions,
      packageCommands,
      files,
    },
  };
}
