/**
 * The frame of a contiguous `.b2nd` file: header with metalayers (msgpack, big-endian), chunks, index chunk, trailer.
 * Source: README_CFRAME_FORMAT.rst and README_B2ND_METALAYER.rst of c-blosc2.
 */
import { NnprepError } from "../../core/errors.js";
import { type Grid, product } from "./grid.js";

/** Enough of a file for its header. */
export const B2ND_HEAD_BYTES = 4096;

/** What a frame's header says. */
export interface Frame extends Grid {
  /** NumPy's name of the elements' type, as in `<f4`. */
  readonly dtype: string;
  readonly itemSize: number;
  /** Bytes of the array. */
  readonly byteLength: number;
  readonly blockBytes: number;
  /** Bytes of a chunk, which is stored with all blocks whole, also where these reach beyond it. */
  readonly chunkBytes: number;
  readonly chunkCount: number;
  /** Where the chunks begin, where they end and their index begins, and where the file ends. */
  readonly chunksStart: number;
  readonly chunksEnd: number;
  readonly frameEnd: number;
}

const FIXED_BYTES = 0x57;
const MOST_AXES = 8;
/** c-blosc2 makes no larger blocks, and no larger chunks. */
const MOST_BLOCK_BYTES = 536866816;
const MOST_CHUNK_BYTES = 2 ** 31 - 1;
/** What is not believed without a file of its size; no preprocessed case comes near. */
const MOST_ARRAY_BYTES = 2 ** 37;
const MOST_CHUNKS = 2 ** 20;

export function corrupt(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", `Blosc2 array (.b2nd) is truncated or damaged: ${message}`, detail);
}

export function unsupported(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("UNSUPPORTED", `this Blosc2 array (.b2nd) cannot be read: ${message}`, detail);
}

/** Reads the few forms of msgpack that a header has. */
class HeaderReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  take(count: number): Uint8Array {
    if (count > this.#bytes.length - this.at) {
      throw corrupt(`its header goes on at byte ${this.#bytes.length}, where the file ends`, {
        found: this.#bytes.length,
      });
    }
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  #start(count: number): number {
    this.take(count);
    return this.at - count;
  }

  u8(): number {
    return this.take(1)[0];
  }

  u16(): number {
    return this.#view.getUint16(this.#start(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#start(4));
  }

  /** A byte of msgpack that says what follows. */
  marker(...wanted: number[]): number {
    const at = this.at;
    const found = this.u8();
    if (wanted.includes(found)) return found;
    const hex = (x: number) => `0x${x.toString(16).padStart(2, "0")}`;
    throw corrupt(`byte ${at} of its header is ${hex(found)}, ${wanted.map(hex).join(" or ")} expected`, {
      position: at,
      found,
      expected: wanted,
    });
  }

  /** A signed number of 4 bytes that has to be `least` or more. */
  int32(what: string, least: number): number {
    this.marker(0xd2);
    return checkNumber(what, this.#view.getInt32(this.#start(4)), least);
  }

  /** A number of 8 bytes that has to be 0 or more. */
  int64(what: string, marker: 0xcf | 0xd3): number {
    this.marker(marker);
    const value = this.#view.getBigInt64(this.#start(8));
    return checkNumber(what, value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.NaN : Number(value), 0);
  }

  list(count: number, read: () => number): number[] {
    this.marker(0x90 | count);
    return Array.from({ length: count }, read);
  }

  text(length: number): string {
    return new TextDecoder().decode(this.take(length));
  }
}

function checkNumber(what: string, found: number, least: number): number {
  if (found >= least) return found;
  throw corrupt(`${what} is ${found} in its header, ${least} or more expected`, { found, expected: least });
}

/** Where the metalayer called `name` begins. */
function findLayer(reader: HeaderReader, name: string): number {
  reader.at = FIXED_BYTES;
  reader.marker(0x93);
  reader.marker(0xcd);
  reader.u16();
  reader.marker(0xde);
  const names: string[] = [];
  for (let count = reader.u16(); count > 0; count--) {
    const found = reader.text(reader.u8() & 31);
    const at = reader.int32("the place of a metalayer", FIXED_BYTES);
    if (found === name) return at;
    names.push(found);
  }
  throw unsupported(
    `a Blosc2 file, but no array: it has no metalayer "${name}" (found: ${names.join(", ") || "none"})`,
    {
      found: names,
      expected: name,
    },
  );
}

function readArrayLayer(reader: HeaderReader): Grid & { readonly dtype: string } {
  reader.at = findLayer(reader, "b2nd");
  reader.marker(0xc6);
  reader.u32();
  reader.marker(0x97);
  const version = reader.u8();
  if (version !== 0) throw unsupported(`version ${version} of its array layer, 0 expected`, { found: version });
  const axes = reader.u8();
  if (axes > MOST_AXES) throw corrupt(`${axes} axes in its header, at most ${MOST_AXES} expected`, { found: axes });
  const shape = reader.list(axes, () => reader.int64("an axis of the array", 0xd3));
  const chunkShape = reader.list(axes, () => reader.int32("an axis of the chunks", 0));
  const blockShape = reader.list(axes, () => reader.int32("an axis of the blocks", 0));
  const format = reader.u8();
  if (format !== 0) throw unsupported(`element type in format ${format}, NumPy's (0) expected`, { found: format });
  reader.marker(0xdb);
  const length = reader.u32();
  return { shape, chunkShape, blockShape, dtype: reader.text(length) };
}

/** Sizes that follow from a grid. Throws CORRUPT_FILE or UNSUPPORTED if they cannot be. */
function measureGrid(grid: Grid, itemSize: number) {
  const { shape, chunkShape, blockShape } = grid;
  const empty = shape.includes(0);
  if (!empty && (chunkShape.includes(0) || blockShape.includes(0))) {
    throw corrupt(`chunks of shape (${chunkShape.join(", ")}) and blocks of shape (${blockShape.join(", ")})`);
  }
  const blocks = chunkShape.map((n, axis) => (empty ? 0 : Math.ceil(n / blockShape[axis])));
  const byteLength = product(shape) * itemSize;
  const blockBytes = product(blockShape) * itemSize;
  const chunkBytes = product(blocks) * blockBytes;
  const chunkCount = empty ? 0 : product(shape.map((n, axis) => Math.ceil(n / chunkShape[axis])));
  if (byteLength > MOST_ARRAY_BYTES || chunkCount > MOST_CHUNKS) {
    throw unsupported(
      `its header promises an array of shape (${shape.join(", ")}) in ${chunkCount} chunks, ${byteLength} bytes; up to ${MOST_ARRAY_BYTES} bytes in ${MOST_CHUNKS} chunks are read`,
      { found: byteLength, expected: MOST_ARRAY_BYTES },
    );
  }
  if (!empty && (blockBytes > MOST_BLOCK_BYTES || chunkBytes > MOST_CHUNK_BYTES)) {
    throw corrupt(`blocks of ${blockBytes} bytes in chunks of ${chunkBytes} bytes, which Blosc2 does not make`, {
      found: [blockBytes, chunkBytes],
      expected: [MOST_BLOCK_BYTES, MOST_CHUNK_BYTES],
    });
  }
  return { byteLength, blockBytes, chunkBytes, chunkCount };
}

function checkEqual(what: string, found: number, expected: number): void {
  if (found === expected) return;
  throw corrupt(`${what} is ${found} in its header, but ${expected} follows from the rest of it`, { found, expected });
}

/** Understands a header; `bytes` is a whole file or its first `B2ND_HEAD_BYTES`. Throws CORRUPT_FILE or UNSUPPORTED. */
export function parseFrame(bytes: Uint8Array): Frame {
  const reader = new HeaderReader(bytes, 0);
  if (
    bytes.length < 10 ||
    bytes[0] !== 0x9e ||
    bytes[1] !== 0xa8 ||
    new TextDecoder().decode(bytes.subarray(2, 10)) !== "b2frame\0"
  ) {
    throw new NnprepError("CORRUPT_FILE", "not a Blosc2 file (.b2nd): it does not begin like one", {
      found: [...bytes.subarray(0, 10)],
    });
  }
  reader.at = 10;
  const chunksStart = reader.int32("the length of the header", FIXED_BYTES);
  const frameEnd = reader.int64("the length of the file", 0xcf);
  reader.marker(0xa4);
  const [flags, kind] = reader.take(4);
  if ((flags & 0x3f) !== 0x12 || (flags & 0xc0) !== 0 || kind !== 0) {
    throw unsupported(
      `format flags 0x${flags.toString(16)} and frame type ${kind}; a contiguous frame of version 2 with chunks and blocks of fixed size (0x12, 0) is read`,
      { found: [flags, kind], expected: [0x12, 0] },
    );
  }
  const uncompressed = reader.int64("the number of uncompressed bytes", 0xd3);
  const compressed = reader.int64("the number of compressed bytes", 0xd3);
  const itemSize = reader.int32("the size of an element", 1);
  const blockSize = reader.int32("the size of a block", 0);
  const chunkSize = reader.int32("the size of a chunk", 0);
  const layer = readArrayLayer(reader);
  const sizes = measureGrid(layer, itemSize);
  if (sizes.chunkCount > 0) {
    checkEqual("the size of a block", blockSize, sizes.blockBytes);
    checkEqual("the size of a chunk", chunkSize, sizes.chunkBytes);
    checkEqual("the number of uncompressed bytes", uncompressed, sizes.chunkBytes * sizes.chunkCount);
  }
  const chunksEnd = chunksStart + compressed;
  if (chunksEnd > frameEnd) {
    throw corrupt(`its chunks should end at byte ${chunksEnd}, but the file at ${frameEnd}`, {
      found: chunksEnd,
      expected: frameEnd,
    });
  }
  return { ...layer, itemSize, ...sizes, chunksStart, chunksEnd, frameEnd };
}

/** Bytes of msgpack, one after the other. */
class HeaderWriter {
  readonly bytes: number[] = [];

  put(...bytes: number[]): this {
    this.bytes.push(...bytes);
    return this;
  }

  number(value: number, byteLength: 1 | 2 | 4 | 8): this {
    for (let shift = byteLength - 1; shift >= 0; shift--) this.bytes.push(Math.floor(value / 256 ** shift) % 256);
    return this;
  }

  int32(value: number): this {
    return this.put(0xd2).number(value, 4);
  }

  int64(value: number): this {
    return this.put(0xd3).number(value, 8);
  }

  text(text: string): this {
    return this.put(...new TextEncoder().encode(text));
  }

  list(values: readonly number[], write: (value: number) => void): this {
    this.put(0x90 | values.length);
    values.forEach(write);
    return this;
  }
}

/** LZ4 at level 5, in the header for information only; blocks are never split into streams. */
const CODEC_AND_LEVEL = 0x51;
const CODEC = 1;
const NEVER_SPLIT = 1;

function formatArrayLayer({ shape, chunkShape, blockShape, dtype }: Grid & { readonly dtype: string }): number[] {
  const writer = new HeaderWriter().put(0x97, 0, shape.length);
  writer.list(shape, (n) => writer.int64(n));
  writer.list(chunkShape, (n) => writer.int32(n));
  writer.list(blockShape, (n) => writer.int32(n));
  return writer.put(0, 0xdb).number(dtype.length, 4).text(dtype).bytes;
}

/** What a header is written from. */
export interface FrameSizes extends Grid {
  readonly dtype: string;
  readonly itemSize: number;
  /** Code of the filter in the first of six places: 0 none, 1 shuffle. */
  readonly filter: number;
  readonly blockBytes: number;
  readonly chunkBytes: number;
  readonly chunkCount: number;
  /** Bytes of all chunks as they are stored, and of the index chunk. */
  readonly storedBytes: number;
  readonly indexBytes: number;
}

/** What follows the index: no variable-length metalayers, no fingerprint. */
export function formatTrailer(): Uint8Array<ArrayBuffer> {
  const writer = new HeaderWriter().put(0x94, 1, 0x93, 0xcd, 0, 6, 0xde, 0, 0, 0xdc, 0, 0);
  return Uint8Array.from(
    writer
      .put(0xce)
      .number(TRAILER_BYTES, 4)
      .put(0xd8, 0)
      .put(...new Array(16).fill(0)).bytes,
  );
}
const TRAILER_BYTES = 35;

export function formatFrameHeader(sizes: FrameSizes): Uint8Array<ArrayBuffer> {
  const layer = formatArrayLayer(sizes);
  // Markers, map of one name and its place, list of one layer, its length.
  const chunksStart = FIXED_BYTES + 7 + 10 + 3 + 5 + layer.length;
  const layerStart = chunksStart - layer.length - 5;
  const frameBytes = chunksStart + sizes.storedBytes + sizes.indexBytes + TRAILER_BYTES;
  const writer = new HeaderWriter().put(0x9e, 0xa8).text("b2frame\0").int32(chunksStart);
  writer.put(0xcf).number(frameBytes, 8).put(0xa4, 0x12, 0, CODEC_AND_LEVEL, NEVER_SPLIT);
  writer.int64(sizes.chunkBytes * sizes.chunkCount).int64(sizes.storedBytes);
  writer.int32(sizes.itemSize).int32(sizes.blockBytes).int32(sizes.chunkBytes);
  // Threads that compressed and are to decompress it; no metalayers in the trailer.
  writer.put(0xd1).number(1, 2).put(0xd1).number(1, 2).put(0xc2);
  writer.put(0xd8, 6, sizes.filter, 0, 0, 0, 0, 0, CODEC, ...new Array(9).fill(0));
  writer
    .put(0x93, 0xcd)
    .number(layerStart - 3 - FIXED_BYTES, 2)
    .put(0xde)
    .number(1, 2);
  writer.put(0xa4).text("b2nd").int32(layerStart).put(0xdc).number(1, 2).put(0xc6).number(layer.length, 4);
  return Uint8Array.from(writer.put(...layer).bytes);
}
