import { NnprepError } from "../core/errors.js";
import type { VoxelArray } from "../core/volume.js";
import { decodeRle, readFrame } from "./dicom-encapsulated.js";
import { DEFLATED, type DicomSlice, inflateDataSet } from "./dicom-tags.js";
import { largestInflatedLength } from "./gzip.js";

/*
 * Pixels of one DICOM image: from the bytes of the file to stored values (PS3.5 chapter 8 and annexes A, G), and from
 * those to what the scanner measured, as ITK 5.4 does it (GDCM's Rescaler; MONOCHROME1 turned round).
 */

const IMPLICIT_LITTLE = "1.2.840.10008.1.2";
const EXPLICIT_LITTLE = "1.2.840.10008.1.2.1";
const EXPLICIT_BIG = "1.2.840.10008.1.2.2";
const RLE = "1.2.840.10008.1.2.5";

/** Transfer syntaxes that the optional package decodes, and whether they may have lost something. */
const DECODED_ELSEWHERE: Readonly<Record<string, { readonly name: string; readonly lossy: boolean }>> = {
  "1.2.840.10008.1.2.4.50": { name: "JPEG baseline", lossy: true },
  "1.2.840.10008.1.2.4.51": { name: "JPEG extended", lossy: true },
  "1.2.840.10008.1.2.4.53": { name: "JPEG spectral selection", lossy: true },
  "1.2.840.10008.1.2.4.55": { name: "JPEG full progression", lossy: true },
  "1.2.840.10008.1.2.4.57": { name: "JPEG lossless", lossy: false },
  "1.2.840.10008.1.2.4.70": { name: "JPEG lossless, first order", lossy: false },
  "1.2.840.10008.1.2.4.80": { name: "JPEG-LS lossless", lossy: false },
  "1.2.840.10008.1.2.4.81": { name: "JPEG-LS near-lossless", lossy: true },
  "1.2.840.10008.1.2.4.90": { name: "JPEG 2000 lossless", lossy: false },
  "1.2.840.10008.1.2.4.91": { name: "JPEG 2000", lossy: true },
};
const UNCOMPRESSED = [IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED];

/** Whether `decodeFrames` of the optional package is needed for the pixels. */
export function needsDecoder({ transferSyntax }: DicomSlice): boolean {
  return DECODED_ELSEWHERE[transferSyntax] !== undefined;
}

/** Name of the compression when what was lost cannot be got back; otherwise null. */
export function lossyCompression({ transferSyntax, lossy }: DicomSlice): string | null {
  const known = DECODED_ELSEWHERE[transferSyntax];
  if (known?.lossy) return known.name;
  return lossy ? "lossy (Lossy Image Compression is 01)" : null;
}

/** Throws UNSUPPORTED when the pixels are of a kind that cannot be read, whatever the options. */
export function checkPixelFormat(slice: DicomSlice): void {
  const { transferSyntax, bitsAllocated, bitsStored, highBit, frames } = slice;
  const refuse = (found: string, expected: string) =>
    new NnprepError("UNSUPPORTED", `${found}; ${expected}`, { found }).inFile(slice.file.name);
  if (frames !== 1) {
    throw refuse(
      `multi-frame image (${frames} frames in one file)`,
      "only series of one image per file can be read: convert it to such a series or to NIfTI (dcm2niix does both kinds)",
    );
  }
  if (!UNCOMPRESSED.includes(transferSyntax) && transferSyntax !== RLE && !needsDecoder(slice)) {
    throw refuse(
      `transfer syntax ${transferSyntax || "is missing"}`,
      "uncompressed, deflated, RLE, JPEG, JPEG-LS and JPEG 2000 images can be read: export the series in one of those",
    );
  }
  if (![8, 16, 32].includes(bitsAllocated) || bitsStored < 1 || bitsStored > bitsAllocated) {
    throw refuse(`${bitsStored} of ${bitsAllocated} bits stored`, "8, 16 or 32 bits allocated can be read");
  }
  if (highBit !== bitsStored - 1) {
    throw refuse(`high bit ${highBit} with ${bitsStored} bits stored`, `a high bit of ${bitsStored - 1} can be read`);
  }
  const { samplesPerPixel, photometric } = slice;
  if (samplesPerPixel !== 1 && (samplesPerPixel !== 3 || photometric.startsWith("MONOCHROME"))) {
    throw refuse(
      `${samplesPerPixel} samples per pixel, called ${photometric || "nothing"}`,
      "grey images have 1, colour images 3: the file contradicts itself or is of another kind; export the series again",
    );
  }
  if (slice.samplesPerPixel > 1 && bitsAllocated !== 8) {
    throw refuse(`colour with ${bitsAllocated} bits per sample`, "8 bits can be read");
  }
  if (transferSyntax === EXPLICIT_BIG && slice.samplesPerPixel > 1) {
    throw refuse("colour in big-endian byte order", "export the series in little-endian byte order");
  }
}

/**
 * Throws CORRUPT_FILE when the file is too small for the image that its tags promise, before memory is made for it.
 * Says nothing about JPEG and its kin.
 */
export function checkPixelsThere(slice: DicomSlice): void {
  if (needsDecoder(slice)) return;
  const { offset, deflatedFrom } = slice.pixels;
  const { byteLength } = slice.file;
  const expected = pixelByteLength(slice);
  // Nothing deflates to less than a 1032nd; two bytes of RLE unpack to 128 at most.
  if (deflatedFrom !== null) {
    if (expected + offset > largestInflatedLength(byteLength)) throw tooShort(slice, largestInflatedLength(byteLength));
  } else if (slice.transferSyntax === RLE) {
    if (expected > 64 * byteLength) throw tooShort(slice, 64 * byteLength);
  } else if (offset + expected > byteLength) {
    throw tooShort(slice, Math.max(0, byteLength - offset));
  }
}

/** Lowest and highest value of one slice before rescaling. */
function storedRange({ bitsStored, signed }: DicomSlice): [number, number] {
  return signed ? [-(2 ** (bitsStored - 1)), 2 ** (bitsStored - 1) - 1] : [0, 2 ** bitsStored - 1];
}

type Constructor = new (length: number) => VoxelArray;

/** Integer types, smallest first, as GDCM tries them: by half the bytes of a value. */
const UNSIGNED = [Uint8Array, Uint16Array, Uint32Array];
const SIGNED = [Int8Array, Int16Array, Int32Array];

function isIdentity({ slope, intercept }: DicomSlice): boolean {
  return slope === 1 && intercept === 0;
}

/**
 * The type that holds the values of all slices: that of the file when there is nothing to rescale, the smallest integer
 * type (not smaller than the file's) for whole slopes and intercepts, float64 otherwise. What SimpleITK 2.5 gives for a
 * series whose slices are rescaled alike.
 */
export function voxelType(slices: readonly DicomSlice[]): Constructor {
  const bytes = Math.max(...slices.map((slice) => slice.bitsAllocated)) / 8;
  const [{ bitsAllocated, signed }] = slices;
  if (slices.every((s) => isIdentity(s) && s.bitsAllocated === bitsAllocated && s.signed === signed)) {
    return (signed ? SIGNED : UNSIGNED)[bytes >> 1];
  }
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const slice of slices) {
    if (!Number.isInteger(slice.slope) || !Number.isInteger(slice.intercept)) return Float64Array;
    for (const end of storedRange(slice)) {
      lowest = Math.min(lowest, end * slice.slope + slice.intercept);
      highest = Math.max(highest, end * slice.slope + slice.intercept);
    }
  }
  const candidates = lowest < 0 ? SIGNED : UNSIGNED;
  const fits = candidates.find((_, i) => {
    const size = 2 ** (8 * 2 ** i);
    return 2 ** i >= bytes && (lowest < 0 ? lowest >= -size / 2 && highest < size / 2 : highest < size);
  });
  return fits ?? Float64Array;
}

/** Bytes of the image without compression. */
export function pixelByteLength({ rows, columns, samplesPerPixel, bitsAllocated }: DicomSlice): number {
  return (rows * columns * samplesPerPixel * bitsAllocated) / 8;
}

function tooShort(slice: DicomSlice, found: number): NnprepError {
  const expected = pixelByteLength(slice);
  return new NnprepError(
    "CORRUPT_FILE",
    `${slice.columns} x ${slice.rows} pixels of ${slice.bitsAllocated} bits need ${expected} bytes, but ${found} are there; the file is cut off or damaged`,
    { found, expected },
  ).inFile(slice.file.name);
}

/** Bytes of the pixels as they stand in an uncompressed or deflated file; they may be a view of shared memory. */
async function readUncompressed(slice: DicomSlice): Promise<Uint8Array> {
  const { offset, byteLength, deflatedFrom } = slice.pixels;
  const length = pixelByteLength(slice);
  // An odd length is made even by one more byte.
  if (byteLength === null || byteLength < length || byteLength > length + 1) throw tooShort(slice, byteLength ?? 0);
  if (deflatedFrom === null) return slice.file.read(offset, offset + length);
  const inflated = inflateDataSet(await slice.file.read(), deflatedFrom, offset + length);
  return inflated.subarray(offset);
}

/**
 * Stored values of an image that is not compressed, deflated or RLE: signed or unsigned as the file says, bits beyond
 * Bits Stored not yet removed. May be a view of shared memory. Throws CORRUPT_FILE when pixels are missing.
 */
export async function readStoredValues(slice: DicomSlice): Promise<VoxelArray> {
  const itemSize = slice.bitsAllocated / 8;
  const length = pixelByteLength(slice);
  let bytes = slice.transferSyntax === RLE ? decodeRle(await readFrame(slice), slice) : await readUncompressed(slice);
  if (bytes.length < length) throw tooShort(slice, bytes.length);
  const bigEndian = slice.transferSyntax === EXPLICIT_BIG && itemSize > 1;
  if (bigEndian || bytes.byteOffset % itemSize !== 0) bytes = bytes.slice(0, length);
  if (bigEndian) for (let at = 0; at < length; at += itemSize) bytes.subarray(at, at + itemSize).reverse();
  return valuesOf(slice, bytes.buffer as ArrayBuffer, bytes.byteOffset, length / itemSize);
}

function valuesOf(slice: DicomSlice, buffer: ArrayBuffer, offset: number, length: number): VoxelArray {
  const ArrayOfType = (slice.signed ? SIGNED : UNSIGNED)[slice.bitsAllocated >> 4];
  return new ArrayOfType(buffer, offset, length);
}

/**
 * Writes the measured values of one slice into `target`: unused bits removed and signs extended, MONOCHROME1 turned
 * round as ITK does, slope and intercept applied in float64.
 */
export function measureInto(target: VoxelArray, stored: ArrayLike<number>, slice: DicomSlice): void {
  const { bitsStored, bitsAllocated, signed, slope, intercept } = slice;
  const inverted = slice.photometric === "MONOCHROME1";
  if (bitsStored === bitsAllocated && isIdentity(slice) && !inverted) {
    target.set(stored);
    return;
  }
  const shift = 32 - bitsStored;
  const [lowest, highest] = storedRange(slice);
  const turn = lowest + highest;
  for (let i = 0; i < target.length; i++) {
    const bits = stored[i] << shift;
    const value = signed ? bits >> shift : bits >>> shift;
    target[i] = (inverted ? turn - value : value) * slope + intercept;
  }
}

/** Ten thousandths of red, green and blue in ITK's conversion to grey (ConvertPixelBuffer, ITK 5.4). */
const GREY = [2125, 7154, 721];

/** Turns the interleaved samples of a colour image into one grey value each, rounded down as a cast does. */
export function greyValues(stored: ArrayLike<number>, slice: DicomSlice): Float64Array {
  const pixels = stored.length / 3;
  // Decoders give the samples of a pixel together.
  const planar = slice.planar && UNCOMPRESSED.includes(slice.transferSyntax);
  const [step, plane] = planar ? [1, pixels] : [3, 1];
  return Float64Array.from({ length: pixels }, (_, i) => {
    const at = i * step;
    const sum = GREY[0] * stored[at] + GREY[1] * stored[at + plane] + GREY[2] * stored[at + 2 * plane];
    return Math.trunc(sum / 10000);
  });
}
