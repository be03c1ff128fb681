import { expect, test } from "vitest";
import type { Volume } from "../../src/core/volume.js";
import { readScan } from "../../src/io/formats.js";
import { scanFileFromBytes } from "../../src/io/scan-file.js";
import { extractFingerprint } from "../../src/recipes/v2/stages/fingerprint.js";
import { planDataset } from "../../src/recipes/v2/stages/plan.js";
import { preprocessDataset } from "../../src/recipes/v2/stages/preprocess.js";
import { reportSourceV2 } from "../../src/report/source-v2.js";
import { openTinyDataset } from "../recipes/v2/stages/tiny-dataset.js";

/** Mean place of the labelled voxels in the patient, mm. */
function centre({ data, shape, geometry }: Volume): number[] {
  const { spacingMm, originMm, direction } = geometry;
  const sum = [0, 0, 0];
  let count = 0;
  for (let i = 0; i < data.length; i++) {
    if (data[i] === 0) continue;
    const index = [i % shape[2], Math.floor(i / shape[2]) % shape[1], Math.floor(i / (shape[1] * shape[2]))];
    const mm = index.map((n, axis) => n * (spacingMm[2 - axis] as number));
    for (let row = 0; row < 3; row++) {
      const place = mm.reduce(
        (at, x, column) => at + (direction[3 * row + column] as number) * x,
        originMm[row] as number,
      );
      sum[row] = (sum[row] as number) + place;
    }
    count++;
  }
  return sum.map((x) => x / count);
}

test("a dataset before it is prepared says what is missing", async () => {
  const { dataset } = await openTinyDataset();
  const source = await reportSourceV2(dataset, {}, ["--raw", "x"]);
  expect(await source.plan([])).toBeNull();
  expect(await source.grids()).toBeNull();
  expect(await source.isPrepared()).toBe(false);
  expect(source.commandOf("preprocess")).toBe("nnprep preprocess -d 1 --raw x");
});

test("a prepared dataset: labels, grids, plans, and cases in their place in the patient", async () => {
  const { dataset, raw } = await openTinyDataset();
  await extractFingerprint(dataset);
  await planDataset(dataset);
  await preprocessDataset(dataset);
  const source = await reportSourceV2(dataset, {});
  expect([...source.labels]).toEqual([
    [1, "left"],
    [2, "right"],
  ]);
  expect((await source.grids())?.map(({ name, shape }) => [name, shape])).toEqual([
    ["ct_1", [14, 22, 20]],
    ["ct_2", [6, 24, 22]],
    ["ct_3", [12, 20, 24]],
  ]);
  expect((await source.plan([]))?.explained[0]?.rows[0]).toEqual(["", "2d", "3d_fullres"]);
  const prepared = await source.prepared("ct_2");
  const bytes = await raw.read("labelsTr/ct_2.nii.gz");
  const { volume } = await readScan([scanFileFromBytes("ct_2.nii.gz", bytes)]);
  const [found, expected] = [centre(prepared?.label as Volume), centre(volume)];
  // Half a voxel of the scan.
  for (const [row, bound] of [0.95 / 2, 0.9 / 2, 5 / 2].entries()) {
    expect(Math.abs((found[row] as number) - (expected[row] as number))).toBeLessThan(bound);
  }
});
