import { expect, test } from "vitest";
import type { Shape3, Vec3 } from "../../src/core/volume.js";
import { estimateWindowMemory } from "../../src/inference/memory.js";
import { readModelFolder } from "../../src/inference/model-folder.js";
import { checkPredictionMemory, estimatePredictionMemory } from "../../src/inference/prediction-memory.js";
import { complete, listed } from "./example-model.js";

const scan = { shape: [10, 20, 30] as Shape3, spacingMm: [2, 1, 2] as Vec3 };
const model = () => readModelFolder(listed(complete()), "m");

test("what a prediction needs is told from the documents and the scan's grid", async () => {
  const folder = await model();
  const found = estimatePredictionMemory(folder, scan);
  const { runtimeBytes, networkBytes, preparationBytes, windows, scanBytes, shape, totalBytes } = found;
  // The grid is 2 x 1 x 1 mm.
  expect(shape).toEqual([10, 20, 60]);
  // Two files of one byte, twice; for each, 8 and 16 feature maps of 4 x 6 x 8 and 2 x 3 x 4 voxels, at the end 4 x 8 and
  // 3 logits.
  expect(networkBytes).toBe(2 * 2 + 2 * 4 * (8 * 192 + 16 * 24 + 192 * (4 * 8 + 3)));
  expect(windows).toEqual(
    estimateWindowMemory([10, 20, 60], 2, 2, { patch: [4, 6, 8], classes: 3, mirrorAxes: [0, 2] }),
  );
  expect(scanBytes).toBe(6000 * (2 * 4 + 2));
  expect(totalBytes).toBe(runtimeBytes + networkBytes + scanBytes + preparationBytes + windows.totalBytes);
  const givenUp = estimatePredictionMemory(folder, scan, { volumesStay: false });
  expect(totalBytes - givenUp.totalBytes).toBe(6000 * 2 * 4);
  const plain = estimatePredictionMemory(folder, scan, { mirroring: false });
  expect(plain.windows.patchBytes).toBeLessThan(windows.patchBytes);
  const wide = estimatePredictionMemory(folder, scan, { precision: "float32" });
  expect(wide.windows.sumBytes).toBe(2 * windows.sumBytes);
});

test("what is dropped of a large scan's preparation does not add up with its windows", async () => {
  const folder = await model();
  const found = estimatePredictionMemory(folder, { ...scan, shape: [400, 512, 512] });
  const { runtimeBytes, networkBytes, preparationBytes, windows, scanBytes, totalBytes } = found;
  expect(Math.min(preparationBytes, windows.totalBytes)).toBeGreaterThan(2 ** 26);
  const arrays = Math.max(preparationBytes, windows.totalBytes);
  expect(totalBytes).toBe(runtimeBytes + networkBytes + scanBytes + arrays + 2 ** 24);
});

test("a prediction that is too large is refused with the numbers", async () => {
  const folder = await model();
  const large = estimatePredictionMemory(folder, { ...scan, shape: [1000, 2000, 3000] });
  checkPredictionMemory(folder, large, large.totalBytes);
  expect(() => checkPredictionMemory(folder, large, 2e9)).toThrow(
    expect.objectContaining({
      code: "OUT_OF_MEMORY",
      message: expect.stringMatching(
        /^m needs about \d+ GB for this scan, but the limit is 2\.0 GB: .* at most 1000 x 2000 x 6000 voxels/,
      ),
    }),
  );
});
