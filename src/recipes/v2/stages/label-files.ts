import { inFile, NnprepError } from "../../../core/errors.js";
import { formatShape, type Shape3, sameShape, type VoxelArray } from "../../../core/volume.js";
import { scanFileFromBytes } from "../../../io/scan-file.js";
import type { Store } from "../../../runner/store.js";
import type { ComparedStores, PredictionFiles } from "../../prediction-files.js";
import type { ReaderProperties } from "../documents/properties.js";
import type { LabelReading } from "../readers/reader.js";
import { readerFor } from "../readers/registry.js";

/** Reads a label with a reader of nnU-Net. @throws NnprepError FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED */
export async function loadLabel(store: Store, path: string, readerName: string): Promise<LabelReading> {
  const reader = await readerFor(readerName);
  return reader.readLabel(scanFileFromBytes(store.location(path), await store.read(path)));
}

/** Writes a segmentation as a reader of nnU-Net does; `path` without the ending. @throws NnprepError CANNOT_WRITE */
export async function saveSegmentation(
  store: Store,
  path: string,
  fileEnding: string,
  { labels, shape }: { readonly labels: VoxelArray; readonly shape: Shape3 },
  properties: ReaderProperties,
  readerName: string,
): Promise<void> {
  const reader = await readerFor(readerName);
  const files = await inFile(store.location(`${path}${fileEnding}`), () =>
    reader.formatSegmentation(labels, shape, properties, fileEnding),
  );
  for (const { ending, bytes } of files) await store.write(`${path}${ending}`, bytes);
}

/** Identifiers of the label files of a folder, in the order of the file names. */
export async function listLabels(store: Store, fileEnding: string, folder = ""): Promise<string[]> {
  const names = await store.list(folder);
  return names
    .filter((name) => name.endsWith(fileEnding) && !name.startsWith("."))
    .map((name) => name.slice(0, -fileEnding.length));
}

/** Two labels of one case on one grid. */
export interface LabelsOfCase {
  readonly prediction: LabelReading;
  readonly reference: LabelReading;
}

/**
 * Reads prediction and reference of a case.
 * @param checkGeometry also refuse two grids of equal shape that lie elsewhere or are spaced differently
 * @throws NnprepError FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED, SHAPE_MISMATCH, GEOMETRY_MISMATCH
 */
export async function loadLabelPair(
  stores: ComparedStores,
  files: Pick<PredictionFiles, "prediction" | "reference">,
  readerName: string,
  checkGeometry: boolean,
): Promise<LabelsOfCase> {
  const prediction = await loadLabel(stores.prediction, files.prediction, readerName);
  const reference = await loadLabel(stores.reference, files.reference, readerName);
  const file = stores.prediction.location(files.prediction);
  const other = stores.reference.location(files.reference);
  if (!sameShape(prediction.shape, reference.shape)) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `${file}: shape ${formatShape(prediction.shape)}, but the reference ${other} has ${formatShape(reference.shape)}; export the prediction on the grid of the scan`,
      { file, reference: other, found: [...prediction.shape], expected: [...reference.shape] },
    );
  }
  const part = checkGeometry ? differingPart(prediction.properties, reference.properties) : undefined;
  if (part !== undefined) {
    throw new NnprepError(
      "GEOMETRY_MISMATCH",
      `${file}: ${part.name} (${part.found.join(", ")}), but the reference ${other} has (${part.expected.join(", ")}): not the same grid. Export the prediction with the geometry of the scan; nnU-Net itself compares voxel by voxel whatever the geometry`,
      { file, reference: other, part: part.name, found: [...part.found], expected: [...part.expected] },
    );
  }
  return { prediction, reference };
}

/** Differences that float32 headers and their rounding leave, in mm and in parts of one. */
const TOLERANCE = 1e-3;

function differingPart(a: ReaderProperties, b: ReaderProperties) {
  const parts = [
    { name: "spacing", found: a.spacingMm, expected: b.spacingMm },
    { name: "origin", found: a.sitk?.origin ?? [], expected: b.sitk?.origin ?? [] },
    { name: "direction", found: a.sitk?.direction ?? [], expected: b.sitk?.direction ?? [] },
    { name: "affine", found: a.nibabel?.originalAffine ?? [], expected: b.nibabel?.originalAffine ?? [] },
  ];
  const differs = (x: number, y: number | undefined) => y !== undefined && !(Math.abs(x - y) <= TOLERANCE);
  return parts.find(({ found, expected }) => found.some((value, i) => differs(value, expected[i])));
}
