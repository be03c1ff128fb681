import { NnprepError } from "../core/errors.js";
import type { DicomSlice } from "./dicom-tags.js";
import { joinParts } from "./gzip-members.js";
import { checkCodestream, findCodestream, readCodestreamSize } from "./jpeg2000-codestream.js";

/* Compressed pixels: a list of fragments behind an offset table (PS3.5 annex A.4), and RLE (annex G). */

const ITEM = 0xfffee000;
const DELIMITER = 0xfffee0dd;
const JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90";

function corrupt(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", `${message}; the file is cut off or damaged`, detail);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The compressed bytes of the one image in a file, its fragments joined. Throws CORRUPT_FILE. */
export async function readFrame(slice: DicomSlice): Promise<Uint8Array> {
  if (slice.pixels.byteLength !== null) {
    throw corrupt(`pixels have a length of ${slice.pixels.byteLength}, but the transfer syntax says compressed`);
  }
  const bytes = await slice.file.read(slice.pixels.offset);
  const view = viewOf(bytes);
  const fragments: Uint8Array[] = [];
  let total = 0;
  for (let at = 0, item = 0; ; item++) {
    if (at + 8 > bytes.length) throw corrupt(`compressed pixels end after ${item} fragments without a delimiter`);
    const tag = view.getUint16(at, true) * 65536 + view.getUint16(at + 2, true);
    const length = view.getUint32(at + 4, true);
    if (tag === DELIMITER) break;
    if (tag !== ITEM || at + 8 + length > bytes.length) {
      throw corrupt(`fragment ${item} of the compressed pixels is not one, or goes beyond the end of the file`);
    }
    // The first item is the table of offsets; with one image in the file it says nothing new.
    if (item > 0) {
      fragments.push(bytes.subarray(at + 8, at + 8 + length));
      total += length;
    }
    at += 8 + length;
  }
  if (total === 0) throw corrupt("there are no compressed pixels");
  return fragments.length === 1 ? fragments[0] : joinParts(fragments, total);
}

/** Inflates a PackBits segment into every `step`-th byte of `target`; returns how many bytes there were. */
function unpackBits(segment: Uint8Array, target: Uint8Array, start: number, step: number, count: number): number {
  let done = 0;
  for (let at = 0; at < segment.length && done < count; ) {
    const control = segment[at++];
    if (control === 128) continue;
    const repeated = control > 128;
    const length = repeated ? 257 - control : control + 1;
    const kept = Math.min(length, count - done, repeated ? length : segment.length - at);
    for (let i = 0; i < kept; i++, done++) target[start + done * step] = segment[repeated ? at : at + i];
    at += repeated ? 1 : length;
  }
  return done;
}

/** Little-endian, interleaved samples of an RLE image. Throws CORRUPT_FILE when there are too few. */
export function decodeRle(frame: Uint8Array, slice: DicomSlice): Uint8Array {
  const { rows, columns, samplesPerPixel, bitsAllocated } = slice;
  const pixels = rows * columns;
  const itemSize = bitsAllocated / 8;
  const segments = samplesPerPixel * itemSize;
  if (frame.length < 64) throw corrupt(`RLE header has ${frame.length} of 64 bytes`);
  const view = viewOf(frame);
  const found = view.getUint32(0, true);
  if (found !== segments) throw corrupt(`RLE image has ${found} segments instead of ${segments}`, { found });
  // Two bytes unpack to 128 at most: a header that promises more shall not cost memory.
  if (pixels * segments > frame.length * 64) {
    throw corrupt(`${frame.length} bytes of RLE cannot hold ${columns} x ${rows} pixels of ${bitsAllocated} bits`);
  }
  const result = new Uint8Array(pixels * segments);
  for (let i = 0; i < segments; i++) {
    const start = view.getUint32(4 + 4 * i, true);
    const end = i + 1 < segments ? view.getUint32(8 + 4 * i, true) : frame.length;
    if (start < 64 || end < start || end > frame.length) throw corrupt(`RLE segment ${i} is outside of the image`);
    // Most significant byte first.
    const sample = Math.floor(i / itemSize);
    const byte = itemSize - 1 - (i % itemSize);
    const done = unpackBits(frame.subarray(start, end), result, sample * itemSize + byte, segments, pixels);
    if (done < pixels) throw corrupt(`RLE segment ${i} has ${done} of ${pixels} pixels`, { found: done });
  }
  return result;
}

/** Width, height and number of components that the header of a JPEG, JPEG-LS or JPEG 2000 stream names; or null. */
function frameSize(frame: Uint8Array): { columns: number; rows: number; components: number } | null {
  const view = viewOf(frame);
  if (frame.length > 4 && view.getUint16(0) === 0xffd8) return jpegSize(frame, view);
  const codestream = findCodestream(frame);
  return codestream === null ? null : readCodestreamSize(codestream);
}

function jpegSize(frame: Uint8Array, view: DataView) {
  for (let at = 2; at + 10 <= frame.length; ) {
    if (frame[at] !== 0xff) return null;
    const marker = frame[at + 1];
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const isFrameHeader = (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) || marker === 0xf7;
    if (isFrameHeader) {
      return { rows: view.getUint16(at + 5), columns: view.getUint16(at + 7), components: frame[at + 9] };
    }
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

/** All three kinds of JPEG end so; a byte or a few may be filled up. */
function hasEnd(frame: Uint8Array): boolean {
  let end = frame.length;
  while (end > 2 && frame[end - 1] === 0) end--;
  return frame[end - 2] === 0xff && frame[end - 1] === 0xd9;
}

/**
 * Checks what decoders do not: a stream that is cut off decodes to an image with an invented rest, and one of another
 * size to another image. Throws CORRUPT_FILE.
 */
export function checkCompressedFrame(frame: Uint8Array, slice: DicomSlice): void {
  const size = frameSize(frame);
  if (size === null) throw corrupt("compressed pixels have no JPEG, JPEG-LS or JPEG 2000 header");
  const { rows, columns, samplesPerPixel } = slice;
  if (size.rows !== rows || size.columns !== columns || size.components !== samplesPerPixel) {
    throw corrupt(
      `compressed image is ${size.columns} x ${size.rows} with ${size.components} components, but the tags say ${columns} x ${rows} with ${samplesPerPixel}`,
      { found: size },
    );
  }
  if (!hasEnd(frame)) throw corrupt("compressed pixels have no end marker");
  const codestream = viewOf(frame).getUint16(0) === 0xffd8 ? null : findCodestream(frame);
  if (codestream !== null) {
    checkCodestream(codestream, slice.transferSyntax === JPEG_2000_LOSSLESS, slice.bitsAllocated);
  }
}
