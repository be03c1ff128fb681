import { readFileSync } from "node:fs";
import { mkdir, open, opendir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";
import { NnprepError } from "../core/errors.js";
import { compareCodePoints } from "../core/paths.js";
import { failToRead, isMissing, readFileFromPath } from "../io/scan-path.js";
import { reason, retryStale } from "../io/stale-handle.js";
import type { FileContent, Store } from "./store.js";

/**
 * Names that a file bears while it is written: hidden, and with no ending that nnU-Net looks for. Machine and process
 * are in it, since a folder may be shared: only where a process ran can be told whether it still does.
 */
const TEMPORARY = /^\..*\.nnprep-([a-zA-Z0-9_]+)-(\d+)-\d+\.tmp$/;
const MACHINE = hostname().replace(/[^a-zA-Z0-9]/g, "_") || "_";
let serial = 0;

function temporaryName(name: string): string {
  return `.${name}.nnprep-${MACHINE}-${process.pid}-${serial++}.tmp`;
}

/** A process that ended and that nobody waited for, as in containers without an init, still answers to signals. */
function hasEnded(processId: number): boolean {
  try {
    const status = readFileSync(`/proc/${processId}/stat`, "latin1");
    return /^[ZX]/.test(status.slice(status.lastIndexOf(")") + 2));
  } catch {
    return false; // no such folder on this system, or the process has gone meanwhile
  }
}

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
  } catch (error) {
    if (reason(error) !== "EPERM") return false;
  }
  return !hasEnded(processId);
}

/** Writes a file and waits until the disk has it: a name that is renamed before may hold nothing after a power cut. */
async function writeThrough(path: string, bytes: FileContent): Promise<void> {
  const handle = await open(path, "w");
  try {
    await writeFile(handle, bytes as Exclude<FileContent, readonly Uint8Array[]> | Iterable<Uint8Array>);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a folder and those above it. Not by Node's own recursion, which never ends where a folder says that it is there
 * and takes no entry, as /proc does.
 */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const isThere = (await stat(folder).catch(() => null))?.isDirectory() === true;
    if (isThere) return;
    const parent = dirname(folder);
    if (reason(error) !== "ENOENT" || parent === folder) throw error;
    // Another worker may have made the parent meanwhile, or make the folder before this one does.
    if ((await stat(parent).catch(() => null)) === null) await makeFolder(parent);
    await mkdir(folder).catch((again) => {
      if (reason(again) !== "EEXIST") throw again;
    });
  }
}

/** Files below a folder of this machine; paths are relative to it, with "/" between their parts, or absolute. */
export class FolderStore implements Store {
  constructor(readonly folder: string) {}

  location(path: string): string {
    return isAbsolute(path) ? path : join(this.folder, path);
  }

  /** @throws NnprepError FILE_NOT_FOUND */
  async read(path: string): Promise<Uint8Array> {
    return readFileFromPath(this.location(path));
  }

  /** @throws NnprepError FILE_NOT_FOUND */
  async readHead(path: string, byteLength: number): Promise<Uint8Array> {
    return readFileFromPath(this.location(path), 0, byteLength);
  }

  /**
   * Writes the whole file under a temporary name beside it and renames it: the final name never holds half a file.
   * @throws NnprepError CANNOT_WRITE
   */
  async write(path: string, bytes: FileContent): Promise<void> {
    const file = this.location(path);
    const temporary = join(dirname(file), temporaryName(basename(file)));
    try {
      await retryStale(() => makeFolder(dirname(file)));
      await writeThrough(temporary, bytes);
      // The folder is not waited for: a power cut may take the new name back, and the case is made again then.
      await retryStale(() => rename(temporary, file));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      const cause = /^(EEXIST|ENOTDIR)$/.test(reason(error))
        ? "a file stands where its folder is expected"
        : reason(error) || String(error);
      throw new NnprepError(
        "CANNOT_WRITE",
        `${file}: cannot be written (${cause}); choose a folder that you may write to, with free space`,
        { file, reason: reason(error) },
      );
    }
  }

  /** Makes the folder and tries to write into it, so that a wrong one is found before hours of work. @throws NnprepError CANNOT_WRITE */
  async checkWritable(): Promise<void> {
    const probe = temporaryName("probe");
    await this.write(probe, new Uint8Array());
    await this.remove(probe);
  }

  async exists(path: string): Promise<boolean> {
    return (await this.byteLength(path)) !== null;
  }

  /** @throws NnprepError FILE_NOT_FOUND if its server or disk does not tell whether it is there */
  async byteLength(path: string): Promise<number | null> {
    const file = this.location(path);
    const found = await retryStale(() => stat(file)).catch((error) =>
      /^(ESTALE|EIO|ETIMEDOUT)$/.test(reason(error)) ? failToRead(file, error) : null,
    );
    return found?.isFile() === true ? found.size : null;
  }

  /**
   * Names of the files directly in `folder`, in code-point order; none when there is no such folder.
   * @throws NnprepError FILE_NOT_FOUND if it is there and cannot be read: taken for empty, its cases would be none
   */
  async list(folder = ""): Promise<string[]> {
    const path = this.location(folder);
    const entries = await retryStale(() => readdir(path, { withFileTypes: true })).catch((error) =>
      isMissing(error) ? [] : failToRead(path, error),
    );
    const names = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
    return names.filter((name) => !TEMPORARY.test(name)).sort(compareCodePoints);
  }

  async remove(path: string): Promise<void> {
    await rm(this.location(path), { force: true });
  }

  /**
   * Removes what runs on this machine that were killed left under temporary names, here and as many levels of folders
   * below. What other machines left stays: nobody here knows whether they still write it.
   */
  async removeLeftovers(levels = Number.POSITIVE_INFINITY): Promise<void> {
    // One by one: a folder of thousands of cases is seldom to be held whole, and never for a few names.
    const entries = await opendir(this.folder, { bufferSize: 1024 }).catch(() => []);
    for await (const entry of entries) {
      const path = join(this.folder, entry.name);
      if (entry.isDirectory() && levels > 0) await new FolderStore(path).removeLeftovers(levels - 1);
      const [, machine, writer] = TEMPORARY.exec(entry.name) ?? [];
      if (machine !== MACHINE || (Number(writer) !== process.pid && isRunning(Number(writer)))) continue;
      await rm(path, { force: true });
    }
  }
}
