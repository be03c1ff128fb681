import { NnprepError } from "../core/errors.js";
import type { Geometry } from "../core/volume.js";
import type { ScanFile, ScanReading } from "./scan-file.js";
import {
  checkVoxelByteLength,
  corruptHeader,
  decodePath,
  geometryFromAxes,
  parseNumbers,
  readTextHeader,
  shapeOfSizes,
} from "./text-header.js";
import { itemSizeOf, type VoxelDtype } from "./voxel-bytes.js";
import { type FindCompanion, readVoxels, type VoxelSource, voxelFile } from "./voxel-source.js";

/*
 * MetaImage (.mha, .mhd with .raw or .zraw) as ITK 5.4's MetaImageIO reads it. ITK's own reader compiled to WebAssembly
 * (@itk-wasm/image-io 1.6.1) was tried first: it returns a volume out of a damaged zlib stream, takes "1.5 x 3" for
 * the spacing 1.5, 0, 3, writes to the console, and reads only files on a disk when it runs in Node.
 */

/** A header without its voxels. */
export interface TextHeader extends VoxelSource {
  readonly geometry: Geometry;
  readonly warnings: readonly string[];
  /** Whether the image has two axes. */
  readonly planar: boolean;
}

const DTYPES: Readonly<Record<string, VoxelDtype>> = {
  MET_CHAR: "int8",
  MET_ASCII_CHAR: "int8",
  MET_UCHAR: "uint8",
  MET_SHORT: "int16",
  MET_USHORT: "uint16",
  MET_INT: "int32",
  MET_UINT: "uint32",
  // Four bytes, whatever a C compiler calls long.
  MET_LONG: "int32",
  MET_ULONG: "uint32",
  MET_LONG_LONG: "int64",
  MET_ULONG_LONG: "uint64",
  MET_FLOAT: "float32",
  MET_DOUBLE: "float64",
};

const LAST_KEY = "ElementDataFile";
const KNOWN_KEYS = /^\s*(ObjectType|NDims|DimSize|ElementType|BinaryData|ElementSpacing)\s*[=:]/m;

/** Whether a file that begins like this is a MetaImage header. */
export function isMetaImage(head: Uint8Array): boolean {
  const text = String.fromCharCode(...head.subarray(0, 512));
  return KNOWN_KEYS.test(text.split("\n", 1)[0]);
}

type Fields = ReadonlyMap<string, string>;

/** All keys up to ElementDataFile, which is the last, and the byte after that line; null if it is not there yet. */
function parseFields(text: string, whole: boolean): { fields: Fields; end: number } | null {
  const fields = new Map<string, string>();
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf("\n", at);
    if (newline === -1 && !whole) return null;
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(at, end);
    at = end + 1;
    if (line.trim() === "") continue;
    const { key, value } = splitLine(line);
    if (fields.has(key) && fields.get(key) !== value) {
      throw corruptHeader(`MetaImage header has ${key} twice: "${fields.get(key)}" and "${value}"`, { key });
    }
    fields.set(key, value);
    if (key === LAST_KEY) return { fields, end: Math.min(at, text.length) };
  }
  return null;
}

/** Any text may be a key: SimpleITK writes the tags of DICOM images ("0008|0020 = 20200101"). */
function splitLine(line: string): { key: string; value: string } {
  const separator = line.search(/[=:]/);
  const key = line.slice(0, Math.max(separator, 0)).trim();
  if (key === "" || /[^\x20-\x7e\x80-\xff]/.test(key)) {
    throw corruptHeader(`MetaImage header line "${line.slice(0, 80)}" found, "Key = value" expected`);
  }
  return { key, value: line.slice(separator + 1).trim() };
}

function flag(fields: Fields, key: string): boolean | undefined {
  const text = fields.get(key);
  if (text === undefined) return undefined;
  if (/^(true|t|1|yes)$/i.test(text)) return true;
  if (/^(false|f|0|no)$/i.test(text)) return false;
  throw corruptHeader(`MetaImage header: ${key} is "${text}", True or False expected`, { key, found: text });
}

function wholeNumber(fields: Fields, key: string, low: number): number | undefined {
  const text = fields.get(key);
  if (text === undefined) return undefined;
  const [value] = parseNumbers(key, text, 1);
  if (Number.isSafeInteger(value) && value >= low) return value;
  throw corruptHeader(`MetaImage header: ${key} is ${value}, a whole number of at least ${low} expected`, { key });
}

function required(fields: Fields, key: string): string {
  const text = fields.get(key);
  if (text !== undefined) return text;
  throw corruptHeader(`MetaImage header has no ${key}`, { key });
}

/** Reads the header of a .mha or .mhd file. Throws CORRUPT_FILE or UNSUPPORTED. */
export async function readMetaImageHeader(file: ScanFile): Promise<TextHeader> {
  const { fields, end } = await readTextHeader((from, to) => file.read(from, to), file.byteLength, parseFields);
  const axes = wholeNumber(fields, "NDims", 1) ?? corruptAxes();
  if (axes > 10) throw corruptHeader(`MetaImage header has ${axes} axes; 2 or 3 are expected`, { found: axes });
  const shape = shapeOfSizes("MetaImage", parseNumbers("DimSize", required(fields, "DimSize"), axes));
  const dtype = dtypeOf(fields);
  checkVoxelByteLength("MetaImage", shape, dtype);
  const warnings: string[] = [];
  return {
    format: "MetaImage",
    shape,
    dtype,
    littleEndian: !isBigEndian(fields, dtype, warnings),
    geometry: geometryOf(fields, axes, warnings),
    ...locate(fields, end),
    warnings,
    planar: axes === 2,
  };
}

function corruptAxes(): never {
  throw corruptHeader("MetaImage header has no NDims", { key: "NDims" });
}

function dtypeOf(fields: Fields): VoxelDtype {
  const object = fields.get("ObjectType") ?? "Image";
  const channels = wholeNumber(fields, "ElementNumberOfChannels", 1) ?? 1;
  const type = required(fields, "ElementType");
  const dtype = Object.hasOwn(DTYPES, type) ? DTYPES[type] : undefined;
  if (object === "Image" && channels === 1 && dtype !== undefined) return dtype;
  const found =
    object !== "Image" ? `ObjectType ${object}` : channels > 1 ? `${channels} values per voxel` : `ElementType ${type}`;
  throw new NnprepError(
    "UNSUPPORTED",
    `MetaImage file with ${found}; an Image with one integer or float per voxel can be read`,
    { found },
  );
}

function isBigEndian(fields: Fields, dtype: VoxelDtype, warnings: string[]): boolean {
  const first = flag(fields, "BinaryDataByteOrderMSB");
  const second = flag(fields, "ElementByteOrderMSB");
  if (first !== undefined && second !== undefined && first !== second) {
    throw corruptHeader("MetaImage header: BinaryDataByteOrderMSB and ElementByteOrderMSB contradict each other");
  }
  if (first === undefined && second === undefined && itemSizeOf(dtype) > 1) {
    warnings.push("MetaImage header does not say the byte order; little endian is assumed");
  }
  return first ?? second ?? false;
}

/** The value of the first key that is there, as numbers. */
function numbersOf(fields: Fields, keys: readonly string[], count: number): number[] | undefined {
  const key = keys.find((k) => fields.has(k));
  return key === undefined ? undefined : parseNumbers(key, fields.get(key) as string, count);
}

function geometryOf(fields: Fields, axes: number, warnings: string[]): Geometry {
  const spacing = numbersOf(fields, ["ElementSpacing", "ElementSize"], axes);
  const offset = numbersOf(fields, ["Offset", "Position", "Origin"], axes);
  const matrix = numbersOf(fields, ["TransformMatrix", "Rotation", "Orientation"], axes * axes);
  const missing: string[] = [];
  if (spacing === undefined) missing.push("ElementSpacing (1 mm is assumed)");
  if (offset === undefined) missing.push("Offset (0 is assumed)");
  if (matrix === undefined) missing.push("TransformMatrix (axes towards left, posterior, superior are assumed)");
  const unit = fields.get("DistanceUnits") ?? "mm";
  if (!/^(mm|\?)$/i.test(unit)) {
    warnings.push(
      `MetaImage header gives its lengths in "${unit.slice(0, 40)}"; they are taken for mm, as by ITK and nnU-Net`,
    );
  }
  if (missing.length > 0) warnings.push(`MetaImage header has no ${missing.join(", no ")}`);
  // Row j of the matrix is the direction of axis j.
  const columns = Array.from({ length: Math.min(axes, 3) }, (_, j) => {
    const row = matrix?.slice(j * axes, j * axes + Math.min(axes, 3));
    return row ?? [0, 1, 2].map((i) => (i === j ? 1 : 0));
  });
  return geometryFromAxes("MetaImage", spacing ?? [], offset ?? [], columns);
}

type Location = Pick<VoxelSource, "encoding" | "begin" | "end" | "byteSkip" | "dataFile">;

function locate(fields: Fields, headerEnd: number): Location {
  const target = required(fields, LAST_KEY);
  const dataFile = /^local$/i.test(target) ? null : decodePath(target);
  if (/^LIST\b/i.test(target) || /%\d*d/.test(target) || dataFile === "") {
    throw new NnprepError(
      "UNSUPPORTED",
      `MetaImage header with the voxels in "${target}"; one file for all voxels can be read. Write the scan as .mha first`,
      { found: target },
    );
  }
  const compressed = flag(fields, "CompressedData") ?? false;
  const isText = !(flag(fields, "BinaryData") ?? true);
  const headerSize = wholeNumber(fields, "HeaderSize", -1) ?? 0;
  const start = headerSize > 0 ? headerSize : dataFile === null ? headerEnd : 0;
  const compressedSize = wholeNumber(fields, "CompressedDataSize", 0) ?? 0;
  return {
    encoding: compressed ? "zlib" : isText ? "text" : "raw",
    dataFile,
    begin: start,
    ...(compressed && compressedSize > 0 ? { end: start + compressedSize } : {}),
    ...(headerSize < 0 && !compressed && !isText ? { byteSkip: "all but the voxels" as const } : {}),
  };
}

/**
 * Reads a MetaImage file; `find` gives the file that holds the voxels when the header names one.
 * Throws CORRUPT_FILE, UNSUPPORTED or FILE_NOT_FOUND.
 */
export async function readMetaImage(file: ScanFile, find: FindCompanion): Promise<ScanReading> {
  const header = await readMetaImageHeader(file);
  const { data, warnings } = await readVoxels(header, await voxelFile(header, file, find));
  return {
    volume: { data, shape: header.shape, geometry: header.geometry },
    warnings: [...header.warnings, ...warnings],
    planar: header.planar,
  };
}
