import { NnprepError } from "../core/errors.js";
import { type Shape3, type VoxelArray, voxelCount } from "../core/volume.js";
import { gunzip, isGzip, largestInflatedLength, unzlib } from "./gzip.js";
import type { ScanFile } from "./scan-file.js";
import { alignedBytes, itemSizeOf, type VoxelDtype, voxelsFromBytes, voxelsFromText } from "./voxel-bytes.js";

/**
 * Finds the file of this name beside the one that is read, or of this path below its folder ("/" between the parts);
 * undefined if there is none.
 */
export type FindCompanion = (name: string) => Promise<ScanFile | undefined>;

/** Where the voxels of a file with a text header lie, and how they are written. */
export interface VoxelSource {
  /** What messages call the format. */
  readonly format: string;
  readonly shape: Shape3;
  readonly dtype: VoxelDtype;
  readonly littleEndian: boolean;
  readonly encoding: "raw" | "gzip" | "zlib" | "text";
  /** First byte of the (compressed) voxels in their file, and the one after the last if the header says so. */
  readonly begin: number;
  readonly end?: number | undefined;
  /** Lines to skip before that. */
  readonly lineSkip?: number | undefined;
  /** Bytes to skip in front of the voxels, after inflating; "all but the voxels" when they are the last bytes. */
  readonly byteSkip?: number | "all but the voxels" | undefined;
  /** Name of the file that holds the voxels; null for the header's own. */
  readonly dataFile: string | null;
}

/** Room for what stands before the voxels in a compressed file whose voxels are its last bytes. */
const LARGEST_SKIP = 1 << 24;

/** Throws FILE_NOT_FOUND when the file that holds the voxels is not there. */
export async function voxelFile(source: VoxelSource, header: ScanFile, find: FindCompanion): Promise<ScanFile> {
  if (source.dataFile === null) return header;
  const file = await find(source.dataFile);
  if (file !== undefined) return file;
  throw new NnprepError(
    "FILE_NOT_FOUND",
    `the ${source.format} header says that the voxels are in "${source.dataFile}", which is not there; give that file along, in its place beside the header`,
    { expected: source.dataFile },
  );
}

/** Reads all voxels; warns when the file holds more than its header says. Throws CORRUPT_FILE, UNSUPPORTED. */
export async function readVoxels(
  source: VoxelSource,
  file: ScanFile,
): Promise<{ data: VoxelArray; warnings: string[] }> {
  const { shape, dtype, littleEndian, encoding } = source;
  const begin = source.begin + (await bytesOfLines(source, file));
  if (encoding === "text") return { data: await readText(source, file, begin), warnings: [] };
  const { bytes, excess } =
    encoding === "raw" ? await readRaw(source, file, begin) : await inflate(source, file, begin);
  const data = voxelsFromBytes(bytes, dtype, littleEndian);
  const more = `the file holds ${excess} bytes more than the voxels that its header promises (${describe(shape, dtype)}); they were left out`;
  return { data, warnings: excess === "no" ? [] : [more] };
}

function describe(shape: Shape3, dtype: VoxelDtype): string {
  return `${shape[2]} x ${shape[1]} x ${shape[0]}, ${dtype}`;
}

function byteLengthOf({ shape, dtype }: VoxelSource): number {
  return voxelCount(shape) * itemSizeOf(dtype);
}

function tooShort(source: VoxelSource, found: number, where: string): NnprepError {
  const expected = voxelCount(source.shape);
  const there = Math.max(0, Math.floor(found / itemSizeOf(source.dtype)));
  return new NnprepError(
    "CORRUPT_FILE",
    `${source.format} header promises ${expected} voxels (${describe(source.shape, source.dtype)}), but ${where} ${there}; the file is cut off or its header is damaged`,
    { expected, found: there },
  );
}

async function bytesOfLines({ lineSkip = 0, begin, format }: VoxelSource, file: ScanFile): Promise<number> {
  if (lineSkip === 0) return 0;
  const text = await file.read(begin, begin + (1 << 20));
  let at = 0;
  for (let line = 0; line < lineSkip; line++) {
    at = text.indexOf(10, at) + 1;
    if (at === 0) {
      throw new NnprepError("CORRUPT_FILE", `${format} header asks for ${lineSkip} lines to skip, ${line} found`, {
        found: line,
        expected: lineSkip,
      });
    }
  }
  return at;
}

interface VoxelBytes {
  /** Owned and aligned. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many bytes were left over. */
  readonly excess: "no" | "some" | number;
}

async function readRaw(source: VoxelSource, file: ScanFile, begin: number): Promise<VoxelBytes> {
  const byteLength = byteLengthOf(source);
  const end = source.end ?? file.byteLength;
  const fromEnd = source.byteSkip === "all but the voxels";
  const start = fromEnd ? end - byteLength : begin + (source.byteSkip ?? 0);
  const there = Math.min(end, file.byteLength) - (fromEnd ? begin : start);
  if (there < byteLength) throw tooShort(source, there, "the file has");
  const bytes = new Uint8Array(await file.read(start, start + byteLength));
  if (bytes.length < byteLength) throw tooShort(source, bytes.length, "reading it gave");
  return { bytes, excess: fromEnd || there === byteLength ? "no" : there - byteLength };
}

async function inflate(source: VoxelSource, file: ScanFile, begin: number): Promise<VoxelBytes> {
  const byteLength = byteLengthOf(source);
  const { byteSkip = 0, dtype } = source;
  const compressed = await file.read(begin, source.end ?? file.byteLength);
  const least = byteLength + (typeof byteSkip === "number" ? byteSkip : 0);
  const most = largestInflatedLength(compressed.length);
  if (most < least) throw tooShort(source, most, `${compressed.length} compressed bytes hold at most`);
  if (source.encoding === "zlib" && !isGzip(compressed)) {
    return { bytes: alignedBytes(await unzlib(compressed, byteLength), dtype), excess: "no" };
  }
  if (typeof byteSkip === "number") {
    // One byte more than needed tells whether there are more, and has the checksum looked at if there are not.
    const inflated = await gunzip(compressed, { expectedByteLength: least + 1 });
    if (inflated.length < least) throw tooShort(source, inflated.length - byteSkip, "the file has");
    const bytes = alignedBytes(inflated.subarray(byteSkip, least), dtype);
    return { bytes, excess: inflated.length > least ? "some" : "no" };
  }
  const inflated = await gunzip(compressed, { maximumByteLength: byteLength + LARGEST_SKIP });
  if (inflated.length < byteLength) throw tooShort(source, inflated.length, "the file has");
  return { bytes: alignedBytes(inflated.subarray(inflated.length - byteLength), dtype), excess: "no" };
}

async function readText(source: VoxelSource, file: ScanFile, begin: number): Promise<VoxelArray> {
  const { byteSkip = 0, dtype } = source;
  const text = await file.read(begin + (typeof byteSkip === "number" ? byteSkip : 0), source.end ?? file.byteLength);
  const count = voxelCount(source.shape);
  // A digit and a separator each: no more memory than the text can fill.
  const most = Math.ceil(text.length / 2);
  if (most < count) throw tooShort(source, most * itemSizeOf(dtype), `${text.length} bytes of text hold at most`);
  return voxelsFromText(text, dtype, count);
}
