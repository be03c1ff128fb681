import { NnprepError } from "../core/errors.js";
import type { PixelArray } from "./pixel-array.js";

/*
 * BMP as Pillow 12 reads it, without compression: grey palettes give grey values, other palettes and 24 or 32 bits red,
 * green and blue. fast-bmp 4 was looked at first: it takes the numbers of a palette for grey values, and an image that
 * runs from the top for one of 4 billion rows.
 */

function corrupt(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", `BMP ${message}; the file is cut off or damaged`, detail);
}

/** Reads a BMP file. Throws CORRUPT_FILE or UNSUPPORTED. */
export function readBmp(bytes: Uint8Array): PixelArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 54 || view.getUint16(0, false) !== 0x424d) throw corrupt("header of 54 bytes is not there");
  const headerLength = view.getUint32(14, true);
  const width = view.getInt32(18, true);
  const signedHeight = view.getInt32(22, true);
  const height = Math.abs(signedHeight);
  const bits = view.getUint16(28, true);
  const compression = view.getUint32(30, true);
  if (headerLength < 40 || ![1, 4, 8, 24, 32].includes(bits) || compression !== 0) {
    throw new NnprepError(
      "UNSUPPORTED",
      `BMP image of ${bits} bits with compression ${compression}; uncompressed images of 1, 4, 8, 24 and 32 bits can be read. Save it as PNG`,
      { found: bits },
    );
  }
  const begin = view.getUint32(10, true);
  const rowBytes = 4 * Math.ceil((width * bits) / 32);
  if (width < 1 || height < 1 || begin + rowBytes * height > bytes.length) {
    throw corrupt(
      `image of ${width} x ${height}, ${bits} bits, needs more than the ${bytes.length} bytes of the file`,
      {
        found: bytes.length,
      },
    );
  }
  const row = (y: number) => begin + rowBytes * (signedHeight < 0 ? y : height - 1 - y);
  if (bits >= 24) return readColours(bytes, row, width, height, bits / 8);
  const indices = readIndices(bytes, row, width, height, bits);
  const count = view.getUint32(46, true) || 1 << bits;
  const palette = bytes.subarray(14 + headerLength, 14 + headerLength + 4 * Math.min(count, 1 << bits));
  return applyPalette(indices, palette, [height, width], bits);
}

function readColours(
  bytes: Uint8Array,
  row: (y: number) => number,
  width: number,
  height: number,
  step: number,
): PixelArray {
  const data = new Uint8Array(3 * width * height);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0, at = row(y); x < width; x++, at += step) {
      data[to++] = bytes[at + 2];
      data[to++] = bytes[at + 1];
      data[to++] = bytes[at];
    }
  }
  return { data, shape: [height, width, 3] };
}

function readIndices(
  bytes: Uint8Array,
  row: (y: number) => number,
  width: number,
  height: number,
  bits: number,
): Uint8Array {
  const data = new Uint8Array(width * height);
  const mask = (1 << bits) - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * bits;
      data[y * width + x] = (bytes[row(y) + (bit >> 3)] >> (8 - bits - (bit & 7))) & mask;
    }
  }
  return data;
}

/** Blue, green, red and nothing, four bytes a colour. */
function applyPalette(indices: Uint8Array, palette: Uint8Array, shape: readonly number[], bits: number): PixelArray {
  const count = palette.length / 4;
  const level = (i: number) => (bits === 1 ? 255 * i : i);
  const grey = Array.from({ length: Math.floor(count) }, (_, i) =>
    [0, 1, 2].every((k) => palette[4 * i + k] === level(i)),
  );
  // A black and white palette gives 0 and 1.
  if (grey.every((isGrey) => isGrey) && (bits !== 1 || count === 2)) return { data: indices, shape };
  const data = new Uint8Array(3 * indices.length);
  for (const [i, index] of indices.entries()) {
    if (index >= count) throw corrupt(`colour ${index} is not in the palette of ${count}`, { found: index });
    for (let k = 0; k < 3; k++) data[3 * i + k] = palette[4 * index + 2 - k];
  }
  return { data, shape: [...shape, 3] };
}

/** A grey image of 8 bits, rows from the top. */
export function formatBmp(data: Uint8Array, height: number, width: number): Uint8Array<ArrayBuffer> {
  const rowBytes = 4 * Math.ceil(width / 4);
  const begin = 54 + 4 * 256;
  const file = new Uint8Array(begin + rowBytes * height);
  const view = new DataView(file.buffer);
  view.setUint16(0, 0x424d, false);
  for (const [at, value] of [
    [2, file.length],
    [10, begin],
    [14, 40],
    [18, width],
    [22, height],
    [34, rowBytes * height],
    [46, 256],
    [50, 256],
  ] as const) {
    view.setUint32(at, value, true);
  }
  view.setUint16(26, 1, true);
  view.setUint16(28, 8, true);
  for (let i = 0; i < 256; i++) file.fill(i, 54 + 4 * i, 57 + 4 * i);
  for (let y = 0; y < height; y++) {
    file.set(data.subarray(y * width, (y + 1) * width), begin + rowBytes * (height - 1 - y));
  }
  return file;
}
