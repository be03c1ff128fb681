import { Inflate } from "fflate";
import { NnprepError } from "../core/errors.js";
import type { Vec3 } from "../core/volume.js";
import { type DicomDataSet, dicomParser } from "./dicom-parser.js";
import { joinParts } from "./gzip-members.js";
import type { ScanFile } from "./scan-file.js";

/*
 * The tags of one DICOM file that decide where its pixels lie and what they mean (PS3.3 C.7.6.2, C.7.6.3, C.11.1).
 * Everything that another program wrote is checked here once; what comes out can be relied upon.
 */

type DataSet = DicomDataSet;

export const DEFLATED = "1.2.840.10008.1.2.1.99";
const PIXEL_DATA = "x7fe00010";
const UNDEFINED_LENGTH = 0xffffffff;
/** Bytes that the tags before the pixels often fit into; eight times as many until they do. */
const HEAD_LENGTH = 1 << 14;
/** Compressed bytes that are handed over at once: 1032 times as many may come out. */
const INFLATE_STEP = 1 << 14;
const HEAD_GROWTH = 8;
const LARGEST_HEAD = 2 ** 30;
const DICM = [0x44, 0x49, 0x43, 0x4d];

/** One image of a series: its tags, and where its pixels stand. */
export interface DicomSlice {
  readonly file: ScanFile;
  readonly seriesUid: string;
  readonly seriesDescription: string;
  readonly seriesNumber: number | null;
  readonly modality: string;
  readonly instanceNumber: number | null;
  readonly transferSyntax: string;
  readonly rows: number;
  readonly columns: number;
  readonly frames: number;
  readonly samplesPerPixel: number;
  readonly planar: boolean;
  readonly photometric: string;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
  /** Whether the file says so; else the numbers count as unsigned. */
  readonly signStated: boolean;
  /** Whether the numbers have a look-up table of their own, which is not applied. */
  readonly modalityLut: boolean;
  readonly studyUid: string;
  readonly frameOfReferenceUid: string;
  /** Centre of the first pixel in mm, LPS; null when the file does not say. */
  readonly position: Vec3 | null;
  /** Direction of a row and of a column, as the file says them. */
  readonly orientation: readonly number[] | null;
  /** Distance in mm of rows, and of columns. */
  readonly pixelSpacing: readonly [number, number] | null;
  readonly spacingBetweenSlices: number | null;
  readonly slope: number;
  readonly intercept: number;
  /** Rescale Type and Units: what the numbers are. */
  readonly units: string;
  readonly lossy: boolean;
  readonly pixels: PixelLocation;
}

interface PixelLocation {
  /** In the file; in the inflated data set for the deflated transfer syntax. */
  readonly offset: number;
  /** Null when the data are encapsulated: they end at a delimiter. */
  readonly byteLength: number | null;
  /** Where the deflated part of the file begins, if it has one. */
  readonly deflatedFrom: number | null;
}

/** What a file is to a series: an image, or a reason to leave it out. */
export type DicomContent = { readonly slice: DicomSlice } | { readonly skipped: string };

function corrupt(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", `${message}; the file is cut off or damaged`, detail);
}

/** Inflates the part behind the file meta information, to at most `limit` bytes; gives it with that in front. */
export function inflateDataSet(bytes: Uint8Array, start: number, limit: number): Uint8Array {
  const parts: Uint8Array[] = [bytes.subarray(0, start)];
  let total = start;
  const stream = new Inflate((part) => {
    parts.push(part);
    total += part.length;
  });
  for (let at = start; at < bytes.length && total < limit; at += INFLATE_STEP) {
    stream.push(bytes.subarray(at, at + INFLATE_STEP), at + INFLATE_STEP >= bytes.length);
  }
  return joinParts(parts, Math.min(total, limit));
}

/** How far the tags were looked at: everything there is, or only the beginning. */
interface Extent {
  complete: boolean;
  deflatedFrom: number | null;
}

/** The tags in front of the pixels. `extent` becomes incomplete when a deflated data set was not inflated to its end. */
function parseHead(bytes: Uint8Array, inflatedLimit: number, extent: Extent): DataSet {
  const inflater = (all: Uint8Array, start: number) => {
    const inflated = inflateDataSet(all, start, inflatedLimit);
    extent.deflatedFrom = start;
    if (inflated.length >= inflatedLimit) extent.complete = false;
    return inflated;
  };
  return dicomParser.parseDicom(bytes, { untilTag: PIXEL_DATA, inflater });
}

/** dicom-parser throws strings, objects and errors. */
function reasonOf(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  if (thrown instanceof Error) return thrown.message;
  const inner = (thrown as { exception?: unknown } | null)?.exception;
  return inner === undefined ? "no DICOM tags" : reasonOf(inner);
}

async function readHead(file: ScanFile): Promise<{ tags: DataSet; deflatedFrom: number | null } | null> {
  const start = await file.read(0, 132);
  if (start.length < 132 || DICM.some((byte, i) => start[128 + i] !== byte)) {
    refuseWithoutPreamble(start);
    return null;
  }
  for (let length = HEAD_LENGTH; ; length *= HEAD_GROWTH) {
    const extent: Extent = { complete: length >= file.byteLength, deflatedFrom: null };
    const bytes = await file.read(0, Math.min(length, file.byteLength));
    let tags: DataSet | undefined;
    let reason = "";
    try {
      tags = parseHead(bytes, length, extent);
    } catch (thrown) {
      reason = reasonOf(thrown);
    }
    // Without pixels the tags may go on behind what was looked at.
    const { complete, deflatedFrom } = extent;
    if (tags?.elements[PIXEL_DATA] !== undefined) return { tags, deflatedFrom };
    if (!complete && length <= LARGEST_HEAD) continue;
    if (tags !== undefined) return { tags, deflatedFrom };
    throw corrupt(`DICOM tags cannot be read (${reason})`, { reason });
  }
}

/**
 * A file that begins with the tags of DICOM's file meta information or of an image (groups 0002 and 0008), without the
 * 128 bytes and "DICM" before them. Left out, it would be a missing slice.
 */
function refuseWithoutPreamble(start: Uint8Array): void {
  if (start.length < 8) return;
  const view = new DataView(start.buffer, start.byteOffset, 8);
  const [group, element] = [view.getUint16(0, true), view.getUint16(2, true)];
  const explicit = /^[A-Z]{2}$/.test(String.fromCharCode(start[4], start[5]));
  const short = explicit || view.getUint32(4, true) < 256;
  if ((group !== 2 && group !== 8) || element > 0x18 || !short) return;
  throw corrupt('DICOM tags without "DICM" at byte 128; write the file again with its preamble (dcmconv +F does)', {
    found: [group, element],
  });
}

/** Storage classes without pixels: directories, reports, presentation states, waveforms, documents, plans ... */
const NO_IMAGE =
  /^1\.2\.840\.10008\.(1\.3\.10|5\.1\.4\.1\.1\.(9|11|66|67|68|78|79|80|88|104|200|481\.[3-9]|481\.1\d)(\..*)?)$/;
const SEGMENTATION = /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.66\.[4-7]$/;

/**
 * Reads the tags of one file. What is no DICOM file or has no image is to be skipped, with the reason.
 * Throws CORRUPT_FILE when it is DICOM, should have an image, and cannot be understood.
 */
export async function readDicomTags(file: ScanFile): Promise<DicomContent> {
  try {
    const head = await readHead(file);
    if (head === null) return { skipped: 'no DICOM file (no "DICM" at byte 128)' };
    return interpret(file, head.tags, head.deflatedFrom);
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(file.name) : corrupt(reasonOf(error)).inFile(file.name);
  }
}

function interpret(file: ScanFile, tags: DataSet, deflatedFrom: number | null): DicomContent {
  const text = (tag: string) => (tags.string(tag) ?? "").trim();
  const storage = text("x00080016") || text("x00020002");
  const pixels = tags.elements[PIXEL_DATA];
  const rows = tags.uint16("x00280010");
  const columns = tags.uint16("x00280011");
  if (pixels === undefined) {
    const kind = `${text("x00080060") || "unknown modality"}, storage class ${storage || "unknown"}`;
    if (NO_IMAGE.test(storage) && !SEGMENTATION.test(storage)) return { skipped: `no image (${kind})` };
    if (tags.elements.x7fe00008 !== undefined || tags.elements.x7fe00009 !== undefined) {
      throw new NnprepError("UNSUPPORTED", "pixels are floating-point numbers; only whole numbers can be read");
    }
    throw corrupt(`no pixel data found (${kind})`, { byteLength: file.byteLength });
  }
  if (!rows || !columns) throw corrupt(`${rows ?? "no"} rows and ${columns ?? "no"} columns`, { rows, columns });
  if (text("x00080008").toUpperCase().split("\\").includes("MOSAIC")) {
    throw new NnprepError(
      "UNSUPPORTED",
      "mosaic: one image holds the slices of a whole volume beside each other; convert the series to NIfTI (dcm2niix takes it apart)",
      { found: "MOSAIC" },
    );
  }
  const representation = tags.uint16("x00280103") ?? 0;
  if (representation > 1) throw corrupt(`Pixel Representation is ${representation}, but has to be 0 or 1`);
  const bitsAllocated = tags.uint16("x00280100") ?? 0;
  const bitsStored = tags.uint16("x00280101") ?? bitsAllocated;
  const encapsulated = pixels.length === UNDEFINED_LENGTH;
  const spacing = numbers(tags, "x00280030", 2);
  return {
    slice: {
      file,
      seriesUid: text("x0020000e"),
      seriesDescription: text("x0008103e"),
      seriesNumber: wholeNumber(tags, "x00200011"),
      modality: text("x00080060"),
      instanceNumber: wholeNumber(tags, "x00200013"),
      transferSyntax: text("x00020010"),
      rows,
      columns,
      frames: numbers(tags, "x00280008", 1)?.[0] ?? 1,
      samplesPerPixel: tags.uint16("x00280002") ?? 1,
      planar: tags.uint16("x00280006") === 1,
      photometric: text("x00280004"),
      bitsAllocated,
      bitsStored,
      highBit: tags.uint16("x00280102") ?? bitsStored - 1,
      signed: representation === 1,
      signStated: tags.elements.x00280103 !== undefined,
      modalityLut: tags.elements.x00283000 !== undefined,
      studyUid: text("x0020000d"),
      frameOfReferenceUid: text("x00200052"),
      position: numbers(tags, "x00200032", 3) as Vec3 | null,
      orientation: numbers(tags, "x00200037", 6),
      pixelSpacing: checkedSpacing(spacing),
      spacingBetweenSlices: numbers(tags, "x00180088", 1)?.[0] ?? null,
      ...rescaling(tags),
      lossy: text("x00282110") === "01",
      pixels: { offset: pixels.dataOffset, byteLength: encapsulated ? null : pixels.length, deflatedFrom },
    },
  };
}

function checkedSpacing(spacing: readonly number[] | null): [number, number] | null {
  if (spacing === null) return null;
  if (!spacing.every((x) => x > 0)) {
    throw corrupt(`Pixel Spacing is ${spacing.join("\\")}, but has to be positive`, { found: spacing });
  }
  return spacing as [number, number];
}

/** Rescale Slope and Intercept; a slope of 0 counts as 1, as in GDCM. */
function rescaling(tags: DataSet): Pick<DicomSlice, "slope" | "intercept" | "units"> {
  const slope = numbers(tags, "x00281053", 1)?.[0] ?? 1;
  const units = ["x00281054", "x00541001"].map((tag) => (tags.string(tag) ?? "").trim());
  return {
    slope: slope === 0 ? 1 : slope,
    intercept: numbers(tags, "x00281052", 1)?.[0] ?? 0,
    units: units.filter((x) => x !== "").join(" "),
  };
}

/** A decimal string of `count` numbers; null when the tag is missing or empty. Throws when it is anything else. */
function numbers(tags: DataSet, tag: string, count: number): readonly number[] | null {
  const text = tags.string(tag)?.trim();
  if (text === undefined || text === "") return null;
  const found = text.split("\\").map((part) => (part.trim() === "" ? Number.NaN : Number(part.trim())));
  if (found.length < count || !found.slice(0, count).every(Number.isFinite)) {
    const name = `(${tag.slice(1, 5)},${tag.slice(5)})`;
    throw corrupt(`tag ${name} is "${text.slice(0, 80)}", but ${count} number${count > 1 ? "s" : ""} expected`, {
      tag: name,
      found: text.slice(0, 80),
    });
  }
  return found.slice(0, count);
}

/** A number that nothing depends on but messages and the order of slices at one place. */
function wholeNumber(tags: DataSet, tag: string): number | null {
  const text = tags.string(tag)?.trim();
  return text !== undefined && /^[+-]?\d{1,15}$/.test(text) ? Number(text) : null;
}
