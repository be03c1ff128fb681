import { NnprepError } from "../core/errors.js";
import type { ScanFile } from "./scan-file.js";
import { openZip } from "./zip.js";

/* A zip archive as a folder of files that are inflated one at a time, each when it is read. */

/** Members up to this length are always inflated whole: the platform does that faster than code of ours a part. */
const INFLATED_WHOLE = 1 << 21;

/** Whether the file begins like a zip archive with at least one member. */
export async function isZip(file: ScanFile): Promise<boolean> {
  const start = await file.read(0, 4);
  return start.length === 4 && start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
}

/** The files of an archive, without folders. */
export async function membersOfZip(archive: ScanFile): Promise<ScanFile[]> {
  const entries = await naming(archive.name, () => openZip(archive));
  return entries
    .filter((entry) => !entry.name.endsWith("/"))
    .map((entry) => {
      const name = `${archive.name}/${entry.name}`;
      const read = (begin = 0, end = entry.byteLength) =>
        naming(name, async () => {
          const prefix = end < entry.byteLength / 2 && entry.byteLength > INFLATED_WHOLE;
          if (prefix) return (await entry.readHead(end)).subarray(begin);
          return (await entry.read()).subarray(begin, Math.max(begin, end));
        });
      return { name, byteLength: entry.byteLength, read };
    });
}

async function naming<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(name) : error;
  }
}
