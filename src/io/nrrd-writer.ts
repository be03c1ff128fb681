import { checkLength, type Volume } from "../core/volume.js";
import { gzipChunks } from "./gzip.js";
import { joinParts } from "./gzip-members.js";
import { bytesOf } from "./metaimage-writer.js";
import { dtypeOfArray, type VoxelDtype } from "./voxel-bytes.js";

const TYPES: Readonly<Record<VoxelDtype, string>> = {
  int8: "signed char",
  uint8: "unsigned char",
  int16: "short",
  uint16: "unsigned short",
  int32: "int",
  uint32: "unsigned int",
  int64: "long long int",
  uint64: "unsigned long long int",
  float32: "float",
  float64: "double",
};

/** A number as C's "%.17g" writes it, which teem does. */
function formatNumber(x: number): string {
  if (x === 0) return Object.is(x, -0) ? "-0" : "0";
  const [digits, power] = x.toExponential(16).split("e") as [string, string];
  const exponent = Number(power);
  const trim = (text: string) => text.replace(/\.?0+$/, "");
  if (exponent >= -4 && exponent < 17) {
    const decimals = x.toFixed(Math.max(0, 16 - exponent));
    return decimals.includes(".") ? trim(decimals) : decimals;
  }
  const sign = exponent < 0 ? "-" : "+";
  return `${trim(digits)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/**
 * Writes a volume as NRRD in one file (.nrrd), with the header that SimpleITK writes. NRRD holds the product of spacing and direction:
 * both are read back in every bit when the axes are parallel to the patient's, else to 1 part in 10^15. `planar` writes a
 * volume of depth 1 as an image of two axes.
 */
export async function formatNrrd(
  volume: Volume,
  { compress, planar = false }: { readonly compress: boolean; readonly planar?: boolean },
): Promise<Uint8Array<ArrayBuffer>> {
  const { data, shape, geometry } = volume;
  checkLength("volume", data, shape);
  const { spacingMm, originMm, direction: d } = geometry;
  const axes = planar ? [0, 1] : [0, 1, 2];
  const axis = (j: number) => `(${axes.map((i) => formatNumber(d[3 * i + j] * spacingMm[2 - j])).join(",")})`;
  const header = [
    "NRRD0004",
    "# Complete NRRD file format specification at:",
    "# http://teem.sourceforge.net/nrrd/format.html",
    `type: ${TYPES[dtypeOfArray(data)]}`,
    `dimension: ${axes.length}`,
    // teem's names of spaces are of three dimensions.
    planar ? "space dimension: 2" : "space: left-posterior-superior",
    `sizes: ${axes.map((i) => shape[2 - i]).join(" ")}`,
    `space directions: ${axes.map(axis).join(" ")}`,
    `kinds: ${axes.map(() => "domain").join(" ")}`,
    ...(data.BYTES_PER_ELEMENT > 1 ? ["endian: little"] : []),
    `encoding: ${compress ? "gzip" : "raw"}`,
    `space origin: (${axes.map((i) => formatNumber(originMm[i])).join(",")})`,
    "",
    "",
  ].join("\n");
  const head = new TextEncoder().encode(header);
  const body = compress ? await gzipChunks([bytesOf(volume)]) : bytesOf(volume);
  return joinParts([head, body], head.length + body.length);
}
