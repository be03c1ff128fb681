import { beforeAll, expect, test } from "vitest";
import type { Shape3 } from "../../src/core/volume.js";
import { countLabelPairs, labelBoxes } from "../../src/kernels/label-pairs.js";
import { init } from "../../src/runtime/instantiate.js";

beforeAll(() => init());

/** Labels in short and in long runs, so that both ways of counting meet all borders of vectors. */
function labels(length: number, seed: number): Uint8Array {
  let state = seed;
  const next = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const result = new Uint8Array(length);
  for (let i = 0; i < length; ) {
    const end = Math.min(length, i + 1 + next(next(2) === 0 ? 3 : 60));
    result.fill([0, 0, 1, 7, 255][next(5)], i, end);
    i = end;
  }
  return result;
}

test.each([0, 1, 15, 16, 17, 31, 33, 16383, 16384, 16401, 50000])("counts every pair of %i voxels", (length) => {
  const first = labels(length, 1);
  const second = labels(length, length % 2);
  const expected = new Map<number, number>();
  first.forEach((a, i) => {
    const pair = 256 * a + second[i];
    expected.set(pair, (expected.get(pair) ?? 0) + 1);
  });
  const counts = countLabelPairs(first, second);
  expect(new Map([...counts.entries()].filter(([, count]) => count > 0))).toEqual(
    new Map([...expected].sort(([a], [b]) => a - b)),
  );
});

test.each<[Shape3]>([[[1, 1, 1]], [[3, 4, 5]], [[2, 3, 16]], [[5, 7, 33]], [[2, 600, 500]]])("boxes in %s", (shape) => {
  const image = labels(shape[0] * shape[1] * shape[2], 9);
  const boxes = labelBoxes(image, shape);
  expect(boxes.length).toBe(256);
  expect(boxes[0]).toBe(null);
  for (const label of [1, 7, 9, 255]) {
    const low = [Infinity, Infinity, Infinity];
    const high = [0, 0, 0];
    image.forEach((value, i) => {
      if (value !== label) return;
      const at = [Math.floor(i / (shape[1] * shape[2])), Math.floor(i / shape[2]) % shape[1], i % shape[2]];
      at.forEach((x, axis) => {
        low[axis] = Math.min(low[axis], x);
        high[axis] = Math.max(high[axis], x + 1);
      });
    });
    expect(boxes[label]).toEqual(high[0] === 0 ? null : low.map((x, axis) => [x, high[axis]]));
  }
});

test("arrays of different length are refused", () => {
  expect(() => countLabelPairs(new Uint8Array(3), new Uint8Array(4))).toThrow(
    expect.objectContaining({ code: "SHAPE_MISMATCH" }),
  );
});
