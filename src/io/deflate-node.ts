import * as zlib from "node:zlib";
import { crc32 as ownCrc32 } from "./crc32.js";
import { type Inflated, inflateMembers, joinParts, type TakePiece } from "./gzip-members.js";

/** Beyond this the output is collected in pieces: Node's buffers end at 4 GiB. */
const LARGEST_PIECE = 1 << 30;
/** Room past the expected end, so that zlib also reads the trailer and checks it in the same call. */
const SLACK = 64;
/** Pieces that are used up at once: what the second-level cache holds. */
const SMALL_PIECE = 1 << 19;

/** CRC-32 of gzip and zip. `previous` is the CRC of the bytes before these. (Node has its own from 20.15 on.) */
export function crc32(bytes: Uint8Array, previous = 0): number {
  return zlib.crc32 === undefined ? ownCrc32(bytes, previous) : zlib.crc32(bytes, previous);
}

/**
 * Inflates a gzip stream given in pieces, to at most `limit` bytes; `capacity` is the length that is expected.
 * Rejects with any Error when the stream is truncated or corrupt.
 */
export async function inflateGzip(chunks: readonly Uint8Array[], capacity: number, limit: number): Promise<Inflated> {
  try {
    return await inflateNatively(chunks, Math.min(capacity, limit), limit);
  } catch (error) {
    return inflateOthers(chunks.length === 1 ? chunks[0] : new Uint8Array(Buffer.concat(chunks)), limit, error);
  }
}

/**
 * Inflates a gzip stream to at most `limit` bytes piece by piece; returns how many there were, and whether that was all.
 * Rejects with any Error when the stream is truncated or corrupt.
 */
export async function inflatePieces(
  bytes: Uint8Array,
  limit: number,
  take: TakePiece,
): Promise<{ readonly byteLength: number; readonly complete: boolean }> {
  try {
    return await inflateStream(zlib.createGunzip({ chunkSize: SMALL_PIECE }), [bytes], limit, take);
  } catch (error) {
    const { bytes: inflated, complete } = inflateOthers(bytes, limit, error);
    take(inflated, 0);
    return { byteLength: inflated.length, complete };
  }
}

/** zlib itself skips zeros after the last member, but takes other bytes for a member: a wrong or a short one. */
function inflateOthers(bytes: Uint8Array, limit: number, error: unknown): Inflated {
  const { message } = error as Error;
  if (message !== "incorrect header check" && message !== "unexpected end of file") throw error;
  return inflateMembers(bytes, limit);
}

/**
 * Inflates one zlib stream (deflate with Adler-32) to at most `limit` bytes. Rejects with any Error when the stream is
 * truncated, corrupt or followed by something else.
 */
export async function inflateZlib(bytes: Uint8Array, capacity: number, limit: number): Promise<Inflated> {
  return inflateNatively([bytes], Math.min(capacity, limit), limit, "zlib");
}

async function inflateNatively(
  chunks: readonly Uint8Array[],
  capacity: number,
  limit: number,
  format: "gzip" | "zlib" = "gzip",
): Promise<Inflated> {
  const chunkSize = Math.min(Math.max(capacity + SLACK, 8192), LARGEST_PIECE);
  const stream = format === "gzip" ? zlib.createGunzip({ chunkSize }) : zlib.createInflate({ chunkSize });
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const { byteLength, complete } = await inflateStream(stream, chunks, limit, (part) => parts.push(part));
  const given = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (complete && format === "zlib" && stream.bytesWritten < given)
    throw new Error("bytes after the end of the stream");
  // One piece is the rule: it is handed on as it is, without a copy.
  const bytes = parts.length === 1 ? parts[0].subarray(0, byteLength) : joinParts(parts, byteLength);
  return { bytes, complete };
}

/** Sends the bytes through zlib until there are more than `limit`. */
function inflateStream(
  stream: zlib.Gunzip | zlib.Inflate,
  chunks: readonly Uint8Array[],
  limit: number,
  take: (piece: Uint8Array<ArrayBuffer>, at: number) => void,
): Promise<{ readonly byteLength: number; readonly complete: boolean }> {
  return new Promise((resolve, reject) => {
    let total = 0;
    stream.on("data", (part: Buffer<ArrayBuffer>) => {
      take(new Uint8Array(part.buffer, part.byteOffset, part.length), total);
      total += part.length;
      if (total <= limit) return;
      stream.destroy();
      resolve({ byteLength: limit, complete: false });
    });
    stream.on("error", reject);
    stream.on("end", () => resolve({ byteLength: total, complete: true }));
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += LARGEST_PIECE) stream.write(chunk.subarray(at, at + LARGEST_PIECE));
    }
    stream.end();
  });
}

/**
 * Compresses the bytes of all pieces into one gzip member or zlib stream, given in pieces too. `level` 1 (fast) to 9.
 */
export function deflateGzip(
  chunks: readonly Uint8Array[],
  level: number,
  format: "gzip" | "zlib" = "gzip",
): Promise<Uint8Array<ArrayBuffer>[]> {
  return new Promise((resolve, reject) => {
    const options = { level, chunkSize: 1 << 20 };
    const gzip = format === "gzip" ? zlib.createGzip(options) : zlib.createDeflate(options);
    const parts: Uint8Array<ArrayBuffer>[] = [];
    gzip.on("data", (part: Buffer<ArrayBuffer>) => {
      parts.push(new Uint8Array(part.buffer, part.byteOffset, part.length));
    });
    gzip.on("error", reject);
    gzip.on("end", () => resolve(parts));
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += LARGEST_PIECE) gzip.write(chunk.subarray(at, at + LARGEST_PIECE));
    }
    gzip.end();
  });
}

/** Compresses the bytes into one zlib stream at once, for what is a few MB. `level` 1 (fast) to 9. */
export function deflateZlib(bytes: Uint8Array, level: number): Uint8Array {
  return zlib.deflateSync(bytes, { level });
}

/** Inflates one zlib stream to `length` bytes at once; any error if it is damaged or holds more. */
export function inflateZlibAtOnce(bytes: Uint8Array, length: number): Uint8Array {
  return zlib.inflateSync(bytes, { chunkSize: Math.max(length + SLACK, 64), maxOutputLength: Math.max(length, 1) });
}

/** Bytes that are compressed on their own, so that several threads work on one array; fixed, whatever the threads. */
const BLOCK_BYTES = 1 << 20;
/** Blocks at work at the same time: zlib's threads are four unless the user says otherwise. */
const BLOCKS_AT_ONCE = 6;

/** Bytes out of the middle of a block that tell how it is compressed. */
const SAMPLE_BYTES = 1 << 14;
/** How much larger a block may become that is compressed without a search for repetitions. */
const WORTH_THE_SPEED = 1.08;

/**
 * Resampled scans hardly repeat anything but runs: looking only for these takes less than half of the time, for 2 % more
 * bytes. Which data are of that kind shows a sample of each block.
 */
function fastStrategy(block: Uint8Array): number {
  const { Z_DEFAULT_STRATEGY, Z_RLE } = zlib.constants;
  const middle = block.length >> 1;
  const sample = block.subarray(middle, middle + SAMPLE_BYTES);
  const searched = zlib.deflateRawSync(sample, { level: 1 }).length;
  const runsOnly = zlib.deflateRawSync(sample, { level: 1, strategy: Z_RLE }).length;
  return runsOnly <= WORTH_THE_SPEED * searched ? Z_RLE : Z_DEFAULT_STRATEGY;
}

function deflateBlock(block: Uint8Array, level: number, finishFlush: number): Promise<Uint8Array> {
  const strategy = level === 1 ? fastStrategy(block) : zlib.constants.Z_DEFAULT_STRATEGY;
  return new Promise((resolve, reject) => {
    zlib.deflateRaw(block, { level, strategy, finishFlush, chunkSize: 1 << 17 }, (error, bytes) => {
      if (error === null) resolve(bytes);
      else reject(error);
    });
  });
}

function* cutIntoBlocks(chunks: Iterable<Uint8Array>): Generator<Uint8Array, void, undefined> {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += BLOCK_BYTES) yield chunk.subarray(at, at + BLOCK_BYTES);
  }
}

/**
 * Compresses the bytes of all pieces into one raw deflate stream, given in pieces as they are ready. Works in zlib's
 * threads; the bytes do not depend on how many there are. `level` 1 (fast) to 9.
 */
export async function* deflateRawBlocks(
  chunks: Iterable<Uint8Array>,
  level: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { Z_FULL_FLUSH, Z_FINISH } = zlib.constants;
  const running: Promise<Uint8Array>[] = [];
  for (const block of cutIntoBlocks(chunks)) {
    // A full flush ends at a whole byte and forgets what was before: such pieces joined are one deflate stream.
    const result = deflateBlock(block, level, Z_FULL_FLUSH);
    // Who awaits it may have gone on to another error first.
    result.catch(() => undefined);
    running.push(result);
    if (running.length >= BLOCKS_AT_ONCE) yield await (running.shift() as Promise<Uint8Array>);
  }
  for (const result of running) yield await result;
  yield await deflateBlock(new Uint8Array(0), level, Z_FINISH);
}
