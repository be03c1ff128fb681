import { expect, test } from "vitest";
import { axisCodesOf } from "../../src/core/geometry.js";
import type { Volume } from "../../src/core/volume.js";
import { matchGrid } from "../../src/steps/match-grid.js";
import { isOrientation, reorient } from "../../src/steps/reorient.js";

const volume: Volume<Int16Array> = {
  data: Int16Array.from({ length: 24 }, (_, i) => i),
  shape: [2, 3, 4],
  // Turned by some degrees, so that nothing is along an axis by chance.
  geometry: {
    spacingMm: [5, 2, 1],
    originMm: [10, -20, 30],
    direction: [0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1],
  },
};

const LETTERS = ["RL", "AP", "IS"];
const ALL = LETTERS.flatMap((a) =>
  LETTERS.filter((b) => b !== a).flatMap((b) => {
    const c = LETTERS.find((one) => one !== a && one !== b) as string;
    return [...a].flatMap((x) => [...b].flatMap((y) => [...c].map((z) => x + y + z)));
  }),
);

test.each(ALL)("%s: axes run there, and every voxel keeps its place", (axes) => {
  const turned = reorient(volume, axes);
  expect(axisCodesOf(turned.geometry.direction)).toBe(axes);
  // Back on the first grid by the places of the voxels alone.
  const back = matchGrid(turned, volume);
  expect(back?.volume.data).toEqual(volume.data);
});

test("the names of orientations", () => {
  expect(ALL.every(isOrientation)).toBe(true);
  expect(["", "RA", "RLS", "RASP", "XYZ", "ras"].some(isOrientation)).toBe(false);
});
