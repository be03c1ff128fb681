import { NnprepError } from "../../../core/errors.js";
import type { ScanFile } from "../../../io/scan-file.js";
import type { CaseReader, ReadCaseOptions, ReaderName } from "./reader.js";

interface ReaderClass {
  /** Lower case. */
  readonly fileEndings: readonly string[];
  readonly load: () => Promise<CaseReader>;
}

/** Loaded when they are first asked for: a page that reads NIfTI carries no decoder of pictures. */
const READERS: Readonly<Record<ReaderName, ReaderClass>> = {
  NaturalImage2DIO: {
    fileEndings: [".png", ".bmp", ".tif"],
    load: async () => (await import("./natural-image.js")).naturalImageReader,
  },
  SimpleITKIO: {
    fileEndings: [".nii.gz", ".nrrd", ".mha", ".gipl"],
    load: async () => (await import("./simpleitk.js")).simpleItkReader,
  },

  Tiff3DIO: { fileEndings: [".tif", ".tiff"], load: async () => (await import("./tiff-3d.js")).tiff3dReader },
  NibabelIO: { fileEndings: [".nii", ".nii.gz"], load: async () => (await import("./nibabel.js")).nibabelReader },
  NibabelIOWithReorient: {
    fileEndings: [".nii", ".nii.gz"],
    load: async () => (await import("./nibabel.js")).nibabelReorientingReader,
  },
  SimpleITKIOWithReorient: {
    fileEndings: [".nii.gz", ".nrrd", ".mha", ".gipl"],
    load: async () => (await import("./simpleitk.js")).simpleItkReorientingReader,
  },
};

/** The order in which nnU-Net tries them (`LIST_OF_IO_CLASSES`); the last one is only taken by name. */
const TRIED: readonly ReaderName[] = [
  "NaturalImage2DIO",
  "SimpleITKIO",
  "Tiff3DIO",
  "NibabelIO",
  "NibabelIOWithReorient",
];

export function isReaderName(name: string): name is ReaderName {
  return Object.hasOwn(READERS, name);
}

/**
 * The reader that plans name (`image_reader_writer`). @throws NnprepError UNSUPPORTED
 *
 * @example
 * ```ts
 * import { readerFor, scanFileFromPath } from "nnprep";
 *
 * const reader = await readerFor("SimpleITKIO"); // as plans name it
 * const { channels, properties } = await reader.readImages([await scanFileFromPath("t1.nii.gz")]);
 * console.log(channels.length, properties.spacingMm);
 * ```
 */
export async function readerFor(name: string): Promise<CaseReader> {
  if (isReaderName(name)) return READERS[name].load();
  throw new NnprepError(
    "UNSUPPORTED",
    `image_reader_writer "${name}" is no reader of nnU-Net 2.8.1; ${Object.keys(READERS).join(", ")} are`,
    { found: name, expected: Object.keys(READERS) },
  );
}

/** What of dataset.json decides about the reader. */
export interface ReaderChoice {
  readonly fileEnding: string;
  /** `overwrite_image_reader_writer`: "None" and unknown names count as not given. */
  readonly readerName?: string | undefined;
}

/**
 * The reader of a dataset (`determine_reader_writer_from_dataset_json`): the one that dataset.json names, else the first
 * that knows the ending, upper case or not, and reads `example`.
 *
 * @param example the first file of the first case; without it the ending decides alone
 * @throws NnprepError UNSUPPORTED, with what each reader said of `example`
 */
export async function chooseReader(
  { fileEnding, readerName }: ReaderChoice,
  example?: ScanFile,
  options: ReadCaseOptions = {},
): Promise<CaseReader> {
  if (readerName !== undefined && isReaderName(readerName)) return READERS[readerName].load();
  const candidates = TRIED.filter((name) => READERS[name].fileEndings.includes(fileEnding.toLowerCase()));
  const failures: string[] = [];
  for (const name of candidates) {
    const reader = await READERS[name].load();
    if (example === undefined) return reader;
    try {
      if (reader.checkImage === undefined) await reader.readImages([example], options);
      else await reader.checkImage(example, options);
      return reader;
    } catch (error) {
      if (!(error instanceof NnprepError)) throw error;
      failures.push(`${name}: ${error.message}`);
    }
  }
  if (candidates.length === 0) {
    const known = [...new Set(TRIED.flatMap((name) => READERS[name].fileEndings))];
    throw new NnprepError(
      "UNSUPPORTED",
      `file_ending "${fileEnding}": no reader knows it; ${known.join(", ")} are known`,
      {
        found: fileEnding,
        expected: known,
      },
    );
  }
  throw new NnprepError("UNSUPPORTED", `${example?.name}: no reader can open it; ${failures.join("; ")}`, {
    file: example?.name,
    found: failures,
  });
}
