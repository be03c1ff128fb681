import { NnprepError } from "../core/errors.js";
import type { VoxelDtype } from "./voxel-bytes.js";

/** One image of a TIFF file (TIFF 6.0, BigTIFF): where its strips or tiles are, and what they hold. */
export interface TiffPage {
  readonly littleEndian: boolean;
  readonly width: number;
  readonly height: number;
  /** 1 for pixels of one bit. */
  readonly bits: 1 | 8 | 16 | 32 | 64;
  readonly dtype: VoxelDtype;
  readonly samples: number;
  /** Whether each sample has its own plane. */
  readonly planar: boolean;
  readonly compression: number;
  readonly predictor: number;
  /** Size of a tile; a strip is a tile as wide as the image. */
  readonly tileWidth: number;
  readonly tileHeight: number;
  readonly tiled: boolean;
  readonly offsets: readonly number[];
  readonly byteCounts: readonly number[];
  readonly description: string;
}

/** Bytes of the types of fields; 0 for those that mean nothing here. */
const TYPE_SIZES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];
const ASCII = 2;
/** No picture has so many strips; a directory that says so is damaged. */
const MOST_VALUES = 1 << 24;
/** No stack has so many pages. */
const MOST_PAGES = 1 << 20;

const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  fillOrder: 266,
  description: 270,
  stripOffsets: 273,
  samples: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planar: 284,
  predictor: 317,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  sampleFormat: 339,
} as const;

function corrupt(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", `TIFF ${message}; the file is cut off or damaged`, detail);
}

function unsupported(what: string, found: unknown): NnprepError {
  return new NnprepError("UNSUPPORTED", `TIFF image with ${what} ${found}; save it uncompressed or with zlib`, {
    found,
  });
}

/** Numbers of a file in its byte order, every place checked. */
class Cursor {
  readonly #view: DataView;

  constructor(
    bytes: Uint8Array,
    readonly littleEndian: boolean,
    readonly big: boolean,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Throws unless all of these bytes are there. */
  check(at: number, length: number): void {
    if (at >= 0 && at + length <= this.#view.byteLength) return;
    throw corrupt(`file of ${this.#view.byteLength} bytes refers to byte ${at + length}`, { found: at });
  }

  number(at: number, size: number): number {
    this.check(at, size);
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at, this.littleEndian);
    if (size === 4) return this.#view.getUint32(at, this.littleEndian);
    return Number(this.#view.getBigUint64(at, this.littleEndian));
  }

  text(at: number, length: number): string {
    this.check(at, length);
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length);
    return new TextDecoder("latin1").decode(bytes).replace(/\0+$/, "");
  }
}

type Fields = ReadonlyMap<number, readonly number[] | string>;

/** The pages of a TIFF file, without their pixels. Throws CORRUPT_FILE or UNSUPPORTED. */
export function readTiffPages(bytes: Uint8Array): TiffPage[] {
  const order = String.fromCharCode(...bytes.subarray(0, 2));
  if (order !== "II" && order !== "MM") throw corrupt("signature II or MM is missing");
  const version = new Cursor(bytes, order === "II", false).number(2, 2);
  if (version !== 42 && version !== 43) throw corrupt(`version is ${version}, 42 or 43 expected`, { found: version });
  const cursor = new Cursor(bytes, order === "II", version === 43);
  const pages: TiffPage[] = [];
  const seen = new Set<number>();
  let at = cursor.big ? cursor.number(8, 8) : cursor.number(4, 4);
  while (at !== 0) {
    if (seen.has(at) || seen.size >= MOST_PAGES) throw corrupt("directories run in a circle", { found: at });
    seen.add(at);
    const { fields, next } = readDirectory(cursor, at);
    pages.push(pageOf(fields, cursor.littleEndian));
    at = next;
  }
  if (pages.length === 0) throw corrupt("file holds no image");
  return pages;
}

function readDirectory(cursor: Cursor, at: number): { fields: Fields; next: number } {
  const wide = cursor.big ? 8 : 4;
  const countSize = cursor.big ? 8 : 2;
  const entrySize = cursor.big ? 20 : 12;
  const count = cursor.number(at, countSize);
  if (count > 4096) throw corrupt(`directory has ${count} entries`, { found: count });
  const fields = new Map<number, readonly number[] | string>();
  const known: readonly number[] = Object.values(TAG);
  for (let i = 0; i < count; i++) {
    const entry = at + countSize + i * entrySize;
    const tag = cursor.number(entry, 2);
    if (!known.includes(tag)) continue;
    const type = cursor.number(entry + 2, 2);
    const size = TYPE_SIZES[type] ?? 0;
    const values = cursor.number(entry + 4, wide);
    if (values > MOST_VALUES) throw corrupt(`field ${tag} has ${values} values`, { found: values });
    const inline = entry + 4 + wide;
    const place = size * values <= wide ? inline : cursor.number(inline, wide);
    cursor.check(place, size * values);
    fields.set(
      tag,
      type === ASCII
        ? cursor.text(place, values)
        : Array.from({ length: size === 0 ? 0 : values }, (_, k) => cursor.number(place + k * size, size)),
    );
  }
  return { fields, next: cursor.number(at + countSize + count * entrySize, wide) };
}

function pageOf(fields: Fields, littleEndian: boolean): TiffPage {
  const list = (tag: number): readonly number[] | undefined => {
    const value = fields.get(tag);
    return value === undefined || typeof value === "string" || value.length === 0 ? undefined : value;
  };
  const one = (tag: number, otherwise?: number): number => {
    const value = list(tag)?.[0] ?? otherwise;
    if (value === undefined) throw corrupt(`directory has no field ${tag}`, { key: tag });
    return value;
  };
  const width = one(TAG.width);
  const height = one(TAG.height);
  const samples = one(TAG.samples, 1);
  if (!(width >= 1 && height >= 1 && samples >= 1 && width * height * samples <= Number.MAX_SAFE_INTEGER)) {
    throw corrupt(`image has the size ${width} x ${height} x ${samples}`, { found: [width, height, samples] });
  }
  if (one(TAG.fillOrder, 1) !== 1) throw unsupported("bits in the order", one(TAG.fillOrder));
  const bits = list(TAG.bits) ?? [1];
  const formats = list(TAG.sampleFormat) ?? [1];
  if (bits.some((n) => n !== bits[0]) || formats.some((n) => n !== formats[0])) {
    throw unsupported("samples of different types:", `${bits.join(", ")} bits`);
  }
  const tiled = fields.has(TAG.tileWidth);
  const rows = Math.min(one(TAG.rowsPerStrip, height), height);
  const offsets = list(tiled ? TAG.tileOffsets : TAG.stripOffsets) ?? [];
  const description = fields.get(TAG.description);
  return {
    littleEndian,
    width,
    height,
    ...typeOf(bits[0], formats[0]),
    samples,
    planar: one(TAG.planar, 1) === 2 && samples > 1,
    compression: one(TAG.compression, 1),
    predictor: one(TAG.predictor, 1),
    tiled,
    tileWidth: tiled ? one(TAG.tileWidth) : width,
    tileHeight: tiled ? one(TAG.tileHeight) : rows,
    offsets,
    byteCounts: list(tiled ? TAG.tileByteCounts : TAG.stripByteCounts) ?? [],
    description: typeof description === "string" ? description : "",
  };
}

function typeOf(bits: number | undefined, format: number | undefined): Pick<TiffPage, "bits" | "dtype"> {
  const kind = format === 2 ? "int" : format === 3 ? "float" : "uint";
  if (bits === 1 && kind === "uint") return { bits, dtype: "uint8" };
  const whole = bits === 8 || bits === 16 || bits === 32 || bits === 64;
  if (!whole || (format ?? 1) > 4 || (kind === "float" && bits < 32)) {
    throw unsupported("samples of", `${bits} bits, sample format ${format}`);
  }
  return { bits, dtype: `${kind}${bits}` as VoxelDtype };
}
