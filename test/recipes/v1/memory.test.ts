import { expect, test } from "vitest";
import type { Shape3, Vec3 } from "../../../src/core/volume.js";
import { estimateCropMemory, estimateMemory } from "../../../src/recipes/v1/memory.js";
import type { StageSettings } from "../../../src/recipes/v1/preprocess.js";
import { PROGRAM_BYTES } from "../../../src/runner/run.js";

const settings = (targetSpacingMm: Vec3): StageSettings => ({
  targetSpacingMm,
  transposeForward: [0, 1, 2],
  normalizationSchemes: ["nonCT"],
  useMaskForNorm: [false],
  intensityProperties: null,
  classes: [1],
  planar: false,
});

const preprocess = (shape: Shape3, target: Vec3, transposeForward: readonly [number, number, number] = [0, 1, 2]) =>
  estimateMemory({
    step: "preprocess",
    shape,
    spacingMm: [1, 1, 1],
    channels: 1,
    settings: { ...settings(target), transposeForward },
  });

// Per voxel before: 8 stack, 2 label; after: 4 channel, 2 label, 0.4 for locations of a tenth.
test("a resampled case: stack, label, results and one float64 intermediate of padded rows", () => {
  const constant = preprocess([200, 256, 256], [1, 1, 1]) - 200 * 256 * 256 * (8 + 6 + 0.4);
  const before = 160 * 256 * 256;
  const after = 200 * 320 * 320;
  const expected = before * 8 + after * 6.4 + 8 * 160 * 320 * 320;
  expect(preprocess([160, 256, 256], [0.8, 0.8, 0.8]) - expected).toBeCloseTo(constant, 0);
  // 250 voxels a row are padded to 256 lanes.
  const padded = 100 ** 3 * 8 + 250 ** 3 * 6.4 + 8 * 100 * 250 * 256;
  expect(preprocess([100, 100, 100], [0.4, 0.4, 0.4]) - padded).toBeCloseTo(constant, 0);
});

test("a transposed case needs one channel more while it is resampled", () => {
  const shape: Shape3 = [160, 256, 256];
  const plain = preprocess(shape, [0.8, 0.8, 0.8]);
  const turned = preprocess([256, 160, 256], [0.8, 0.8, 0.8], [1, 0, 2]);
  expect(turned - plain).toBeCloseTo(160 * 256 * 256 * 4 - 200 * 320 * 320 * 0.4, 0);
});

test("cropping: one image as float32 beside what it was stored as, or all images with label and mask", () => {
  const shape: Shape3 = [150, 512, 512];
  const n = 150 * 512 * 512;
  const fixed = estimateCropMemory(shape, 4) - n * (16 + 3);
  expect(estimateCropMemory(shape, 1) - fixed).toBe(n * 7);
  const int32 = { bytesPerVoxel: 4, isFloat32: false, isCompressed: true };
  expect(estimateCropMemory(shape, 1, int32) - fixed).toBe(n * 8);
  expect(estimateMemory({ step: "crop", shape, channels: 1 })).toBe(PROGRAM_BYTES + estimateCropMemory(shape, 1));
});
