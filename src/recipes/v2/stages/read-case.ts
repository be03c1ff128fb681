import { NnprepError } from "../../../core/errors.js";
import { type CaseArrays, formatShape, sameShape } from "../../../core/volume.js";
import type { ScanFile } from "../../../io/scan-file.js";
import type { FileSource } from "../../../runner/read-once.js";
import type { Store } from "../../../runner/store.js";
import type { DatasetJson } from "../documents/dataset-json.js";
import type { ReaderProperties } from "../documents/properties.js";
import type { TrainingCase } from "../layout.js";
import type { CaseReader, ReadCaseOptions } from "../readers/reader.js";
import { chooseReader, readerFor } from "../readers/registry.js";

/** A training case as its reader gives it, axes of the file. */
export interface ReadCase {
  readonly arrays: CaseArrays & { readonly label: Int16Array };
  readonly properties: ReaderProperties;
  readonly warnings: readonly string[];
}

/** A file of a store, read when it is asked for. @throws NnprepError FILE_NOT_FOUND */
export async function scanFileInStore(store: FileSource, path: string): Promise<ScanFile> {
  const name = store.location(path);
  const byteLength = await store.byteLength(path);
  if (byteLength === null) throw new NnprepError("FILE_NOT_FOUND", `${name}: no such file`, { file: name });
  let bytes: Promise<Uint8Array> | undefined;
  return {
    name,
    byteLength,
    read: async (begin = 0, end = byteLength) => {
      bytes ??= store.read(path);
      return (await bytes).subarray(begin, Math.max(begin, end));
    },
  };
}

/** The reader of a raw dataset, tried on its first image where dataset.json does not name one. @throws NnprepError UNSUPPORTED */
export async function chooseDatasetReader(
  raw: Store,
  dataset: DatasetJson,
  cases: readonly TrainingCase[],
  reading?: ReadCaseOptions,
): Promise<CaseReader> {
  const path = cases[0]?.images[0];
  if (path === undefined) return chooseReader(dataset, undefined, reading);
  const file = await scanFileInStore(raw, path);
  // Where the beginning tells, the rest is not read.
  const read = async (begin = 0, end = file.byteLength) =>
    begin === 0 && end < file.byteLength ? raw.readHead(path, end) : file.read(begin, end);
  return chooseReader(dataset, { ...file, read }, reading);
}

/** Oblique axes are common and no reason to doubt a scan. */
export function worthSaying(warnings: readonly string[]): string[] {
  return warnings.filter((text) => !/: oblique: /.test(text));
}

/**
 * Reads images and label of a training case by the reader class `readerName`.
 * @throws NnprepError of the reader, SHAPE_MISMATCH if the label lies on another grid, INVALID_DATASET without images
 */
export async function readTrainingCase(
  raw: FileSource,
  { identifier, images, label }: TrainingCase,
  readerName: string,
  options: ReadCaseOptions = {},
): Promise<ReadCase> {
  const reader = await readerFor(readerName);
  if (images.length === 0) {
    throw new NnprepError("INVALID_DATASET", `case ${identifier}: no image found; verify the dataset`, {
      case: identifier,
    });
  }
  const files: ScanFile[] = [];
  for (const path of images) files.push(await scanFileInStore(raw, path));
  const image = await reader.readImages(files, options);
  const found = await reader.readLabel(await scanFileInStore(raw, label), options);
  if (!sameShape(image.shape, found.shape)) {
    const file = raw.location(label);
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `${file}: shape ${formatShape(found.shape)}, but the image has ${formatShape(image.shape)}; ` +
        "resample it onto the grid of the image",
      { file, found: [...found.shape], expected: [...image.shape] },
    );
  }
  return {
    arrays: { channels: image.channels, label: found.label, shape: image.shape },
    properties: image.properties,
    warnings: worthSaying([...image.warnings, ...found.warnings]),
  };
}
