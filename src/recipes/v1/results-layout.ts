import { NnprepError } from "../../core/errors.js";
import { joinPath } from "../../core/paths.js";

export const ENSEMBLES_FOLDER = "ensembles";
export const ENSEMBLED_RAW = "ensembled_raw";
export const ENSEMBLED_FINAL = "ensembled_postprocessed";
export const SUMMARIES_FOLDER = "summary_jsons";
export const CASCADE_MODEL = "3d_cascade_fullres";
/** The configurations among which nnU-Net chooses. */
export const MODELS: readonly string[] = ["2d", "3d_lowres", "3d_fullres", CASCADE_MODEL];

/** Which trainers and plans made the models; nnU-Net's own by default. */
export interface ModelNames {
  readonly trainer?: string | undefined;
  readonly cascadeTrainer?: string | undefined;
  readonly plans?: string | undefined;
}

export const DEFAULT_NAMES = {
  trainer: "nnUNetTrainerV2",
  cascadeTrainer: "nnUNetTrainerV2CascadeFullRes",
  plans: "nnUNetPlansv2.1",
} as const;

/** `TRAINER__PLANS` of a model. */
export function modelVariant(model: string, names: ModelNames = {}): string {
  const trainer =
    model === CASCADE_MODEL
      ? (names.cascadeTrainer ?? DEFAULT_NAMES.cascadeTrainer)
      : (names.trainer ?? DEFAULT_NAMES.trainer);
  return `${trainer}__${names.plans ?? DEFAULT_NAMES.plans}`;
}

/** The folder of a model below `RESULTS_FOLDER/nnUNet`: `3d_fullres/Task001_NAME/TRAINER__PLANS`. */
export function modelFolder(model: string, task: string, names: ModelNames = {}): string {
  return joinPath(model, task, modelVariant(model, names));
}

/** nnU-Net's name of the ensemble of two models. */
export function ensembleName(first: string, second: string, names: ModelNames = {}): string {
  return `ensemble_${first}__${modelVariant(first, names)}--${second}__${modelVariant(second, names)}`;
}

/** The two models of an ensemble's name. @throws NnprepError INVALID_ARGUMENT */
export function ensembleMembers(name: string): [string, string] {
  const [first, second] = name.replace(/^ensemble_/, "").split("--");
  const model = (part: string | undefined) => part?.split("__")[0] ?? "";
  if (!name.startsWith("ensemble_") || model(first) === "" || model(second) === "") {
    throw new NnprepError("INVALID_ARGUMENT", `"${name}" is no name of an ensemble of two models`, { found: name });
  }
  return [model(first), model(second)];
}
