import { NnprepError } from "../core/errors.js";
import type { Volume } from "../core/volume.js";

/** A file to read a scan from, wherever it lies: memory, a page's `File`, a disk. Read in pieces or whole. */
export interface ScanFile {
  /** Name or path; errors name it, and files that point to others are told apart by it. */
  readonly name: string;
  readonly byteLength: number;
  /**
   * The bytes of `[begin, end)`, cut to the file; the whole file by default. May be a view of shared memory: do not
   * write into it.
   */
  read(begin?: number, end?: number): Promise<Uint8Array>;
}

/** Voxels that are no finite numbers. */
export interface NonFiniteCounts {
  readonly nan: number;
  readonly infinite: number;
}

/** What a reader gives: the volume, and what its user should know about it, a sentence each. */
export interface ScanReading {
  readonly volume: Volume;
  readonly warnings: readonly string[];
  /** Voxels of a NIfTI file that were not finite and were read as 0; `warnings` has a sentence on them. */
  readonly nonFinite?: NonFiniteCounts;
  /** True when the file has two axes; `volume` has depth 1 then. */
  readonly planar?: boolean;
}

/**
 * A file that is in memory, such as one that Node has read.
 *
 * @example
 * ```ts
 * import { readScan, scanFileFromBytes } from "nnprep";
 * import { readFile } from "node:fs/promises";
 *
 * const file = scanFileFromBytes("t1.nii.gz", await readFile("t1.nii.gz"));
 * console.log((await readScan([file])).volume.shape);
 * ```
 */
export function scanFileFromBytes(name: string, bytes: Uint8Array): ScanFile {
  return {
    name,
    byteLength: bytes.length,
    read: async (begin = 0, end = bytes.length) => bytes.subarray(begin, Math.max(begin, end)),
  };
}

/**
 * `name` is needed only for a Blob without one.
 *
 * @example
 * ```ts
 * import { readScan, scanFileFromBlob } from "nnprep";
 *
 * // For what a page's `<input type="file" multiple>` has chosen.
 * export const readChosen = (chosen: Iterable<Blob>) => readScan(Array.from(chosen, (file) => scanFileFromBlob(file)));
 * const { volume } = await readChosen([new File(["P"], "wrong.txt")]).catch(() => ({ volume: null }));
 * console.log(volume); // null: no scan
 * ```
 */
export function scanFileFromBlob(blob: Blob, name = "name" in blob ? String(blob.name) : "unnamed file"): ScanFile {
  const read = async (begin = 0, end = blob.size) => {
    try {
      return new Uint8Array(await blob.slice(begin, Math.max(begin, end)).arrayBuffer());
    } catch (error) {
      // A page's File fails when the file behind it was changed, removed, or is too large for one array.
      throw new NnprepError(
        "FILE_NOT_FOUND",
        `${name}: cannot be read (${(error as Error).message}); choose it again`,
        {
          file: name,
        },
      );
    }
  };
  return { name, byteLength: blob.size, read };
}
