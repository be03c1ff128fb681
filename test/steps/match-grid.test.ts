import { expect, test } from "vitest";
import { inverseAxes, permute, transpose } from "../../src/core/axes.js";
import type { Axes3, Geometry, Shape3, Volume } from "../../src/core/volume.js";
import { matchGrid } from "../../src/steps/match-grid.js";
import { FLIPS, ORDERS } from "../axis-orders.js";

const COS = 0.8;
const SIN = 0.6;
const SHAPE: Shape3 = [3, 4, 5];
const OBLIQUE: Geometry = {
  spacingMm: [2.5, 1, 0.75],
  originMm: [-12, 7.5, 30],
  direction: [COS, -SIN, 0, SIN, COS, 0, 0, 0, 1],
};
const scan: Volume<Int16Array> = {
  data: Int16Array.from({ length: 60 }, (_, i) => i),
  shape: SHAPE,
  geometry: OBLIQUE,
};

/** Where the centre of every voxel lies, by value. */
function places({ data, shape, geometry }: Volume): Map<number, string> {
  const result = new Map<number, string>();
  const { spacingMm: s, originMm, direction: d } = geometry;
  for (let i = 0, at = 0; i < shape[0]; i++) {
    for (let j = 0; j < shape[1]; j++) {
      for (let k = 0; k < shape[2]; k++, at++) {
        const mm = [k * s[2], j * s[1], i * s[0]];
        const place = originMm.map((o, row) => o + mm.reduce((sum, x, c) => sum + x * d[3 * row + c], 0));
        result.set(data[at], place.map((x) => (Math.round(x * 1e6) / 1e6 + 0).toString()).join());
      }
    }
  }
  return result;
}

/** The same anatomy with swapped axes, then with axis 0, 1 or 2 stored from back to front. */
function stored(volume: Volume<Int16Array>, axes: Axes3, flips: readonly boolean[]): Volume<Int16Array> {
  const { geometry: g } = volume;
  const shape = permute(volume.shape as [number, number, number], axes);
  const data = transpose(volume.data, volume.shape, axes).slice();
  const columns = axes.map((axis) => [0, 1, 2].map((row) => g.direction[3 * row + 2 - axis]));
  const spacing = permute(g.spacingMm as [number, number, number], axes);
  const origin = [...g.originMm];
  const flipped = data.slice();
  for (let at = 0; at < data.length; at++) {
    const index = [Math.floor(at / (shape[1] * shape[2])), Math.floor(at / shape[2]) % shape[1], at % shape[2]];
    const [i, j, k] = index.map((x, axis) => (flips[axis] ? shape[axis] - 1 - x : x)) as [number, number, number];
    flipped[(i * shape[1] + j) * shape[2] + k] = data[at];
  }
  for (const [axis, flip] of flips.entries()) {
    if (!flip) continue;
    const length = (shape[axis] - 1) * spacing[axis];
    columns[axis] = columns[axis].map((x, row) => {
      origin[row] = origin[row] + length * x;
      return -x;
    });
  }
  const direction = [0, 1, 2].flatMap((row) => [2, 1, 0].map((axis) => columns[axis]?.[row]));
  return { data: flipped, shape, geometry: { spacingMm: spacing, originMm: origin, direction } as unknown as Geometry };
}

test("every order and sense of the axes leads back to the scan's grid, each voxel in its place", () => {
  for (const axes of ORDERS) {
    for (const flips of FLIPS) {
      const other = stored(scan, axes, flips);
      expect(places(other)).toEqual(places(scan));
      const matched = matchGrid(other, scan);
      expect(matched?.turned).toBe(flips !== FLIPS[0] || axes !== ORDERS[0]);
      expect(matched?.volume.data).toEqual(scan.data);
      expect(matched?.volume.geometry).toBe(scan.geometry);
      // And the other way round.
      expect(matchGrid(scan, other)?.volume.data).toEqual(other.data);
    }
  }
  expect(inverseAxes([1, 2, 0])).toEqual([2, 0, 1]);
});

test("another grid is none: moved, scaled, turned, cut", () => {
  const change = (geometry: Partial<Geometry>, shape = SHAPE): Volume => ({
    ...scan,
    shape,
    geometry: { ...OBLIQUE, ...geometry },
  });
  expect(matchGrid(change({ originMm: [-12, 7.5, 31] }), scan)).toBeNull();
  expect(matchGrid(change({ spacingMm: [2.5, 1, 0.8] }), scan)).toBeNull();
  expect(matchGrid(change({ direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] }), scan)).toBeNull();
  expect(matchGrid(change({}, [3, 5, 4]), scan)).toBeNull();
  // Mirrored about the first voxel, not stored from back to front.
  expect(matchGrid(change({ direction: [-COS, -SIN, 0, -SIN, COS, 0, 0, 0, 1] }), scan)).toBeNull();
  const rounded = matchGrid(change({ originMm: [-12, 7.5000001, 30] }), scan);
  expect(rounded?.turned).toBe(false);
  expect(rounded?.volume.data).toBe(scan.data);
});
