import { Gunzip } from "fflate";
import { crc32, deflateGzip, deflateRawBlocks, inflateGzip, inflatePieces, inflateZlib } from "#deflate";
import { NnprepError } from "../core/errors.js";
import { joinParts, type TakePiece } from "./gzip-members.js";

/** Nothing that deflates to `n` bytes inflates to more than 1032 times as many. */
const LARGEST_RATIO = 1032;

/** Level that images are written with: 6 saves 5 % for 70 % more time. */
export const IMAGE_LEVEL = 1;

export interface GunzipOptions {
  /**
   * Number of bytes the caller has use for. Inflating stops there; what follows is ignored.
   * Fewer bytes are no error here: the caller compares.
   */
  readonly expectedByteLength?: number;
  /** More bytes than this are an error (default 4 GiB). */
  readonly maximumByteLength?: number;
}

/** Whether the bytes begin like a gzip stream. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 3 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/** The most bytes that a gzip stream of this length can hold. */
export function largestInflatedLength(compressedByteLength: number): number {
  return compressedByteLength * LARGEST_RATIO;
}

/**
 * Inflates gzip: one member or several, with anything after the last one ignored (as zlib's `gzread` does).
 * CRC and length are checked. Throws CORRUPT_FILE when the stream is truncated or damaged, or longer than
 * `maximumByteLength`; never holds more than the limit plus a few MB.
 */
export async function gunzip(bytes: Uint8Array, options: GunzipOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const maximum = options.maximumByteLength ?? 2 ** 32;
  const limit = Math.min(options.expectedByteLength ?? maximum, maximum);
  const { bytes: inflated, complete } = await inflate([bytes], likelyLength(bytes, limit), limit);
  if (!complete && limit !== options.expectedByteLength) {
    throw new NnprepError(
      "CORRUPT_FILE",
      `gzip stream inflates to more than ${limit} bytes, which is the most that is allowed here`,
      { found: `more than ${limit}`, expected: limit },
    );
  }
  return inflated;
}

/**
 * The same piece by piece, for what is made of the bytes at once: they are never there as a whole. Returns how many there
 * were, at most `expectedByteLength`. When it rejects, what was taken is worth nothing.
 */
export async function gunzipPieces(bytes: Uint8Array, expectedByteLength: number, take: TakePiece): Promise<number> {
  const { byteLength } = await orDamaged("gzip", bytes.length, expectedByteLength, () =>
    inflatePieces(bytes, expectedByteLength, take),
  );
  return byteLength;
}

async function inflate(chunks: readonly Uint8Array[], expected: number, limit: number) {
  let compressed = 0;
  for (const chunk of chunks) compressed += chunk.length;
  if (!isGzip(chunks[0])) {
    throw new NnprepError("CORRUPT_FILE", "not a gzip stream: it does not begin with the bytes 1f 8b 08", {
      found: compressed === 0 ? "no bytes" : Array.from(chunks[0].subarray(0, 3)),
    });
  }
  return orDamaged("gzip", compressed, limit, () =>
    inflateGzip(chunks, Math.min(expected, largestInflatedLength(compressed), limit), limit),
  );
}

/** Runs an inflation; what fails there is an error that says why. */
async function orDamaged<T>(kind: string, compressed: number, limit: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RangeError && /alloc|memory/i.test(error.message)) {
      throw new NnprepError(
        "OUT_OF_MEMORY",
        `no memory to inflate ${compressed} ${kind} bytes to at most ${limit} (${error.message})`,
        { byteLength: compressed, limit },
      );
    }
    throw new NnprepError(
      "CORRUPT_FILE",
      `${kind} stream is truncated or damaged (${compressed} bytes: ${(error as Error).message}); copy or export the file again`,
      { byteLength: compressed, reason: (error as Error).message },
    );
  }
}

/**
 * Inflates a zlib stream that must hold exactly `byteLength` bytes. Throws CORRUPT_FILE when it is damaged, holds more
 * or fewer, or is followed by something else.
 */
export async function unzlib(bytes: Uint8Array, byteLength: number): Promise<Uint8Array<ArrayBuffer>> {
  const { bytes: inflated, complete } = await orDamaged("zlib", bytes.length, byteLength, () =>
    inflateZlib(bytes, byteLength, byteLength),
  );
  if (complete && inflated.length === byteLength) return inflated;
  const found = complete ? `${inflated.length}` : `more than ${byteLength}`;
  throw new NnprepError("CORRUPT_FILE", `zlib stream holds ${found} bytes, ${byteLength} expected`, {
    found,
    expected: byteLength,
  });
}

/** Compresses pieces into one zlib stream. `level` as for {@link gzip}. */
export async function zlibChunks(chunks: readonly Uint8Array[], level = IMAGE_LEVEL): Promise<Uint8Array[]> {
  return deflateGzip(chunks, level, "zlib");
}

/** What the stream's last four bytes say, which is the length of a single member (modulo 2^32). */
export function statedLength(bytes: Uint8Array): number {
  if (bytes.length < 18) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4).getUint32(0, true);
}

/**
 * How much room to make at once: what the stream states, if that is possible at all. A header that promises too much
 * shall not cost memory.
 */
function likelyLength(bytes: Uint8Array, limit: number): number {
  if (bytes.length < 18) return 0;
  const last = statedLength(bytes);
  return Math.min(limit, last > 0 && last <= largestInflatedLength(bytes.length) ? last : 8 * bytes.length);
}

/** Compresses into one gzip member. `level` 1 (fast) to 9; browsers have only one level and ignore it. */
export async function gzip(bytes: Uint8Array, level = IMAGE_LEVEL): Promise<Uint8Array<ArrayBuffer>> {
  return join(await deflateGzip([bytes], level));
}

/** The same for bytes in several pieces. */
export async function gzipChunks(chunks: readonly Uint8Array[], level = IMAGE_LEVEL): Promise<Uint8Array<ArrayBuffer>> {
  return join(await deflateGzip(chunks, level));
}

function join(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  return joinParts(
    parts,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
}

/**
 * The first `byteLength` bytes of what a gzip stream holds, or as many as there are. The stream itself may be cut off:
 * the first few kB of a file are enough for its header.
 */
export function gunzipPrefix(bytes: Uint8Array, byteLength: number): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let total = 0;
  const stream = new Gunzip((part) => {
    parts.push(part);
    total += part.length;
  });
  try {
    for (let at = 0; at < bytes.length && total < byteLength; at += 512) stream.push(bytes.subarray(at, at + 512));
  } catch (error) {
    if (total === 0) {
      throw new NnprepError("CORRUPT_FILE", `gzip stream is damaged at its beginning (${(error as Error).message})`);
    }
  }
  return joinParts(parts, Math.min(total, byteLength));
}

/** The most bytes that are needed to inflate the first `byteLength`: deflating adds five bytes to 16 kB at most. */
export function deflatedLength(byteLength: number): number {
  return byteLength + (byteLength >> 10) + 64;
}

/** The first `byteLength` bytes of a deflate stream without header, as zip holds it; as many as there are. */
export function inflateRawPrefix(deflated: Uint8Array, byteLength: number): Uint8Array<ArrayBuffer> {
  const stream = new Uint8Array(10 + deflated.length);
  stream.set([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  stream.set(deflated, 10);
  return gunzipPrefix(stream, byteLength);
}

/** A deflate stream without header or trailer, as zip holds it, with its CRC-32 and the length before compression. */
export interface RawDeflated {
  readonly chunks: readonly Uint8Array[];
  readonly crc: number;
  readonly byteLength: number;
}

const TRAILER_LENGTH = 8;

/** Compresses the bytes of all pieces for a zip member. */
export async function deflateRaw(chunks: readonly Uint8Array[], level: number): Promise<RawDeflated> {
  const sum = new Checksum();
  const parts: Uint8Array[] = [];
  for await (const part of deflateRawBlocks(sum.follow(chunks), level)) parts.push(part);
  return { chunks: parts, crc: sum.crc, byteLength: sum.byteLength };
}

/** CRC-32 and length of bytes that pass by. */
export class Checksum {
  crc = 0;
  byteLength = 0;

  *follow(chunks: Iterable<Uint8Array>): Generator<Uint8Array, void, undefined> {
    for (const chunk of chunks) {
      this.crc = crc32(chunk, this.crc);
      this.byteLength += chunk.length;
      yield chunk;
    }
  }
}

/** Inflates a zip member and checks its CRC-32 and length. Throws CORRUPT_FILE. */
export async function inflateRaw(
  deflated: Uint8Array,
  crc: number,
  byteLength: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const header = new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  const trailer = new Uint8Array(TRAILER_LENGTH);
  new DataView(trailer.buffer).setUint32(0, crc, true);
  new DataView(trailer.buffer).setUint32(4, byteLength >>> 0, true);
  const { bytes, complete } = await inflate([header, deflated, trailer], byteLength, byteLength);
  if (!complete || bytes.length !== byteLength) {
    throw new NnprepError(
      "CORRUPT_FILE",
      `zip member inflates to ${complete ? bytes.length : `more than ${byteLength}`} bytes, but its entry says ${byteLength}`,
      { found: bytes.length, expected: byteLength },
    );
  }
  return bytes;
}
