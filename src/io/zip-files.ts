import { NnprepError } from "../core/errors.js";
import type { ScanFile } from "./scan-file.js";
import { parseZip } from "./zip.js";

/* A zip archive as a folder of files that are inflated one at a time, each when it is read. */

/** Whether the file begins like a zip archive with at least one member. */
export async function isZip(file: ScanFile): Promise<boolean> {
  const start = await file.read(0, 4);
  return start.length === 4 && start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
}

/** The files of an archive, without folders. The archive itself is held in memory while they are used. */
export async function membersOfZip(archive: ScanFile): Promise<ScanFile[]> {
  const named = (error: unknown, name: string) => (error instanceof NnprepError ? error.inFile(name) : error);
  const entries = await archive.read().then((bytes) => {
    try {
      return parseZip(bytes);
    } catch (error) {
      throw named(error, archive.name);
    }
  });
  return entries
    .filter((entry) => !entry.name.endsWith("/"))
    .map((entry) => {
      const name = `${archive.name}/${entry.name}`;
      const read = async (begin = 0, end = entry.byteLength) => {
        try {
          // The beginning alone is inflated without the rest (and without its checksum).
          if (end < entry.byteLength / 2) return entry.readHead(end).subarray(begin);
          return (await entry.read()).subarray(begin, Math.max(begin, end));
        } catch (error) {
          throw named(error, name);
        }
      };
      return { name, byteLength: entry.byteLength, read };
    });
}
