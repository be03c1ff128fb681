import { NnprepError } from "../core/errors.js";
import type { PixelArray } from "./pixel-array.js";
import { readTiffPages, type TiffPage } from "./tiff-fields.js";
import { decodeStrip, largestDecodedLength, undoPredictor } from "./tiff-strips.js";
import { swapBytes, voxelsFromBytes } from "./voxel-bytes.js";

/*
 * TIFF as tifffile 2026 reads it (`imread`): the pages that are like the first, stacked; values as they are stored, so
 * that neither a palette nor "white is zero" counts. Libraries were looked at first: tiff 7 reads no separate planes, no
 * signed or 32-bit integers and no stacks in one directory, and takes memory that the file only promises.
 */

function bytesPerPage({ width, height, samples, bits }: TiffPage): number {
  return width * height * samples * (bits === 1 ? 1 : bits / 8);
}

function isAlike(a: TiffPage, b: TiffPage): boolean {
  return (["width", "height", "samples", "bits", "dtype", "planar"] as const).every((key) => a[key] === b[key]);
}

/** Reads a TIFF file. Throws CORRUPT_FILE or UNSUPPORTED. */
export async function readTiff(bytes: Uint8Array): Promise<PixelArray> {
  const all = readTiffPages(bytes);
  const [first] = all as [TiffPage, ...TiffPage[]];
  const pages = all.filter((page) => isAlike(page, first));
  const perPage = bytesPerPage(first);
  const inOne = framesOfImageJ(first, pages.length);
  if (inOne > 1) return readContiguous(bytes, first, inOne);
  checkPromise(bytes, pages);
  const memory = new Uint8Array(perPage * pages.length);
  for (const [i, page] of pages.entries()) {
    await decodePage(bytes, page, memory.subarray(i * perPage, (i + 1) * perPage));
  }
  return { data: voxelsFromBytes(memory, first.dtype, true), shape: shapeOf(first, pages.length) };
}

/** ImageJ writes stacks above 4 GB, and tifffile small ones, as one directory with the other frames behind its pixels. */
function framesOfImageJ({ description, compression }: TiffPage, pages: number): number {
  if (!description.startsWith("ImageJ=") || pages > 1 || compression !== 1) return 1;
  const frames = Number(/^images=(\d{1,9})$/m.exec(description)?.[1] ?? 1);
  const axes = ["channels", "slices", "frames"].filter(
    (name) => Number(new RegExp(`^${name}=(\\d{1,9})$`, "m").exec(description)?.[1] ?? 1) > 1,
  );
  if (axes.length <= 1) return frames;
  throw new NnprepError("UNSUPPORTED", `ImageJ stack of ${axes.join(", ")}; one axis besides the planes is expected`, {
    found: axes,
  });
}

function readContiguous(bytes: Uint8Array, page: TiffPage, frames: number): PixelArray {
  const begin = page.offsets[0] ?? 0;
  const length = bytesPerPage(page) * frames;
  if (page.bits === 1 || begin + length > bytes.length) throw cutOff(bytes.length, begin + length);
  const memory = new Uint8Array(bytes.subarray(begin, begin + length));
  return { data: voxelsFromBytes(memory, page.dtype, page.littleEndian), shape: [frames, ...pageShape(page)] };
}

function cutOff(found: number, expected: number): NnprepError {
  return new NnprepError(
    "CORRUPT_FILE",
    `TIFF file promises ${expected} bytes, ${found} found; it is cut off or damaged`,
    { found, expected },
  );
}

/** Throws before memory is taken that the file cannot fill. */
function checkPromise(bytes: Uint8Array, pages: readonly TiffPage[]): void {
  let [promised, possible] = [0, 0];
  for (const page of pages) {
    promised += page.bits === 1 ? bytesPerPage(page) / 8 : bytesPerPage(page);
    possible += page.byteCounts.reduce(
      (sum, count) => sum + largestDecodedLength(page, Math.min(count, bytes.length)),
      0,
    );
  }
  if (!(promised <= possible)) throw cutOff(possible, promised);
}

function pageShape({ width, height, samples, planar }: TiffPage): number[] {
  if (samples === 1) return [height, width];
  return planar ? [samples, height, width] : [height, width, samples];
}

/** What tifffile notes in the description of an array that it wrote, else the stack of pages. */
function shapeOf(page: TiffPage, pages: number): number[] {
  const stacked = pages === 1 ? pageShape(page) : [pages, ...pageShape(page)];
  const noted = /^\{"shape": \[([0-9, ]{1,100})\]/.exec(page.description)?.[1]?.split(",").map(Number);
  const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  return noted !== undefined && size(noted) === size(stacked) ? noted : stacked;
}

/** Strips or tiles of a page to their places in `target`: rows of pixels, or planes of rows. */
async function decodePage(bytes: Uint8Array, page: TiffPage, target: Uint8Array): Promise<void> {
  const { width, height, tileWidth, tileHeight, tiled, offsets, byteCounts, bits, planar } = page;
  if (!(tileWidth >= 1 && tileHeight >= 1)) throw cutOff(0, 1);
  const planes = planar ? page.samples : 1;
  const pixelBytes = (bits === 1 ? 1 : bits / 8) * (planar ? 1 : page.samples);
  const across = Math.ceil(width / tileWidth);
  const down = Math.ceil(height / tileHeight);
  if (offsets.length < planes * across * down) throw cutOff(offsets.length, planes * across * down);
  for (let i = 0; i < planes * across * down; i++) {
    const [plane, row, column] = [Math.floor(i / (across * down)), Math.floor(i / across) % down, i % across];
    // A strip ends with the image; a tile is filled up.
    const rows = tiled ? tileHeight : Math.min(tileHeight, height - row * tileHeight);
    const [begin, count] = [offsets[i], byteCounts[i] ?? bytes.length];
    if (begin + (byteCounts[i] ?? 0) > bytes.length) throw cutOff(bytes.length, begin + count);
    const pixels = await decodeTile(bytes.subarray(begin, begin + count), page, tileWidth, rows);
    const usedRows = Math.min(rows, height - row * tileHeight);
    const usedBytes = Math.min(tileWidth, width - column * tileWidth) * pixelBytes;
    for (let y = 0; y < usedRows; y++) {
      const from = y * tileWidth * pixelBytes;
      const to = ((plane * height + row * tileHeight + y) * width + column * tileWidth) * pixelBytes;
      target.set(pixels.subarray(from, from + usedBytes), to);
    }
  }
}

async function decodeTile(
  bytes: Uint8Array,
  page: TiffPage,
  width: number,
  rows: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const samples = page.planar ? 1 : page.samples;
  const rowBytes = Math.ceil((width * samples * page.bits) / 8);
  const byteLength = rowBytes * rows;
  if (byteLength > largestDecodedLength(page, bytes.length)) throw cutOff(bytes.length, byteLength);
  const decoded = await decodeStrip(bytes, page, byteLength);
  if (page.bits === 1) return unpackRows(decoded, width * samples, rowBytes);
  // Predictor 3 is of bytes, the highest first, in files of either order.
  if (!page.littleEndian && page.predictor !== 3) swapBytes(decoded, page.bits / 8);
  const aligned = decoded.byteOffset % 8 === 0 ? decoded : new Uint8Array(decoded);
  undoPredictor(aligned, page, rowBytes);
  return aligned;
}

/** One byte a pixel, 0 or 1. */
function unpackRows(bytes: Uint8Array, width: number, rowBytes: number): Uint8Array<ArrayBuffer> {
  const rows = bytes.length / rowBytes;
  const result = new Uint8Array(width * rows);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < width; x++) {
      result[y * width + x] = (bytes[y * rowBytes + (x >> 3)] >> (7 - (x & 7))) & 1;
    }
  }
  return result;
}
