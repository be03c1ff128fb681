import { beforeAll, describe, expect, test } from "vitest";
import { BlockDecoder, BlockEncoder } from "../../../src/kernels/blosc2/blosc2.js";
import { init } from "../../../src/runtime/instantiate.js";
import { countDifferences } from "../../golden.js";

beforeAll(() => init());

/** Bytes that LZ4 can shorten, and bytes that it cannot. */
const CONTENTS: Readonly<Record<string, (i: number) => number>> = {
  repeating: (i) => (i * i) % 23,
  runs: (i) => i >> 6,
  noise: (i) => Math.imul(i, 2654435761) >>> 24,
};

function compress(bytes: Uint8Array, width: number, deep = false): Uint8Array {
  const encoder = new BlockEncoder({ rows: 1, rowBytes: bytes.length, stripRowBytes: bytes.length });
  encoder.strip.set(bytes);
  return encoder.compress(0, width, deep).slice();
}

function decompress(stream: Uint8Array, length: number, width: number): Uint8Array | null {
  const decoder = new BlockDecoder(length);
  if (stream.length === length) decoder.bytes(length).set(stream);
  else if (!decoder.decompress("lz4", stream, 0, length)) return null;
  if (width > 1) decoder.unshuffle("byte", length, width);
  return decoder.bytes(length).slice();
}

describe.each(Object.keys(CONTENTS))("%s", (name) => {
  const content = CONTENTS[name];
  test.each([1, 2, 3, 4, 8])("elements of %i bytes: blocks of all lengths come back", (width) => {
    const lengths = [1, 4, 5, 12, 13, 16, 17, 31, 63, 64, 65, 127, 255, 256, 270, 1000, 4099, 65535, 65550, 131072];
    for (const length of lengths) {
      const bytes = Uint8Array.from({ length }, (_, i) => content(i));
      if (bytes.every((byte) => byte === 0)) bytes[0] = 1;
      for (const deep of [false, true]) {
        const stream = compress(bytes, width, deep);
        expect(stream.length).toBeLessThanOrEqual(length);
        const result = decompress(stream, length, width);
        expect(countDifferences(result ?? [], bytes), `${length} bytes`).toBe(0);
      }
    }
  });
});

test("a block of zeros is no bytes, one other byte anywhere makes some", () => {
  for (const length of [1, 15, 16, 17, 100]) {
    expect(compress(new Uint8Array(length), 1).length).toBe(0);
    for (let at = 0; at < length; at++) {
      expect(compress(new Uint8Array(length).fill(1, at, at + 1), 1).length).toBeGreaterThan(0);
    }
  }
});

test("matches of every distance and length come back", () => {
  for (let distance = 1; distance <= 40; distance++) {
    const bytes = Uint8Array.from({ length: 600 }, (_, i) => (Math.imul(i % distance, 2654435761) >>> 24) | 1);
    for (const deep of [false, true]) {
      expect(decompress(compress(bytes, 1, deep), 600, 1), `distance ${distance}`).toEqual(bytes);
    }
  }
});

test("a stream of another length, cut off or with a wrong distance is noticed", () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 50);
  const stream = compress(bytes, 1);
  const decoder = new BlockDecoder(2000);
  expect(decoder.decompress("lz4", stream, 0, 1000)).toBe(true);
  expect(decoder.decompress("lz4", stream, 0, 999)).toBe(false);
  expect(decoder.decompress("lz4", stream, 0, 1001)).toBe(false);
  for (let length = 0; length < stream.length; length++) {
    expect(decoder.decompress("lz4", stream.subarray(0, length), 0, 1000)).toBe(false);
  }
  // One literal, then a match at a distance of 0, of 2.
  for (const distance of [0, 2]) {
    expect(decoder.decompress("lz4", Uint8Array.of(0x10, 7, distance, 0, 0x50, 1, 2, 3, 4, 5), 0, 10)).toBe(false);
  }
  expect(decoder.decompress("lz4", Uint8Array.of(0x10, 7, 1, 0, 0x50, 1, 2, 3, 4, 5), 0, 10)).toBe(true);
  expect([...decoder.bytes(10)]).toEqual([7, 7, 7, 7, 7, 1, 2, 3, 4, 5]);
});

test("BloscLZ: literals, a match, a far one; damage is noticed", () => {
  const decoder = new BlockDecoder(64);
  const stream = Uint8Array.of(2, 1, 2, 3, 0x20, 2, 0, 9);
  expect(decoder.decompress("blosclz", stream, 0, 7)).toBe(true);
  expect([...decoder.bytes(7)]).toEqual([1, 2, 3, 1, 2, 3, 9]);
  for (const damaged of [stream.subarray(0, 5), Uint8Array.of(0, 1, 0x20, 5), Uint8Array.of(5, 1), new Uint8Array(0)]) {
    expect(decoder.decompress("blosclz", damaged, 0, 7)).toBe(false);
  }
});

test("blocks of a strip: rows of all lengths are taken out and put side by side", () => {
  for (const rowBytes of [1, 2, 3, 4, 8, 15, 16, 20, 31, 32, 36]) {
    const layout = { rows: 3, rowBytes, stripRowBytes: 2 * rowBytes };
    const strip = Uint8Array.from({ length: 6 * rowBytes }, (_, i) => 1 + (Math.imul(i, 2654435761) >>> 25));
    const encoder = new BlockEncoder(layout);
    encoder.strip.set(strip);
    const blocks = [0, 1].map((index) => encoder.compress(index, 1, false).slice());
    const decoder = new BlockDecoder(3 * rowBytes, 6 * rowBytes);
    for (const index of [1, 0]) {
      decoder.bytes(3 * rowBytes).set(decompress(blocks[index] as Uint8Array, 3 * rowBytes, 1) as Uint8Array);
      decoder.place(layout, index * rowBytes, rowBytes);
    }
    expect(decoder.strip(6 * rowBytes), `rows of ${rowBytes} bytes`).toEqual(strip);
  }
});

/** A byte that has nothing to do with those of other numbers. */
function mixed(n: number): number {
  const x = Math.imul(n ^ (n >>> 15), 0x2c1b3c6d);
  return Math.imul(x ^ (x >>> 12), 0x297a2d39) >>> 24;
}

test("the longer search finds longer matches, up to a distance of 65535", () => {
  // Words of one dictionary in disorder: the last place of a word's beginning is rarely the best one.
  const words = Uint8Array.from({ length: 30000 }, (_, i) => {
    const word = Math.imul(i >> 3, 0x9e3779b9) >>> 28;
    return 97 + ((word * ((i & 7) >> 2)) % 7) + (i & 3);
  });
  expect(compress(words, 1, true).length).toBeLessThan(0.9 * compress(words, 1, false).length);
  for (const distance of [65535, 65536]) {
    const far = Uint8Array.from({ length: distance + 1000 }, (_, i) => mixed(i % distance));
    const stream = compress(far, 1, true);
    expect(countDifferences(decompress(stream, far.length, 1) ?? [], far)).toBe(0);
    expect(stream.length < distance + 700, `distance ${distance}`).toBe(distance === 65535);
  }
});
