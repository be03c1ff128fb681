import { NnprepError } from "../core/errors.js";
import type { ScanFile } from "./scan-file.js";
import { openZip, type ZipSource } from "./zip.js";

/* A zip archive as a folder of files that are inflated one at a time, each when it is read. */

/** Members up to this length are always inflated whole: the platform does that faster than code of ours a part. */
const INFLATED_WHOLE = 1 << 21;

/** Whether the file begins like a zip archive with at least one member. */
export async function isZip(file: ScanFile): Promise<boolean> {
  const start = await file.read(0, 4);
  return start.length === 4 && start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
}

/** Bytes that are read at once for small members, which lie one behind the other. */
const WINDOW = 1 << 20;

/** The archive, small pieces of it out of a window of what was read before. */
function readAhead(archive: ScanFile): ZipSource {
  const { byteLength } = archive;
  let [start, window] = [0, new Uint8Array(0)];
  const read = async (begin: number, end: number) => {
    const last = Math.min(end, byteLength);
    if (last - begin > WINDOW / 4) return archive.read(begin, last);
    if (begin < start || last > start + window.length) {
      // Another reading may move the window meanwhile: this one looks at its own.
      const own = await archive.read(begin, Math.min(begin + WINDOW, byteLength));
      [start, window] = [begin, own as Uint8Array<ArrayBuffer>];
      return own.subarray(0, last - begin);
    }
    return window.subarray(begin - start, last - start);
  };
  return { byteLength, read };
}

/** The files of an archive, without folders. */
export async function membersOfZip(archive: ScanFile): Promise<ScanFile[]> {
  const entries = await naming(archive.name, () => openZip(readAhead(archive)));
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
