import { NnprepError } from "../core/errors.js";
import type { Geometry } from "../core/volume.js";
import type { TextHeader } from "./metaimage.js";
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
 * NRRD (.nrrd, .nhdr with a data file) after teem's format definition, taken as ITK 5.4's NrrdImageIO takes it.
 * Why not by @itk-wasm/image-io: see metaimage.ts; besides, it reads two equal space directions as a volume.
 */

const TYPES: Readonly<Record<VoxelDtype, string>> = {
  int8: "signed char|int8|int8_t",
  uint8: "uchar|unsigned char|uint8|uint8_t",
  int16: "short|short int|signed short|signed short int|int16|int16_t",
  uint16: "ushort|unsigned short|unsigned short int|uint16|uint16_t",
  int32: "int|signed int|int32|int32_t",
  uint32: "uint|unsigned int|uint32|uint32_t",
  int64: "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t",
  uint64: "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t",
  float32: "float",
  float64: "double",
};

const ENCODINGS: Readonly<Record<string, VoxelSource["encoding"]>> = {
  raw: "raw",
  gz: "gzip",
  gzip: "gzip",
  txt: "text",
  text: "text",
  ascii: "text",
};

/** Signs that turn a space's coordinates to left, posterior, superior; spaces that say nothing are taken as LPS, as by ITK. */
const SPACES: Readonly<Record<string, readonly [number, number, number]>> = {
  "left-posterior-superior": [1, 1, 1],
  lps: [1, 1, 1],
  "right-anterior-superior": [-1, -1, 1],
  ras: [-1, -1, 1],
  "left-anterior-superior": [1, -1, 1],
  las: [1, -1, 1],
};
const UNNAMED_SPACES = ["scanner-xyz", "3d-right-handed", "3d-left-handed"];

/** Kinds of axes that are no directions in space. */
const SPATIAL_KINDS = ["domain", "space", "time", "???", "none"];

export function isNrrd(head: Uint8Array): boolean {
  return String.fromCharCode(...head.subarray(0, 7)) === "NRRD000";
}

type Fields = ReadonlyMap<string, string>;

/** The fields, lower case and without blanks in the names, and the byte after the header; null if more is needed. */
function parseFields(text: string, whole: boolean): { fields: Fields; end: number } | null {
  const fields = new Map<string, string>();
  let at = text.indexOf("\n") + 1;
  if (at === 0) return null;
  if (!/^NRRD000[1-9]\s*$/.test(text.slice(0, at))) {
    throw corruptHeader(
      `NRRD header begins with "${text.slice(0, Math.min(at, 20)).trim()}", NRRD0001 to NRRD0006 expected`,
    );
  }
  for (;;) {
    const newline = text.indexOf("\n", at);
    if (newline === -1) return whole && text.slice(at).trim() === "" ? { fields, end: text.length } : finish();
    const line = text.slice(at, newline).replace(/\r$/, "");
    at = newline + 1;
    if (line === "") return { fields, end: at };
    addField(fields, line);
    if (/^data ?file\s*:\s*LIST/i.test(line)) return { fields, end: at };
  }
  function finish() {
    if (!whole) return null;
    addField(fields, text.slice(at).replace(/\r$/, ""));
    return { fields, end: text.length };
  }
}

function addField(fields: Map<string, string>, line: string): void {
  // "key:=value" is the user's own.
  if (line.startsWith("#") || /^[^:]*:=/.test(line)) return;
  const colon = line.indexOf(": ");
  if (colon < 1) throw corruptHeader(`NRRD header line "${line.slice(0, 80)}" found, "field: value" expected`);
  const name = line.slice(0, colon).toLowerCase().replaceAll(" ", "");
  const value = line.slice(colon + 2).trim();
  if (fields.has(name)) throw corruptHeader(`NRRD header has the field "${line.slice(0, colon)}" twice`, { key: name });
  if (!KNOWN_FIELDS.has(name))
    throw corruptHeader(`NRRD header has an unknown field "${line.slice(0, colon)}"`, { key: name });
  fields.set(name, value);
}

const KNOWN_FIELDS = new Set(
  (
    "type dimension space spacedimension sizes spacings spacedirections spaceorigin spaceunits measurementframe kinds " +
    "labels units thicknesses axismins axismaxs centers centerings endian encoding content min max oldmin oldmax " +
    "lineskip byteskip number blocksize datafile sampleunits"
  ).split(" "),
);

function required(fields: Fields, key: string): string {
  const text = fields.get(key);
  if (text !== undefined) return text;
  throw corruptHeader(`NRRD header has no field "${key}"`, { key });
}

function dtypeOf(fields: Fields): VoxelDtype {
  const type = required(fields, "type").toLowerCase();
  const found = (Object.keys(TYPES) as VoxelDtype[]).find((dtype) => TYPES[dtype].split("|").includes(type));
  if (found !== undefined) return found;
  throw new NnprepError(
    "UNSUPPORTED",
    `NRRD voxels of type "${type}"; integers and floats of up to 64 bits can be read`,
    {
      found: type,
    },
  );
}

function encodingOf(fields: Fields): VoxelSource["encoding"] {
  const name = required(fields, "encoding").toLowerCase();
  if (Object.hasOwn(ENCODINGS, name)) return ENCODINGS[name];
  throw new NnprepError(
    "UNSUPPORTED",
    `NRRD file with the encoding "${name}"; raw, gzip and ascii can be read. Write the scan with one of these`,
    { found: name },
  );
}

/** Reads the header of a .nrrd or .nhdr file. Throws CORRUPT_FILE or UNSUPPORTED. */
export async function readNrrdHeader(file: ScanFile): Promise<TextHeader> {
  const { fields, end } = await readTextHeader((from, to) => file.read(from, to), file.byteLength, parseFields);
  const [dimension] = parseNumbers("dimension", required(fields, "dimension"), 1);
  if (!(Number.isInteger(dimension) && dimension >= 1 && dimension <= 16)) {
    throw corruptHeader(`NRRD header has the dimension ${dimension}; 2 or 3 is expected`, { found: dimension });
  }
  const allSizes = parseNumbers("sizes", required(fields, "sizes"), dimension);
  const axes = spatialAxes(fields, allSizes);
  const shape = shapeOfSizes(
    "NRRD",
    axes.map((axis) => allSizes[axis]),
  );
  const dtype = dtypeOf(fields);
  checkVoxelByteLength("NRRD", shape, dtype);
  const encoding = encodingOf(fields);
  const warnings: string[] = [];
  for (const key of ["spaceunits", "units"]) warnOfUnits(fields.get(key), warnings);
  return {
    format: "NRRD",
    shape,
    dtype,
    littleEndian: isLittleEndian(fields, itemSizeOf(dtype) > 1 && encoding !== "text"),
    geometry: geometryOf(fields, axes, dimension, warnings),
    encoding,
    ...locate(fields, end),
    warnings,
    planar: axes.length === 2,
  };
}

/** The axes that are directions in space; those of one sample that hold values are left out, others refused. */
function spatialAxes(fields: Fields, sizes: readonly number[]): number[] {
  const kinds = (fields.get("kinds") ?? "").split(/\s+/).filter((kind) => kind !== "");
  if (kinds.length !== 0 && kinds.length !== sizes.length) {
    throw corruptHeader(`NRRD header has ${kinds.length} kinds for ${sizes.length} axes`, { found: kinds });
  }
  const directions = fields.get("spacedirections") === undefined ? undefined : spaceDirections(fields, sizes.length);
  const isValue = (axis: number) =>
    directions?.[axis] === null || (kinds[axis] !== undefined && !SPATIAL_KINDS.includes(kinds[axis].toLowerCase()));
  const all = sizes.map((_, axis) => axis);
  const spatial = all.filter((axis) => !isValue(axis));
  const values = all.filter((axis) => isValue(axis) && sizes[axis] > 1);
  if (values.length === 0 && spatial.length >= 2) return spatial;
  throw new NnprepError(
    "UNSUPPORTED",
    `NRRD file of size (${sizes.join(", ")}) with ${values.length} axes of values (kinds ${kinds.join(" ") || "not given"}); write each 3-D volume (channel, time point) to a file of its own`,
    { found: [...sizes], dimensions: sizes.length },
  );
}

/** ITK takes the numbers for millimetres, whatever the header calls them. */
function warnOfUnits(text: string | undefined, warnings: string[]): void {
  const names = text?.match(/"[^"]*"|[^\s"]+/g)?.map((name) => name.replaceAll('"', "").trim().toLowerCase()) ?? [];
  const other = names.find((name) => !["", "mm", "???", "none", "millimeter", "millimetre"].includes(name));
  if (other === undefined) return;
  warnings.push(
    `NRRD header gives its lengths in "${other.slice(0, 40)}"; they are taken for mm, as by ITK and nnU-Net`,
  );
}

/** One vector for each axis, null for "none". */
function spaceDirections(fields: Fields, dimension: number): (number[] | null)[] {
  const text = required(fields, "spacedirections");
  const words = text.match(/\([^()]*\)|[^\s()]+/g) ?? [];
  if (words.length !== dimension) {
    throw corruptHeader(
      `NRRD header has ${words.length} space directions for ${dimension} axes: "${text.slice(0, 200)}"`,
    );
  }
  return words.map((word) => (word.toLowerCase() === "none" ? null : vector("space directions", word)));
}

function vector(key: string, text: string): number[] {
  if (!/^\(.*\)$/.test(text))
    throw corruptHeader(`NRRD header: ${key} "${text.slice(0, 80)}", a vector (x,y,z) expected`);
  return parseNumbers(key, text.slice(1, -1));
}

function isLittleEndian(fields: Fields, matters: boolean): boolean {
  const text = fields.get("endian")?.toLowerCase();
  if (text === "little" || text === "big") return text === "little";
  if (!matters && text === undefined) return true;
  throw corruptHeader(`NRRD header: endian is ${text === undefined ? "missing" : `"${text}"`}, little or big expected`);
}

function geometryOf(fields: Fields, axes: readonly number[], dimension: number, warnings: string[]): Geometry {
  const name = fields.get("space")?.toLowerCase();
  if (name === undefined && fields.get("spacedimension") === undefined)
    return plainGeometry(fields, axes, dimension, warnings);
  let signs = SPACES["left-posterior-superior"];
  if (name !== undefined && Object.hasOwn(SPACES, name)) signs = SPACES[name];
  else if (name === undefined || UNNAMED_SPACES.includes(name)) {
    warnings.push(
      `NRRD header does not say how its space "${name ?? "of 3 dimensions"}" lies in the patient; left-posterior-superior is assumed`,
    );
  } else {
    throw new NnprepError(
      "UNSUPPORTED",
      `NRRD file in the space "${name}"; LPS, RAS and LAS of three dimensions can be read`,
      { found: name },
    );
  }
  const directions = spaceDirections(fields, dimension);
  const vectors = axes.map((axis) => (directions[axis] as number[]).map((x, k) => x * signs[k]));
  if (fields.get("spaceorigin") === undefined) warnings.push("NRRD header has no space origin; 0 is assumed");
  const origin = originOf(fields).map((x, k) => x * signs[k]);
  // A plane in a space of two dimensions, as ITK writes it.
  if (axes.length === 2 && vectors.every((v) => v.length === 2)) {
    for (const v of vectors) v.push(0);
    if (origin.length === 2) origin.push(0);
  }
  if ([...vectors, origin].some((v) => v.length !== 3)) {
    throw corruptHeader("NRRD header: space origin or a space direction has not three numbers");
  }
  const spacing = vectors.map((v) => Math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]));
  const columns = vectors.map((v, j) => v.map((x) => (spacing[j] === 0 ? 0 : x / spacing[j])));
  while (columns.length < 3) columns.push(crossed(columns[0], columns[1]));
  return geometryFromAxes("NRRD", spacing, origin, columns);
}

/** The third axis of a plane in space. */
function crossed([a, b, c]: readonly number[], [d, e, f]: readonly number[]): number[] {
  return [b * f - c * e, c * d - a * f, a * e - b * d];
}

function originOf(fields: Fields): number[] {
  const text = fields.get("spaceorigin");
  // "(nan,nan,nan)" is teem's way to say that it is not known; ITK takes 0.
  if (text === undefined || /^\(\s*nan\s*(,\s*nan\s*)*\)$/i.test(text)) return [0, 0, 0];
  return vector("space origin", text);
}

/** Without a space: spacings, and the first corners of the axes if they are there. */
function plainGeometry(fields: Fields, axes: readonly number[], dimension: number, warnings: string[]): Geometry {
  const perAxis = (key: string): number[] | undefined => {
    const text = fields.get(key);
    if (text === undefined) return undefined;
    const values = parseNumbers(key, text.replaceAll(/\bnan\b/gi, "0"), dimension);
    return axes.map((axis) => values[axis]);
  };
  // ITK takes 1 for what is not known.
  const spacing = perAxis("spacings")?.map((step) => (step === 0 ? 1 : step));
  const mins = perAxis("axismins");
  if (fields.get("axismaxs") !== undefined && spacing === undefined) {
    throw new NnprepError(
      "UNSUPPORTED",
      "NRRD header with axis maxs instead of spacings; write the scan with spacings",
      {},
    );
  }
  const centers = (fields.get("centers") ?? fields.get("centerings") ?? "").toLowerCase().split(/\s+/);
  const origin = mins?.map((min, j) => (centers[axes[j]] === "node" ? min : min + (spacing?.[j] ?? 1) / 2));
  warnings.push(
    `NRRD header has no space: ${spacing === undefined ? "1 mm spacing, " : ""}axes towards left, posterior, superior${origin === undefined ? " and origin 0" : ""} are assumed`,
  );
  return geometryFromAxes("NRRD", spacing ?? [], origin ?? [], []);
}

function locate(fields: Fields, headerEnd: number): Pick<VoxelSource, "begin" | "lineSkip" | "byteSkip" | "dataFile"> {
  const target = fields.get("datafile");
  if (target !== undefined && (/^LIST\b/i.test(target) || /%\d*d/.test(target) || decodePath(target) === "")) {
    throw new NnprepError(
      "UNSUPPORTED",
      `NRRD header with the voxels in "${target}"; one file for all voxels can be read. Write the scan as .nrrd first`,
      { found: target },
    );
  }
  const skip = (key: string, low: number): number => {
    const [value] = parseNumbers(key, fields.get(key) ?? "0", 1);
    if (Number.isSafeInteger(value) && value >= low) return value;
    throw corruptHeader(`NRRD header: ${key} is ${value}, a whole number of at least ${low} expected`, { key });
  };
  const byteSkip = skip("byteskip", -1);
  return {
    begin: target === undefined ? headerEnd : 0,
    dataFile: target === undefined ? null : decodePath(target),
    lineSkip: skip("lineskip", 0),
    byteSkip: byteSkip === -1 ? "all but the voxels" : byteSkip,
  };
}

/**
 * Reads an NRRD file; `find` gives the file that holds the voxels when the header names one.
 * Throws CORRUPT_FILE, UNSUPPORTED or FILE_NOT_FOUND.
 */
export async function readNrrd(file: ScanFile, find: FindCompanion): Promise<ScanReading> {
  const header = await readNrrdHeader(file);
  const { data, warnings } = await readVoxels(header, await voxelFile(header, file, find));
  return {
    volume: { data, shape: header.shape, geometry: header.geometry },
    warnings: [...header.warnings, ...warnings],
    planar: header.planar,
  };
}
