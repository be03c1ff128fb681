import { inFile } from "../../../core/errors.js";
import type { Shape3, VoxelArray } from "../../../core/volume.js";
import { scanFileFromBytes } from "../../../io/scan-file.js";
import type { Store } from "../../../runner/store.js";
import { type ComparedStores, checkPair, type DifferingPart, type PredictionFiles } from "../../prediction-files.js";
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
  checkPair(stores, files, [prediction.shape, reference.shape], () =>
    checkGeometry ? differingPart(prediction.properties, reference.properties) : undefined,
  );
  return { prediction, reference };
}

/** Differences that float32 headers and their rounding leave, in mm and in parts of one. */
const TOLERANCE = 1e-3;

function differingPart(a: ReaderProperties, b: ReaderProperties): DifferingPart | undefined {
  const parts = [
    { part: "spacing", found: [...a.spacingMm], expected: [...b.spacingMm] },
    { part: "origin", found: [...(a.sitk?.origin ?? [])], expected: [...(b.sitk?.origin ?? [])] },
    { part: "direction", found: [...(a.sitk?.direction ?? [])], expected: [...(b.sitk?.direction ?? [])] },
    { part: "affine", found: [...(a.nibabel?.originalAffine ?? [])], expected: [...(b.nibabel?.originalAffine ?? [])] },
  ];
  const differs = (x: number, y: number | undefined) => y !== undefined && !(Math.abs(x - y) <= TOLERANCE);
  return parts.find(({ found, expected }) => found.some((value, i) => differs(value, expected[i])));
}
