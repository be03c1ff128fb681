import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { type Shape3, voxelCount } from "../../../src/core/volume.js";
import {
  type Connectivity,
  keepComponents,
  labelComponents,
  measureComponents,
} from "../../../src/kernels/components/label.js";
import { init } from "../../../src/runtime/instantiate.js";
import { countDifferences, decode, type GoldenArray } from "../../golden.js";
import { unpackBits } from "../../packed.js";

interface LabelCase {
  readonly shape: Shape3;
  readonly mask: GoldenArray;
  readonly labels6: GoldenArray;
  readonly count6: number;
  readonly labels26: GoldenArray;
  readonly count26: number;
}

const golden = import.meta.glob<{ cases: LabelCase[] }>("../../golden/masks/masks.json", {
  eager: true,
  import: "default",
});
const cases = Object.values(golden).flatMap((file) => file.cases);

beforeAll(() => init());

/** The fixture's labels of the set voxels, back in their places. */
function spread(mask: Uint8Array, labels: GoldenArray): Int32Array {
  const ofSet = decode<Uint8Array | Uint16Array>(labels);
  let next = 0;
  return Int32Array.from(mask, (voxel) => (voxel === 0 ? 0 : ofSet[next++]));
}

test.each([6, 26] as const)("numbering equals scipy.ndimage.label (6) and skimage.measure.label (26): %i", (n) => {
  expect(cases.length).toBeGreaterThan(100);
  for (const c of cases) {
    const mask = unpackBits(c.mask, voxelCount(c.shape));
    const expected = spread(mask, n === 6 ? c.labels6 : c.labels26);
    const { labels, count, sizes } = labelComponents(mask, c.shape, n);
    expect(countDifferences(labels, expected), `shape ${c.shape}`).toBe(0);
    expect(count).toBe(n === 6 ? c.count6 : c.count26);
    const expectedSizes = new Uint32Array(count);
    for (const label of expected) if (label > 0) expectedSizes[label - 1]++;
    expect(sizes).toEqual(expectedSizes);
  }
});

test("a used destination is written whole", () => {
  for (const { shape, mask: packed } of cases.slice(0, 20)) {
    const mask = unpackBits(packed, voxelCount(shape));
    const dirty = new Int32Array(mask.length).fill(-9);
    expect(labelComponents(mask, shape, 26, dirty).labels).toBe(dirty);
    expect(dirty).toEqual(labelComponents(mask, shape, 26).labels);
  }
});

test("sizes and boxes are those of the painted labels", () => {
  for (const { shape, mask: packed } of cases) {
    const mask = unpackBits(packed, voxelCount(shape));
    const { labels, count, sizes } = labelComponents(mask, shape, 6);
    const measured = measureComponents(mask, shape, 6);
    expect(measured.count).toBe(count);
    expect(measured.sizes).toEqual(sizes);
    const boxes = Array.from({ length: count }, () => [9e9, -1, 9e9, -1, 9e9, -1]);
    labels.forEach((label, i) => {
      if (label === 0) return;
      const at = [Math.floor(i / shape[1] / shape[2]), Math.floor(i / shape[2]) % shape[1], i % shape[2]];
      const box = boxes[label - 1];
      at.forEach((place, axis) => {
        box[2 * axis] = Math.min(box[2 * axis], place);
        box[2 * axis + 1] = Math.max(box[2 * axis + 1], place + 1);
      });
    });
    expect(measured.boxes.map((box) => box.flat())).toEqual(boxes);
  }
});

const masks = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 70 }))
  .chain(([a, b, c]) =>
    fc.record({
      shape: fc.constant<Shape3>([a, b, c]),
      mask: fc.uint8Array({ min: 0, max: 2, minLength: a * b * c, maxLength: a * b * c }),
      connectivity: fc.constantFrom<Connectivity>(6, 26),
    }),
  );

test("flipping every axis keeps the partition", () => {
  fc.assert(
    fc.property(masks, ({ shape, mask, connectivity }) => {
      const { labels, count, sizes } = labelComponents(mask, shape, connectivity);
      const flipped = labelComponents(Uint8Array.from(mask).reverse(), shape, connectivity);
      expect(flipped.count).toBe(count);
      expect(Uint32Array.from(flipped.sizes).sort()).toEqual(Uint32Array.from(sizes).sort());
      const partner = new Map<number, number>();
      flipped.labels.reverse().forEach((label, i) => {
        const known = partner.get(label) ?? labels[i];
        partner.set(label, known);
        expect(labels[i]).toBe(known);
      });
    }),
  );
});

test("kept components stay as they were, the others are cleared", () => {
  fc.assert(
    fc.property(masks, fc.nat(3), ({ shape, mask, connectivity }, least) => {
      const { labels, sizes } = labelComponents(mask, shape, connectivity);
      const expected = mask.map((voxel, i) => (voxel !== 0 && sizes[labels[i] - 1] > least ? voxel : 0));
      const keep = (found: Uint32Array): boolean[] => {
        expect(found).toEqual(sizes);
        return Array.from(found, (size) => size > least);
      };
      expect(keepComponents(mask, shape, connectivity, keep)).toEqual(expected);
      expect(keepComponents(mask, shape, connectivity, keep, mask)).toEqual(expected);
      expect(mask).toEqual(expected);
    }),
  );
});

test("more runs than one call takes", () => {
  const shape: Shape3 = [3, 300, 300];
  const mask = Uint8Array.from(
    { length: voxelCount(shape) },
    (_, i) => (i + Math.floor(i / 300) + Math.floor(i / 90000)) & 1,
  );
  const { labels, count, sizes } = labelComponents(mask, shape, 6);
  expect(count).toBe(135_000);
  expect(sizes.every((size) => size === 1)).toBe(true);
  let next = 0;
  expect(labels.every((label, i) => label === (mask[i] === 0 ? 0 : ++next))).toBe(true);
  expect(labelComponents(mask, shape, 26).count).toBe(1);
});

test("an axis of one voxel may be any axis, also when the words of the volume do not fit in the window", () => {
  const voxels = 2100 * 1010;
  const mask = Uint8Array.from({ length: voxels }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) >>> 28 < 5 ? 1 : 0));
  for (const n of [6, 26] as const) {
    const kept = labelComponents(mask, [1, 2100, 1010], n);
    const again = labelComponents(mask, [2100, 1010, 1], n);
    expect(again.count).toBe(kept.count);
    expect(countDifferences(again.labels, kept.labels)).toBe(0);
    const some = keepComponents(mask, [2100, 1010, 1], n, (sizes) => Array.from(sizes, (size) => size > 1));
    const differs = some.findIndex((voxel, i) => {
      const label = kept.labels[i];
      return voxel !== Number(label > 0 && kept.sizes[label - 1] > 1);
    });
    expect(differs).toBe(-1);
  }
});

test("a shape that does not fit is refused", () => {
  expect(() => labelComponents(new Uint8Array(5), [1, 2, 3], 6)).toThrow(/mask: 5 voxels/);
  expect(() => labelComponents(new Uint8Array(6), [1, 2, 3], 6, new Int32Array(5))).toThrow(/destination: 5 voxels/);
});
