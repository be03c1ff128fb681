import { expect, test } from "vitest";
import { inverseAxes, permute, transpose } from "../../src/core/axes.js";
import type { Axes3, Shape3 } from "../../src/core/volume.js";
import { FLIPS, ORDERS } from "../axis-orders.js";

const SHAPES: Shape3[] = [
  [1, 1, 1],
  [3, 1, 130],
  [65, 2, 64],
  [2, 63, 129],
  [0, 4, 5],
];

/** Index of the first voxel of a turned array of voxel numbers that is not the one that belongs there, or -1. */
function firstWrong(found: Float64Array, shape: Shape3, axes: Axes3, flips: readonly boolean[]): number {
  const [n0, n1, n2] = permute(shape as [number, number, number], axes);
  const [z, y, x] = inverseAxes(axes);
  for (let i = 0, at = 0; i < n0; i++) {
    for (let j = 0; j < n1; j++) {
      for (let k = 0; k < n2; k++, at++) {
        const place = [flips[0] ? n0 - 1 - i : i, flips[1] ? n1 - 1 - j : j, flips[2] ? n2 - 1 - k : k] as const;
        if (found[at] !== (place[z] * shape[1] + place[y]) * shape[2] + place[x]) return at;
      }
    }
  }
  return found.length === n0 * n1 * n2 ? -1 : found.length;
}

test("every voxel goes where its index says, turned round or not, and back again", () => {
  for (const shape of SHAPES) {
    const data = Float64Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, i) => i);
    for (const axes of ORDERS) {
      const back = inverseAxes(axes);
      expect([axes, firstWrong(transpose(data, shape, axes), shape, axes, [])]).toEqual([axes, -1]);
      for (const flips of FLIPS) {
        const found = transpose(data, shape, axes, flips);
        expect([axes, flips, firstWrong(found, shape, axes, flips)]).toEqual([axes, flips, -1]);
        const again = transpose(found, permute(shape as [number, number, number], axes), back, permute(flips, back));
        expect(firstWrong(again, shape, [0, 1, 2], [])).toBe(-1);
      }
    }
    expect(transpose(data, shape, [0, 1, 2])).toBe(data);
  }
});
