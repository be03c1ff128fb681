import { beforeAll, expect, test } from "vitest";
import type { Shape3, Vec3 } from "../../src/core/volume.js";
import { distancesToFeatures, surfaceVoxels } from "../../src/kernels/distance.js";
import { init } from "../../src/runtime/instantiate.js";
import { decode, type GoldenArray, largestDifference } from "../golden.js";

interface DistanceCase {
  readonly shape: Shape3;
  readonly spacingMm: Vec3;
  readonly features: GoldenArray;
  readonly distances: GoldenArray;
}

const golden = import.meta.glob<{ cases: DistanceCase[] }>("../golden/metrics/distances.json", {
  eager: true,
  import: "default",
});
const cases = Object.values(golden).flatMap((file) => file.cases);

beforeAll(() => init());

test.each(cases.map((c) => [c.shape.join("x"), c.spacingMm.join("x"), c] as const))(
  "equals scipy.ndimage.distance_transform_edt: %s voxels of %s mm",
  (_shape, _spacing, c) => {
    const features = decode<Uint8Array>(c.features);
    const expected = decode<Float64Array>(c.distances);
    const everywhere = distancesToFeatures(features, new Uint8Array(features.length).fill(1), c.shape, c.spacingMm);
    expect(largestDifference(everywhere, expected)).toBeLessThanOrEqual(1e-13);
    const wanted = features.map((_, i) => (i % 7 === 3 ? 1 : 0));
    expect([...distancesToFeatures(features, wanted, c.shape, c.spacingMm)]).toEqual(
      [...everywhere].filter((_, i) => wanted[i] === 1),
    );
  },
);

test("without features there is no distance", () => {
  const nothing = new Uint8Array(8);
  expect(() => distancesToFeatures(nothing, nothing, [2, 2, 2], [1, 1, 1])).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
});

test("the surface is what has a neighbour outside the object or the volume", () => {
  const shape: Shape3 = [5, 5, 6];
  const box = new Uint8Array(150);
  const inside = (i: number, low: number, high: number) => {
    const at = [Math.floor(i / 30), Math.floor(i / 6) % 5, i % 6];
    return at.every((x) => x >= low && x < high);
  };
  for (let i = 0; i < 150; i++) box[i] = inside(i, 1, 4) ? 1 : 0;
  const surface = surfaceVoxels(box, shape);
  for (let i = 0; i < 150; i++) expect(surface[i]).toBe(inside(i, 1, 4) && !inside(i, 2, 3) ? 1 : 0);
  expect(surfaceVoxels(new Uint8Array(150).fill(1), shape).filter((x) => x === 1).length).toBe(150 - 3 * 3 * 4);
  expect([...surfaceVoxels(new Uint8Array(4).fill(1), [1, 2, 2])]).toEqual([1, 1, 1, 1]);
});
