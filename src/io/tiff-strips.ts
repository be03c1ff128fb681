import { NnprepError } from "../core/errors.js";
import { largestInflatedLength, unzlib } from "./gzip.js";
import type { TiffPage } from "./tiff-fields.js";

const NONE = 1;
const LZW = 5;
const DEFLATE = [8, 32946];
const PACKBITS = 32773;
/** No LZW code stands for more bytes than there are codes, and none is shorter than 9 bits. */
const LARGEST_LZW_FACTOR = 4096;

function corrupt(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", `TIFF ${message}; the file is cut off or damaged`, detail);
}

/** How many bytes the compressed ones can hold at most. */
export function largestDecodedLength({ compression }: TiffPage, byteLength: number): number {
  if (compression === NONE) return byteLength;
  if (compression === PACKBITS) return 64 * byteLength;
  return compression === LZW ? LARGEST_LZW_FACTOR * byteLength : largestInflatedLength(byteLength);
}

/** The bytes of one strip or tile, exactly `byteLength`, in the file's byte order, before the predictor is undone. */
export async function decodeStrip(
  bytes: Uint8Array,
  { compression }: TiffPage,
  byteLength: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (compression === NONE) return exactly(new Uint8Array(bytes.subarray(0, byteLength)), byteLength);
  if (DEFLATE.includes(compression)) return unzlib(bytes, byteLength);
  if (compression === PACKBITS) return exactly(unpackBits(bytes, byteLength), byteLength);
  if (compression === LZW) return exactly(unpackLzw(bytes, byteLength), byteLength);
  throw new NnprepError(
    "UNSUPPORTED",
    `TIFF image with compression ${compression}; none, LZW, zlib and PackBits can be read. Save it uncompressed or with zlib`,
    { found: compression },
  );
}

function exactly(bytes: Uint8Array<ArrayBuffer>, byteLength: number): Uint8Array<ArrayBuffer> {
  if (bytes.length === byteLength) return bytes;
  throw corrupt(`strip holds ${bytes.length} bytes, ${byteLength} expected`, {
    found: bytes.length,
    expected: byteLength,
  });
}

function unpackBits(bytes: Uint8Array, byteLength: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(byteLength);
  let to = 0;
  for (let at = 0; at < bytes.length && to < byteLength; ) {
    const control = bytes[at++];
    if (control < 128) {
      const run = bytes.subarray(at, at + control + 1).subarray(0, byteLength - to);
      result.set(run, to);
      to += run.length;
      at += control + 1;
    } else if (control > 128) {
      const end = Math.min(to + 257 - control, byteLength);
      result.fill(bytes[at++] ?? 0, to, end);
      to = end;
    }
  }
  return result.subarray(0, to);
}

const CLEAR = 256;
const END = 257;

/** TIFF's LZW: codes from the high bit on, one bit longer one code early (TIFF 6.0, section 13). */
function unpackLzw(bytes: Uint8Array, byteLength: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(byteLength);
  // A code stands for bytes that have been written already: where they begin, and how many.
  const starts = new Uint32Array(4096);
  const lengths = new Uint32Array(4096);
  let to = 0;
  let next = END + 1;
  let width = 9;
  let previous = -1;
  let [window, bits] = [0, 0];
  for (let at = 0; to < byteLength; ) {
    while (bits < width && at < bytes.length) {
      window = ((window << 8) | bytes[at++]) & 0xffffff;
      bits += 8;
    }
    if (bits < width) break;
    const code = (window >> (bits - width)) & ((1 << width) - 1);
    bits -= width;
    if (code === END) break;
    if (code === CLEAR) {
      [next, width, previous] = [END + 1, 9, -1];
      continue;
    }
    const begin = to;
    if (code < CLEAR) {
      result[to++] = code;
    } else {
      if (code > next || (code === next && previous < 0))
        throw corrupt(`LZW code ${code} comes too early`, { found: code });
      // The code that is about to be made: what was written last, and its own first byte.
      const isNew = code === next;
      const start = isNew ? previous : starts[code];
      const length = Math.min(isNew ? begin - previous + 1 : lengths[code], byteLength - to);
      for (let i = 0; i < length; i++) result[to + i] = result[start + i];
      to += length;
    }
    if (previous >= 0 && next < 4096) {
      starts[next] = previous;
      lengths[next] = begin - previous + 1;
      next++;
    }
    previous = begin;
    if (next >= (1 << width) - 1 && width < 12) width++;
  }
  return result.subarray(0, to);
}

/** Undoes the predictor in rows of `rowBytes` bytes of little-endian samples (3: of bytes as they are in the file). */
export function undoPredictor(bytes: Uint8Array<ArrayBuffer>, page: TiffPage, rowBytes: number): void {
  const { predictor, bits, planar } = page;
  const samples = planar ? 1 : page.samples;
  if (predictor === 1) return;
  if (predictor === 3 && page.dtype.startsWith("float")) {
    for (let row = 0; row < bytes.length; row += rowBytes)
      undoFloat(bytes.subarray(row, row + rowBytes), samples, bits / 8);
    return;
  }
  if (predictor !== 2 || bits === 1 || bits === 64) {
    throw new NnprepError("UNSUPPORTED", `TIFF image with predictor ${predictor} for ${bits} bits; save it without`, {
      found: predictor,
    });
  }
  const ArrayOfBits = bits === 8 ? Uint8Array : bits === 16 ? Uint16Array : Uint32Array;
  const values = new ArrayOfBits(bytes.buffer, bytes.byteOffset, bytes.length / (bits / 8));
  const perRow = rowBytes / (bits / 8);
  for (let row = 0; row < values.length; row += perRow) {
    for (let i = row + samples; i < row + perRow; i++) values[i] += values[i - samples];
  }
}

/** Predictor 3: differences of bytes, the highest bytes of all samples of a row first. */
function undoFloat(row: Uint8Array, samples: number, size: number): void {
  for (let i = samples; i < row.length; i++) row[i] += row[i - samples];
  const planes = row.slice();
  const count = row.length / size;
  for (let i = 0; i < count; i++) {
    // The highest byte goes last: the result is little endian.
    for (let k = 0; k < size; k++) row[i * size + size - 1 - k] = planes[k * count + i];
  }
}
