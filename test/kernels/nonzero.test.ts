import { beforeAll, expect, test } from "vitest";
import type { Shape3 } from "../../src/core/volume.js";
import { boundingBox, markOutside, nonzeroUnion } from "../../src/kernels/nonzero.js";
import { TILE } from "../../src/kernels/tile.js";
import { init } from "../../src/runtime/instantiate.js";

beforeAll(() => init());

const SIZES = [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129];

test("NaN, infinities and denormals are non-zero, -0 is zero", () => {
  const values = new Float32Array([0, -0, Number.NaN, Infinity, -Infinity, 1e-45, -1e-45, 1, -1]);
  expect([...nonzeroUnion([values], [1, 1, 9])]).toEqual([0, 0, 1, 1, 1, 1, 1, 1, 1]);
});

test("the union is right at every length", () => {
  for (const n of [...SIZES, TILE - 1, TILE, TILE + 1]) {
    const a = Float32Array.from({ length: n }, (_, i) => (i % 3 === 0 ? i + 1 : 0));
    const b = Float32Array.from({ length: n }, (_, i) => (i % 5 === 0 ? -1 : 0));
    const expected = Uint8Array.from({ length: n }, (_, i) => (i % 3 === 0 || i % 5 === 0 ? 1 : 0));
    // Leftovers of an earlier call must not shine through.
    nonzeroUnion([new Float32Array(n).fill(1)], [1, 1, n]);
    expect(nonzeroUnion([a, b], [1, 1, n])).toEqual(expected);
  }
});

test("channels with a voxel that is not finite are named, wherever it lies", () => {
  for (const n of [...SIZES, TILE - 1, TILE, TILE + 1]) {
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      const broken = new Float32Array(n).fill(3.4e38);
      broken[n - 1] = value;
      const found: number[] = [];
      nonzeroUnion([new Float32Array(n), broken, broken.slice(), new Float32Array(n)], [1, 1, n], undefined, (c) =>
        found.push(c),
      );
      expect(found).toEqual([1, 2]);
      // Nor do leftovers count.
      nonzeroUnion([new Float32Array(n).fill(-1)], [1, 1, n], undefined, (c) => expect.fail(`channel ${c}`));
    }
  }
});

test("marking into another array leaves the label as it is", () => {
  const label = Int16Array.from({ length: TILE + 5 }, (_, i) => (i % 7) - 1);
  const mask = Uint8Array.from({ length: TILE + 5 }, (_, i) => i % 2);
  const [before, marked, destination] = [label.slice(), label.slice(), new Int16Array(TILE + 5)];
  expect(markOutside(label, mask, -1, destination)).toEqual(markOutside(marked, mask, -1));
  expect(label).toEqual(before);
  expect(destination).toEqual(marked);
});

test("bad input is refused", () => {
  expect(() => nonzeroUnion([], [1, 1, 1])).toThrow(/no channels found/);
  expect(() => nonzeroUnion([new Float32Array(2)], [1, 1, 1])).toThrow(/channel 0: 2 voxels/);
  expect(() => boundingBox(new Uint8Array(2), [1, 1, 1])).toThrow(/mask: 2 voxels/);
  expect(() => markOutside(new Int16Array(2), new Uint8Array(1), -1)).toThrow(/2 voxels on a mask of 1/);
});

test("the box of one voxel is where it is", () => {
  for (const n of SIZES) {
    const shape: Shape3 = [3, 4, n];
    for (const x of new Set([0, n >> 1, n - 1])) {
      const mask = new Uint8Array(12 * n);
      mask[(1 * 4 + 2) * n + x] = 200;
      expect(boundingBox(mask, shape)).toEqual([
        [1, 2],
        [2, 3],
        [x, x + 1],
      ]);
    }
    expect(boundingBox(new Uint8Array(12 * n), shape)).toBeNull();
  }
});

test("every label is found, also across tiles and at the ends", () => {
  for (const n of [1, 7, 8, 9, TILE - 1, TILE, TILE + 1]) {
    const label = new Int16Array(n).fill(4);
    label[n - 1] = -7;
    const mask = new Uint8Array(n).fill(1);
    expect(markOutside(label, mask, -1)).toEqual(n === 1 ? [-7] : [-7, 4]);
    expect(label[n - 1]).toBe(0);
  }
  const zeros = new Int16Array(20);
  expect(markOutside(zeros, new Uint8Array(20).fill(1), -1)).toEqual([0]);
  expect(markOutside(zeros, new Uint8Array(20), -1)).toEqual([-1]);
  expect(markOutside(new Int16Array(0), new Uint8Array(0), -1)).toEqual([]);
});
