import { existsSync, statSync } from "node:fs";
import type { ScanFile } from "../io/scan-file.js";
import { scanFileFromPath, scanFilesInFolder } from "../io/scan-path.js";
import { scanFileInStore } from "../recipes/v2/stages/read-case.js";
import { isRemote, locationBelow, openStore } from "../runner/open-store.js";
import { S3Store } from "../runner/s3-store.js";
import { UsageError } from "./usage-error.js";

/** The files of a trained model: of a folder, a zip archive, or `s3://bucket/prefix`. @throws UsageError, NnprepError */
export function modelFilesAt(location: string): Promise<readonly ScanFile[]> {
  return isRemote(location) ? filesBelow(location) : filesAt(location);
}

async function filesAt(path: string): Promise<readonly ScanFile[]> {
  const folder = existsSync(path) && statSync(path).isDirectory();
  return folder ? scanFilesInFolder(path) : [await scanFileFromPath(path)];
}

/** All files of a model in a bucket. */
async function filesBelow(location: string): Promise<readonly ScanFile[]> {
  const store = openStore(location);
  if (!(store instanceof S3Store)) {
    throw new UsageError(`-m ${location}: a web server does not tell which files it has; give a folder, or s3://`);
  }
  const own = await Promise.all((await store.list()).map((name) => scanFileInStore(store, name)));
  const folders = await store.listFolders();
  return [...own, ...(await Promise.all(folders.map((name) => filesBelow(locationBelow(location, name))))).flat()];
}
