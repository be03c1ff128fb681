import { type FlateError, FlateErrorCode, Gunzip } from "fflate";
import { crc32 } from "./crc32.js";

/** What inflating gave: `complete` is false when the limit was reached before the end of the stream. */
export interface Inflated {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly complete: boolean;
}

/** Gets a piece of what is inflated and where it begins. What comes again, from 0 on, takes the place of what came before. */
export type TakePiece = (piece: Uint8Array, at: number) => void;

/** Compressed bytes handed over at once, so that a bomb (1032 to 1) yields at most 17 MB beyond its limit. */
const STEP = 16384;

/** Joins `parts` into one array of at most `byteLength` bytes. */
export function joinParts(parts: readonly Uint8Array[], byteLength: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(byteLength);
  let at = 0;
  for (const part of parts) {
    const rest = byteLength - at;
    result.set(part.length > rest ? part.subarray(0, rest) : part, at);
    at += Math.min(part.length, rest);
  }
  return result;
}

/** Whether `bytes` hold, from `from` on, the eight bytes that end a gzip member of this CRC and length. */
function hasTrailer(bytes: Uint8Array, from: number, crc: number, length: number): boolean {
  const trailer = new Uint8Array(8);
  const view = new DataView(trailer.buffer);
  view.setUint32(0, crc, true);
  view.setUint32(4, length >>> 0, true);
  for (let at = bytes.indexOf(trailer[0], from); at >= 0 && at + 8 <= bytes.length; ) {
    if (trailer.every((byte, i) => bytes[at + i] === byte)) return true;
    at = bytes.indexOf(trailer[0], at + 1);
  }
  return false;
}

/**
 * Inflates gzip slowly but forgivingly, for streams that the platform's own decoder refuses: several members,
 * and anything after the last one that is not a member (zlib's `gzread` ignores that too).
 * Every member's CRC and length are checked; throws any Error when the stream is truncated or corrupt.
 */
export function inflateMembers(bytes: Uint8Array, limit: number): Inflated {
  const parts: Uint8Array[] = [];
  let total = 0;
  let memberStart = 0;
  let crc = 0;
  let length = 0;
  const gunzip = new Gunzip((part) => {
    parts.push(part);
    total += part.length;
    crc = crc32(part, crc);
    length += part.length;
  });
  gunzip.onmember = (start) => {
    if (!hasTrailer(bytes.subarray(start - 8, start), 0, crc, length)) throw new Error("CRC or length is wrong");
    memberStart = start;
    crc = 0;
    length = 0;
  };
  try {
    for (let at = 0; at < bytes.length && total <= limit; at += STEP) {
      gunzip.push(bytes.subarray(at, at + STEP), at + STEP >= bytes.length);
    }
  } catch (error) {
    // Both say that what follows a finished member is no further member; the trailer below proves that it is finished.
    const code = (error as FlateError).code as number | undefined;
    if (code !== FlateErrorCode.InvalidHeader && code !== FlateErrorCode.UnexpectedEOF) throw error;
    if (parts.length === 0) throw error;
  }
  if (total > limit) return { bytes: joinParts(parts, limit), complete: false };
  if (!hasTrailer(bytes, memberStart, crc, length)) throw new Error("truncated, or CRC or length is wrong");
  return { bytes: joinParts(parts, total), complete: true };
}
