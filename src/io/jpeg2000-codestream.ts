import { NnprepError } from "../core/errors.js";

/*
 * What a JPEG 2000 codestream (ITU-T T.800 annex A) says about itself. Its decoders mend what they can and say nothing:
 * a codestream whose lengths do not fit decodes to an image with an invented rest. The entropy-coded bits carry no
 * checksum, so damage that keeps to the rules of the codestream cannot be known, here or anywhere.
 */

const SOC = 0xff4f;
const SIZ = 0xff51;
const COD = 0xff52;
const QCD = 0xff5c;
const SOT = 0xff90;
const SOP = 0xff91;
const EPH = 0xff92;
const SOD = 0xff93;
const EOC = 0xffd9;

/** What the main header says of the image. */
export interface CodestreamSize {
  readonly columns: number;
  readonly rows: number;
  readonly components: number;
  /** Bits of a sample; the largest of all components. */
  readonly precision: number;
  readonly tiles: number;
}

function corrupt(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", `JPEG 2000 codestream: ${message}; the file is cut off or damaged`, detail);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The codestream itself, which may stand in the boxes of a JP2 file; null when there is none. */
export function findCodestream(frame: Uint8Array): Uint8Array | null {
  const view = viewOf(frame);
  const last = Math.min(frame.length - 42, 4096);
  for (let at = 0; at <= last; at++) {
    if (view.getUint16(at) === SOC && view.getUint16(at + 2) === SIZ) return frame.subarray(at);
  }
  return null;
}

/** A.5.1: the grid, the image on it and the tiles. Throws CORRUPT_FILE. */
export function readCodestreamSize(codestream: Uint8Array): CodestreamSize {
  const view = viewOf(codestream);
  const components = view.getUint16(40);
  if (view.getUint16(4) !== 38 + 3 * components || components === 0 || 42 + 3 * components > codestream.length) {
    throw corrupt(`${components} components do not fit a size marker of ${view.getUint16(4)} bytes`);
  }
  const [right, bottom, left, top, tileWidth, tileHeight, tileLeft, tileTop] = Array.from({ length: 8 }, (_, i) =>
    view.getUint32(8 + 4 * i),
  );
  const isGrid = left < right && top < bottom && tileWidth > 0 && tileHeight > 0;
  if (!isGrid || tileLeft > left || tileTop > top || tileLeft + tileWidth <= left || tileTop + tileHeight <= top) {
    throw corrupt("image and tiles have no place on the grid");
  }
  let precision = 0;
  for (let i = 0; i < components; i++) {
    precision = Math.max(precision, (view.getUint8(42 + 3 * i) & 0x7f) + 1);
    const [across, down] = [view.getUint8(43 + 3 * i), view.getUint8(44 + 3 * i)];
    if (across !== 1 || down !== 1) throw corrupt(`component ${i} has every ${across}th column and ${down}th row only`);
  }
  const tiles = Math.ceil((right - tileLeft) / tileWidth) * Math.ceil((bottom - tileTop) / tileHeight);
  return { columns: right - left, rows: bottom - top, components, precision, tiles };
}

/** Coding style (A.6.1): whether packets are marked, how many levels of wavelets, whether they can be undone exactly. */
interface CodingStyle {
  readonly marked: boolean;
  readonly levels: number;
  readonly reversible: boolean;
}

function readCodingStyle(body: Uint8Array, components: number): CodingStyle {
  const [style, progression, , , , levels, width, height, blockStyle, transform] = body;
  const layers = body[2] * 256 + body[3];
  const precincts = (style & 1) === 0 ? 0 : levels + 1;
  // Code blocks have 4 to 1024 samples on a side and at most 4096 together.
  const isBlock = width <= 8 && height <= 8 && width + height <= 8 && blockStyle < 64;
  if (
    style > 7 ||
    progression > 4 ||
    layers === 0 ||
    body[4] > (components < 3 ? 0 : 1) ||
    levels > 32 ||
    !isBlock ||
    transform > 1
  ) {
    throw corrupt("the coding style is none");
  }
  if (body.length !== 10 + precincts) {
    throw corrupt(`a coding style of ${body.length} bytes instead of ${10 + precincts}`);
  }
  return { marked: (style & 6) !== 0, levels, reversible: transform === 1 };
}

/** Quantization (A.6.4): one step, or one for each sub-band; none where the wavelets are undone exactly. */
function checkQuantization(body: Uint8Array, { levels, reversible }: CodingStyle): void {
  const kind = body[0] & 0x1f;
  const bands = 3 * levels + 1;
  const length = 1 + [bands, 2, 2 * bands][kind];
  if (reversible !== (kind === 0)) {
    throw corrupt(`quantization of kind ${kind} does not fit ${reversible ? "reversible" : "irreversible"} wavelets`);
  }
  if (body.length < length) throw corrupt(`${body.length} bytes of quantization instead of ${length}`);
}

/**
 * Goes over markers from `at` to the first one that is `end`. @returns where that stands
 * @throws NnprepError CORRUPT_FILE when lengths do not lead there
 */
function walkHeader(
  codestream: Uint8Array,
  at: number,
  end: number,
  found: (marker: number, body: Uint8Array) => void,
): number {
  const view = viewOf(codestream);
  for (;;) {
    const marker = at + 4 <= codestream.length ? view.getUint16(at) : 0;
    if (marker === end) return at;
    const length = marker >= 0xff50 && marker < SOT ? view.getUint16(at + 2) : 0;
    if (length < 2 || at + 2 + length > codestream.length) {
      throw corrupt(`no marker at byte ${at} of its header`, { found: marker });
    }
    found(marker, codestream.subarray(at + 4, at + 2 + length));
    at += 2 + length;
  }
}

/**
 * Checks markers, lengths, tiles and that no packet holds a byte pair that packets never hold.
 * @param lossless what the transfer syntax promises
 * @param bitsAllocated what the tags say of a sample
 * @throws NnprepError CORRUPT_FILE
 */
export function checkCodestream(codestream: Uint8Array, lossless: boolean, bitsAllocated: number): void {
  const { tiles, components, precision } = readCodestreamSize(codestream);
  if (precision > bitsAllocated) throw corrupt(`${precision} bits a sample, but the tags say ${bitsAllocated}`);
  let style: CodingStyle | undefined;
  let quantization: Uint8Array | undefined;
  let at = walkHeader(codestream, 2, SOT, (marker, body) => {
    if (marker === COD) style = readCodingStyle(body, components);
    if (marker === QCD) quantization = body;
  });
  if (style === undefined || quantization === undefined) {
    throw corrupt("its header has no coding style or no quantization");
  }
  checkQuantization(quantization, style);
  if (lossless && !style.reversible) throw corrupt("irreversible wavelets, but the transfer syntax says lossless");
  const view = viewOf(codestream);
  const parts = new Map<number, number>();
  while (at + 2 <= codestream.length && view.getUint16(at) !== EOC) {
    at = checkTilePart(codestream, at, { tiles, parts, marked: style.marked });
  }
  if (at + 2 > codestream.length) throw corrupt("no end marker behind the tiles");
  if (codestream.subarray(at + 2).some((byte) => byte !== 0)) {
    throw corrupt(`${codestream.length - at - 2} bytes behind its end`);
  }
  if (parts.size !== tiles) throw corrupt(`${parts.size} of ${tiles} tiles`, { found: parts.size });
}

interface TilesSeen {
  readonly tiles: number;
  /** How many parts of each tile there were. */
  readonly parts: Map<number, number>;
  readonly marked: boolean;
}

/** A.4.2. @returns where the next tile-part begins */
function checkTilePart(codestream: Uint8Array, at: number, { tiles, parts, marked }: TilesSeen): number {
  const view = viewOf(codestream);
  if (at + 14 > codestream.length || view.getUint16(at) !== SOT || view.getUint16(at + 2) !== 10) {
    throw corrupt(`no tile begins at byte ${at}, where the one before ends`);
  }
  const tile = view.getUint16(at + 4);
  const length = view.getUint32(at + 6);
  const part = view.getUint8(at + 10);
  const count = view.getUint8(at + 11);
  // A last part of length 0 goes to the end marker.
  const end = length === 0 ? endOf(codestream) : at + length;
  if (tile >= tiles || part !== (parts.get(tile) ?? 0) || (count !== 0 && part >= count)) {
    throw corrupt(`part ${part} of ${count} of tile ${tile} of ${tiles} is out of its place`);
  }
  if (end < at + 14 || end + 2 > codestream.length) {
    throw corrupt(`tile ${tile} has ${length} bytes at byte ${at} of ${codestream.length}`);
  }
  parts.set(tile, part + 1);
  const data = walkHeader(codestream, at + 12, SOD, () => undefined) + 2;
  if (data > end) throw corrupt(`the header of tile ${tile} goes beyond its ${length} bytes`);
  for (let i = data; i + 1 < end; i++) {
    if (codestream[i] !== 0xff || codestream[i + 1] <= 0x8f) continue;
    const marker = view.getUint16(i);
    if (marked && (marker === SOP || marker === EPH)) continue;
    throw corrupt(`the packets of tile ${tile} hold the marker ${marker.toString(16)}`, { found: marker });
  }
  return end;
}

/** Where the end marker stands; behind it there may be zeros. */
function endOf(codestream: Uint8Array): number {
  let end = codestream.length;
  while (end > 2 && codestream[end - 1] === 0) end--;
  return end - 2;
}
