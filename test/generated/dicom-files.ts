import { deflateSync } from "fflate";
import { type ScanFile, scanFileFromBytes } from "../../src/io/scan-file.js";

/*
 * Small DICOM files made by code: a writer of its own, so that reader and writer do not share their mistakes. Values
 * are little-endian 16-bit unless a test says otherwise.
 */

export const SYNTAX = {
  implicit: "1.2.840.10008.1.2",
  explicit: "1.2.840.10008.1.2.1",
  deflated: "1.2.840.10008.1.2.1.99",
  big: "1.2.840.10008.1.2.2",
  rle: "1.2.840.10008.1.2.5",
  jpegLossless: "1.2.840.10008.1.2.4.70",
  jpeg2000Lossless: "1.2.840.10008.1.2.4.90",
  jpeg2000: "1.2.840.10008.1.2.4.91",
} as const;

export type Syntax = keyof typeof SYNTAX;

export const STORAGE = {
  ct: "1.2.840.10008.5.1.4.1.1.2",
  report: "1.2.840.10008.5.1.4.1.1.88.11",
  directory: "1.2.840.10008.1.3.10",
} as const;

/** Tag like `x00280010` to its representation and value; null leaves a tag out. */
export type Tags = Record<string, readonly [vr: string, value: string | number | Uint8Array] | null>;

export interface SliceSettings {
  readonly syntax?: Syntax;
  readonly rows?: number;
  readonly columns?: number;
  /** Stored values, row by row. */
  readonly values?: ArrayLike<number>;
  /** Compressed values, for which there is no encoder here. */
  readonly frame?: Uint8Array;
  readonly position?: readonly number[];
  readonly orientation?: readonly number[];
  readonly instance?: number;
  readonly series?: string;
  /** Added to the usual tags, or instead of them. */
  readonly tags?: Tags;
  /** Ends every sequence and item by a delimiter, or gives lengths. */
  readonly delimited?: boolean;
}

const LONG = ["OB", "OW", "SQ", "UN", "UT", "OF"];

class Writer {
  readonly bytes: number[] = [];

  constructor(
    readonly explicit: boolean,
    readonly littleEndian = true,
  ) {}

  number(value: number, size: number): void {
    for (let i = 0; i < size; i++) {
      const shift = this.littleEndian ? i : size - 1 - i;
      this.bytes.push(Math.floor(value / 256 ** shift) % 256);
    }
  }

  /** Tag, representation and length. */
  header(tag: string, vr: string, length: number): void {
    this.number(Number.parseInt(tag.slice(1, 5), 16), 2);
    this.number(Number.parseInt(tag.slice(5), 16), 2);
    if (!this.explicit || tag.startsWith("xfffe")) {
      this.number(length, 4);
      return;
    }
    this.bytes.push(...new TextEncoder().encode(vr));
    if (LONG.includes(vr)) this.number(0, 2);
    this.number(length, LONG.includes(vr) ? 4 : 2);
  }

  element(tag: string, vr: string, value: string | number | Uint8Array): void {
    const body = new Writer(this.explicit, this.littleEndian);
    if (typeof value === "number") body.number(value, vr === "UL" ? 4 : 2);
    else body.bytes.push(...(typeof value === "string" ? new TextEncoder().encode(value) : value));
    if (body.bytes.length % 2 === 1) body.bytes.push(vr === "UI" || LONG.includes(vr) ? 0 : 0x20);
    this.header(tag, vr, body.bytes.length);
    for (const byte of body.bytes) this.bytes.push(byte);
  }
}

/** Rows of the pixels in the byte order and compression of a transfer syntax. */
function formatPixels(writer: Writer, s: SliceSettings, values: ArrayLike<number>, bits: number): void {
  const { syntax = "explicit", columns = 6 } = s;
  const pixels = new Writer(true, writer.littleEndian);
  for (let i = 0; i < values.length; i++) pixels.number(values[i] % 2 ** bits, bits / 8);
  if (s.frame === undefined && syntax !== "rle" && syntax !== "jpegLossless") {
    writer.element("x7fe00010", bits === 8 ? "OB" : "OW", Uint8Array.from(pixels.bytes));
    return;
  }
  const made = () => (syntax === "rle" ? formatRle(pixels.bytes, bits / 8) : formatJpegLossless(values, columns, bits));
  const frame = s.frame ?? made();
  writer.header("x7fe00010", "OB", 0xffffffff);
  writer.header("xfffee000", "", 0);
  writer.header("xfffee000", "", frame.length + (frame.length % 2));
  for (const byte of frame) writer.bytes.push(byte);
  if (frame.length % 2 === 1) writer.bytes.push(0);
  writer.header("xfffee0dd", "", 0);
}

/** PackBits: runs of three and more, literals of at most 128. One segment per byte, the most significant first. */
function formatRle(bytes: readonly number[], itemSize: number): Uint8Array {
  const segments = Array.from({ length: itemSize }, (_, i) => {
    const plane = bytes.filter((_, at) => at % itemSize === itemSize - 1 - i);
    const packed: number[] = [];
    for (let at = 0; at < plane.length; ) {
      let run = 1;
      while (run < 128 && plane[at + run] === plane[at] && at + run < plane.length) run++;
      if (run >= 3) {
        packed.push(257 - run, plane[at]);
        at += run;
        continue;
      }
      const literal = plane.slice(at, at + 2);
      packed.push(literal.length - 1, ...literal);
      at += literal.length;
    }
    if (packed.length % 2 === 1) packed.push(128);
    return packed;
  });
  const header = new Writer(true);
  header.number(segments.length, 4);
  let offset = 64;
  for (let i = 0; i < 15; i++) {
    header.number(i < segments.length ? offset : 0, 4);
    offset += segments[i]?.length ?? 0;
  }
  return Uint8Array.from([...header.bytes, ...segments.flat()]);
}

/**
 * JPEG lossless (ITU T.81 annex H), first-order prediction, one table that gives every category five bits: simple, not
 * small.
 */
export function formatJpegLossless(values: ArrayLike<number>, columns: number, bits: number): Uint8Array {
  const rows = values.length / columns;
  const out = new Writer(true, false);
  const segment = (marker: number, body: readonly number[]) => {
    out.number(marker, 2);
    out.number(body.length + 2, 2);
    out.bytes.push(...body);
  };
  const word = (x: number) => [x >> 8, x & 255];
  out.number(0xffd8, 2);
  segment(0xffc3, [bits, ...word(rows), ...word(columns), 1, 1, 0x11, 0]);
  const lengths = Array.from({ length: 16 }, (_, i) => (i === 4 ? 17 : 0));
  segment(0xffc4, [0, ...lengths, ...Array.from({ length: 17 }, (_, i) => i)]);
  segment(0xffda, [1, 1, 0, 1, 0, 0]);
  let held = 0;
  let count = 0;
  const put = (value: number, size: number) => {
    for (let i = size - 1; i >= 0; i--) {
      held = held * 2 + ((value >> i) & 1);
      if (++count < 8) continue;
      out.bytes.push(held);
      if (held === 255) out.bytes.push(0);
      held = 0;
      count = 0;
    }
  };
  const at = (i: number) => values[i] & (2 ** bits - 1);
  for (let i = 0; i < values.length; i++) {
    const above = i < columns ? 2 ** (bits - 1) : at(i - columns);
    const predicted = i % columns === 0 ? above : at(i - 1);
    // Differences are kept modulo 2^16.
    const difference = ((((at(i) - predicted) % 65536) + 98304) % 65536) - 32768;
    const size = difference === 0 ? 0 : 32 - Math.clz32(Math.abs(difference));
    put(size, 5);
    if (size > 0 && size < 16) put(difference > 0 ? difference : difference + 2 ** size - 1, size);
  }
  while (count !== 0) put(1, 1);
  out.number(0xffd9, 2);
  return Uint8Array.from(out.bytes);
}

/** Values of a slice that nothing else has by chance. */
export function sliceValues(rows: number, columns: number, index: number): number[] {
  return Array.from({ length: rows * columns }, (_, i) => (index * 611 + i * 37 + (i % 7 === 0 ? 900 : 0)) % 4096);
}

function usualTags(s: SliceSettings, rows: number, columns: number): Tags {
  const instance = s.instance ?? 1;
  return {
    x00080016: ["UI", STORAGE.ct],
    x00080018: ["UI", `1.2.3.${instance}`],
    x00080060: ["CS", "CT"],
    x0008103e: ["LO", "Thin slices"],
    x0020000d: ["UI", "1.2.4"],
    x0020000e: ["UI", s.series ?? "1.2.5"],
    x00200013: ["IS", `${instance}`],
    x00200032: ["DS", (s.position ?? [0, 0, 0]).join("\\")],
    x00200037: ["DS", (s.orientation ?? [1, 0, 0, 0, 1, 0]).join("\\")],
    x00280002: ["US", 1],
    x00280004: ["CS", "MONOCHROME2"],
    x00280010: ["US", rows],
    x00280011: ["US", columns],
    x00280030: ["DS", "0.5\\0.7"],
    x00280100: ["US", 16],
    x00280101: ["US", 12],
    x00280102: ["US", 11],
    x00280103: ["US", 0],
    x00281052: ["DS", "-1024"],
    x00281053: ["DS", "1"],
  };
}

/** A DICOM file of one slice; `pixels: false` writes the tags alone. */
export function formatSlice(s: SliceSettings = {}, pixels = true): Uint8Array<ArrayBuffer> {
  const { syntax = "explicit", rows = 4, columns = 6, delimited = true } = s;
  const tags: Tags = { ...usualTags(s, rows, columns), ...s.tags };
  const storage = (tags.x00080016?.[1] ?? STORAGE.ct) as string;
  const meta = new Writer(true);
  meta.element("x00020002", "UI", storage);
  meta.element("x00020003", "UI", "1.2.3.1");
  meta.element("x00020010", "UI", SYNTAX[syntax]);
  const file = new Writer(true);
  for (let i = 0; i < 128; i++) file.bytes.push(0);
  file.bytes.push(...new TextEncoder().encode("DICM"));
  file.element("x00020000", "UL", meta.bytes.length);
  file.bytes.push(...meta.bytes);
  const body = new Writer(syntax !== "implicit", syntax !== "big");
  const inner = new Writer(body.explicit, body.littleEndian);
  inner.element("x00081150", "UI", STORAGE.ct);
  for (const tag of [...Object.keys(tags), "x00081140"].sort()) {
    const entry = tags[tag];
    if (tag === "x00081140") writeSequence(body, tag, inner, delimited);
    else if (entry) body.element(tag, entry[0], entry[1]);
  }
  const bits = (tags.x00280100?.[1] ?? 16) as number;
  if (pixels) formatPixels(body, s, s.values ?? sliceValues(rows, columns, s.instance ?? 1), bits);
  const rest = Uint8Array.from(body.bytes);
  const coded = syntax === "deflated" ? deflateSync(rest) : rest;
  const result = new Uint8Array(file.bytes.length + coded.length);
  result.set(file.bytes);
  result.set(coded, file.bytes.length);
  return result;
}

/** A sequence of one item. */
function writeSequence(writer: Writer, tag: string, inner: Writer, delimited: boolean): void {
  const length = inner.bytes.length;
  writer.header(tag, "SQ", delimited ? 0xffffffff : length + 8);
  writer.header("xfffee000", "", delimited ? 0xffffffff : length);
  writer.bytes.push(...inner.bytes);
  if (!delimited) return;
  writer.header("xfffee00d", "", 0);
  writer.header("xfffee0dd", "", 0);
}

/** Axial slices `spacing` mm apart; `change` may alter each of them. */
export function seriesSlices(
  count: number,
  common: SliceSettings = {},
  change: (index: number) => SliceSettings = () => ({}),
): SliceSettings[] {
  return Array.from({ length: count }, (_, i) => {
    const changed = change(i);
    const position = [10, -20, 5 + 2.5 * i];
    return { position, instance: i + 1, ...common, ...changed, tags: { ...common.tags, ...changed.tags } };
  });
}

export function seriesFiles(slices: readonly SliceSettings[]): ScanFile[] {
  return slices.map((slice, i) => scanFileFromBytes(`slice-${i + 1}.dcm`, formatSlice(slice)));
}
