import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { NnprepError } from "../core/errors.js";
import { readDicomSeries } from "./dicom.js";
import { geometryWarnings, type ReadScanOptions, readScanFile } from "./formats.js";
import type { ScanFile, ScanReading } from "./scan-file.js";
import type { FindCompanion } from "./voxel-source.js";

/** Node reads at most 2 GiB at once. */
const PIECE = 1 << 30;

/** The code of a failed call of the operating system. */
export function reason(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

export function failToRead(file: string, error: unknown): never {
  const missing = reason(error) === "ENOENT" || reason(error) === "ENOTDIR";
  throw new NnprepError(
    "FILE_NOT_FOUND",
    missing ? `${file}: no such file` : `${file}: cannot be read (${reason(error) || String(error)})`,
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

/** A file of this machine, of any size, opened for each reading. @throws NnprepError FILE_NOT_FOUND */
export async function scanFileFromPath(path: string): Promise<ScanFile> {
  const entry = await stat(path).catch((error) => failToRead(path, error));
  if (entry.isDirectory()) failToRead(path, Object.assign(new Error(), { code: "EISDIR" }));
  const { size } = entry;
  const read = async (begin = 0, end = size) => {
    const handle = await open(path).catch((error) => failToRead(path, error));
    try {
      const last = Math.min(end, size);
      return await readPieces(handle, Math.min(begin, last), last);
    } catch (error) {
      if (error instanceof RangeError) {
        throw new NnprepError("OUT_OF_MEMORY", `${path}: no memory for ${size} bytes (${error.message})`, {
          file: path,
        });
      }
      return failToRead(path, error);
    } finally {
      await handle.close();
    }
  };
  return { name: path, byteLength: size, read };
}

/** Files beside a header, where it finds the one with its voxels. */
function besideFile(path: string): FindCompanion {
  return async (name) => {
    const other = join(dirname(path), name);
    const isFile = (await stat(other).catch(() => null))?.isFile() === true;
    return isFile ? scanFileFromPath(other) : undefined;
  };
}

/** All files below a folder, hidden ones left out, sorted by path. @throws NnprepError FILE_NOT_FOUND */
export async function scanFilesInFolder(folder: string): Promise<ScanFile[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch((error) =>
    failToRead(folder, error),
  );
  const paths = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
  return Promise.all(paths.map(scanFileFromPath));
}

/**
 * Reads a scan or a label by its path: a file of any format (a header finds its voxels beside it), a zip archive with
 * a DICOM series, or a folder with one.
 * @throws NnprepError as `readScan`
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
