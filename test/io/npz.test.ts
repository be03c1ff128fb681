import { expect, test } from "vitest";
import { NdArray } from "../../src/core/python.js";
import { formatNpy, parseNpy } from "../../src/io/npy.js";
import { peekNpz, readNpz, readNpzArray, writeNpz } from "../../src/io/npz.js";
import { formatZip, parseZip } from "../../src/io/zip.js";
import { type Described, fromBase64, parseDescribed } from "./python-values.js";

interface Archives {
  values: Record<string, Described>;
  archives: { name: string; base64: string }[];
  versions: string[];
  refused: { dtype: string; base64: string }[];
}

const fixtures = import.meta.glob("../golden/npz/*.json", { eager: true, import: "default" });
const { values, archives, versions, refused } = fixtures["../golden/npz/archives.json"] as Archives;

for (const { name, base64 } of archives) {
  test(`reads what numpy.${name} writes`, async () => {
    const found = await readNpz(fromBase64(base64));
    expect([...found.keys()]).toEqual(Object.keys(values));
    for (const [key, array] of found) expect(array, key).toEqual(parseDescribed(values[key]));
    const [first] = found.values();
    const { shape, byteLength, compressedByteLength } = peekNpz(fromBase64(base64).subarray(0, 4096));
    expect([shape, byteLength]).toEqual([first?.shape, first?.data.byteLength]);
    expect(compressedByteLength).toBeLessThan(byteLength + 256);
  });
}

test("reads every version of the npy format", () => {
  for (const version of versions) expect(parseNpy(fromBase64(version))).toEqual(parseDescribed(values.data));
});

test("refuses dtypes that are no plain numbers and names them", () => {
  for (const { base64 } of refused) {
    expect(() => parseNpy(fromBase64(base64))).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  }
});

test("npy: shapes of 0 to 5 axes come back", () => {
  for (const shape of [[], [0], [1], [7], [2, 3], [1, 0, 4], [2, 1, 3, 1, 2]]) {
    const count = shape.reduce((a, b) => a * b, 1);
    const array = new NdArray(
      Int16Array.from({ length: count }, (_, i) => 3 * i - 5),
      shape,
    );
    const bytes = formatNpy(array);
    expect(bytes.length).toBe(128 + 2 * count);
    expect(parseNpy(bytes)).toEqual(array);
    // and from memory that is not aligned
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(parseNpy(shifted.subarray(1))).toEqual(array);
  }
});

test("npy: too few bytes name both numbers", () => {
  const bytes = formatNpy(new NdArray(new Float64Array(10), [10]));
  expect(() => parseNpy(bytes.subarray(0, bytes.length - 1))).toThrow(/needs 80 bytes, 79 found/);
  for (let length = 0; length < 128; length++) {
    expect(() => parseNpy(bytes.subarray(0, length))).toThrow(expect.objectContaining({ code: "CORRUPT_FILE" }));
  }
});

const data = Float32Array.from({ length: 60 }, (_, i) => Math.fround(i / 7));

for (const compression of ["none", "fast", "best"] as const) {
  test(`writes and reads, compression ${compression}; chunks give the same bytes as one array`, async () => {
    const whole = await writeNpz({ data: new NdArray(data, [3, 4, 5]) }, { compression });
    const chunks = [data.subarray(0, 20), data.slice(20, 40), data.subarray(40, 40), data.subarray(40)];
    const chunked = await writeNpz({ data: { chunks, shape: [3, 4, 5] } }, { compression });
    expect(await readNpzArray(chunked, "data")).toEqual(new NdArray(data, [3, 4, 5]));
    expect(await readNpz(chunked)).toEqual(await readNpz(whole));
    for (const bytes of [whole, chunked, whole.subarray(0, 250)]) {
      expect(peekNpz(bytes)).toMatchObject({ shape: [3, 4, 5], byteLength: 240 });
    }
    expect(await writeNpz({ data: new NdArray(data, [3, 4, 5]) }, { compression })).toEqual(whole);
  });

  test(`a damaged archive is told from a whole one, compression ${compression}`, async () => {
    const bytes = await writeNpz(
      { data: new NdArray(data, [60]), b: new NdArray(new Int8Array(9), [9]) },
      { compression },
    );
    const whole = await readNpz(bytes);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] ^= 1 << (at % 8);
      const result = await readNpz(damaged).catch((error) => error.code);
      // date, version and the like carry no data; everything that does is guarded by the CRC or by a length
      if (result instanceof Map) {
        for (const [key, array] of result) if (whole.has(key)) expect(array).toEqual(whole.get(key));
      } else expect(["CORRUPT_FILE", "UNSUPPORTED"]).toContain(result);
      const cut = await readNpz(bytes.subarray(0, at)).catch((error) => error.code);
      expect(cut).toBe("CORRUPT_FILE");
    }
  });
}

test("chunks that do not fit the shape are refused", async () => {
  const write = (chunks: never[]) => writeNpz({ data: { chunks, shape: [4] } }, { compression: "none" });
  await expect(write([new Float32Array(3)] as never[])).rejects.toThrow(/3 elements cannot have the shape \(4\)/);
  await expect(write([new Float32Array(3), new Int8Array(1)] as never[])).rejects.toThrow(/<f4, \|i1/);
  await expect(write([])).rejects.toThrow(expect.objectContaining({ code: "SHAPE_MISMATCH" }));
});

test("a missing key is named with those that are there", async () => {
  const bytes = await writeNpz({ a: new NdArray(data, [60]) }, { compression: "none" });
  await expect(readNpzArray(bytes, "data")).rejects.toThrow('no array "data" in the archive, found: a');
});

test("zip64 headers are written and read", async () => {
  for (const level of [0, 1]) {
    const members = [
      { name: "a.bin", byteLength: 3, chunks: [new Uint8Array([1, 2]), new Uint8Array([3])] },
      { name: "größe", byteLength: 0, chunks: [] },
    ];
    const pieces = await formatZip(members, level, "always");
    const bytes = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
    const entries = parseZip(bytes);
    expect(entries.map(({ name, byteLength }) => [name, byteLength])).toEqual([
      ["a.bin", 3],
      ["größe", 0],
    ]);
    expect(await entries[0].read()).toEqual(new Uint8Array([1, 2, 3]));
    expect(await entries[1].read()).toEqual(new Uint8Array(0));
  }
});

test("a member that promises more than deflate can hold is refused before memory is taken", async () => {
  const bytes = await writeNpz({ a: new NdArray(data, [60]) }, { compression: "fast" });
  const view = new DataView(bytes.buffer);
  const central = view.getUint32(bytes.length - 6, true);
  view.setUint32(central + 24, 0xfffffffe, true);
  await expect(readNpz(bytes)).rejects.toThrow(/promises 4294967294 bytes/);
});

test("what repeats itself and what does not are both compressed well by the fast level, and come back", async () => {
  const count = 3 << 18;
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
  const noise = Float32Array.from({ length: count }, () => random() - 0.5);
  const pattern = Float32Array.from({ length: 1000 }, random);
  const repeated = Float32Array.from({ length: count }, (_, i) => pattern[i % 1000]);
  for (const [data, most] of [
    [noise, 0.99],
    [repeated, 0.05],
  ] as const) {
    const bytes = await writeNpz({ a: new NdArray(data, [count]) }, { compression: "fast" });
    expect(bytes.length).toBeLessThan(most * 4 * count);
    const back = (await readNpzArray(bytes, "a")).data;
    expect(back.length === count && data.every((x, i) => x === back[i])).toBe(true);
  }
});

test("two arrays, or two keys of a header, of one name are refused", async () => {
  const one = formatNpy(new NdArray(Float32Array.of(1), [1]));
  const member = { name: "data.npy", byteLength: one.length, chunks: [one] };
  const parts = await formatZip([member, member], 0);
  const bytes = new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  await expect(readNpz(bytes)).rejects.toThrow('two arrays "data"');
  await expect(readNpzArray(bytes, "data")).rejects.toThrow('two arrays "data"');
  const text = String.fromCharCode(...one);
  const twice = text.replace(
    "'fortran_order': False, 'shape': (1,), }",
    "'shape': (9,), 'shape': (1,), 'fortran_order': False}",
  );
  expect(twice).not.toBe(text);
  const header = Uint8Array.from(twice.slice(0, one.length), (c) => c.charCodeAt(0));
  expect(() => parseNpy(header)).toThrow("header");
});
