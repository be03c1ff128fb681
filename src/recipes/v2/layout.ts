import { NnprepError } from "../../core/errors.js";
import { compareCodePoints } from "../../core/paths.js";
import type { DatasetJson } from "./documents/dataset-json.js";

/** nnU-Net v2's names of folders and files. Roots are `nnUNet_raw`, `nnUNet_preprocessed` and `nnUNet_results`. */

export const DATASET_FILE = "dataset.json";
export const FINGERPRINT_FILE = "dataset_fingerprint.json";
export const SPLITS_FILE = "splits_final.json";
export const IMAGES_FOLDER = "imagesTr";
export const LABELS_FOLDER = "labelsTr";
export const GROUND_TRUTH_FOLDER = "gt_segmentations";
export const VALIDATION_FOLDER = "validation";
export const DEFAULT_PLANS = "nnUNetPlans";
export const DEFAULT_TRAINER = "nnUNetTrainer";
/** Configurations that preprocessing makes data for; the cascade uses those of 3d_fullres. */
export const PREPROCESSED_CONFIGURATIONS = ["2d", "3d_fullres", "3d_lowres"] as const;

const PREFIX = "Dataset";
/** `_0000`: what stands between identifier and ending of an image. */
const CHANNEL_LENGTH = 5;
const LABEL_ARRAY_SUFFIX = "_seg";

/** `Dataset005` for 5: what the folder of a dataset starts with. */
export function datasetPrefix(number: number): string {
  return `${PREFIX}${String(number).padStart(3, "0")}`;
}

/** The number in `Dataset005_Prostate`, or undefined. */
export function datasetNumber(name: string): number | undefined {
  const digits = new RegExp(`^${PREFIX}(\\d{3})_`).exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * The folder name of a dataset, given as nnU-Net's commands take it: by number, or by name.
 *
 * @param listings names of the folders in each of the roots that are set.
 * @param where what the listings are of, for the message.
 * @throws NnprepError INVALID_ARGUMENT for a text that is neither, INVALID_DATASET if there is none or more than one.
 */
export function findDataset(
  numberOrName: number | string,
  listings: readonly (readonly string[])[],
  where = "nnUNet_raw, nnUNet_preprocessed and nnUNet_results",
): string {
  if (typeof numberOrName === "string" && numberOrName.startsWith(PREFIX)) return numberOrName;
  const number = Number(numberOrName);
  if (!Number.isInteger(number) || number < 0 || String(numberOrName).trim() === "") {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `dataset "${numberOrName}" found; expected a number such as 5 or a name such as Dataset005_Prostate`,
      { found: numberOrName },
    );
  }
  const prefix = datasetPrefix(number);
  const found = [...new Set(listings.flat())].filter((name) => name.startsWith(prefix)).sort(compareCodePoints);
  if (found.length === 1) return found[0];
  const problem =
    found.length === 0
      ? `no folder ${prefix}_NAME in ${where}; check the number and the folders`
      : `${found.length} folders for dataset ${number} in ${where} (${found.join(", ")}); leave only one name, ` +
        "or give the name instead of the number";
  throw new NnprepError("INVALID_DATASET", problem, { dataset: number, found, where });
}

/** `nnUNetPlans.json` */
export function plansFileName(plansName: string): string {
  return `${plansName}.json`;
}

/** `nnUNetTrainer__nnUNetPlans__3d_fullres`: a model's folder below its dataset's results. */
export function modelFolderName(trainer: string, plansName: string, configuration: string): string {
  return [trainer, plansName, configuration].join("__");
}

/** `fold_0` or `fold_all` */
export function foldFolderName(fold: number | "all"): string {
  return `fold_${fold}`;
}

/** The files of a preprocessed case: image, label, properties; `npz` instead of both arrays in the older format. */
export function preparedFileNames(identifier: string): { data: string; seg: string; npz: string; properties: string } {
  return {
    data: `${identifier}.b2nd`,
    seg: `${identifier}${LABEL_ARRAY_SUFFIX}.b2nd`,
    npz: `${identifier}.npz`,
    properties: `${identifier}.pkl`,
  };
}

/** Identifiers of the preprocessed cases in a listing, sorted, as nnU-Net's dataset class finds them. */
export function preparedIdentifiers(files: readonly string[]): string[] {
  const ids = files.flatMap((file) => /^(.*)\.b2nd$/.exec(file)?.[1] ?? []);
  return ids.filter((id) => !id.endsWith(LABEL_ARRAY_SUFFIX)).sort(compareCodePoints);
}

/** True for identifiers that nnU-Net takes for the label of another case and never finds again. */
export function isHiddenIdentifier(identifier: string): boolean {
  return identifier.endsWith(LABEL_ARRAY_SUFFIX);
}

/** File name of one channel: `ID_0000.nii.gz`, `ID_0001.nii.gz` ... */
export function channelFileName(identifier: string, channel: number, ending: string): string {
  return `${identifier}_${String(channel).padStart(4, "0")}${ending}`;
}

/**
 * The cases in a listing of images, sorted: identifiers are whatever stands before the last `_0000.nii.gz`.
 * @returns the images of each in channel order; none where a name has no channel's number
 */
export function casesInListing(files: readonly string[], ending: string): [identifier: string, images: string[]][] {
  const cut = CHANNEL_LENGTH + ending.length;
  const cases = new Map<string, string[]>();
  for (const file of files) {
    if (!file.endsWith(ending)) continue;
    const identifier = file.slice(0, Math.max(0, file.length - cut));
    const images = cases.get(identifier) ?? [];
    cases.set(identifier, images);
    const channel = file.slice(identifier.length, file.length - ending.length);
    if (/^_\d{4}$/.test(channel)) images.push(file);
  }
  for (const images of cases.values()) images.sort(compareCodePoints);
  return [...cases].sort(([a], [b]) => compareCodePoints(a, b));
}

/** One training case; paths relative to the dataset's folder, or absolute where dataset.json says so. */
export interface TrainingCase {
  readonly identifier: string;
  /** In channel order. */
  readonly images: readonly string[];
  readonly label: string;
}

/** `$NAME` and `${NAME}` as Python's `os.path.expandvars`: what is not set stays as it is. */
export function expandVariables(path: string, environment: Readonly<Record<string, string | undefined>>): string {
  return path.replace(
    /\$(\w+|\{[^}]*\})/g,
    (whole, name: string) => environment[name.replace(/^\{|\}$/g, "")] ?? whole,
  );
}

/**
 * The training cases in nnU-Net's order: as `dataset` of dataset.json lists them, else sorted by identifier.
 *
 * @param imageFiles names of the files in imagesTr; not looked at where dataset.json lists the cases.
 * @param environment for paths with variables.
 */
export function trainingCases(
  dataset: Pick<DatasetJson, "cases" | "fileEnding">,
  imageFiles: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): TrainingCase[] {
  const { cases, fileEnding } = dataset;
  if (cases !== undefined) {
    const expand = (path: string) => expandVariables(path, environment);
    return [...cases].map(([identifier, { images, label }]) => ({
      identifier,
      images: images.map(expand),
      label: expand(label),
    }));
  }
  return casesInListing(imageFiles, fileEnding).map(([identifier, images]) => ({
    identifier,
    images: images.map((file) => `${IMAGES_FOLDER}/${file}`),
    label: `${LABELS_FOLDER}/${identifier}${fileEnding}`,
  }));
}
