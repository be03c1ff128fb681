import { Deflate, Gzip, unzlibSync, Zlib, zlibSync } from "fflate";
import { type Inflated, inflateMembers, joinParts, type TakePiece } from "./gzip-members.js";

export { crc32 } from "./crc32.js";

/** Bytes that are handed to a stream at once. */
const PIECE = 1 << 20;

/** The pieces, cut into slices that a stream takes without blocking the page for long. */
function* slices(chunks: Iterable<Uint8Array>): Generator<Uint8Array<ArrayBuffer>> {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE) yield chunk.subarray(at, at + PIECE) as Uint8Array<ArrayBuffer>;
  }
}

function streamOf(chunks: Iterable<Uint8Array>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const iterator = slices(chunks);
  return new ReadableStream({
    pull(controller) {
      const { done, value } = iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}

/**
 * Inflates a gzip stream given in pieces, to at most `limit` bytes; `capacity` is the length that is expected.
 * Rejects with any Error when the stream is truncated or corrupt.
 */
export async function inflateGzip(chunks: readonly Uint8Array[], capacity: number, limit: number): Promise<Inflated> {
  if (typeof DecompressionStream === "function") {
    try {
      return await inflateNatively(chunks, Math.min(capacity, limit), limit);
    } catch {
      // Several members, or bytes after the last one: engines refuse both. The slow way tells them from corruption.
    }
  }
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  return inflateMembers(chunks.length === 1 ? chunks[0] : joinParts(chunks, length), limit);
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
  if (typeof DecompressionStream === "function") {
    try {
      return await inflateStream([bytes], limit, "gzip", take);
    } catch {
      // As above.
    }
  }
  const { bytes: inflated, complete } = inflateMembers(bytes, limit);
  take(inflated, 0);
  return { byteLength: inflated.length, complete };
}

/**
 * Inflates one zlib stream (deflate with Adler-32) to at most `limit` bytes. Rejects with any Error when the stream is
 * truncated, corrupt or followed by something else.
 */
export async function inflateZlib(bytes: Uint8Array, capacity: number, limit: number): Promise<Inflated> {
  return inflateNatively([bytes], Math.min(capacity, limit), limit, "deflate");
}

async function inflateNatively(
  chunks: readonly Uint8Array[],
  capacity: number,
  limit: number,
  format: "gzip" | "deflate" = "gzip",
): Promise<Inflated> {
  const result = new Uint8Array(capacity);
  const beyond: Uint8Array[] = [];
  const { byteLength, complete } = await inflateStream(chunks, limit, format, (piece, at) => {
    const fits = Math.max(0, Math.min(piece.length, capacity - at));
    result.set(piece.subarray(0, fits), Math.min(at, capacity));
    if (fits < piece.length) beyond.push(piece.subarray(fits));
  });
  if (byteLength <= capacity) return { bytes: result.subarray(0, byteLength), complete };
  return { bytes: joinParts([result, ...beyond], byteLength), complete };
}

/** Sends the bytes through the platform's decoder until there are more than `limit`. */
async function inflateStream(
  chunks: readonly Uint8Array[],
  limit: number,
  format: "gzip" | "deflate",
  take: TakePiece,
): Promise<{ readonly byteLength: number; readonly complete: boolean }> {
  const reader = streamOf(chunks).pipeThrough(new DecompressionStream(format)).getReader();
  let total = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { byteLength: total, complete: true };
    take(value, total);
    total += value.length;
    if (total <= limit) continue;
    reader.cancel().catch(() => undefined);
    return { byteLength: limit, complete: false };
  }
}

/**
 * Compresses the bytes of all pieces into one gzip member or zlib stream, given in pieces too. The platform's own
 * compressor has no levels; `level` counts only where there is none.
 */
export async function deflateGzip(
  chunks: readonly Uint8Array[],
  level: number,
  format: "gzip" | "zlib" = "gzip",
): Promise<Uint8Array<ArrayBuffer>[]> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  if (typeof CompressionStream === "function") {
    const reader = streamOf(chunks)
      .pipeThrough(new CompressionStream(format === "gzip" ? "gzip" : "deflate"))
      .getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return parts;
      parts.push(value);
    }
  }
  const collect = (part: Uint8Array) => parts.push(part as Uint8Array<ArrayBuffer>);
  const gzip =
    format === "gzip" ? new Gzip({ level: level as 1, mtime: 0 }, collect) : new Zlib({ level: level as 1 }, collect);
  for (const slice of slices(chunks)) gzip.push(slice);
  gzip.push(new Uint8Array(0), true);
  return parts;
}

/** Compresses the bytes into one zlib stream at once, for what is a few MB. `level` 1 (fast) to 9. */
export function deflateZlib(bytes: Uint8Array, level: number): Uint8Array {
  return zlibSync(bytes, { level: level as 1 });
}

/** Inflates one zlib stream to `length` bytes at once; any error if it is damaged or holds more. */
export function inflateZlibAtOnce(bytes: Uint8Array, length: number): Uint8Array {
  const result = unzlibSync(bytes, { out: new Uint8Array(length) });
  const { byteOffset, byteLength } = bytes;
  const expected = new DataView(bytes.buffer, byteOffset, byteLength).getUint32(byteLength - 4);
  if (adler32(result) !== expected) throw new Error("wrong Adler-32");
  return result;
}

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let at = 0; at < bytes.length; ) {
    // So many sums stay below 2^32.
    for (const end = Math.min(at + 3800, bytes.length); at < end; at++) {
      a += bytes[at];
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return b * 65536 + a;
}

/**
 * The same as one raw deflate stream without header or trailer, given in pieces as they are ready.
 */
export async function* deflateRawBlocks(
  chunks: Iterable<Uint8Array>,
  level: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (typeof CompressionStream === "function") {
    const reader = streamOf(chunks).pipeThrough(new CompressionStream("deflate-raw")).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  }
  const parts: Uint8Array[] = [];
  const deflate = new Deflate({ level: level as 1 }, (part) => parts.push(part));
  for (const slice of slices(chunks)) {
    deflate.push(slice);
    yield* parts.splice(0);
  }
  deflate.push(new Uint8Array(0), true);
  yield* parts;
}
