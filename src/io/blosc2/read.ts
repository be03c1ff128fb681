import { NnprepError } from "../../core/errors.js";
import type { NdArray, NdArrayData } from "../../core/python.js";
import { BlockDecoder } from "../../kernels/blosc2/blosc2.js";
import { init } from "../../runtime/instantiate.js";
import { bytesOf, makeArray, parseDtype } from "../npy.js";
import { CHUNK_HEADER_BYTES, type Chunk, decodeBlock, parseChunk } from "./chunk.js";
import { type CodecName, type Codecs, loadCodecs } from "./codecs.js";
import { corrupt, type Frame, parseFrame, unsupported } from "./frame.js";
import { copyBox, wordSize, wordsOf } from "./grid.js";
import { stripsOf, stripWidth } from "./strips.js";

export { B2ND_HEAD_BYTES } from "./frame.js";

/** What a `.b2nd` file holds, as its header says. */
export interface B2ndHeader {
  readonly shape: readonly number[];
  /** NumPy's name of the type, as in `<f4`. */
  readonly dtype: string;
  readonly chunkShape: readonly number[];
  readonly blockShape: readonly number[];
  /** Bytes of the array, and of the file. */
  readonly byteLength: number;
  readonly fileByteLength: number;
}

/**
 * Reads the header out of the first `B2ND_HEAD_BYTES` of a `.b2nd` file.
 *
 * @throws NnprepError CORRUPT_FILE, UNSUPPORTED
 */
export function peekB2nd(head: Uint8Array): B2ndHeader {
  const { shape, dtype, chunkShape, blockShape, byteLength, frameEnd } = parseFrame(head);
  return { shape, dtype, chunkShape, blockShape, byteLength, fileByteLength: frameEnd };
}

/** Chunks without data, by the lower bits of their entry in the index. */
const SPECIAL_ENTRIES: Readonly<Record<number, "zero" | "nan">> = { 1: "zero", 2: "nan", 4: "zero" };

/** A chunk with what the index says of it. */
type Entry = Chunk | { readonly content: "zero" | "nan" };

interface OpenFile {
  readonly frame: Frame;
  readonly entries: readonly Entry[];
  readonly codecs: ReadonlySet<CodecName>;
}

/** The index as it is decompressed: one signed number of 8 bytes per chunk. */
function readIndex(file: Uint8Array, frame: Frame, codecs: Codecs): DataView {
  const chunk = parseChunk(file, frame.chunksEnd, frame.frameEnd, "the index of its chunks");
  const byteLength = 8 * frame.chunkCount;
  if (chunk.byteLength !== byteLength) {
    throw corrupt(`the index of its chunks has ${chunk.byteLength} bytes, ${byteLength} expected`, {
      found: chunk.byteLength,
      expected: byteLength,
    });
  }
  const index = new Uint8Array(byteLength);
  if (chunk.content === "copy") index.set(chunk.bytes.subarray(CHUNK_HEADER_BYTES, CHUNK_HEADER_BYTES + byteLength));
  else if (chunk.content === "streams") {
    const decoder = new BlockDecoder(Math.min(chunk.blockBytes, byteLength));
    for (let at = 0, block = 0; at < byteLength; at += chunk.blockBytes, block++) {
      index.set(decodeBlock(chunk, block, decoder, codecs, "the index of its chunks"), at);
    }
  } else fillRepeatedly(index, elementOf(chunk, 8, "the index of its chunks"));
  return new DataView(index.buffer);
}

/** The bytes of one element of a chunk without streams. */
function elementOf(entry: Entry, itemSize: number, name: string): Uint8Array {
  if (entry.content === "zero") return new Uint8Array(itemSize);
  if (entry.content === "nan") {
    const value = itemSize === 4 ? new Float32Array([Number.NaN]) : new Float64Array([Number.NaN]);
    if (itemSize !== 4 && itemSize !== 8)
      throw corrupt(`${name} is all NaN, which elements of ${itemSize} bytes cannot be`);
    return new Uint8Array(value.buffer);
  }
  const value = "bytes" in entry ? entry.bytes.subarray(CHUNK_HEADER_BYTES, CHUNK_HEADER_BYTES + itemSize) : null;
  if (value?.length !== itemSize) throw corrupt(`${name} breaks off before its value`);
  return value;
}

function fillRepeatedly(target: Uint8Array, value: Uint8Array): void {
  target.set(value.subarray(0, Math.min(value.length, target.length)));
  for (let done = value.length; done < target.length; done *= 2) target.copyWithin(done, 0, done);
}

/** Understands everything but the chunks' contents, so that what cannot be is refused before memory is taken for it. */
function openFile(file: Uint8Array, dtype: string | undefined, codecs: Codecs): OpenFile {
  const frame = parseFrame(file);
  if (dtype !== undefined && frame.dtype !== dtype) {
    throw new NnprepError(
      "UNSUPPORTED",
      `Blosc2 array (.b2nd) of dtype "${frame.dtype}" and shape (${frame.shape.join(", ")}) found, "${dtype}" expected`,
      { found: frame.dtype, expected: dtype },
    );
  }
  const { itemSize } = parseDtype(frame.dtype);
  if (itemSize !== frame.itemSize) {
    throw corrupt(`elements of ${frame.itemSize} bytes, but those of dtype "${frame.dtype}" have ${itemSize}`, {
      found: frame.itemSize,
      expected: itemSize,
    });
  }
  if (file.length < frame.frameEnd) {
    throw corrupt(`${file.length} bytes found, its header says ${frame.frameEnd}`, {
      found: file.length,
      expected: frame.frameEnd,
    });
  }
  if (frame.chunkCount === 0) return { frame, entries: [], codecs: new Set() };
  const index = readIndex(file, frame, codecs);
  const entries: Entry[] = [];
  const used = new Set<CodecName>();
  for (let i = 0; i < frame.chunkCount; i++) {
    const entry = openChunk(file, frame, index.getBigInt64(8 * i, true), `chunk ${i} of ${frame.chunkCount}`);
    if ("codec" in entry && entry.content === "streams") used.add(entry.codec);
    entries.push(entry);
  }
  return { frame, entries, codecs: used };
}

function openChunk(file: Uint8Array, frame: Frame, offset: bigint, name: string): Entry {
  if (offset < 0n) {
    const kind = Number(BigInt.asUintN(64, offset) >> 56n) & 0x7f;
    const content = SPECIAL_ENTRIES[kind];
    if (content === undefined)
      throw unsupported(`${name} is of the special kind ${kind}, which is not known`, { found: kind });
    return { content };
  }
  if (offset > BigInt(frame.chunksEnd)) throw corrupt(`${name} should begin ${offset} bytes after the header`);
  const chunk = parseChunk(file, frame.chunksStart + Number(offset), frame.chunksEnd, name);
  const { byteLength, blockBytes, itemSize, content } = chunk;
  const wrongBlocks = content === "streams" && blockBytes !== frame.blockBytes;
  if (byteLength !== frame.chunkBytes || itemSize !== frame.itemSize || wrongBlocks) {
    throw corrupt(
      `${name} has ${byteLength} bytes in blocks of ${blockBytes} (elements of ${itemSize}); ${frame.chunkBytes}, ${frame.blockBytes} and ${frame.itemSize} expected`,
      {
        found: [byteLength, blockBytes, itemSize],
        expected: [frame.chunkBytes, frame.blockBytes, frame.itemSize],
      },
    );
  }
  return chunk;
}

/** A grid whose last axis counts words instead of elements; an array without axes gets one. */
function wordGrid(frame: Frame, wordsPerItem: number) {
  const inWords = (shape: readonly number[]) =>
    shape.length === 0 ? [wordsPerItem] : shape.map((n, axis) => (axis === shape.length - 1 ? n * wordsPerItem : n));
  return { shape: inWords(frame.shape), chunkShape: inWords(frame.chunkShape), blockShape: inWords(frame.blockShape) };
}

/**
 * Most bytes of a strip that is put together before it is copied into the array. Rows of 1024 voxels in blocks of 32 x 32
 * rows fit, so that its runs are of whole planes of blocks.
 */
const STRIP_BYTES = 1 << 22;

function decodeFile({ frame, entries }: OpenFile, codecs: Codecs, into: NdArrayData | undefined): NdArray {
  const bytes = into === undefined ? allocate(frame) : checkMemory(into, frame);
  if (frame.chunkCount > 0) {
    const size = wordSize(frame.itemSize);
    const grid = wordGrid(frame, frame.itemSize / size);
    const width = stripWidth(grid, STRIP_BYTES / size);
    const rowBytes = grid.blockShape[grid.blockShape.length - 1] * size;
    const rows = frame.blockBytes / rowBytes;
    const layout = { rowBytes, rows, stripRowBytes: width * size };
    const decoder = new BlockDecoder(frame.blockBytes, rows * layout.stripRowBytes);
    const strip = {
      words: wordsOf(decoder.strip(rows * layout.stripRowBytes), size),
      shape: [...grid.blockShape.slice(0, -1), width],
      start: grid.shape.map(() => 0),
    };
    const array = wordsOf(bytes, size);
    for (const { start, extent, columns } of stripsOf(grid, width)) {
      // A new array is all zeros to begin with.
      if (into === undefined && columns.every(({ chunk }) => entries[chunk].content === "zero")) continue;
      for (const { chunk, block, at, length } of columns) {
        loadBlock(entries[chunk], block, frame, decoder, codecs, `chunk ${chunk} of ${entries.length}`);
        decoder.place(layout, at * size, length * size);
      }
      copyBox(extent, strip, { words: array, shape: grid.shape, start });
    }
  }
  return makeArray(bytes, frame.dtype, frame.shape, false);
}

/** Puts a block's bytes into the decoder. */
function loadBlock(
  entry: Entry,
  block: number,
  { blockBytes, itemSize }: Frame,
  decoder: BlockDecoder,
  codecs: Codecs,
  name: string,
): void {
  if ("bytes" in entry && entry.content === "streams") decodeBlock(entry, block, decoder, codecs, name);
  else if ("bytes" in entry && entry.content === "copy") {
    const at = CHUNK_HEADER_BYTES + block * blockBytes;
    decoder.bytes(blockBytes).set(entry.bytes.subarray(at, at + blockBytes));
  } else fillRepeatedly(decoder.bytes(blockBytes), elementOf(entry, itemSize, name));
}

function allocate({ byteLength, shape, dtype }: Frame): Uint8Array {
  try {
    return new Uint8Array(byteLength);
  } catch {
    throw new NnprepError(
      "OUT_OF_MEMORY",
      `Blosc2 array (.b2nd) of shape (${shape.join(", ")}) and dtype ${dtype} needs ${byteLength} bytes, which the engine refuses`,
      { byteLength },
    );
  }
}

/** The memory of an array that is used again. */
function checkMemory(into: NdArrayData, { byteLength, shape, dtype }: Frame): Uint8Array {
  if (into.byteLength === byteLength) return bytesOf(into);
  throw new NnprepError(
    "SHAPE_MISMATCH",
    `an array of ${into.byteLength} bytes cannot hold a Blosc2 array (.b2nd) of shape (${shape.join(", ")}) and dtype ${dtype}, which needs ${byteLength}`,
    { found: into.byteLength, expected: byteLength },
  );
}

/** What to expect of a file. */
export interface ReadB2ndOptions {
  /** NumPy's name of the type that the array has to have, as in `<f4` or `|u1`; any if it is not given. */
  readonly dtype?: string | undefined;
  /**
   * An array of the right type and length that is no longer needed: the result lies in its memory (unless the file's numbers
   * are float16 or big-endian). The first touch of new memory takes as long as everything else.
   */
  readonly into?: NdArrayData | undefined;
}

/**
 * Reads a contiguous `.b2nd` file as python-blosc2 writes it: LZ4, LZ4HC, BloscLZ, zlib or Zstd with any of Blosc2's
 * filters. Booleans come as Uint8Array, float16 as Float32Array. The format has no checksums: damage that leaves all
 * sizes right is not noticed. Memory: the file, the array, a few MB.
 *
 * @throws NnprepError CORRUPT_FILE, UNSUPPORTED (also for another `dtype` than the wanted one), OUT_OF_MEMORY,
 * SHAPE_MISMATCH (`into`)
 */
export async function readB2nd(bytes: Uint8Array, { dtype, into }: ReadB2ndOptions = {}): Promise<NdArray> {
  await init();
  // Indexes are BloscLZ or plain copies; blosc2 uses no other codec for them, whatever the chunks have.
  const opened = openFile(bytes, dtype, await loadCodecs(new Set()));
  return decodeFile(opened, await loadCodecs(opened.codecs), into);
}

/** `readB2nd` at once, where all streams are LZ4 or BloscLZ and `init()` is done; others are refused as damaged. */
export function readB2ndAtOnce(bytes: Uint8Array, { dtype, into }: ReadB2ndOptions = {}): NdArray {
  return decodeFile(openFile(bytes, dtype, {}), {}, into);
}
