import { NnprepError } from "../../core/errors.js";
import { compareCodePoints, joinPath } from "../../core/paths.js";

/** Subfolder of `nnUNet_raw_data_base` that holds the raw tasks. */
export const RAW_DATA_FOLDER = "nnUNet_raw_data";
/** Subfolder of `nnUNet_raw_data_base` that holds the cropped tasks. */
export const CROPPED_DATA_FOLDER = "nnUNet_cropped_data";
export const DATASET_JSON = "dataset.json";
export const DATASET_PROPERTIES = "dataset_properties.pkl";
export const INTENSITY_PROPERTIES = "intensityproperties.pkl";
export const GROUND_TRUTH_FOLDER = "gt_segmentations";
export const IMAGES_TRAINING = "imagesTr";
export const LABELS_TRAINING = "labelsTr";
export const IMAGES_TEST = "imagesTs";

/** The two networks that are planned apart. */
export type Planner = "3d" | "2d";

/** `Task005_` for 5: what the folder of a task starts with. */
export function taskPrefix(number: number): string {
  return `Task${String(number).padStart(3, "0")}_`;
}

/**
 * The folder of task `number` in a listing of folder names.
 * @param where what the listing is of, for the message.
 * @throws NnprepError INVALID_DATASET if there is none or more than one.
 */
export function findTask(number: number, folders: readonly string[], where = "the raw data folder"): string {
  const prefix = taskPrefix(number);
  const found = [...new Set(folders)].filter((name) => name.startsWith(prefix)).sort();
  if (found.length === 1) return found[0];
  const problem =
    found.length === 0
      ? `no folder ${prefix}NAME in ${where}; check the task number and the folder`
      : `${found.length} folders for task ${number} in ${where} (${found.join(", ")}); leave only one of them`;
  throw new NnprepError("INVALID_DATASET", problem, { task: number, found, where });
}

/** The folder of a raw task below `nnUNet_raw_data_base`. */
export function rawTaskFolder(base: string, task: string): string {
  return joinPath(base, RAW_DATA_FOLDER, task);
}

/** The folder of a cropped task below `nnUNet_raw_data_base`. */
export function croppedTaskFolder(base: string, task: string): string {
  return joinPath(base, CROPPED_DATA_FOLDER, task);
}

/** The folder of a task below `nnUNet_preprocessed`. */
export function preprocessedTaskFolder(preprocessed: string, task: string): string {
  return joinPath(preprocessed, task);
}

/** File name of the plans. */
export function plansFileName(planner: Planner): string {
  return `nnUNetPlansv2.1_plans_${planner === "3d" ? "3D" : "2D"}.pkl`;
}

/** `data_identifier` of the plans: what the folders of preprocessed cases start with. */
export function dataIdentifier(planner: Planner): string {
  return planner === "3d" ? "nnUNetData_plans_v2.1" : "nnUNetData_plans_v2.1_2D";
}

/** Folder name of the cases preprocessed for one stage of the plans. */
export function stageFolderName(planner: Planner, stage: number): string {
  return `${dataIdentifier(planner)}_stage${stage}`;
}

/** `ID.npz` and `ID.pkl`, the two files of a cropped or preprocessed case. */
export function caseFileNames(identifier: string): { arrays: string; properties: string } {
  return { arrays: `${identifier}.npz`, properties: `${identifier}.pkl` };
}

/**
 * Identifiers in the order in which nnU-Net visits cropped cases: sorted by the file name `ID.npz`, by code points.
 * So `a-1` comes before `a`, because `-` sorts before the dot.
 */
export function sortIdentifiers(identifiers: readonly string[]): string[] {
  return [...identifiers].sort((a, b) => compareCodePoints(`${a}.npz`, `${b}.npz`));
}

/** What the next stage of a cascade reads beside `ID.npz`: the previous stage's labels on its own grid. */
export function previousStageFileName(identifier: string): string {
  return `${identifier}_segFromPrevStage.npz`;
}

/* Names of trained models and their results. */

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
