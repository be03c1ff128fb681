import { beforeAll, expect, test } from "vitest";
import { intensityStatistics } from "../../src/recipes/v1/intensity.js";
import { init } from "../../src/runtime/instantiate.js";
import { foregroundVoxels } from "../../src/steps/intensity.js";
import { countDifferences, decode, type GoldenArray } from "../golden.js";
import { fromPython, statisticsCases } from "../statistics-cases.js";

beforeAll(() => init());

test.each(statisticsCases)("equals DatasetAnalyzer._compute_stats: %s", (_, c) => {
  const expected = Object.fromEntries(Object.entries(c.statistics).map(([k, v]) => [k, fromPython(v)]));
  expect(intensityStatistics(decode(c.values))).toEqual(expected);
});

test("no voxels give NaN", () => {
  expect(Object.values(intensityStatistics(new Float32Array(0)))).toEqual(Array(7).fill(Number.NaN));
});

interface ForegroundCase {
  readonly channel: GoldenArray;
  readonly label: GoldenArray;
  readonly voxels: GoldenArray;
}

const golden = import.meta.glob<{ cases: ForegroundCase[] }>("../golden/statistics/foreground.json", {
  eager: true,
  import: "default",
});

test("every tenth foreground voxel, as DatasetAnalyzer._get_voxels_in_foreground", () => {
  for (const { channel, label, voxels } of Object.values(golden).flatMap((file) => file.cases)) {
    const found = foregroundVoxels(decode(channel), decode(label), 10);
    expect(countDifferences(found, decode(voxels)), `${label.shape}`).toBe(0);
  }
});

test("a label of another length is refused", () => {
  expect(() => foregroundVoxels(new Float32Array(3), new Int16Array(2), 10)).toThrow(/2 voxels on an image of 3/);
});
