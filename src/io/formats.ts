import { NnprepError } from "../core/errors.js";
import type { Volume } from "../core/volume.js";
import { gunzipPrefix, isGzip } from "./gzip.js";
import { parseNifti } from "./nifti.js";
import { niftiVersion } from "./nifti-fields.js";

/** What a format may need besides the bytes of the file itself. */
export interface ReadVolumeOptions {
  /** Bytes of the file that holds the voxels when `bytes` are only a header (.hdr with .img). */
  readonly pairedImage?: Uint8Array;
}

/** One file format of scans and labels. */
interface VolumeFormat {
  readonly name: string;
  /** Endings of file names, lower case. */
  readonly endings: readonly string[];
  /** Whether a file that begins like this (inflated if it was gzipped) is of this format. */
  matches(head: Uint8Array): boolean;
  read(bytes: Uint8Array, options: ReadVolumeOptions): Promise<Volume>;
}

/** In the order in which they are asked. */
const FORMATS: readonly VolumeFormat[] = [
  {
    name: "NIfTI",
    endings: [".nii", ".nii.gz", ".hdr", ".hdr.gz"],
    matches: (head) => niftiVersion(head) !== 0,
    read: parseNifti,
  },
];

/** How much of a file is looked at to tell its format. */
const HEAD_LENGTH = 1024;

function formatOf(name: string, bytes: Uint8Array): VolumeFormat {
  const head = isGzip(bytes) ? gunzipPrefix(bytes, HEAD_LENGTH) : bytes.subarray(0, HEAD_LENGTH);
  const lower = name.toLowerCase();
  const found =
    FORMATS.find((format) => format.matches(head)) ??
    FORMATS.find((format) => format.endings.some((ending) => lower.endsWith(ending)));
  if (found !== undefined) return found;
  const known = FORMATS.map((format) => `${format.name} (${format.endings.join(", ")})`).join(", ");
  throw new NnprepError(
    "UNSUPPORTED",
    bytes.length === 0 ? "the file is empty" : `neither content nor name tells a format that can be read: ${known}`,
    { byteLength: bytes.length },
  );
}

/**
 * Reads a scan or a label, whatever its format: told by the content first and by the name second.
 * `name` is the file's name or path; errors name it. Throws CORRUPT_FILE or UNSUPPORTED.
 */
export async function readVolume(name: string, bytes: Uint8Array, options: ReadVolumeOptions = {}): Promise<Volume> {
  try {
    return await formatOf(name, bytes).read(bytes, options);
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(name) : error;
  }
}
