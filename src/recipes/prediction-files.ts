import { NnprepError } from "../core/errors.js";
import { differingFields, FIELD_NAMES } from "../core/geometry.js";
import { joinPath } from "../core/paths.js";
import { formatShape, type Geometry, type Shape3, sameShape, type Volume } from "../core/volume.js";
import type { Store } from "../runner/store.js";
import { loadVolume } from "./scan-files.js";

const NIFTI = /\.nii(\.gz)?$/;

/** The files of one case; paths inside their stores. */
export interface PredictionFiles {
  readonly identifier: string;
  readonly prediction: string;
  readonly reference: string;
}

/** The same with one of the two missing. */
export interface UnpairedFile {
  readonly identifier: string;
  readonly missing: "prediction" | "reference";
  /** What the missing file would be called. */
  readonly expected: string;
}

export interface PairedFiles {
  readonly pairs: PredictionFiles[];
  readonly unpaired: UnpairedFile[];
}

/** Names of the NIfTI files directly in a folder, in code-point order. */
export async function listNifti(store: Store, folder = ""): Promise<string[]> {
  return (await store.list(folder)).filter((name) => NIFTI.test(name) && !name.startsWith("."));
}

export function identifierOf(name: string): string {
  return name.replace(NIFTI, "");
}

/** A folder in a store. */
export interface StoredFolder {
  readonly store: Store;
  readonly folder?: string;
}

/**
 * Predictions and references of the same file name, in the order of the names.
 * @throws NnprepError INVALID_DATASET for a folder without NIfTI files
 */
export async function pairPredictions(prediction: StoredFolder, reference: StoredFolder): Promise<PairedFiles> {
  const predictions = await listSome(prediction, "predictions");
  const references = await listSome(reference, "references");
  const [predicted, referred] = [new Set(predictions), new Set(references)];
  const pairs: PredictionFiles[] = [];
  const unpaired: UnpairedFile[] = [];
  const names = [...predictions, ...references.filter((name) => !predicted.has(name))];
  for (const name of names) {
    const identifier = identifierOf(name);
    const paths = {
      prediction: joinPath(prediction.folder ?? "", name),
      reference: joinPath(reference.folder ?? "", name),
    };
    if (!referred.has(name))
      unpaired.push({ identifier, missing: "reference", expected: reference.store.location(paths.reference) });
    else if (!predicted.has(name))
      unpaired.push({ identifier, missing: "prediction", expected: prediction.store.location(paths.prediction) });
    else pairs.push({ identifier, ...paths });
  }
  return { pairs, unpaired };
}

async function listSome({ store, folder = "" }: StoredFolder, what: string): Promise<string[]> {
  const names = await listNifti(store, folder);
  if (names.length > 0) return names;
  const where = store.location(folder);
  throw new NnprepError(
    "INVALID_DATASET",
    `${where}: no NIfTI files (.nii.gz, .nii) found, but ${what} are expected; check the folder`,
    { folder: where, expected: what },
  );
}

/** @throws NnprepError FILE_NOT_FOUND: what to say of a case with only one of its two files. */
export function missingFile({ identifier, missing, expected }: UnpairedFile): NnprepError {
  const other = missing === "prediction" ? "reference" : "prediction";
  return new NnprepError(
    "FILE_NOT_FOUND",
    `${expected}: no such file; case ${identifier} has a ${other} but no ${missing}. Both must have the same file name`,
    { file: expected, case: identifier, missing },
  );
}

/** The two stores of a comparison. */
export interface ComparedStores {
  readonly prediction: Store;
  readonly reference: Store;
}

/**
 * Reads both label images of a case.
 * @param checkGeometry also refuse two grids of equal shape that lie elsewhere or are spaced differently
 * @throws NnprepError FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED, SHAPE_MISMATCH, GEOMETRY_MISMATCH
 */
export async function loadPair(
  stores: ComparedStores,
  files: Pick<PredictionFiles, "prediction" | "reference">,
  checkGeometry: boolean,
): Promise<{ prediction: Volume; reference: Volume }> {
  const prediction = await loadVolume(stores.prediction, files.prediction);
  const reference = await loadVolume(stores.reference, files.reference);
  checkPair(stores, files, [prediction.shape, reference.shape], () =>
    checkGeometry ? differingPart(prediction.geometry, reference.geometry) : undefined,
  );
  return { prediction, reference };
}

/** What of two grids lies apart. */
export interface DifferingPart {
  readonly part: string;
  readonly found: readonly number[];
  readonly expected: readonly number[];
}

/**
 * Refuses a prediction on another grid than its reference.
 * @param shapes of prediction and reference
 * @param differ what else of the grids lies apart; asked only where the shapes are equal
 * @throws NnprepError SHAPE_MISMATCH, GEOMETRY_MISMATCH
 */
export function checkPair(
  stores: ComparedStores,
  files: Pick<PredictionFiles, "prediction" | "reference">,
  [found, expected]: readonly [Shape3, Shape3],
  differ: () => DifferingPart | undefined,
): void {
  const file = stores.prediction.location(files.prediction);
  const other = stores.reference.location(files.reference);
  if (!sameShape(found, expected)) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `${file}: shape ${formatShape(found)}, but the reference ${other} has ${formatShape(expected)}; export the prediction on the grid of the scan`,
      { file, reference: other, found: [...found], expected: [...expected] },
    );
  }
  const difference = differ();
  if (difference === undefined) return;
  throw new NnprepError(
    "GEOMETRY_MISMATCH",
    `${file}: ${difference.part} (${difference.found.join(", ")}), but the reference ${other} has (${difference.expected.join(", ")}): not the same grid. Export the prediction with the geometry of the scan; nnU-Net itself compares voxel by voxel whatever the geometry`,
    { file, reference: other, ...difference },
  );
}

/** Differences that float32 headers and their rounding leave. */
const ALLOWED = { spacingMm: 1e-3, originMm: 1e-3, direction: 1e-4 };

function differingPart(a: Geometry, b: Geometry): DifferingPart | undefined {
  const [field] = differingFields(a, b, ALLOWED);
  return field && { part: FIELD_NAMES[field], found: [...a[field]], expected: [...b[field]] };
}
