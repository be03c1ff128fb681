import { NnprepError } from "../core/errors.js";
import { checkLength, type Geometry, type Volume } from "../core/volume.js";
import { gunzipPrefix, isGzip } from "./gzip.js";
import { joinParts } from "./gzip-members.js";
import type { ScanFile, ScanReading } from "./scan-file.js";
import { checkVoxelByteLength, corruptHeader, geometryFromAxes, shapeOfSizes } from "./text-header.js";
import { dtypeOfArray, itemSizeOf, swapBytes, type VoxelDtype } from "./voxel-bytes.js";
import { readVoxels, type VoxelSource } from "./voxel-source.js";

/*
 * GIPL (.gipl, .gipl.gz), the Guy's Image Processing Lab format, as ITK 5.4's GiplImageIO reads and writes it: 256 bytes of
 * header, then the voxels, all of it big endian. It knows no directions, and spacings are float32.
 */

const HEADER_BYTES = 256;
/** Enough of a gzipped file to hold its header. */
const GZIPPED_HEAD = 4096;
const MAGIC_AT = 252;
/** Two numbers mark the format; ITK takes either and writes the first. */
const MAGIC = [0xefffe9b0, 0x2ae389b8];
const SIZES_AT = 0;
const TYPE_AT = 8;
const SPACING_AT = 10;
const TEXT_AT = 26;
const ORIGIN_AT = 204;

/** Voxel types that ITK gives to SimpleITK. */
const TYPES: readonly (readonly [number, VoxelDtype])[] = [
  [7, "int8"],
  [8, "uint8"],
  [1, "uint8"],
  [15, "int16"],
  [16, "uint16"],
  [64, "float32"],
  [65, "float64"],
];

/** A header without its voxels. */
interface GiplHeader extends VoxelSource {
  readonly geometry: Geometry;
  /** Whether the image has two axes. */
  readonly planar: boolean;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether a file that begins like this (inflated if it was gzipped) is a GIPL file. */
export function isGipl(head: Uint8Array): boolean {
  return head.length >= HEADER_BYTES && MAGIC.includes(viewOf(head).getUint32(MAGIC_AT));
}

/** Reads the header of a .gipl or .gipl.gz file. Throws CORRUPT_FILE or UNSUPPORTED. */
export async function readGiplHeader(file: ScanFile): Promise<GiplHeader> {
  const start = await file.read(0, GZIPPED_HEAD);
  const packed = isGzip(start);
  const head = packed ? gunzipPrefix(start, HEADER_BYTES) : start;
  if (!isGipl(head)) {
    throw corruptHeader(`a GIPL header of ${HEADER_BYTES} bytes is expected, which ends in ${MAGIC[0].toString(16)}`, {
      byteLength: head.length,
    });
  }
  const view = viewOf(head);
  const sizes = [0, 1, 2, 3].map((i) => view.getUint16(SIZES_AT + 2 * i));
  // Sizes of 0 stand for axes that are not there.
  const planar = sizes[2] === 0;
  const shape = shapeOfSizes("GIPL", [sizes[0], sizes[1], planar ? 1 : sizes[2], Math.max(1, sizes[3])]);
  const type = view.getUint16(TYPE_AT);
  const dtype = TYPES.find(([number]) => number === type)?.[1];
  if (dtype === undefined) {
    throw new NnprepError(
      "UNSUPPORTED",
      `GIPL file with voxels of type ${type}; integers of 8 and 16 bits (7, 8, 15, 16) and floats (64, 65) can be read`,
      { found: type },
    );
  }
  checkVoxelByteLength("GIPL", shape, dtype);
  const axes = planar ? 2 : 3;
  const spacing = Array.from({ length: axes }, (_, i) => view.getFloat32(SPACING_AT + 4 * i));
  const origin = Array.from({ length: axes }, (_, i) => view.getFloat64(ORIGIN_AT + 8 * i));
  return {
    format: "GIPL",
    shape,
    dtype,
    littleEndian: false,
    geometry: geometryFromAxes("GIPL", spacing, origin, []),
    encoding: packed ? "gzip" : "raw",
    begin: packed ? 0 : HEADER_BYTES,
    ...(packed ? { byteSkip: HEADER_BYTES } : {}),
    dataFile: null,
    planar,
  };
}

/** Reads a GIPL file. Throws CORRUPT_FILE or UNSUPPORTED. */
export async function readGipl(file: ScanFile): Promise<ScanReading> {
  const header = await readGiplHeader(file);
  const { data, warnings } = await readVoxels(header, file);
  return {
    volume: { data, shape: header.shape, geometry: header.geometry },
    warnings,
    planar: header.planar,
  };
}

/**
 * Writes a volume as GIPL, with the header that SimpleITK writes; an image of two axes gets depth 1. Spacings are rounded to
 * float32.
 *
 * @throws NnprepError UNSUPPORTED for axes that are not the patient's and for voxels of 32-bit integers, which the format
 * does not hold, SHAPE_MISMATCH
 */
export async function formatGipl(volume: Volume): Promise<Uint8Array<ArrayBuffer>> {
  const { data, shape, geometry } = volume;
  checkLength("volume", data, shape);
  const { spacingMm, originMm, direction } = geometry;
  if (!direction.every((x, i) => x === (i % 4 === 0 ? 1 : 0))) {
    throw new NnprepError(
      "UNSUPPORTED",
      `GIPL holds no directions, but the axes of this volume have [${direction.join(", ")}]; write it as .nii.gz, .nrrd or .mha`,
      { found: [...direction] },
    );
  }
  const dtype = dtypeOfArray(data);
  const type = TYPES.find(([, name]) => name === dtype)?.[0];
  if (type === undefined || shape.some((n) => n > 0xffff)) {
    throw new NnprepError(
      "UNSUPPORTED",
      `a volume of ${shape.join(" x ")} voxels of ${dtype} does not fit into GIPL, which has integers of 8 and 16 bits and floats, and up to 65535 voxels an axis; write it as .nii.gz, .nrrd or .mha`,
      { found: dtype, shape: [...shape] },
    );
  }
  const header = new Uint8Array(HEADER_BYTES);
  const view = viewOf(header);
  for (let i = 0; i < 4; i++) view.setUint16(SIZES_AT + 2 * i, shape[2 - i] ?? 1);
  view.setUint16(TYPE_AT, type);
  for (let i = 0; i < 4; i++) view.setFloat32(SPACING_AT + 4 * i, spacingMm[2 - i] ?? 1);
  header.set(new TextEncoder().encode("No Patient Information"), TEXT_AT);
  for (let i = 0; i < 3; i++) view.setFloat64(ORIGIN_AT + 8 * i, originMm[i]);
  view.setUint32(MAGIC_AT, MAGIC[0]);
  const voxels = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  swapBytes(voxels, itemSizeOf(dtype));
  return joinParts([header, voxels], header.length + voxels.length);
}
