import type { Shape3, Vec3, Volume } from "../core/volume.js";
import { type ReadScanOptions, readScanFile, readScanHeader, storedBytesPerVoxel } from "../io/formats.js";
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

/** Enough of a gzipped file to hold its header. */
const HEAD_BYTES = 65536;

/** What the head of a scan file tells about the memory that it will take. */
export interface StoredScanFacts {
  readonly shape: Shape3;
  readonly spacingMm: Vec3;
  readonly stored: { readonly bytesPerVoxel: number; readonly isFloat32: boolean; readonly isCompressed: boolean };
}

/** @throws NnprepError of the reader */
export async function peekScan(store: Store, path: string): Promise<StoredScanFacts> {
  const head = await store.readHead(path, HEAD_BYTES);
  const header = await readScanHeader(scanFileFromBytes(store.location(path), head));
  const isFloat32 = header.dtype === "float32" && !header.scaled;
  const stored = { bytesPerVoxel: storedBytesPerVoxel(header), isFloat32, isCompressed: header.compressed };
  return { shape: header.shape, spacingMm: header.geometry.spacingMm, stored };
}
