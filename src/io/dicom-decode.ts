import { NnprepError } from "../core/errors.js";
import type { DicomDecoder, DicomFileBytes } from "./dicom-decoder.js";
import { checkCompressedFrame, readFrame } from "./dicom-encapsulated.js";
import type { DicomSlice } from "./dicom-tags.js";
import { joinParts } from "./gzip-members.js";

/*
 * JPEG, JPEG-LS and JPEG 2000 by the optional package @itk-wasm/dicom. It gets files that hold the compressed pixels
 * and the few tags that describe them, none of the patient's: so it only decodes; rescaling, sorting and geometry are
 * done here for all transfer syntaxes alike.
 */

type Value = string | number | Uint8Array;

/** One element in explicit little endian. */
function element(group: number, tag: number, vr: string, value: Value): Uint8Array {
  let body: Uint8Array;
  if (typeof value === "number") {
    body = new Uint8Array(vr === "UL" ? 4 : 2);
    const view = new DataView(body.buffer);
    if (vr === "UL") view.setUint32(0, value, true);
    else view.setUint16(0, value, true);
  } else {
    body = typeof value === "string" ? new TextEncoder().encode(value) : value;
  }
  const long = vr === "OB";
  const padded = body.length + (body.length % 2);
  const result = new Uint8Array((long ? 12 : 8) + padded);
  const view = new DataView(result.buffer);
  view.setUint16(0, group, true);
  view.setUint16(2, tag, true);
  result.set(new TextEncoder().encode(vr), 4);
  if (long) view.setUint32(8, padded, true);
  else view.setUint16(6, padded, true);
  result.set(body, long ? 12 : 8);
  // UIDs are filled up with zero, texts with a space.
  if (padded > body.length) result[result.length - 1] = vr === "UI" || vr === "OB" ? 0 : 0x20;
  return result;
}

function item(tag: number, body: Uint8Array): Uint8Array[] {
  const header = new Uint8Array(8);
  const view = new DataView(header.buffer);
  view.setUint16(0, 0xfffe, true);
  view.setUint16(2, tag, true);
  view.setUint32(4, body.length + (body.length % 2), true);
  return body.length % 2 === 0 ? [header, body] : [header, body, new Uint8Array(1)];
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return joinParts(
    parts,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
}

const CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2";

/** The smallest file that is a slice at `index` mm with these pixels, not rescaled. */
function describeFrame(slice: DicomSlice, frame: Uint8Array, index: number): Uint8Array {
  const uid = `1.2.3.${index + 1}`;
  const meta = join([
    element(2, 0x0002, "UI", CT_IMAGE_STORAGE),
    element(2, 0x0003, "UI", uid),
    element(2, 0x0010, "UI", slice.transferSyntax),
  ]);
  const pixels = new Uint8Array(12);
  pixels.set([0xe0, 0x7f, 0x10, 0, 0x4f, 0x42, 0, 0, 0xff, 0xff, 0xff, 0xff]);
  return join([
    new Uint8Array(128),
    new TextEncoder().encode("DICM"),
    element(2, 0x0000, "UL", meta.length),
    meta,
    element(8, 0x0016, "UI", CT_IMAGE_STORAGE),
    element(8, 0x0018, "UI", uid),
    element(8, 0x0060, "CS", "CT"),
    element(0x20, 0x000d, "UI", "1.2.4"),
    element(0x20, 0x000e, "UI", "1.2.5"),
    element(0x20, 0x0013, "IS", `${index + 1}`),
    element(0x20, 0x0032, "DS", `0\\0\\${index}`),
    element(0x20, 0x0037, "DS", "1\\0\\0\\0\\1\\0"),
    element(0x28, 0x0002, "US", slice.samplesPerPixel),
    element(0x28, 0x0004, "CS", slice.samplesPerPixel > 1 ? slice.photometric : "MONOCHROME2"),
    ...(slice.samplesPerPixel > 1 ? [element(0x28, 0x0006, "US", slice.planar ? 1 : 0)] : []),
    element(0x28, 0x0010, "US", slice.rows),
    element(0x28, 0x0011, "US", slice.columns),
    element(0x28, 0x0030, "DS", "1\\1"),
    element(0x28, 0x0100, "US", slice.bitsAllocated),
    element(0x28, 0x0101, "US", slice.bitsStored),
    element(0x28, 0x0102, "US", slice.highBit),
    element(0x28, 0x0103, "US", slice.signed ? 1 : 0),
    pixels,
    ...item(0xe000, new Uint8Array(0)),
    ...item(0xe000, frame),
    ...item(0xe0dd, new Uint8Array(0)),
  ]);
}

/** Bytes of decoded pixels that are made at once: starting the decoder costs as much as a few slices. */
const GROUP_BYTES = 8 << 20;

/** How many slices of this kind are decoded at once. */
export function decodeGroupSize(slice: DicomSlice): number {
  const bytes = (slice.rows * slice.columns * slice.samplesPerPixel * slice.bitsAllocated) / 8;
  return Math.max(1, Math.min(32, Math.floor(GROUP_BYTES / bytes)));
}

/** Checks that the first image of a series is what its tags say, before memory is made for all of them. */
export async function checkFrame(slice: DicomSlice): Promise<Uint8Array> {
  try {
    const frame = await readFrame(slice);
    checkCompressedFrame(frame, slice);
    return frame;
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(slice.file.name) : error;
  }
}

/**
 * Stored values of several compressed slices of one size, interleaved samples, one after the other. Throws CORRUPT_FILE
 * when a stream is damaged, UNSUPPORTED when the optional package is missing.
 */
export async function decodeFrames(
  slices: readonly DicomSlice[],
  decoder: DicomDecoder,
): Promise<readonly ArrayLike<number>[]> {
  const files: DicomFileBytes[] = [];
  for (const [index, slice] of slices.entries()) {
    const bytes = describeFrame(slice, await checkFrame(slice), index);
    files.push({ name: `${String(index).padStart(4, "0")}.dcm`, bytes });
  }
  const [first] = slices;
  const stack = await decode(files, decoder, first);
  const { rows, columns, samplesPerPixel } = first;
  const length = rows * columns * samplesPerPixel;
  const type = `${first.signed ? "" : "u"}int${first.bitsAllocated}`;
  const expected = [columns, rows, slices.length].join(" x ");
  if (stack.size.join(" x ") !== expected || stack.data.length !== length * slices.length) {
    throw damaged(first, `they decode to ${stack.size.join(" x ")} instead of ${expected}`);
  }
  if (stack.componentType !== type || stack.components !== samplesPerPixel) {
    throw damaged(first, `they decode to ${stack.components} x ${stack.componentType} instead of ${type}`);
  }
  const data = stack.data as Uint8Array;
  return slices.map((_, i) => data.subarray(i * length, (i + 1) * length));
}

function damaged(slice: DicomSlice, reason: string): NnprepError {
  return new NnprepError(
    "CORRUPT_FILE",
    `${slice.file.name}: compressed pixels cannot be decoded (this slice or one behind it): ${reason}; export the series again`,
    { file: slice.file.name, reason },
  );
}

async function decode(files: readonly DicomFileBytes[], decoder: DicomDecoder, first: DicomSlice) {
  try {
    return await decoder.decode(files);
  } catch (error) {
    if (error instanceof NnprepError) throw error;
    // The package's WebAssembly throws numbers that say nothing.
    const lines = (error instanceof Error ? error.message : "").trim().split("\n");
    throw damaged(first, lines[lines.length - 1].slice(0, 300) || "the decoder failed");
  }
}
