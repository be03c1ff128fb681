import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { type Shape3, voxelCount } from "../../../src/core/volume.js";
import { fillHoles } from "../../../src/kernels/components/fill-holes.js";
import { init } from "../../../src/runtime/instantiate.js";
import { countDifferences, type GoldenArray } from "../../golden.js";
import { unpackBits } from "../../packed.js";

interface MaskCase {
  readonly shape: Shape3;
  readonly mask: GoldenArray;
  readonly filled: GoldenArray;
}

const golden = import.meta.glob<{ cases: MaskCase[] }>("../../golden/masks/masks.json", {
  eager: true,
  import: "default",
});

beforeAll(() => init());

test("equals scipy.ndimage.binary_fill_holes", () => {
  const cases = Object.values(golden).flatMap((file) => file.cases);
  expect(cases.length).toBeGreaterThan(100);
  for (const { shape, mask, filled } of cases) {
    const count = voxelCount(shape);
    const expected = unpackBits(filled, count);
    const given = unpackBits(mask, count);
    expect(countDifferences(fillHoles(given, shape), expected), `shape ${shape}`).toBe(0);
    expect(countDifferences(given, unpackBits(mask, count))).toBe(0);
    fillHoles(given, shape, given);
    expect(countDifferences(given, expected)).toBe(0);
  }
});

test("any byte that is not 0 is set and stays as it was", () => {
  const mask = new Uint8Array(27).fill(255);
  mask[13] = 0;
  const expected = Uint8Array.from(mask);
  expected[13] = 1;
  expect(fillHoles(mask, [3, 3, 3])).toEqual(expected);
});

const masks = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 70 }))
  .chain(([a, b, c]) =>
    fc.record({
      shape: fc.constant<Shape3>([a, b, c]),
      mask: fc.uint8Array({ min: 0, max: 1, minLength: a * b * c, maxLength: a * b * c }),
    }),
  );

test("filling twice is filling once, and never unsets a voxel", () => {
  fc.assert(
    fc.property(masks, ({ shape, mask }) => {
      const once = fillHoles(mask, shape);
      expect(countDifferences(fillHoles(once, shape), once)).toBe(0);
      expect(mask.every((voxel, i) => voxel <= once[i])).toBe(true);
    }),
  );
});

test("slices that leave the window in pieces are those that are filled in place", () => {
  for (const shape of [
    [3, 130, 257],
    [4, 3, 20_001],
    [3, 128, 128],
  ] as Shape3[]) {
    const mask = Uint8Array.from({ length: voxelCount(shape) }, (_, i) =>
      Math.imul(i + 1, 0x9e3779b1) >>> 28 < 13 ? 1 : 0,
    );
    const filled = fillHoles(mask, shape);
    expect(countDifferences(filled, mask)).toBeGreaterThan(100);
    expect(countDifferences(fillHoles(mask, shape, mask), filled)).toBe(0);
  }
});

test("flipping every axis commutes with filling", () => {
  fc.assert(
    fc.property(masks, ({ shape, mask }) => {
      const flipped = fillHoles(Uint8Array.from(mask).reverse(), shape).reverse();
      expect(countDifferences(flipped, fillHoles(mask, shape))).toBe(0);
    }),
  );
});

test("a shape that does not fit the mask is refused", () => {
  expect(() => fillHoles(new Uint8Array(5), [1, 2, 3])).toThrow(/5 voxels found, but shape \(1, 2, 3\) has 6/);
  expect(() => fillHoles(new Uint8Array(6), [1, 2, 3], new Uint8Array(7))).toThrow(/destination/);
});
