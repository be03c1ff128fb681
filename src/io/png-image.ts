import { convertIndexedToRgb, decode, encode } from "fast-png";
import { NnprepError } from "../core/errors.js";
import { largestInflatedLength, unzlib } from "./gzip.js";
import { joinParts } from "./gzip-members.js";
import type { PixelArray } from "./pixel-array.js";

/*
 * PNG as Pillow 12 reads it: grey images of 1 bit as 0 and 1, of 2 and 4 bits spread to 255; palettes as red, green and
 * blue, their transparency left out; colours of 16 bits cut to their upper 8.
 */

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** PNG's number: 0 grey, 2 colours, 3 palette, 4 grey and 6 colours with opacity. */
  readonly kind: number;
  readonly interlaced: boolean;
}

const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** Where Adam7's passes begin and how far apart their pixels are: x, y, step x, step y. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

function corrupt(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", `PNG ${message}; the file is cut off or damaged`, detail);
}

/** Header and compressed pixels, every length checked: the decoder trusts them. */
function readChunks(bytes: Uint8Array): { header: Header; packed: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 33 || view.getUint32(0) !== 0x89504e47 || view.getUint32(12) !== 0x49484452) {
    throw corrupt("header is not there");
  }
  const parts: Uint8Array[] = [];
  let [length, ended] = [0, false];
  for (let at = 8; !ended; ) {
    if (at + 12 > bytes.length) throw corrupt(`ends within a chunk, after ${bytes.length} bytes`);
    const size = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (at + 12 + size > bytes.length)
      throw corrupt(`chunk ${type} of ${size} bytes is cut off`, { found: bytes.length });
    if (type === "IDAT") {
      parts.push(bytes.subarray(at + 8, at + 8 + size));
      length += size;
    }
    ended = type === "IEND";
    at += 12 + size;
  }
  const header = {
    width: view.getUint32(16),
    height: view.getUint32(20),
    depth: bytes[24],
    kind: bytes[25],
    interlaced: bytes[28] === 1,
  };
  return { header, packed: joinParts(parts, length) };
}

/** Bytes of the pixels with a filter's number before each row. */
function inflatedLength({ width, height, depth, kind, interlaced }: Header): number {
  const samples = SAMPLES[kind];
  if (samples === undefined || ![1, 2, 4, 8, 16].includes(depth) || width < 1 || height < 1) {
    throw corrupt(`header has the size ${width} x ${height}, ${depth} bits, kind ${kind}`, { found: [width, height] });
  }
  const rows = (w: number, h: number) => (w === 0 ? 0 : h * (1 + Math.ceil((w * samples * depth) / 8)));
  if (!interlaced) return rows(width, height);
  return PASSES.reduce(
    (sum, [x, y, stepX, stepY]) => sum + rows(Math.ceil((width - x) / stepX), Math.ceil((height - y) / stepY)),
    0,
  );
}

/** Reads a PNG file. Throws CORRUPT_FILE or UNSUPPORTED. */
export async function readPng(bytes: Uint8Array): Promise<PixelArray> {
  const { header, packed } = readChunks(bytes);
  const length = inflatedLength(header);
  if (length > largestInflatedLength(packed.length)) {
    throw corrupt(`promises ${length} bytes, which ${packed.length} compressed ones cannot hold`, { expected: length });
  }
  // The decoder takes what memory a stream asks for: this one gives just what the header says, or is refused.
  await unzlib(packed, length);
  return arrange(header, decodeOrFail(bytes));
}

type Decoded = ReturnType<typeof decode>;

function decodeOrFail(bytes: Uint8Array): Decoded {
  try {
    return decode(bytes);
  } catch (error) {
    throw corrupt(`cannot be decoded (${(error as Error).message})`);
  }
}

function arrange({ width, height, depth, kind }: Header, decoded: Decoded): PixelArray {
  if (kind === 3) {
    try {
      // Without the transparency that the decoder adds to a palette.
      const palette = decoded.palette?.map((colour) => colour.slice(0, 3)) as Decoded["palette"];
      return {
        data: convertIndexedToRgb({ ...decoded, ...(palette === undefined ? {} : { palette }) }),
        shape: [height, width, 3],
      };
    } catch (error) {
      throw corrupt(`has a wrong palette (${(error as Error).message})`);
    }
  }
  const samples = SAMPLES[kind];
  if (depth < 8) return { data: spread(decoded.data, width, height, depth), shape: [height, width] };
  const shape = samples === 1 ? [height, width] : [height, width, samples];
  const { data } = decoded;
  if (depth === 16 && samples > 1) return { data: Uint8Array.from(data, (x) => x >> 8), shape };
  return { data: depth === 16 ? Uint16Array.from(data) : new Uint8Array(data), shape };
}

/** Grey pixels of fewer than 8 bits, one byte each. */
function spread(packed: ArrayLike<number>, width: number, height: number, depth: number): Uint8Array {
  const rowBytes = Math.ceil((width * depth) / 8);
  const factor = depth === 1 ? 1 : 255 / ((1 << depth) - 1);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = packed[y * rowBytes + (bit >> 3)];
      data[y * width + x] = factor * ((byte >> (8 - depth - (bit & 7))) & ((1 << depth) - 1));
    }
  }
  return data;
}

/** A grey image of 8 or 16 bits, rows from the top. */
export function formatGreyPng(data: Uint8Array | Uint16Array, height: number, width: number): Uint8Array<ArrayBuffer> {
  const depth = data instanceof Uint16Array ? 16 : 8;
  return new Uint8Array(encode({ data, width, height, channels: 1, depth }));
}
