import { NnprepError } from "../core/errors.js";
import type { NdArray, NdArrayData } from "../core/python.js";
import { joinParts } from "./gzip-members.js";
import {
  bytesOf,
  dtypeName,
  formatNpyHeader,
  parseNpy,
  parseNpyFloats,
  parseNpyGrid,
  type StoredFloats,
} from "./npy.js";
import { formatZip, parseZip, peekZip, streamZip, type ZipEntry, type ZipMember } from "./zip.js";

/** Members are only stored, deflated at level 1, or deflated at level 6 (what NumPy itself uses). */
export type NpzCompression = "none" | "fast" | "best";

const LEVELS: Readonly<Record<NpzCompression, number>> = { none: 0, fast: 1, best: 6 };

/** An array whose elements lie in several typed arrays of one type, one after the other in C order. */
export interface ArrayInChunks {
  readonly chunks: readonly NdArrayData[];
  readonly shape: readonly number[];
  /** True if the chunks are Uint16Array that hold the bits of float16. */
  readonly float16?: boolean;
}

export type NpzArrays =
  | ReadonlyMap<string, NdArray | ArrayInChunks>
  | Readonly<Record<string, NdArray | ArrayInChunks>>;

/** Reads what `numpy.savez` and `numpy.savez_compressed` write; keys without ".npy". CRCs are checked. */
export async function readNpz(bytes: Uint8Array): Promise<Map<string, NdArray>> {
  const arrays = new Map<string, NdArray>();
  for (const entry of parseZip(bytes)) {
    if (!entry.name.endsWith(".npy")) continue;
    const key = entry.name.slice(0, -4);
    if (arrays.has(key)) throw twice(key);
    arrays.set(key, parseNpy(await entry.read()));
  }
  return arrays;
}

/** Two arrays of one name: which of them is meant depends on who reads. */
function twice(key: string): NnprepError {
  return new NnprepError("CORRUPT_FILE", `the archive has two arrays "${key}"; write it again`, { key });
}

/** The member of one key. Throws CORRUPT_FILE when there is no such key. */
function findMember(bytes: Uint8Array, key: string): ZipEntry {
  const entries = parseZip(bytes);
  const [entry, other] = entries.filter(({ name }) => name === `${key}.npy`);
  if (other !== undefined) throw twice(key);
  if (entry !== undefined) return entry;
  const found = entries.map(({ name }) => name.replace(/\.npy$/, ""));
  throw new NnprepError("CORRUPT_FILE", `no array "${key}" in the archive, found: ${found.join(", ") || "nothing"}`, {
    found,
    expected: key,
  });
}

/** The array under one key, and none of the others. Throws CORRUPT_FILE when there is no such key. */
export async function readNpzArray(bytes: Uint8Array, key: string): Promise<NdArray> {
  return parseNpy(await findMember(bytes, key).read());
}

/** What an archive's first array is like. */
export interface FirstArray {
  readonly shape: readonly number[];
  /** Bytes of its elements, and of its member in the archive (where the archive does not say: the same). */
  readonly byteLength: number;
  readonly compressedByteLength: number;
}

/** Enough of an archive for the header of its first array. */
export const NPZ_HEAD_BYTES = 4096;
const LONGEST_HEADER = 512;

/** Looks at the first bytes of an archive. Throws CORRUPT_FILE or UNSUPPORTED if they are no array's. */
export function peekNpz(head: Uint8Array): FirstArray {
  const member = peekZip(head, LONGEST_HEADER);
  if (member === undefined) throw new NnprepError("CORRUPT_FILE", "not a zip archive: it does not begin like one");
  const { shape, byteLength } = parseNpyGrid(member.bytes);
  return { shape, byteLength, compressedByteLength: member.compressed ?? byteLength };
}

/** The floats under one key as they are stored, float16 as its bits. Throws CORRUPT_FILE or UNSUPPORTED. */
export async function readNpzFloats(bytes: Uint8Array, key: string): Promise<StoredFloats> {
  return parseNpyFloats(await findMember(bytes, key).read());
}

/**
 * Writes a `.npz` that `numpy.load` reads. Memory: the compressed bytes twice for a moment;
 * use `writeNpzPieces` to write big archives without that.
 */
export async function writeNpz(
  arrays: NpzArrays,
  options: { readonly compression: NpzCompression },
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces = await writeNpzPieces(arrays, options);
  const byteLength = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (byteLength > 2 ** 32 - 1) {
    throw new NnprepError(
      "OUT_OF_MEMORY",
      `npz archive of ${byteLength} bytes does not fit into one array of less than 4 GiB; compress it or write it in pieces`,
      { byteLength },
    );
  }
  return joinParts(pieces, byteLength);
}

/** The same archive as a list of pieces, to be written to a file one after the other; uncompressed data are not copied. */
export async function writeNpzPieces(
  arrays: NpzArrays,
  { compression }: { readonly compression: NpzCompression },
): Promise<Uint8Array[]> {
  return formatZip(membersOf(arrays), LEVELS[compression]);
}

/** Values that become float32 at once, so that they are never all there twice. */
const CONVERTED_AT_ONCE = 1 << 18;

/**
 * An archive of one float32 array that consists of `parts` in turn, piece by piece, to be written while the next is
 * compressed. Parts of another type become float32 bit by bit on the way.
 * @throws NnprepError SHAPE_MISMATCH at once
 */
export function streamFloat32Npz(
  key: string,
  parts: readonly (Float32Array | Int16Array)[],
  shape: readonly number[],
  { compression }: { readonly compression: NpzCompression },
): AsyncIterable<Uint8Array> {
  checkCount(key, parts, shape, ["<f4"]);
  const header = formatNpyHeader("<f4", shape);
  const byteLength = header.length + 4 * parts.reduce((sum, part) => sum + part.length, 0);
  const chunks = { [Symbol.iterator]: () => float32Chunks(header, parts) };
  return streamZip([{ name: `${key}.npy`, byteLength, chunks }], LEVELS[compression]);
}

/**
 * The same of volumes that are made one after the other, each perhaps in the array of the one before.
 * @param shape `(volumes, ...)`
 */
export function streamVolumesNpz(
  key: string,
  volumes: () => Iterable<Float32Array>,
  shape: readonly number[],
  { compression }: { readonly compression: NpzCompression },
): AsyncIterable<Uint8Array> {
  const header = formatNpyHeader("<f4", shape);
  const byteLength = header.length + 4 * shape.reduce((a, b) => a * b, 1);
  const chunks = {
    *[Symbol.iterator]() {
      yield header;
      // What is compressed may wait for its turn while the next volume is made.
      for (const volume of volumes()) yield bytesOf(volume.slice());
    },
  };
  return streamZip([{ name: `${key}.npy`, byteLength, chunks }], LEVELS[compression]);
}

function* float32Chunks(
  header: Uint8Array,
  parts: readonly (Float32Array | Int16Array)[],
): Generator<Uint8Array, void, undefined> {
  yield header;
  for (const part of parts) {
    if (part instanceof Float32Array) {
      yield bytesOf(part);
      continue;
    }
    for (let at = 0; at < part.length; at += CONVERTED_AT_ONCE) {
      yield bytesOf(new Float32Array(part.subarray(at, at + CONVERTED_AT_ONCE)));
    }
  }
}

function membersOf(arrays: NpzArrays): ZipMember[] {
  const named = arrays instanceof Map ? [...arrays] : Object.entries(arrays);
  return named.map(([key, array]: [string, NdArray | ArrayInChunks]) => {
    const parts = "chunks" in array ? array.chunks : [array.data];
    const stored = checkChunks(key, parts, array.shape);
    const dtype = "chunks" in array && array.float16 === true ? stored.replace("u2", "f2") : stored;
    return member(key, formatNpyHeader(dtype, array.shape), parts.map(bytesOf));
  });
}

function member(key: string, header: Uint8Array, parts: readonly Uint8Array[]): ZipMember {
  const chunks = [header, ...parts];
  return { name: `${key}.npy`, byteLength: chunks.reduce((sum, chunk) => sum + chunk.length, 0), chunks };
}

/** The one dtype of the chunks; throws unless they are of one type and have as many elements as the shape. */
function checkChunks(key: string, chunks: readonly NdArrayData[], shape: readonly number[]): string {
  const types = [...new Set(chunks.map(dtypeName))];
  checkCount(key, chunks, shape, types);
  return types[0];
}

function checkCount(
  key: string,
  chunks: readonly NdArrayData[],
  shape: readonly number[],
  types: readonly string[],
): void {
  const found = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const expected = shape.reduce((a, b) => a * b, 1);
  if (types.length === 1 && found === expected) return;
  throw new NnprepError(
    "SHAPE_MISMATCH",
    `array "${key}": ${chunks.length} pieces of dtype ${types.join(", ") || "none"} with ${found} elements cannot have the shape (${shape.join(", ")})`,
    { found, expected },
  );
}
