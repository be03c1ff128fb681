import { expect, test } from "vitest";
import { inverseAxes, transpose } from "../../src/core/axes.js";
import type { Axes3, Shape3 } from "../../src/core/volume.js";

const ORDERS: Axes3[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];
const SHAPES: Shape3[] = [
  [1, 1, 1],
  [3, 1, 130],
  [65, 2, 64],
  [2, 63, 129],
  [0, 4, 5],
];

test("every voxel goes where its index says, and back again", () => {
  for (const shape of SHAPES) {
    const data = Float64Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, i) => i);
    for (const axes of ORDERS) {
      const found = transpose(data, shape, axes);
      const [, n1, n2] = axes.map((axis) => shape[axis]) as [number, number, number];
      const wrong = found.findIndex((value, at) => {
        const place = [Math.floor(at / (n1 * n2)), Math.floor(at / n2) % n1, at % n2];
        const [i, j, k] = inverseAxes(axes).map((axis) => place[axis]) as [number, number, number];
        return value !== (i * shape[1] + j) * shape[2] + k;
      });
      expect([axes, wrong]).toEqual([axes, -1]);
      expect(found.length).toBe(data.length);
      expect(transpose(found, axes.map((axis) => shape[axis]) as unknown as Shape3, inverseAxes(axes))).toEqual(data);
    }
  }
});
