import { beforeAll, expect, test } from "vitest";
import type { Shape3 } from "../../src/core/volume.js";
import { init } from "../../src/runtime/instantiate.js";
import { componentStatistics, keepLargestComponents } from "../../src/steps/components.js";
import { countDifferences, decode, type GoldenArray } from "../golden.js";

type Sizes = [number[], number | null][];

interface ComponentsCase {
  readonly shape: Shape3;
  readonly image: GoldenArray;
  readonly classes: (number | number[])[] | null;
  readonly volume: number;
  readonly minimum: Sizes | null;
  readonly result: GoldenArray;
  readonly removed: Sizes;
  readonly kept: Sizes;
}

const golden = import.meta.glob<{ cases: ComponentsCase[] }>("../golden/masks/components.json", {
  eager: true,
  import: "default",
});
const cases = Object.values(golden).flatMap((file) => file.cases);

beforeAll(() => init());

test.each(cases.map((c, i) => [i, c.shape.join("x"), JSON.stringify(c.classes), c] as const))(
  "equals remove_all_but_the_largest_connected_component: case %i, %s, classes %s",
  (_i, _shape, _classes, c) => {
    const rules =
      c.classes?.map((given) => {
        const labels = typeof given === "number" ? [given] : given;
        const minimum = c.minimum?.find(([key]) => key.join() === labels.join())?.[1];
        return minimum == null ? { labels } : { labels, minimumSize: minimum };
      }) ?? null;
    for (const image of [decode<Uint8Array>(c.image), Int16Array.from(decode<Uint8Array>(c.image))]) {
      const outcomes = keepLargestComponents(image, c.shape, rules, c.volume);
      expect(countDifferences(image, decode<Uint8Array>(c.result))).toBe(0);
      expect(outcomes.map((o) => o.largestRemoved)).toEqual(c.removed.map(([, size]) => size));
      expect(outcomes.map((o) => o.keptSize)).toEqual(c.kept.map(([, size]) => size));
    }
  },
);

test("the background cannot be a rule", () => {
  expect(() => keepLargestComponents(new Uint8Array(6), [1, 2, 3], [{ labels: [1, 0] }])).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
});

test("statistics list voxels and boxes in raster order", () => {
  const mask = new Uint8Array([0, 1, 1, 0, 0, 0, 0, 1]);
  expect(componentStatistics(mask, [2, 1, 4], 6)).toEqual([
    {
      voxels: 2,
      box: [
        [0, 1],
        [0, 1],
        [1, 3],
      ],
    },
    {
      voxels: 1,
      box: [
        [1, 2],
        [0, 1],
        [3, 4],
      ],
    },
  ]);
  expect(componentStatistics(mask, [2, 1, 4], 26)).toEqual([
    {
      voxels: 3,
      box: [
        [0, 2],
        [0, 1],
        [1, 4],
      ],
    },
  ]);
  expect(componentStatistics(new Uint8Array(8), [2, 1, 4], 26)).toEqual([]);
});
