import { inflateZlibAtOnce } from "#deflate";

export type CodecName = "blosclz" | "lz4" | "zlib" | "zstd";

/** Codecs by the number in a chunk's flags; 2 was Snappy, which Blosc2 has no more. */
export const CODEC_OF_FORMAT: readonly (CodecName | undefined)[] = ["blosclz", "lz4", undefined, "zlib", "zstd"];

/** What decompresses a stream to a known length; throws any error or returns other bytes if it is damaged. */
type Decompress = (stream: Uint8Array, length: number) => Uint8Array | null;

/** The codecs that are no kernels, as far as they are loaded. */
export interface Codecs {
  readonly zlib?: Decompress;
  readonly zstd?: Decompress;
}

/** Calls `decompress` and takes an error for damage. */
function orNull(decompress: Decompress): Decompress {
  return (stream, length) => {
    try {
      return decompress(stream, length);
    } catch {
      return null;
    }
  };
}

/** Uncompressed length that a Zstd frame states (RFC 8878, 3.1.1), or null; Blosc2's frames state it. */
function contentLength(frame: Uint8Array): number | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== 0xfd2fb528) return null;
  const descriptor = frame[4];
  const singleSegment = (descriptor & 0x20) !== 0;
  const at = (singleSegment ? 5 : 6) + [0, 1, 2, 4][descriptor & 3];
  const size = descriptor >> 6;
  if (size === 0) return singleSegment ? frame[at] : null;
  if (size === 1) return view.getUint16(at, true) + 256;
  return size === 2 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}

const zlib = orNull(inflateZlibAtOnce);

/** Loads what the given codecs need. Zstd, which only older preprocessed cases are written with, comes on demand. */
export async function loadCodecs(names: ReadonlySet<CodecName>): Promise<Codecs> {
  if (!names.has("zstd")) return { zlib };
  const { decompress } = await import("fzstd");
  const zstd: Decompress = (stream, length) =>
    contentLength(stream) === length ? decompress(stream, new Uint8Array(length)) : null;
  return { zlib, zstd: orNull(zstd) };
}
