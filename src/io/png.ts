import { crc32, deflateZlib } from "#deflate";

/** `width * height` pixels of red, green, blue and opacity, rows from the top; as a canvas's ImageData. */
interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** PNG's numbers (ISO/IEC 15948) of colours without and with opacity, and of the filter "minus the byte above". */
const OPAQUE_COLORS = 2;
const COLORS = 6;
const UP = 2;
const LEVEL = 5;

/**
 * A picture as the bytes of a PNG file; without an opacity channel where all of it is opaque.
 *
 * @example
 * ```ts
 * import { formatPng, readScanPath, renderSlice } from "nnprep";
 * import { writeFile } from "node:fs/promises";
 *
 * const { volume } = await readScanPath("t1.nii.gz");
 * await writeFile("slice.png", formatPng(renderSlice({ image: volume })));
 * ```
 */
export function formatPng({ data, width, height }: Pixels): Uint8Array<ArrayBuffer> {
  let opaque = true;
  for (let i = 3; i < data.length && opaque; i += 4) opaque = data[i] === 255;
  const rows = filterRows(data, width, height, opaque ? 3 : 4);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8;
  header[9] = opaque ? OPAQUE_COLORS : COLORS;
  const chunks = [chunk("IHDR", header), chunk("IDAT", deflateZlib(rows, LEVEL)), chunk("IEND", new Uint8Array(0))];
  const file = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, SIGNATURE.length));
  file.set(SIGNATURE);
  let at = SIGNATURE.length;
  for (const part of chunks) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/** The rows, each after its filter's number, as differences to the row above: shades change little from row to row. */
function filterRows(data: Pixels["data"], width: number, height: number, channels: 3 | 4): Uint8Array<ArrayBuffer> {
  const rows = new Uint8Array(height * (1 + channels * width));
  let to = 0;
  for (let y = 0; y < height; y++) {
    rows[to++] = UP;
    const start = 4 * y * width;
    const above = y === 0 ? -1 : start - 4 * width;
    for (let x = 0; x < 4 * width; x += 4) {
      for (let c = x; c < x + channels; c++) {
        const upper = above < 0 ? 0 : data[above + c];
        rows[to++] = data[start + c] - upper;
      }
    }
  }
  return rows;
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const result = new Uint8Array(12 + content.length);
  const view = new DataView(result.buffer);
  view.setUint32(0, content.length);
  for (let i = 0; i < 4; i++) result[4 + i] = type.charCodeAt(i);
  result.set(content, 8);
  view.setUint32(8 + content.length, crc32(result.subarray(4, 8 + content.length)));
  return result;
}
