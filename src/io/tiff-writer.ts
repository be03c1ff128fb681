import { zlibChunks } from "./gzip.js";
import { joinParts } from "./gzip-members.js";

const SHORT = 3;
const LONG = 4;
const DEFLATE = 8;

/**
 * Writes grey planes as TIFF: one page each, uncompressed or with zlib.
 * @param shape planes, rows, columns
 */
export async function formatTiff(
  data: Uint8Array | Uint16Array,
  shape: readonly [number, number, number],
  { compress }: { readonly compress: boolean },
): Promise<Uint8Array<ArrayBuffer>> {
  const [planes, height, width] = shape;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const perPlane = bytes.length / planes;
  const parts: Uint8Array[] = [];
  let at = 0;
  const add = (part: Uint8Array) => {
    parts.push(part);
    at += part.length;
    // Directories and pixels begin at even bytes.
    if (at % 2 === 1) add(new Uint8Array(1));
  };
  const header = new DataView(new ArrayBuffer(8));
  header.setUint16(0, 0x4949, false);
  header.setUint16(2, 42, true);
  header.setUint32(4, 8, true);
  add(new Uint8Array(header.buffer));
  for (let plane = 0; plane < planes; plane++) {
    const pixels = bytes.subarray(plane * perPlane, (plane + 1) * perPlane);
    const stored = compress ? joined(await zlibChunks([pixels])) : pixels;
    const fields: [number, number, number][] = [
      [256, LONG, width],
      [257, LONG, height],
      [258, SHORT, 8 * data.BYTES_PER_ELEMENT],
      [259, SHORT, compress ? DEFLATE : 1],
      [262, SHORT, 1], // black is zero
      [273, LONG, 0],
      [277, SHORT, 1],
      [278, LONG, height],
      [279, LONG, stored.length],
      [339, SHORT, 1], // unsigned integers
    ];
    const length = 2 + 12 * fields.length + 4;
    const begin = at + length;
    fields[5] = [273, LONG, begin];
    const directory = new DataView(new ArrayBuffer(length));
    directory.setUint16(0, fields.length, true);
    for (const [i, [tag, type, value]] of fields.entries()) {
      directory.setUint16(2 + 12 * i, tag, true);
      directory.setUint16(4 + 12 * i, type, true);
      directory.setUint32(6 + 12 * i, 1, true);
      if (type === SHORT) directory.setUint16(10 + 12 * i, value, true);
      else directory.setUint32(10 + 12 * i, value, true);
    }
    const next = begin + stored.length + (stored.length % 2);
    directory.setUint32(length - 4, plane === planes - 1 ? 0 : next, true);
    add(new Uint8Array(directory.buffer));
    add(stored);
  }
  return joinParts(parts, at);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return joinParts(
    chunks,
    chunks.reduce((sum, { length }) => sum + length, 0),
  );
}
