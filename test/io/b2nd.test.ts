import { beforeAll, expect, test } from "vitest";
import { NdArray, type NdArrayData } from "../../src/core/python.js";
import { chooseBlockShapes } from "../../src/io/blosc2/block-shape.js";
import { B2ND_HEAD_BYTES, peekB2nd, readB2nd, readB2ndAtOnce } from "../../src/io/blosc2/read.js";
import { writeB2nd } from "../../src/io/blosc2/write.js";
import { joinParts } from "../../src/io/gzip-members.js";
import { init } from "../../src/runtime/instantiate.js";
import { countDifferences } from "../golden.js";
import { makeContent } from "./b2nd-arrays.js";
import { fromBase64 } from "./python-values.js";

interface File {
  name: string;
  content: string;
  shape: number[];
  dtype: string;
  base64: string;
}
type Shapes = [image: number[], patch: number[], itemSize: number, block: number[], chunk: number[]];

const fixtures = import.meta.glob("../golden/b2nd/*.json", { eager: true, import: "default" });
const files = fixtures["../golden/b2nd/files.json"] as File[];
const shapes = fixtures["../golden/b2nd/shapes.json"] as Shapes[];

beforeAll(() => init());

async function write(data: NdArrayData, shape: number[], patchSize: number[]): Promise<Uint8Array> {
  const pieces = await writeB2nd(new NdArray(data, shape), { patchSize });
  return joinParts(
    pieces,
    pieces.reduce((sum, piece) => sum + piece.length, 0),
  );
}

function bytesOf({ buffer, byteOffset, byteLength }: NdArrayData): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

test.each(files)("reads what python-blosc2 writes: $name", async ({ content, shape, dtype, base64 }) => {
  const file = fromBase64(base64);
  const array = await readB2nd(file);
  expect(array).toEqual(new NdArray(makeContent(content, shape, dtype), shape));
  const head = peekB2nd(file.subarray(0, B2ND_HEAD_BYTES));
  expect([head.shape, head.dtype, head.fileByteLength]).toEqual([shape, dtype, file.length]);
});

test("a partial chunk with a partial block, block starts out of order", async () => {
  const file = fromBase64(
    "nqhiMmZyYW1lANIAAADLzwAAAAAAAAHepBIAUgLTAAAAAAAACADTAAAAAAAAAMDSAAAAAtIAAAIA0gAABADRAATRAAHC2AYBAAAAAAACAAAAAAAAAAAAk80AEd4AAaRiMm5k0gAAAGvcAAHGAAAAW5cABJTTAAAAAAAAAAHTAAAAAAAAAAXTAAAAAAAAAAjTAAAAAAAAABCU0gAAAAHSAAAAA9IAAAAI0gAAABCU0gAAAAHSAAAAAtIAAAAI0gAAABAA2wAAAAM8aTIFATUCAAQAAAACAABtAAAAAQAAAAAAAgAAAAAAAAAAAEQAAAAoAAAAGAAAAB8AAQAPEwIBAA8QAB4PAQD/jVAAAAAAACUAAAAf/wEAbB8AAQAPEwIBAA8QACUPAQAKH/8AAY8PAQBFUAAAAAAABQE1AgAEAAAAAgAAUwAAAAEAAAAAAAIAAAAAAAAAAAAsAAAAKAAAAAAAAAAjAAAAHwABAG3/AAECAwQFBgcICQoLDA0ODxAAXg8BAOdQAAAAAAAFAQcIEAAAABAAAAAwAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAbQAAAAAAAACUAZPNAAbeAADcAADOAAAAI9gAAAAAAAAAAAAAAAAAAAAAAA==",
  );
  const expected = Int16Array.from({ length: 5 * 8 * 16 }, (_, i) => {
    const [z, y, x] = [i >> 7, (i >> 4) & 7, i & 15];
    if (z === 0) return -1;
    if (z === 4) return x;
    return z < 3 && y >= 2 && y < 6 && x >= 3 && x < 11 ? 2 : 0;
  });
  expect(await readB2nd(file)).toEqual(new NdArray(expected, [1, 5, 8, 16]));
});

test("chunks and blocks are nnU-Net's", () => {
  for (const [image, patch, itemSize, block, chunk] of shapes) {
    const { blockShape, chunkShape } = chooseBlockShapes(image as [number, number, number], patch, itemSize);
    expect([blockShape, chunkShape], `${image}, patch ${patch}, ${itemSize} bytes`).toEqual([block, chunk]);
  }
});

const written: [string, NdArrayData, number[], number[]][] = [
  ["float32, two channels", makeContent("ramp", [2, 20, 31, 45], "<f4"), [2, 20, 31, 45], [16, 16, 16]],
  ["float32, noise", makeContent("noise", [1, 9, 40, 40], "<f4"), [1, 9, 40, 40], [8, 32, 32]],
  ["int16, chunks of zeros", makeContent("ramp", [1, 40, 30, 50], "<i2"), [1, 40, 30, 50], [8, 8, 8]],
  ["int16, all zero", new Int16Array(5 * 6 * 7), [1, 5, 6, 7], [4, 4, 4]],
  ["uint8, three axes, 2-D patch", makeContent("ramp", [7, 30, 31], "|u1"), [7, 30, 31], [16, 20]],
  ["uint16, axes of one voxel", makeContent("ramp", [1, 1, 90], "<u2"), [1, 1, 90], [1, 1, 16]],
  ["rows longer than a strip", makeContent("noise", [1, 17, 32, 2500], "<f4"), [1, 17, 32, 2500], [16, 32, 32]],
  ["float64", makeContent("noise", [3, 5, 7], "<f8"), [3, 5, 7], [2, 2, 2]],
];
test.each(written)("what is written is read: %s", async (_, data, shape, patchSize) => {
  const file = await write(data, shape, patchSize);
  for (const array of [await readB2nd(file), readB2ndAtOnce(file)]) {
    expect([array.shape, array.data.constructor]).toEqual([shape, data.constructor]);
    expect(countDifferences(array.data as Uint8Array, data as Uint8Array)).toBe(0);
  }
  expect(peekB2nd(file.subarray(0, B2ND_HEAD_BYTES)).fileByteLength).toBe(file.length);
  expect(countDifferences(await write(data, shape, patchSize), file)).toBe(0);
});

test("channels in parts make the same file as one array", async () => {
  const data = makeContent("ramp", [3, 8, 9, 10], "<f4") as Float32Array;
  const whole = await writeB2nd(new NdArray(data, [3, 8, 9, 10]), { patchSize: [4, 4, 4] });
  const chunks = [data.subarray(0, 720), data.slice(720, 1440), data.slice(1440)];
  expect(await writeB2nd({ chunks, shape: [3, 8, 9, 10] }, { patchSize: [4, 4, 4] })).toEqual(whole);
});

test("every bit of a float comes back", async () => {
  const bits = Uint32Array.from({ length: 512 }, (_, i) => Math.imul(i, 0x9e3779b9) | (i % 3 === 0 ? 0x7f800000 : 0));
  const { data } = await readB2nd(await write(new Float32Array(bits.buffer), [1, 8, 8, 8], [8, 8, 8]));
  expect(bytesOf(data)).toEqual(bytesOf(bits));
});

test("filter: shuffle for smooth values, none for a few in disorder", async () => {
  const length = 32 ** 3;
  const smooth = Float32Array.from({ length }, (_, i) => 1 + i / 3e5);
  const few = Float32Array.from({ length }, (_, i) =>
    Math.fround(1 / (3 + (Math.imul(i ^ (i << 9), 2654435761) >>> 28))),
  );
  const filterOf = async (data: Float32Array) => (await write(data, [1, 32, 32, 32], [32, 32, 32]))[0x47];
  expect([await filterOf(smooth), await filterOf(few)]).toEqual([1, 0]);
});

test("arrays that are no case are not written", async () => {
  const refuse = (array: Parameters<typeof writeB2nd>[0], patchSize: number[], code: string) =>
    expect(writeB2nd(array, { patchSize })).rejects.toMatchObject({ code });
  await refuse(new NdArray(new Uint8Array(6), [2, 3]), [1, 1, 1], "INVALID_ARGUMENT");
  await refuse(new NdArray(new Uint8Array(0), [1, 0, 2, 3]), [1, 1, 1], "INVALID_ARGUMENT");
  await refuse(new NdArray(new Uint8Array(6), [1, 2, 3]), [4], "INVALID_ARGUMENT");
  await refuse(new NdArray(new Uint8Array(6), [1, 2, 3]), [4, 0, 4], "INVALID_ARGUMENT");
  await refuse({ chunks: [new Uint8Array(6)], shape: [2, 1, 2, 3] }, [1, 1, 1], "SHAPE_MISMATCH");
});
