import { crc32, deflateRawBlocks } from "#deflate";
import { NnprepError } from "../core/errors.js";
import { Checksum, deflatedLength, inflateRaw, inflateRawPrefix, largestInflatedLength } from "./gzip.js";

/*
 * The zip container as NumPy writes and reads it: members stored or deflated, sizes known beforehand, zip64 where a
 * size or an offset needs it. After PKWARE's APPNOTE 6.3.10. (fflate's reader checks no CRC and its writer knows no
 * zip64.)
 */

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_CENTRAL = 0x06054b50;
const ZIP64_END = 0x06064b50;
const ZIP64_LOCATOR = 0x07064b50;
const DESCRIPTOR = 0x08074b50;
const ZIP64_EXTRA = 1;
/** 1980-01-01 00:00, the first date that zip knows: the same members give the same bytes on every day. */
const CONSTANT_DATE = 0x0021;
const STORED = 0;
const DEFLATED = 8;
/** A field of 32 bits with this value says: look into the zip64 extra field. */
const IN_ZIP64 = 0xffffffff;
const UTF8_NAME = 0x0800;
/** Flag: CRC and sizes stand behind the data, not before. */
const SIZES_FOLLOW = 0x0008;
const ENCRYPTED = 1;

/** A member to write: its bytes in as many pieces as there are; those of stored members are asked for twice. */
export interface ZipMember {
  readonly name: string;
  readonly byteLength: number;
  readonly chunks: Iterable<Uint8Array>;
}

interface Entry {
  readonly name: Uint8Array;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly byteLength: number;
  readonly offset: number;
}

/**
 * Writes a zip archive, piece by piece as they are ready, so that neither a whole member nor the archive is held.
 * `level` 0 stores, 1 to 9 deflate; the sizes of a deflated member follow its data, as zip allows for streams.
 * `zip64` "always" is for tests: it is used by itself where it is needed.
 */
export async function* streamZip(
  members: Iterable<ZipMember>,
  level: number,
  zip64: "where needed" | "always" = "where needed",
): AsyncGenerator<Uint8Array, void, undefined> {
  const entries: Entry[] = [];
  const threshold = zip64 === "always" ? 0 : IN_ZIP64;
  let offset = 0;
  for (const { name, byteLength, chunks } of members) {
    const start = { name: new TextEncoder().encode(name), offset, byteLength };
    // What does not shrink grows by less than a thousandth.
    const wide = byteLength * 1.001 + 1024 >= threshold;
    const stored = level === 0;
    const header = stored
      ? localHeader({ ...start, method: STORED, crc: crcOf(chunks), compressed: byteLength }, wide)
      : localHeader({ ...start, method: DEFLATED, crc: 0, compressed: 0, byteLength: 0 }, wide);
    yield header;
    const sum = new Checksum();
    let compressed = 0;
    for await (const piece of stored ? sum.follow(chunks) : deflateRawBlocks(sum.follow(chunks), level)) {
      compressed += piece.length;
      yield piece;
    }
    const entry: Entry = { ...start, method: stored ? STORED : DEFLATED, crc: sum.crc, compressed };
    const trailer = stored ? new Uint8Array(0) : descriptor(entry, wide);
    if (!stored) yield trailer;
    entries.push(entry);
    offset += header.length + compressed + trailer.length;
  }
  const start = offset;
  for (const entry of entries) {
    const header = centralHeader(entry, threshold);
    yield header;
    offset += header.length;
  }
  yield endOfCentral(entries.length, start, offset - start, threshold);
}

/** The same as a list of pieces, to be written one after the other. */
export async function formatZip(
  members: Iterable<ZipMember>,
  level: number,
  zip64: "where needed" | "always" = "where needed",
): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of streamZip(members, level, zip64)) pieces.push(piece);
  return pieces;
}

function crcOf(chunks: Iterable<Uint8Array>): number {
  let crc = 0;
  for (const chunk of chunks) crc = crc32(chunk, crc);
  return crc;
}

/** CRC and sizes behind a deflated member's data. */
function descriptor(entry: Entry, wide: boolean): Uint8Array {
  const result = new Uint8Array(wide ? 24 : 16);
  const view = new DataView(result.buffer);
  view.setUint32(0, DESCRIPTOR, true);
  view.setUint32(4, entry.crc, true);
  if (wide) {
    view.setBigUint64(8, BigInt(entry.compressed), true);
    view.setBigUint64(16, BigInt(entry.byteLength), true);
  } else {
    view.setUint32(8, entry.compressed, true);
    view.setUint32(12, entry.byteLength, true);
  }
  return result;
}

/** Fields that local and central header share, from "version needed" on. */
function putCommon(view: DataView, at: number, entry: Entry, wide: boolean, extraLength: number): void {
  view.setUint16(at, wide ? 45 : 20, true);
  const follows = entry.method === DEFLATED ? SIZES_FOLLOW : 0;
  view.setUint16(at + 2, follows | (entry.name.some((byte) => byte > 127) ? UTF8_NAME : 0), true);
  view.setUint16(at + 4, entry.method, true);
  view.setUint16(at + 8, CONSTANT_DATE, true);
  view.setUint32(at + 10, entry.crc, true);
  view.setUint32(at + 14, wide ? IN_ZIP64 : entry.compressed, true);
  view.setUint32(at + 18, wide ? IN_ZIP64 : entry.byteLength, true);
  view.setUint16(at + 22, entry.name.length, true);
  view.setUint16(at + 24, extraLength, true);
}

function putSizes(view: DataView, at: number, entry: Entry, length: number): void {
  view.setUint16(at, ZIP64_EXTRA, true);
  view.setUint16(at + 2, length, true);
  view.setBigUint64(at + 4, BigInt(entry.byteLength), true);
  view.setBigUint64(at + 12, BigInt(entry.compressed), true);
  if (length === 24) view.setBigUint64(at + 20, BigInt(entry.offset), true);
}

function localHeader(entry: Entry, wide: boolean): Uint8Array {
  const header = new Uint8Array(30 + entry.name.length + (wide ? 20 : 0));
  const view = new DataView(header.buffer);
  view.setUint32(0, LOCAL_HEADER, true);
  putCommon(view, 4, entry, wide, wide ? 20 : 0);
  header.set(entry.name, 30);
  if (wide) putSizes(view, 30 + entry.name.length, entry, 16);
  return header;
}

function centralHeader(entry: Entry, threshold: number): Uint8Array {
  const wide = entry.byteLength >= threshold || entry.compressed >= threshold || entry.offset >= threshold;
  const header = new Uint8Array(46 + entry.name.length + (wide ? 28 : 0));
  const view = new DataView(header.buffer);
  view.setUint32(0, CENTRAL_HEADER, true);
  view.setUint16(4, wide ? 45 : 20, true);
  putCommon(view, 6, entry, wide, wide ? 28 : 0);
  view.setUint32(42, wide ? IN_ZIP64 : entry.offset, true);
  header.set(entry.name, 46);
  if (wide) putSizes(view, 46 + entry.name.length, entry, 24);
  return header;
}

function endOfCentral(count: number, start: number, length: number, threshold: number): Uint8Array {
  const wide = start >= threshold || length >= threshold || count >= Math.min(threshold, 0xffff);
  const end = new Uint8Array(22 + (wide ? 76 : 0));
  const view = new DataView(end.buffer);
  if (wide) {
    view.setUint32(0, ZIP64_END, true);
    view.setBigUint64(4, 44n, true);
    view.setUint16(12, 45, true);
    view.setUint16(14, 45, true);
    view.setBigUint64(24, BigInt(count), true);
    view.setBigUint64(32, BigInt(count), true);
    view.setBigUint64(40, BigInt(length), true);
    view.setBigUint64(48, BigInt(start), true);
    view.setUint32(56, ZIP64_LOCATOR, true);
    view.setBigUint64(64, BigInt(start + length), true);
    view.setUint32(72, 1, true);
  }
  const at = end.length - 22;
  view.setUint32(at, END_OF_CENTRAL, true);
  view.setUint16(at + 8, wide ? 0xffff : count, true);
  view.setUint16(at + 10, wide ? 0xffff : count, true);
  view.setUint32(at + 12, wide ? IN_ZIP64 : length, true);
  view.setUint32(at + 16, wide ? IN_ZIP64 : start, true);
  return end;
}

/** A member as the archive's directory lists it. */
export interface ZipEntry {
  readonly name: string;
  /** Length before compression. */
  readonly byteLength: number;
  /** Inflates the member and checks its CRC-32. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
  /** The first `byteLength` bytes, or as many as there are; nothing is checked. */
  readHead(byteLength: number): Promise<Uint8Array>;
}

/** Where the bytes of an archive come from: those of `[begin, end)`, cut to the archive. */
export interface ZipSource {
  readonly byteLength: number;
  read(begin: number, end: number): Promise<Uint8Array>;
}

function corrupt(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", `${message}; the archive is truncated or damaged`, detail);
}

/** The members of a zip archive, in the order of its directory. Nothing is inflated before `read` is called. */
export function parseZip(bytes: Uint8Array): ZipEntry[] {
  const read = async (begin: number, end: number) => bytes.subarray(begin, end);
  return parseDirectory(bytes, 0, findDirectory(bytes, 0), { byteLength: bytes.length, read });
}

/** The same for an archive that is read in pieces: its directory now, a member when it is wanted. */
export async function openZip(source: ZipSource): Promise<ZipEntry[]> {
  const { byteLength } = source;
  let base = Math.max(0, byteLength - LARGEST_END);
  let tail = await source.read(base, byteLength);
  const place = findDirectory(tail, base);
  if (place.start < base) {
    base = place.start;
    tail = await source.read(base, byteLength);
  }
  return parseDirectory(tail, base, place, source);
}

/** Trailer with the longest comment, and the records of zip64 in front of it. */
const LARGEST_END = 22 + 0xffff + 20 + 56;

interface DirectoryPlace {
  readonly count: number;
  /** In the archive. */
  readonly start: number;
  readonly end: number;
}

/** `tail` are the bytes of the archive from `base` on; the directory lies in them. */
function parseDirectory(tail: Uint8Array, base: number, place: DirectoryPlace, source: ZipSource): ZipEntry[] {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  const { count } = place;
  const end = place.end - base;
  const entries: ZipEntry[] = [];
  let at = place.start - base;
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== CENTRAL_HEADER) {
      throw corrupt(`zip directory ends after ${i} of ${count} members`, { found: i, expected: count });
    }
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    if (at + 46 + nameLength + extraLength > end) throw corrupt(`zip directory entry ${i} is cut off`);
    const name = new TextDecoder().decode(tail.subarray(at + 46, at + 46 + nameLength));
    entries.push(readEntry(view, at, name, source));
    at += 46 + nameLength + extraLength + view.getUint16(at + 32, true);
  }
  if (at !== end) throw corrupt(`zip directory goes on behind the last of ${count} members`, { expected: count });
  return entries;
}

function findDirectory(tail: Uint8Array, base: number): DirectoryPlace {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  const lowest = Math.max(0, view.byteLength - 22 - 0xffff);
  let at = view.byteLength - 22;
  while (at >= lowest && view.getUint32(at, true) !== END_OF_CENTRAL) at--;
  if (at < lowest || at < 0) {
    throw corrupt(`no zip directory in ${base + view.byteLength} bytes`, { byteLength: base + view.byteLength });
  }
  let count = view.getUint16(at + 10, true);
  let length = view.getUint32(at + 12, true);
  let start = view.getUint32(at + 16, true);
  if (at >= 20 && view.getUint32(at - 20, true) === ZIP64_LOCATOR) {
    const end64 = Number(view.getBigUint64(at - 12, true)) - base;
    if (end64 < 0 || end64 + 56 > at || view.getUint32(end64, true) !== ZIP64_END)
      throw corrupt("zip64 directory is not where it should be");
    count = Number(view.getBigUint64(end64 + 32, true));
    length = Number(view.getBigUint64(end64 + 40, true));
    start = Number(view.getBigUint64(end64 + 48, true));
  }
  if (start + length > base + at)
    throw corrupt(`zip directory should end at byte ${start + length}, after its own trailer at ${base + at}`);
  return { count, start, end: start + length };
}

/** Room for the extra field of a local header, which need not be that of the directory. */
const LOCAL_EXTRA = 256;

/** The entry at `at` of the directory. */
function readEntry(view: DataView, at: number, name: string, source: ZipSource): ZipEntry {
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const crc = view.getUint32(at + 16, true);
  const nameLength = view.getUint16(at + 28, true);
  const sizes = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
  const extraAt = at + 46 + nameLength;
  applyZip64(view, extraAt, extraAt + view.getUint16(at + 30, true), sizes);
  const [byteLength, compressed, offset] = sizes;
  /** The first bytes of the member as they stand in the archive. */
  const body = async (wanted: number) => {
    if (flags & ENCRYPTED || (method !== STORED && method !== DEFLATED)) {
      throw new NnprepError(
        "UNSUPPORTED",
        `zip member "${name}" is ${flags & ENCRYPTED ? "encrypted" : `compressed by method ${method}`}; stored and deflated members can be read`,
        { member: name, method },
      );
    }
    const length = Math.min(wanted, compressed);
    const bytes = await source.read(offset, offset + 30 + nameLength + LOCAL_EXTRA + length);
    const local = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 30 || local.getUint32(0, true) !== LOCAL_HEADER) {
      throw corrupt(`zip member "${name}" is not at byte ${offset}`, { member: name });
    }
    const start = 30 + local.getUint16(26, true) + local.getUint16(28, true);
    if (offset + start + compressed > source.byteLength) {
      throw corrupt(`zip member "${name}" should end at byte ${offset + start + compressed} of ${source.byteLength}`, {
        member: name,
      });
    }
    if (start + length <= bytes.length) return bytes.subarray(start, start + length);
    return source.read(offset + start, offset + start + length);
  };
  const read = async () => {
    const content = await body(compressed);
    if (method === DEFLATED) {
      if (byteLength > largestInflatedLength(compressed)) {
        throw corrupt(`zip member "${name}" promises ${byteLength} bytes out of ${compressed}`, { member: name });
      }
      return inflateRaw(content, crc, byteLength);
    }
    if (crc32(content) !== crc || compressed !== byteLength) {
      throw corrupt(`zip member "${name}": CRC or length is wrong`, { member: name });
    }
    return new Uint8Array(content);
  };
  const readHead = async (length: number) =>
    method === DEFLATED
      ? inflateRawPrefix(await body(deflatedLength(length)), length)
      : (await body(length)).subarray(0, length);
  return { name, byteLength, read, readHead };
}

/** Replaces those of [length, compressed length, offset] that say "see zip64". */
function applyZip64(view: DataView, from: number, to: number, sizes: number[]): void {
  for (let at = from; at + 4 <= to; ) {
    const end = Math.min(to, at + 4 + view.getUint16(at + 2, true));
    if (view.getUint16(at, true) === ZIP64_EXTRA) {
      let field = at + 4;
      for (let i = 0; i < sizes.length; i++) {
        if (sizes[i] === IN_ZIP64 && field + 8 <= end) {
          sizes[i] = Number(view.getBigUint64(field, true));
          field += 8;
        }
      }
    }
    at = at + 4 + view.getUint16(at + 2, true);
  }
}

/**
 * The beginning of what the first member holds, and the length of the member in the archive (undefined where its header
 * does not say, in an archive that was written piece by piece), from the first bytes of the archive. Undefined if they
 * are none of a zip archive.
 */
export function peekZip(
  head: Uint8Array,
  byteLength: number,
): { readonly bytes: Uint8Array; readonly compressed: number | undefined } | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < 30 || view.getUint32(0, true) !== LOCAL_HEADER) return undefined;
  const extraAt = 30 + view.getUint16(26, true);
  const start = extraAt + view.getUint16(28, true);
  const sizes: [number, number] = [view.getUint32(22, true), view.getUint32(18, true)];
  applyZip64(view, extraAt, Math.min(head.length, start), sizes);
  const compressed = sizes[1] === 0 || sizes[1] === IN_ZIP64 ? undefined : sizes[1];
  const body = head.subarray(start);
  if (view.getUint16(8, true) === STORED) return { bytes: body.subarray(0, byteLength), compressed };
  return { bytes: inflateRawPrefix(body, byteLength), compressed };
}
