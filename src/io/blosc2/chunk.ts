/** A chunk: 32 bytes of header, where its blocks begin, and their streams; little-endian. It describes itself. */
import type { BlockDecoder } from "../../kernels/blosc2/blosc2.js";
import { CODEC_OF_FORMAT, type CodecName, type Codecs } from "./codecs.js";
import { corrupt, unsupported } from "./frame.js";

export const CHUNK_HEADER_BYTES = 32;
const NEWEST_VERSION = 5;

/** Bits of the flags. Both of `EXTENDED` say that the header has 32 bytes. */
const EXTENDED = 0x05;
const PLAIN_COPY = 0x02;
const NOT_SPLIT = 0x10;
/** Bits of Blosc2's own flags: dictionary, chunk that is read on demand, instrumented codec. */
const OTHER_FORMS = 0x89;

const FILTERS = 6;
const NO_FILTER = 0;
export const SHUFFLE = 1;
const BITSHUFFLE = 2;
const DELTA = 3;
const TRUNCATION = 4;

/** Chunks that hold no streams, by the number in their flags. */
const SPECIAL = [null, "zero", "nan", "value", "zero"] as const;

export interface Chunk {
  /** The chunk as it is stored, header included. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly itemSize: number;
  /** Bytes of the chunk and of its blocks (the last one may be shorter). */
  readonly byteLength: number;
  readonly blockBytes: number;
  readonly content: "streams" | "copy" | "zero" | "nan" | "value";
  readonly codec: CodecName;
  /** Filters to be undone, in that order: code and the width that goes with it (0: of an element). */
  readonly filters: readonly { readonly code: number; readonly width: number }[];
  readonly split: boolean;
}

/** Understands the header of the chunk that begins at `start`. Throws CORRUPT_FILE or UNSUPPORTED. `name` is for messages. */
export function parseChunk(file: Uint8Array, start: number, end: number, name: string): Chunk {
  if (start + CHUNK_HEADER_BYTES > end) {
    throw corrupt(`${name} should begin at byte ${start}, but the chunks end at byte ${end}`, {
      found: end,
      expected: start + CHUNK_HEADER_BYTES,
    });
  }
  const header = new DataView(file.buffer, file.byteOffset + start, CHUNK_HEADER_BYTES);
  const version = header.getUint8(0);
  const flags = header.getUint8(2);
  const moreFlags = header.getUint8(31);
  if (version !== NEWEST_VERSION) {
    throw unsupported(`${name} is of version ${version}, ${NEWEST_VERSION} expected`, {
      found: version,
      expected: NEWEST_VERSION,
    });
  }
  if ((flags & EXTENDED) !== EXTENDED || (moreFlags & OTHER_FORMS) !== 0 || header.getUint8(30) !== 0) {
    throw unsupported(
      `${name} has the flags 0x${flags.toString(16)} and 0x${moreFlags.toString(16)}; chunks with a header of 32 bytes, blocks of one size and no dictionary are read`,
      { found: [flags, moreFlags, header.getUint8(30)] },
    );
  }
  const byteLength = header.getInt32(4, true);
  const blockBytes = header.getInt32(8, true);
  const stored = header.getInt32(12, true);
  const itemSize = header.getUint8(3);
  if (stored < CHUNK_HEADER_BYTES || start + stored > end || byteLength < 0 || blockBytes < 0 || itemSize < 1) {
    throw corrupt(
      `${name} at byte ${start} has ${stored} bytes for ${byteLength} in blocks of ${blockBytes} (elements of ${itemSize}); the chunks end at byte ${end}`,
      { found: { stored, byteLength, blockBytes, itemSize } },
    );
  }
  const kind = (moreFlags >> 4) & 7;
  const special = SPECIAL[kind];
  if (special === undefined)
    throw unsupported(`${name} is of the special kind ${kind}, which is not known`, { found: kind });
  const copy = (flags & PLAIN_COPY) !== 0;
  const content = special ?? (copy ? "copy" : "streams");
  if (content === "copy" && stored < CHUNK_HEADER_BYTES + byteLength) {
    throw corrupt(`${name} is a plain copy of ${byteLength} bytes, but has ${stored} with its header`, {
      found: stored,
      expected: CHUNK_HEADER_BYTES + byteLength,
    });
  }
  const bytes = file.subarray(start, start + stored);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shared = { bytes, view, itemSize, byteLength, blockBytes, content, split: (flags & NOT_SPLIT) === 0 } as const;
  if (content !== "streams") return { ...shared, codec: "lz4", filters: [] };
  if (blockBytes === 0) throw corrupt(`${name} has blocks of 0 bytes`);
  const codec = CODEC_OF_FORMAT[flags >> 5];
  if (codec === undefined) {
    throw unsupported(
      `${name} is compressed in format ${flags >> 5}; BloscLZ, LZ4, zlib and Zstd (0, 1, 3, 4) are read`,
      {
        found: flags >> 5,
      },
    );
  }
  return { ...shared, codec, filters: readFilters(header, name) };
}

function readFilters(header: DataView, name: string): Chunk["filters"] {
  const filters: { code: number; width: number }[] = [];
  for (let place = FILTERS - 1; place >= 0; place--) {
    const code = header.getUint8(16 + place);
    if (code > TRUNCATION) {
      throw unsupported(
        `${name} was filtered by filter ${code}; shuffle, bitshuffle, delta and truncation (1 to 4) are read`,
        {
          found: code,
        },
      );
    }
    // Truncation only sets bits to zero: there is nothing to undo.
    if (code === NO_FILTER || code === TRUNCATION) continue;
    filters.push({ code, width: code === SHUFFLE ? header.getUint8(24 + place) : 0 });
  }
  return filters;
}

/** One stream of a block: what its first four bytes say, and what follows. */
function readStream(chunk: Chunk, at: number, length: number, name: string) {
  if (at + 4 > chunk.bytes.length) throw corrupt(`${name} breaks off`, { position: at });
  const size = chunk.view.getInt32(at, true);
  const stored = size < 0 ? 1 : size;
  if (at + 4 + stored > chunk.bytes.length || size > length) {
    throw corrupt(
      `a stream of ${name} should have ${size} bytes for ${length}, ${chunk.bytes.length - at - 4} are left`,
      {
        position: at,
        found: chunk.bytes.length - at - 4,
        expected: size,
      },
    );
  }
  return { size, bytes: chunk.bytes.subarray(at + 4, at + 4 + stored), end: at + 4 + stored };
}

function decodeStream(
  chunk: Chunk,
  { size, bytes }: { readonly size: number; readonly bytes: Uint8Array },
  decoder: BlockDecoder,
  at: number,
  length: number,
  codecs: Codecs,
): boolean {
  if (size === length || size <= 0) {
    const target = decoder.bytes(at + length).subarray(at);
    if (size > 0) target.set(bytes);
    else if (size === 0) target.fill(0);
    else if ((bytes[0] & 1) === 1) target.fill(-size & 255);
    else return false;
    return true;
  }
  if (chunk.codec === "lz4" || chunk.codec === "blosclz") return decoder.decompress(chunk.codec, bytes, at, length);
  const decompressed = codecs[chunk.codec]?.(bytes, length);
  if (decompressed?.length !== length) return false;
  decoder.bytes(at + length).set(decompressed, at);
  return true;
}

/**
 * Decompresses one block of a chunk with streams, filters undone; returns its bytes, valid until the next call.
 * Throws CORRUPT_FILE.
 */
export function decodeBlock(
  chunk: Chunk,
  block: number,
  decoder: BlockDecoder,
  codecs: Codecs,
  chunkName: string,
): Uint8Array {
  const name = `block ${block} of ${chunkName}`;
  const length = Math.min(chunk.blockBytes, chunk.byteLength - block * chunk.blockBytes);
  const entry = CHUNK_HEADER_BYTES + 4 * block;
  if (entry + 4 > chunk.bytes.length) throw corrupt(`${name} is missing`);
  let at = chunk.view.getInt32(entry, true);
  if (at < CHUNK_HEADER_BYTES) throw corrupt(`${name} should begin at byte ${at} of the chunk`, { found: at });
  const streams = chunk.split && length === chunk.blockBytes ? chunk.itemSize : 1;
  if (length % streams !== 0) {
    throw corrupt(`${name} has ${length} bytes, which cannot be split into ${streams} streams`, {
      found: length,
      expected: streams,
    });
  }
  const part = length / streams;
  // Delta tells the other blocks by the first one. It is rare: decoding that again for each of them does not matter.
  if (block > 0 && chunk.filters.some(({ code }) => code === DELTA)) decodeBlock(chunk, 0, decoder, codecs, chunkName);
  for (let i = 0; i < streams; i++) {
    const stream = readStream(chunk, at, part, name);
    if (!decodeStream(chunk, stream, decoder, i * part, part, codecs)) {
      throw corrupt(`a stream of ${name} is no ${chunk.codec} stream of ${part} bytes`, {
        position: at,
        expected: part,
      });
    }
    at = stream.end;
  }
  for (const { code, width } of chunk.filters) {
    if (code === SHUFFLE) decoder.unshuffle("byte", length, width === 0 ? chunk.itemSize : width);
    else if (code === BITSHUFFLE) decoder.unshuffle("bit", length, chunk.itemSize);
    else if (code === DELTA && block === 0) decoder.undoFirstDelta(length, deltaWidth(chunk.itemSize));
    else decoder.undoDelta(length);
  }
  return decoder.bytes(length);
}

/** Elements of other sizes are taken for numbers of 8 bytes or for bytes. */
function deltaWidth(itemSize: number): number {
  if ([1, 2, 4, 8].includes(itemSize)) return itemSize;
  return itemSize % 8 === 0 ? 8 : 1;
}

/** A chunk's header: shuffle or no filter, LZ4 or a plain copy, blocks not split. Blosc2's own flags are 0. */
export function formatChunkHeader(
  header: Uint8Array,
  sizes: {
    readonly itemSize: number;
    readonly byteLength: number;
    readonly blockBytes: number;
    readonly stored: number;
  },
  filter: number | "copy",
): void {
  const copy = filter === "copy";
  const view = new DataView(header.buffer, header.byteOffset, CHUNK_HEADER_BYTES);
  header.fill(0, 0, CHUNK_HEADER_BYTES);
  // Version, version of the codec, flags with LZ4's format in the upper three bits.
  header.set([NEWEST_VERSION, 1, EXTENDED | NOT_SPLIT | (copy ? PLAIN_COPY : 1 << 5), sizes.itemSize]);
  view.setInt32(4, sizes.byteLength, true);
  view.setInt32(8, sizes.blockBytes, true);
  view.setInt32(12, sizes.stored, true);
  if (copy) return;
  header[16] = filter;
  header[22] = 1;
}
