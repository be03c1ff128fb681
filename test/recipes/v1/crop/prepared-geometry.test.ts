import { expect, test } from "vitest";
import { inverseAxes, permute } from "../../../../src/core/axes.js";
import type { Axes3, Box3, Geometry, Shape3 } from "../../../../src/core/volume.js";
import { preparedGeometry } from "../../../../src/recipes/v1/crop/prepared-geometry.js";

const properties = {
  crop_bbox: [
    [2, 12],
    [0, 8],
    [5, 11],
  ] as unknown as Box3,
  original_spacing: [3, 1.5, 2] as const,
  itk_origin: [10, -20, 30] as const,
  // x runs to the right, y upwards, z to the front.
  itk_direction: [-1, 0, 0, 0, 0, -1, 0, 1, 0],
};
const scan: Geometry = {
  spacingMm: properties.original_spacing,
  originMm: properties.itk_origin,
  direction: properties.itk_direction as unknown as Geometry["direction"],
};

/** Where a point in voxels (slowest axis first; -0.5 is the outer face of the first voxel) lies in the patient. */
function placeOf({ spacingMm, originMm, direction }: Geometry, point: readonly number[]): number[] {
  return originMm.map((mm, row) =>
    [0, 1, 2].reduce((sum, axis) => sum + direction[3 * row + 2 - axis] * spacingMm[axis] * point[axis], mm),
  );
}

function expectClose(found: readonly number[], expected: readonly number[]): void {
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i], 9);
}

test("without resampling every voxel stays where it was", () => {
  const geometry = preparedGeometry(properties, [10, 8, 6]);
  expectClose(geometry.spacingMm, scan.spacingMm);
  expectClose(placeOf(geometry, [3, 4, 5]), placeOf(scan, [5, 4, 10]));
});

for (const axes of [
  [0, 1, 2],
  [2, 0, 1],
  [1, 0, 2],
] as const satisfies Axes3[]) {
  test(`the outer faces of the box stay where they were, axes ${axes.join(" ")}`, () => {
    const shape: Shape3 = [7, 16, 5];
    const geometry = preparedGeometry(properties, shape, axes);
    const box = properties.crop_bbox;
    for (const corner of [
      [0, 0, 0],
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
      [1, 1, 1],
    ] as const) {
      const inScan = corner.map((side, axis) => box[axis][side] - 0.5);
      const inPrepared = permute(corner, axes).map((side, i) => side * shape[i] - 0.5);
      expectClose(placeOf(geometry, inPrepared), placeOf(scan, inScan));
    }
    expect(permute(geometry.spacingMm, inverseAxes(axes)).every((mm) => mm > 0)).toBe(true);
  });
}
