// Damaged scan files: mutations of small good ones, the same for the same seed, and what reading them may give.
import { NnprepError } from "../../dist/node.js";

/** Numbers in [0, 1), mulberry32. */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const EXTREMES = [
  "0",
  "-1",
  "3",
  "1e308",
  "nan",
  "99999999999",
  "4294967296",
  "-2147483648",
  "x",
  "",
  "1e-300",
  "65536",
];

/** A seed with its first file damaged, or as it damages itself. */
export function damage(seed, random) {
  if (seed.damage !== undefined) return { ...seed, files: seed.damage(random) };
  const [bytes, ...others] = seed.files;
  return { ...seed, files: [mutate(bytes, random), ...others] };
}

/** A field of this many bytes takes a reader that goes over it once for each of them seconds. */
const LONG = 60_000;

/**
 * One to three of: flipped bits, a cut end, cut out or doubled bytes, extreme bytes, an extreme number in the header, a
 * byte that is repeated many times.
 */
export function mutate(bytes, random) {
  const below = (n) => Math.floor(random() * n);
  let result = new Uint8Array(bytes);
  for (let times = 1 + below(3); times > 0; times--) {
    const header = Math.min(result.length, 352);
    const at = below(2) === 0 ? below(header) : below(result.length);
    const kind = below(7);
    if (kind === 0) result[at] ^= 1 << below(8);
    else if (kind === 1) result = result.slice(0, at);
    else if (kind === 2) result = join(result.subarray(0, at), result.subarray(at + 1 + below(64)));
    else if (kind === 3) result = join(result.subarray(0, at + below(64)), result.subarray(at));
    else if (kind === 4) result.fill([0, 0xff, 0x7f, 0x80][below(4)], at, at + 1 + below(8));
    else if (kind === 5) result = replaceNumber(result, below, header);
    else result = join(result.subarray(0, at), join(new Uint8Array(LONG).fill(result[at]), result.subarray(at)));
  }
  return result;
}

function join(a, b) {
  const result = new Uint8Array(a.length + b.length);
  result.set(a);
  result.set(b, a.length);
  return result;
}

/** In a text header one number becomes an extreme one; in a binary one, a field of four bytes. */
function replaceNumber(bytes, below, header) {
  const text = String.fromCharCode(...bytes.subarray(0, header));
  const numbers = [...text.matchAll(/[-+]?\d+(\.\d+)?/g)];
  if (!/^(NRRD|ObjectType|NDims)/.test(text) || numbers.length === 0) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const at = 4 * below(Math.floor(header / 4));
    if (at + 4 <= bytes.length) view.setInt32(at, [0, -1, 2 ** 31 - 1, -(2 ** 31), 0x7fc00000, 1][below(6)], true);
    return bytes;
  }
  const { index, 0: found } = numbers[below(numbers.length)];
  const extreme = new TextEncoder().encode(EXTREMES[below(EXTREMES.length)]);
  return join(join(bytes.subarray(0, index), extreme), bytes.subarray(index + found.length));
}

/**
 * What is wrong with how a damaged file was read; null if nothing is.
 */
export async function judge(read, seconds = 5, bytesAllowed = 1 << 28) {
  const start = performance.now();
  let reading;
  try {
    reading = await read();
  } catch (error) {
    if (!(error instanceof NnprepError)) return `not an NnprepError: ${error?.stack ?? error}`;
    // What is wrong with a DICOM series as a whole is no single file's fault.
    if (error.detail.file === undefined && !/\bseries\b/.test(error.message)) {
      return `the error names no file: ${error.message}`;
    }
    return overTime(start, seconds);
  }
  const { data, shape, geometry } = reading.volume;
  const { spacingMm, originMm, direction } = geometry;
  if (data.length !== shape[0] * shape[1] * shape[2]) return "voxels and shape differ";
  if (data.byteLength > bytesAllowed) return `a volume of ${data.byteLength} bytes out of a small file`;
  if (![...spacingMm, ...originMm, ...direction].every(Number.isFinite)) return "a geometry that is not finite";
  if (!spacingMm.every((x) => x > 0)) return "a spacing that is not positive";
  return overTime(start, seconds);
}

function overTime(start, seconds) {
  const taken = (performance.now() - start) / 1000;
  return taken > seconds ? `took ${taken.toFixed(1)} s` : null;
}
