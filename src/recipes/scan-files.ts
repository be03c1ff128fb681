import type { Volume } from "../core/volume.js";
import { type ReadScanOptions, readScanFile } from "../io/formats.js";
import { type ScanReading, scanFileFromBytes } from "../io/scan-file.js";
import type { Store } from "../runner/store.js";

/** Reads a scan or label; errors name the file. @throws NnprepError FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED */
export async function loadVolume(store: Store, path: string, options: ReadScanOptions = {}): Promise<Volume> {
  return (await loadScan(store, path, options)).volume;
}

/** The same with what its user should know about the file. */
export async function loadScan(store: Store, path: string, options: ReadScanOptions = {}): Promise<ScanReading> {
  const file = scanFileFromBytes(store.location(path), await store.read(path));
  return readScanFile(file, async () => undefined, options);
}
