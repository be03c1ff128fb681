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
