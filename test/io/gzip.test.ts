import { expect, test } from "vitest";
import { inflatePieces } from "#deflate";
import { crc32 } from "../../src/io/crc32.js";
import * as web from "../../src/io/deflate-web.js";
import { gunzip, gunzipPrefix, gzip } from "../../src/io/gzip.js";
import { inflateMembers, joinParts } from "../../src/io/gzip-members.js";

const text = Uint8Array.from({ length: 70000 }, (_, i) => ((i * i) >> 7) ^ (i % 251));
const packed = await gzip(text);
const zeros = await gzip(new Uint8Array(3e7));

/** `toEqual` takes seconds for arrays of this size. */
function expectSame(found: Uint8Array, expected: Uint8Array): void {
  expect(found.length).toBe(expected.length);
  expect(found.findIndex((byte, i) => byte !== expected[i])).toBe(-1);
}

const join = (...parts: Uint8Array[]) =>
  joinParts(
    parts,
    parts.reduce((sum, part) => sum + part.length, 0),
  );

/** What comes piece by piece, as a whole; what was taken before another decoder began again is overwritten. */
function collecting(pieces: typeof web.inflatePieces) {
  return async (bytes: Uint8Array, limit: number) => {
    const result = new Uint8Array(4 * text.length);
    const { byteLength } = await pieces(bytes, limit, (piece, at) => {
      if (at < result.length) result.set(piece.subarray(0, result.length - at), at);
    });
    return result.subarray(0, byteLength);
  };
}

/** The platform's coder behind the public functions, the browser's, and the slow one that both fall back to. */
const coders: [string, (bytes: Uint8Array, limit: number) => Promise<Uint8Array>][] = [
  ["gunzip", (bytes, limit) => gunzip(bytes, { expectedByteLength: limit })],
  ["web", async (bytes, limit) => (await web.inflateGzip([bytes], limit, limit)).bytes],
  ["pieces", collecting(inflatePieces)],
  ["web's pieces", collecting(web.inflatePieces)],
  ["members", async (bytes, limit) => inflateMembers(bytes, limit).bytes],
];

for (const [name, inflate] of coders) {
  test(`${name}: members, padding and bytes after the end`, async () => {
    const enough = 1e6;
    expectSame(await inflate(packed, enough), text);
    expectSame(await inflate(join(packed, packed), enough), join(text, text));
    for (const rest of [
      [0],
      [0, 0],
      [0, 0, 0],
      [0, 0, 0, 0],
      new Array(700).fill(0),
      [7],
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
    ]) {
      expectSame(await inflate(join(packed, Uint8Array.from(rest)), enough), text);
      expectSame(await inflate(join(packed, packed, Uint8Array.from(rest)), enough), join(text, text));
    }
    expectSame(await inflate(await gzip(new Uint8Array(0)), enough), new Uint8Array(0));
  });

  test(`${name}: stops at the limit`, async () => {
    for (const limit of [0, 1, 1000, text.length - 1, text.length, text.length + 1]) {
      expectSame(await inflate(packed, limit), text.subarray(0, limit));
    }
    expectSame(await inflate(zeros, 1000), new Uint8Array(1000));
    expectSame(await inflate(join(zeros, packed), 1000), new Uint8Array(1000));
  });

  test(`${name}: damage is noticed`, async () => {
    const enough = 1e6;
    for (const cut of [1, 4, 8, 9, 100, packed.length - 30]) {
      await expect(inflate(packed.subarray(0, packed.length - cut), enough)).rejects.toThrow();
    }
    for (const at of [packed.length - 8, packed.length - 5, packed.length - 4, packed.length >> 1, 20]) {
      const damaged = packed.slice();
      damaged[at] ^= 4;
      await expect(inflate(damaged, enough), `byte ${at}`).rejects.toThrow();
      await expect(inflate(join(packed, damaged), enough), `byte ${at}`).rejects.toThrow();
    }
  });
}

test("more than the maximum is an error, and so is what is not gzip", async () => {
  await expect(gunzip(zeros, { maximumByteLength: 1e6 })).rejects.toThrow(/more than 1000000 bytes/);
  expect((await gunzip(zeros, { maximumByteLength: 3e7 })).length).toBe(3e7);
  await expect(gunzip(text)).rejects.toThrow(expect.objectContaining({ code: "CORRUPT_FILE" }));
  await expect(gunzip(packed.subarray(0, 40))).rejects.toThrow(/truncated or damaged/);
});

test("gunzip and gzip are inverse at every length around the block sizes", async () => {
  for (const length of [0, 1, 2, 63, 64, 65, 8127, 8128, 8129, 65535, 65536]) {
    for (const level of [1, 6]) {
      expectSame(await gunzip(await gzip(text.subarray(0, length), level)), text.subarray(0, length));
    }
  }
});

test("the browser's compressor is read by the platform's", async () => {
  const parts = await web.deflateGzip([text.subarray(0, 5), text.subarray(5, 5), text.subarray(5)], 1);
  expectSame(await gunzip(join(...parts)), text);
});

test("the first bytes of a stream that is cut off", () => {
  expectSame(gunzipPrefix(packed.subarray(0, 2000), 540), text.subarray(0, 540));
  expectSame(gunzipPrefix(zeros, 540), new Uint8Array(540));
  expectSame(gunzipPrefix(packed, 1e6), text);
  expect(() => gunzipPrefix(text.subarray(0, 50), 10)).toThrow(expect.objectContaining({ code: "CORRUPT_FILE" }));
});

test("CRC-32 of known bytes, whole and in parts", () => {
  const digits = new TextEncoder().encode("123456789");
  expect(crc32(digits)).toBe(0xcbf43926);
  for (let cut = 0; cut <= 9; cut++)
    expect(crc32(digits.subarray(cut), crc32(digits.subarray(0, cut)))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array(0))).toBe(0);
});
