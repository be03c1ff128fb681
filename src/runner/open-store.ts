import { basename, dirname, resolve } from "node:path";
import { NnprepError } from "../core/errors.js";
import { joinPath } from "../core/paths.js";
import { FolderStore } from "./folder-store.js";
import { HttpStore } from "./http-store.js";
import { S3Store } from "./s3-store.js";
import type { Store } from "./store.js";

/** True for what is not a folder of this machine: `s3://bucket/prefix`, `https://server/folder`. */
export function isRemote(location: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(location);
}

/**
 * The store at a location: a folder, `s3://bucket/prefix`, or `https://server/folder`, which is read only.
 * @throws NnprepError INVALID_ARGUMENT for other addresses
 */
export function openStore(location: string): Store {
  if (/^s3:/i.test(location)) return new S3Store(location);
  if (/^https?:/i.test(location)) return new HttpStore(location);
  if (!isRemote(location)) return new FolderStore(location);
  throw new NnprepError(
    "INVALID_ARGUMENT",
    `"${location}" found; expected a folder, s3://BUCKET/PREFIX or https://SERVER/FOLDER`,
    { found: location },
  );
}

/** A location as it was given, or the absolute path of a folder of this machine. */
export function resolveLocation(location: string): string {
  return isRemote(location) ? location : resolve(location);
}

/** A folder or file below a location; an absolute path where it is one of this machine. */
export function locationBelow(location: string, name: string): string {
  return isRemote(location) ? joinPath(location, name) : resolve(location, name);
}

/** The store in which a file lies, and its path there. @param file a path, or `s3://bucket/prefix/file` */
export function openStoreOf(file: string): { readonly store: Store; readonly path: string } {
  const [, folder, name] = /^([a-z][a-z0-9+.-]+:\/\/.+)\/([^/]+)$/i.exec(file) ?? [];
  if (folder !== undefined && name !== undefined) return { store: openStore(folder), path: name };
  const whole = resolveLocation(file);
  return { store: openStore(dirname(whole)), path: basename(whole) };
}

/**
 * Makes sure that files can be written, so that a wrong place is found before hours of work.
 * @throws NnprepError CANNOT_WRITE
 */
export async function checkWritable(store: Store): Promise<void> {
  if (store instanceof FolderStore) return store.checkWritable();
  const probe = `.nnprep-${process.pid}.probe`;
  await store.write(probe, new Uint8Array());
  await store.remove(probe);
}

/** Removes what was left under temporary names. Other places than folders have none. */
export async function removeLeftovers(store: Store, levels?: number): Promise<void> {
  if (store instanceof FolderStore) await store.removeLeftovers(levels);
}
