import { decode, type GoldenArray } from "./golden.js";

/** The first `count` bits of `numpy.packbits`, one byte each. */
export function unpackBits(array: GoldenArray, count: number): Uint8Array {
  const bytes = decode<Uint8Array>(array);
  return Uint8Array.from({ length: count }, (_, i) => (bytes[i >> 3] >> (7 - (i & 7))) & 1);
}
