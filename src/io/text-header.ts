import { NnprepError } from "../core/errors.js";
import { type Geometry, type Shape3, voxelCount } from "../core/volume.js";
import { placedAsInItk } from "./itk-image.js";
import { itemSizeOf, type VoxelDtype } from "./voxel-bytes.js";

/*
 * What MetaImage and NRRD share: a header of text lines, then voxels. Files are taken as ITK 5.4 takes them (SimpleITK
 * 2.5), but for damage, which ITK does not always see: a broken zlib stream, a missing number, left-over voxels.
 */

/** No header is longer than this. */
const LONGEST_HEADER = 1 << 20;
const FIRST_PIECE = 4096;
const LONGEST_NUMBER = 64;

/** A header file's error. */
export function corruptHeader(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", `${message}; the header is damaged`, detail);
}

/**
 * Reads the beginning of a file in growing pieces until `parse` finds the end of the header there (it returns null
 * when it needs more). `whole` says that there is no more.
 */
export async function readTextHeader<T>(
  read: (begin: number, end: number) => Promise<Uint8Array>,
  byteLength: number,
  parse: (text: string, whole: boolean) => T | null,
): Promise<T> {
  for (let length = FIRST_PIECE; ; length *= 4) {
    const end = Math.min(length, byteLength, LONGEST_HEADER);
    const head = await read(0, end);
    // One character per byte, so that positions are bytes; names of files are made UTF-8 again by `decodeName`.
    const parsed = parse(latin1(head), end === byteLength);
    if (parsed !== null) return parsed;
    if (end === byteLength || end === LONGEST_HEADER) {
      throw corruptHeader(`no end of the header within ${end} bytes`, { byteLength: end });
    }
  }
}

export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

/**
 * The path of another file out of header text, with "/" between its parts. Throws UNSUPPORTED unless it lies in the
 * header's folder or below: another file of that name would be another volume.
 */
export function decodePath(text: string): string {
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  const path = new TextDecoder().decode(bytes).replaceAll("\\", "/");
  const parts = path.split("/").filter((part) => part !== ".");
  if (!path.startsWith("/") && !/^[A-Za-z]:/.test(path) && !parts.includes("..")) return parts.join("/");
  throw new NnprepError(
    "UNSUPPORTED",
    `the header says that the voxels are in "${path.slice(0, 200)}", outside its folder; put that file into the folder of the header and name it there without folders`,
    { found: path.slice(0, 200) },
  );
}

/** Finite numbers apart by white space, exactly `count` of them unless it is undefined. Throws CORRUPT_FILE. */
export function parseNumbers(key: string, text: string, count?: number): number[] {
  const words = text.trim() === "" ? [] : text.trim().split(/[\s,]+/);
  const numbers = words.map((word) =>
    // Longer ones are no numbers of a header, and take the pattern long.
    word.length <= LONGEST_NUMBER && /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(word) ? Number(word) : Number.NaN,
  );
  if (numbers.every(Number.isFinite) && (count === undefined || numbers.length === count)) return numbers;
  const expected = count === undefined ? "numbers" : `${count} numbers`;
  throw corruptHeader(`${key}: "${text.slice(0, 200)}" found, ${expected} expected`, {
    key,
    found: text.slice(0, 200),
    expected,
  });
}

/**
 * Voxels per axis, slowest first, from the sizes in file order. A plane is a volume of depth 1; further axes may be
 * there with length 1. Throws CORRUPT_FILE or UNSUPPORTED.
 */
export function shapeOfSizes(format: string, sizes: readonly number[]): Shape3 {
  const list = `(${sizes.join(", ")})`;
  if (!sizes.every((n) => Number.isInteger(n) && n >= 1)) {
    throw corruptHeader(`${format} header has the size ${list}; whole numbers of at least 1 are expected`, {
      found: [...sizes],
    });
  }
  if (sizes.length < 2 || sizes.slice(3).some((n) => n > 1)) {
    const advice =
      sizes.length < 2 ? "a volume is expected" : "write each 3-D volume (channel, time point) to a file of its own";
    throw new NnprepError("UNSUPPORTED", `${format} file of size ${list} has ${sizes.length} axes; ${advice}`, {
      found: [...sizes],
      dimensions: sizes.length,
    });
  }
  return [sizes.length >= 3 ? sizes[2] : 1, sizes[1], sizes[0]];
}

/** Throws CORRUPT_FILE when no file can hold the voxels. */
export function checkVoxelByteLength(format: string, shape: Shape3, dtype: VoxelDtype): void {
  if (voxelCount(shape) * itemSizeOf(dtype) <= Number.MAX_SAFE_INTEGER) return;
  throw corruptHeader(`${format} header promises ${[...shape].reverse().join(" x ")} voxels, more than any file holds`);
}

/**
 * Geometry from ITK's terms in file order: `columns[j]` is the direction of axis j in LPS. As in ITK, a negative
 * spacing turns its axis round; missing third axes are filled up. Throws CORRUPT_FILE when the axes span no space.
 */
export function geometryFromAxes(
  format: string,
  spacing: readonly number[],
  origin: readonly number[],
  columns: readonly (readonly number[])[],
): Geometry {
  const axis = (j: number) => columns[j] ?? [0, 1, 2].map((i) => (i === j ? 1 : 0));
  const signed = [0, 1, 2].map((j) => spacing[j] ?? 1);
  const direction = [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => (signed[j] < 0 ? -1 : 1) * (axis(j)[i] ?? 0)));
  const [a, b, c, d, e, f, g, h, i] = direction;
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  if (signed.includes(0) || !(Math.abs(det) > 1e-6)) {
    throw corruptHeader(
      `${format} header has spacing (${signed.join(", ")}) and directions [${direction.join(", ")}], which span no space`,
      { spacing: signed, direction },
    );
  }
  return {
    spacingMm: [Math.abs(signed[2]), Math.abs(signed[1]), Math.abs(signed[0])],
    ...placedAsInItk(
      [0, 1, 2].map((k) => origin[k] ?? 0),
      direction,
    ),
  };
}
