import { beforeAll, expect, test } from "vitest";
import type { Shape3 } from "../../src/core/volume.js";
import { init } from "../../src/runtime/instantiate.js";
import {
  type ComponentMeasure,
  componentStatistics,
  keepLargestComponent,
  labelComponents,
} from "../../src/steps/components.js";
import { countDifferences, decode, type GoldenArray } from "../golden.js";

const FACES: ComponentMeasure = { connectivity: 6, voxelVolumeMm3: 1 };

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
      const outcomes = keepLargestComponent(image, c.shape, rules, { connectivity: 6, voxelVolumeMm3: c.volume });
      expect(countDifferences(image, decode<Uint8Array>(c.result))).toBe(0);
      expect(outcomes.map((o) => o.largestRemoved)).toEqual(c.removed.map(([, size]) => size));
      expect(outcomes.map((o) => o.keptSize)).toEqual(c.kept.map(([, size]) => size));
    }
  },
);

test("the background cannot be a rule", () => {
  expect(() => keepLargestComponent(new Uint8Array(6), [1, 2, 3], [{ labels: [1, 0] }], FACES)).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
});

test("statistics list voxels, volume, box and centroid in raster order", () => {
  const mask = new Uint8Array([0, 1, 1, 0, 0, 0, 0, 1]);
  const pair = {
    voxels: 2,
    volumeMm3: 12,
    box: [
      [0, 1],
      [0, 1],
      [1, 3],
    ],
    centroid: [0, 0, 1.5],
  };
  const single = {
    voxels: 1,
    volumeMm3: 6,
    box: [
      [1, 2],
      [0, 1],
      [3, 4],
    ],
    centroid: [1, 0, 3],
  };
  expect(componentStatistics(mask, [2, 1, 4], 6, [3, 1, 2])).toEqual([pair, single]);
  const all = {
    voxels: 3,
    volumeMm3: 3,
    box: [
      [0, 2],
      [0, 1],
      [1, 4],
    ],
    centroid: [1 / 3, 0, 2],
  };
  expect(componentStatistics(mask, [2, 1, 4], 26)).toEqual([all]);
  expect(componentStatistics(new Uint8Array(8), [2, 1, 4], 26)).toEqual([]);
});

test("statistics agree with the painted components", () => {
  const shape: Shape3 = [5, 7, 37];
  const mask = Uint8Array.from({ length: 5 * 7 * 37 }, (_, i) => (Math.imul(i + 3, 2654435761) >>> 31 ? 1 : 0));
  const { labels, count } = labelComponents(mask, shape, 6);
  const statistics = componentStatistics(mask, shape, 6);
  expect(statistics.length).toBe(count);
  for (const [index, { voxels, centroid, box }] of statistics.entries()) {
    const at = [...labels.keys()].filter((i) => labels[i] === index + 1);
    const axes = [at.map((i) => Math.floor(i / 259)), at.map((i) => Math.floor(i / 37) % 7), at.map((i) => i % 37)];
    expect(voxels).toBe(at.length);
    expect(centroid).toEqual(axes.map((indices) => indices.reduce((a, b) => a + b) / at.length));
    expect(box).toEqual(axes.map((indices) => [Math.min(...indices), Math.max(...indices) + 1]));
  }
});

test("labels of any type: below 0, above 255, float", () => {
  const values = [-2, 0, 300, 300, 0, 300, -2, -2];
  for (const image of [Int16Array.from(values), Int32Array.from(values), Float32Array.from(values)]) {
    keepLargestComponent(image, [1, 1, 8], [{ labels: [300] }, { labels: [-2] }], FACES);
    expect([...image]).toEqual([0, 0, 300, 300, 0, 0, -2, -2]);
  }
  expect(() =>
    keepLargestComponent(
      Float32Array.from({ length: 300 }, (_, i) => i / 2),
      [1, 1, 300],
      null,
      FACES,
    ),
  ).toThrow(expect.objectContaining({ code: "INVALID_VALUES" }));
});
