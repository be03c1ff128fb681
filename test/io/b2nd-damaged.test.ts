import { beforeAll, expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import { peekB2nd, readB2nd } from "../../src/io/blosc2/read.js";
import { init } from "../../src/runtime/instantiate.js";
import { fromBase64 } from "./python-values.js";

const fixtures = import.meta.glob("../golden/b2nd/files.json", { eager: true, import: "default" });
const files = fixtures["../golden/b2nd/files.json"] as { name: string; base64: string }[];

beforeAll(() => init());

function fileNamed(name: string): Uint8Array {
  const file = files.find((entry) => entry.name === name);
  if (file === undefined) throw new Error(`no fixture is called ${name}`);
  return fromBase64(file.base64);
}

/** LZ4HC, shuffle, chunks with data. */
const GOOD = "<i2, ramp";

/** The file with bytes written over from `at` on; `at` counts from the chunks' start where `inChunks` says so. */
function changed(name: string, at: number, bytes: number[], inChunks = false): Uint8Array {
  const file = fileNamed(name);
  const start = new DataView(file.buffer).getInt32(0x0b);
  file.set(bytes, inChunks ? start + at : at);
  return file;
}

function refusal(file: Uint8Array): Promise<NnprepError> {
  return readB2nd(file).then(
    () => expect.fail("it was read"),
    (error) => {
      expect(error).toBeInstanceOf(NnprepError);
      return error;
    },
  );
}

test("every truncation is refused", async () => {
  for (const name of [GOOD, "ZSTD, shuffle, ALWAYS_SPLIT", "zeros"]) {
    const file = fileNamed(name);
    for (let length = 0; length < file.length; length++) {
      const { code, message } = await refusal(file.slice(0, length));
      expect(code, `${name}, ${length} bytes: ${message}`).toBe("CORRUPT_FILE");
    }
  }
});

test("what is no .b2nd, of another version or of another type is named", async () => {
  expect((await refusal(new Uint8Array(500))).message).toContain("does not begin like one");
  expect(await refusal(changed(GOOD, 0x19, [0x13]))).toMatchObject({ code: "UNSUPPORTED" });
  expect(await refusal(changed(GOOD, 0x19, [0x52]))).toMatchObject({ code: "UNSUPPORTED" });
  expect(await refusal(changed(GOOD, 0x1a, [1]))).toMatchObject({ code: "UNSUPPORTED" });
  await expect(readB2nd(fileNamed(GOOD), { dtype: "<f4" })).rejects.toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringContaining('"<i2"'),
    detail: { found: "<i2", expected: "<f4" },
  });
  expect((await readB2nd(fileNamed(GOOD), { dtype: "<i2" })).shape).toEqual([3, 7, 33]);
});

test("chunks of other versions, kinds, codecs and filters are named", async () => {
  expect((await refusal(changed(GOOD, 0, [6], true))).message).toContain("of version 6, 5 expected");
  expect(await refusal(changed(GOOD, 30, [1], true))).toMatchObject({ code: "UNSUPPORTED" });
  expect(await refusal(changed(GOOD, 31, [1], true))).toMatchObject({ code: "UNSUPPORTED" });
  expect((await refusal(changed(GOOD, 31, [0x70], true))).message).toContain("special kind 7");
  expect((await refusal(changed(GOOD, 2, [0x55], true))).message).toContain("format 2");
  expect((await refusal(changed(GOOD, 16, [35], true))).message).toContain("filter 35");
  expect(await refusal(changed(GOOD, 2, [0x30], true))).toMatchObject({ code: "UNSUPPORTED" });
});

test("sizes in chunks that cannot be are refused", async () => {
  for (const [at, bytes] of [
    [3, [3]],
    [4, [0xff, 0xff, 0xff, 0x7f]],
    [8, [0, 0, 0, 0]],
    [8, [0xff, 0xff, 0xff, 0x7f]],
    [12, [0xff, 0xff, 0xff, 0x7f]],
    [12, [0x10, 0, 0, 0]],
    [32, [0, 0, 0, 0]],
    [32, [0xff, 0xff, 0xff, 0x7f]],
    [32, [0xff, 0xff, 0xff, 0xff]],
  ] as const) {
    const { code, message } = await refusal(changed(GOOD, at, [...bytes], true));
    expect(code, message).toBe("CORRUPT_FILE");
  }
});

test("an absurd size is refused before memory is taken for it", async () => {
  const file = fileNamed("zeros");
  const layer = new DataView(file.buffer).getInt32(0x57 + 13) + 5;
  // Both axes are 2^40 long; then chunks and blocks too.
  file.set([0, 0, 1, 0, 0, 0, 0, 0], layer + 5);
  file.set([0, 0, 1, 0, 0, 0, 0, 0], layer + 14);
  expect(() => peekB2nd(file)).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  expect((await refusal(file)).message).toContain("promises an array of shape");
  file.set([0, 0, 0, 0, 0x10, 0, 0, 0], layer + 5);
  file.set([0, 0, 0, 0, 0, 0, 0, 8], layer + 14);
  for (const at of [24, 29, 35, 40]) file.set([0x10, 0, 0, 0], layer + at);
  expect((await refusal(file)).message).toMatch(/which Blosc2 does not make|but .* follows from the rest/);
});

/** Numbers in [0, 2^32), the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let x = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return (x ^ (x >>> 15)) >>> 0;
  };
}

test("damaged files end in an error that is meant, or in an array of the right size", async () => {
  let arrays = 0;
  let errors = 0;
  for (const [number, { name, base64 }] of files.entries()) {
    const good = fromBase64(base64);
    const random = randomFrom(number);
    for (let i = 0; i < 40; i++) {
      const file = good.slice();
      for (let times = 1 + (random() % 3); times > 0; times--) {
        const at = random() % file.length;
        file[at] = random() % 3 === 0 ? [0, 0xff, 0x7f, 0x80][random() % 4] : file[at] ^ (1 << (random() % 8));
      }
      try {
        const { data, shape } = await readB2nd(file);
        expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
        arrays++;
      } catch (error) {
        if (!(error instanceof NnprepError)) throw new Error(`${name}, ${i}: ${(error as Error).stack}`);
        expect(["CORRUPT_FILE", "UNSUPPORTED"], `${name}, ${i}: ${error.message}`).toContain(error.code);
        errors++;
      }
    }
  }
  expect(arrays).toBeGreaterThan(100);
  expect(errors).toBeGreaterThan(1000);
}, 120_000);
