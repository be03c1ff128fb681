import { type FileHandle, open, readdir, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { NnprepError } from "../core/errors.js";
import { readDicomSeries } from "./dicom-on-demand.js";
import { geometryWarnings, type ReadScanOptions, readScanFile } from "./formats.js";
import type { ScanFile, ScanReading } from "./scan-file.js";
import { reason, retryStale } from "./stale-handle.js";
import type { FindCompanion } from "./voxel-source.js";

/** Node reads at most 2 GiB at once. */
const PIECE = 1 << 30;

/** True when a path leads to nothing. */
export function isMissing(error: unknown): boolean {
  return reason(error) === "ENOENT" || reason(error) === "ENOTDIR";
}

/** What is behind the codes that people meet, and what to do. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: "; there is no permission: change its mode or its owner (chmod, chown), or that of its folder",
  EIO: "; the disk or its server fails: look at the system's log",
  EISDIR: "; it is a folder",
  ELOOP: "; its links run in a circle: remove them",
  EMFILE: "; too many files are open: raise the limit (ulimit -n)",
  ESTALE: "; its server has replaced it again and again while it was read",
};

export function failToRead(file: string, error: unknown): never {
  if (error instanceof RangeError) {
    throw new NnprepError("OUT_OF_MEMORY", `${file}: no memory for its bytes (${error.message})`, { file });
  }
  const advice = ADVICE[reason(error) ?? ""] ?? "";
  throw new NnprepError(
    "FILE_NOT_FOUND",
    isMissing(error) ? `${file}: no such file` : `${file}: cannot be read (${reason(error) || String(error)})${advice}`,
    { file, reason: reason(error) },
  );
}

async function readPieces(handle: FileHandle, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const result = new Uint8Array(end - begin);
  let at = 0;
  while (at < result.length) {
    const { bytesRead } = await handle.read(result, at, Math.min(PIECE, result.length - at), begin + at);
    if (bytesRead === 0) return result.subarray(0, at);
    at += bytesRead;
  }
  return result;
}

/** Size of a file that can be read. @throws NnprepError FILE_NOT_FOUND, also for folders, pipes, sockets and devices */
async function sizeOfFile(path: string): Promise<number> {
  const entry = await retryStale(() => stat(path)).catch((error) => failToRead(path, error));
  if (entry.isDirectory()) failToRead(path, Object.assign(new Error(), { code: "EISDIR" }));
  if (!entry.isFile()) throw noFile(path);
  return entry.size;
}

/** The bytes of `[begin, end)`, cut to the file. What is opened is one file, even if another one gets its name meanwhile. */
async function readOpened(path: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const read = async () => {
    const handle = await open(path);
    try {
      const last = Math.min(end, (await handle.stat()).size);
      return await readPieces(handle, Math.min(begin, last), last);
    } finally {
      await handle.close();
    }
  };
  return retryStale(read).catch((error) => failToRead(path, error));
}

/** The bytes of a file of this machine, by default all. @throws NnprepError FILE_NOT_FOUND, OUT_OF_MEMORY */
export async function readFileFromPath(path: string, begin = 0, end = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
  await sizeOfFile(path);
  return readOpened(path, begin, end);
}

/**
 * A file of this machine, of any size, opened for each reading. @throws NnprepError FILE_NOT_FOUND
 *
 * @example
 * ```ts
 * import { readScan, scanFileFromPath } from "nnprep";
 *
 * console.log((await readScan([await scanFileFromPath("t1.nii.gz")])).volume.shape);
 * ```
 */
export async function scanFileFromPath(path: string): Promise<ScanFile> {
  const size = await sizeOfFile(path);
  return {
    name: path,
    byteLength: size,
    read: async (begin = 0, end = size) => readOpened(path, begin, Math.min(end, size)),
  };
}

/** Files beside a header, where it finds the one with its voxels. */
function besideFile(path: string): FindCompanion {
  return async (name) => {
    const other = join(dirname(path), name);
    const isFile = (await stat(other).catch(() => null))?.isFile() === true;
    return isFile ? scanFileFromPath(other) : undefined;
  };
}

/** Pipes, sockets and devices: reading them may never end. */
function noFile(path: string): NnprepError {
  return new NnprepError("FILE_NOT_FOUND", `${path}: neither a file nor a folder (a pipe, socket or device)`, {
    file: path,
  });
}

/**
 * All files below a folder, hidden ones too, sorted by path; links are followed. Nothing is left out in silence: a slice
 * that is missing would go unnoticed.
 * @throws NnprepError FILE_NOT_FOUND, also for links to nothing, links that run in a circle, and what is no file
 *
 * @example
 * ```ts
 * import { scanFilesInFolder } from "nnprep";
 *
 * console.log((await scanFilesInFolder("model")).map(({ name }) => name));
 * ```
 */
export async function scanFilesInFolder(folder: string): Promise<ScanFile[]> {
  const paths: string[] = [];
  await listFiles(folder, [await realpath(folder).catch((error) => failToRead(folder, error))], paths);
  return Promise.all(paths.sort().map(scanFileFromPath));
}

/** @param above the real paths of `folder` and of those that it lies in */
async function listFiles(folder: string, above: readonly string[], paths: string[]): Promise<void> {
  for (const name of await readdir(folder).catch((error) => failToRead(folder, error))) {
    const path = join(folder, name);
    const entry = await stat(path).catch((error) => failToRead(path, error));
    if (entry.isFile()) {
      paths.push(path);
    } else if (entry.isDirectory()) {
      const real = await realpath(path).catch((error) => failToRead(path, error));
      if (above.includes(real)) {
        throw new NnprepError("FILE_NOT_FOUND", `${path}: a link to a folder that it lies in (${real}); remove it`, {
          file: path,
          found: real,
        });
      }
      await listFiles(path, [...above, real], paths);
    } else {
      throw noFile(path);
    }
  }
}

/**
 * Reads a scan or a label by its path: a file of any format (a header finds its voxels beside it), a zip archive with
 * a DICOM series, or a folder with one.
 * @throws NnprepError as `readScan`
 *
 * @example
 * ```ts
 * import { readScanPath } from "nnprep";
 *
 * const { volume } = await readScanPath("t1.nii.gz"); // or a folder with a DICOM series
 * console.log(volume.data.length);
 * ```
 */
export async function readScanPath(path: string, options: ReadScanOptions = {}): Promise<ScanReading> {
  const entry = await stat(path).catch((error) => failToRead(path, error));
  if (!entry.isDirectory()) return readScanFile(await scanFileFromPath(path), besideFile(path), options);
  const files = await scanFilesInFolder(path);
  try {
    const { volume, warnings } = await readDicomSeries(files, options.dicom);
    return { volume, warnings: [...warnings, ...geometryWarnings(volume.geometry)] };
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(path) : error;
  }
}
