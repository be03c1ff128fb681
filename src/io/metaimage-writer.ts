import { checkLength, type Geometry, type Volume } from "../core/volume.js";
import { zlibChunks } from "./gzip.js";
import { joinParts } from "./gzip-members.js";
import { dtypeOfArray, type VoxelDtype } from "./voxel-bytes.js";

const ELEMENT_TYPES: Readonly<Record<VoxelDtype, string>> = {
  int8: "MET_CHAR",
  uint8: "MET_UCHAR",
  int16: "MET_SHORT",
  uint16: "MET_USHORT",
  int32: "MET_INT",
  uint32: "MET_UINT",
  int64: "MET_LONG_LONG",
  uint64: "MET_ULONG_LONG",
  float32: "MET_FLOAT",
  float64: "MET_DOUBLE",
};

/** The side of the patient from which each axis comes, as MetaIO names it; for readers that ignore the matrix. */
function anatomicalOrientation({ direction }: Geometry): string {
  const letters = ["RL", "AP", "IS"];
  const free = [0, 1, 2];
  return [0, 1, 2]
    .map((column) => {
      const size = (row: number) => Math.abs(direction[3 * row + column]);
      const row = free.reduce((best, next) => (size(next) > size(best) ? next : best));
      free.splice(free.indexOf(row), 1);
      return letters[row][direction[3 * row + column] >= 0 ? 0 : 1];
    })
    .join("");
}

/** Bytes of an array as they go into a file: every machine that runs this is little endian. */
export function bytesOf({ data }: Volume): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Writes a volume as MetaImage in one file (.mha), with ITK's keys. Numbers are written so that they are read back in
 * every bit. `compress` packs the voxels with zlib; `planar` writes a volume of depth 1 as an image of two axes.
 */
export async function formatMetaImage(
  volume: Volume,
  { compress, planar = false }: { readonly compress: boolean; readonly planar?: boolean },
): Promise<Uint8Array<ArrayBuffer>> {
  const { data, shape, geometry } = volume;
  checkLength("volume", data, shape);
  const { spacingMm: s, originMm, direction: d } = geometry;
  const axes = planar ? [0, 1] : [0, 1, 2];
  const pieces = compress ? await zlibChunks([bytesOf(volume)]) : [bytesOf(volume)];
  const byteLength = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const header = [
    "ObjectType = Image",
    `NDims = ${axes.length}`,
    "BinaryData = True",
    "BinaryDataByteOrderMSB = False",
    `CompressedData = ${compress ? "True" : "False"}`,
    ...(compress ? [`CompressedDataSize = ${byteLength}`] : []),
    // Row j of the matrix is the direction of axis j.
    `TransformMatrix = ${axes.flatMap((j) => axes.map((i) => d[3 * i + j])).join(" ")}`,
    `Offset = ${axes.map((i) => originMm[i]).join(" ")}`,
    `CenterOfRotation = ${axes.map(() => 0).join(" ")}`,
    `AnatomicalOrientation = ${anatomicalOrientation(geometry).slice(0, axes.length)}`,
    `ElementSpacing = ${axes.map((i) => s[2 - i]).join(" ")}`,
    `DimSize = ${axes.map((i) => shape[2 - i]).join(" ")}`,
    `ElementType = ${ELEMENT_TYPES[dtypeOfArray(data)]}`,
    "ElementDataFile = LOCAL",
    "",
  ].join("\n");
  const head = new TextEncoder().encode(header);
  return joinParts([head, ...pieces], head.length + byteLength);
}
