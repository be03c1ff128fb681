import { expect, test } from "vitest";
import type { Axes3, Shape3, Vec3 } from "../../../src/core/volume.js";
import {
  estimateCropMemory,
  estimateMemory,
  estimatePreprocessMemory,
  type StoredVoxels,
} from "../../../src/recipes/v1/memory.js";
import type { StageSettings } from "../../../src/recipes/v1/preprocess.js";
import { PROGRAM_BYTES } from "../../../src/runner/run.js";

const MIB = 2 ** 20;
/** As near as a run's budget needs it. */
const NEAR = 0.15;

const settings = (targetSpacingMm: Vec3, more: Partial<StageSettings> = {}): StageSettings => ({
  targetSpacingMm,
  transposeForward: [0, 1, 2],
  normalizationSchemes: ["CT"],
  useMaskForNorm: [false],
  intensityProperties: null,
  classes: [1],
  planar: false,
  ...more,
});

const preprocess = (shape: Shape3, target: Vec3, transposeForward: Axes3 = [0, 1, 2], channels = 1) =>
  estimateMemory({
    step: "preprocess",
    shape,
    spacingMm: [1, 1, 1],
    channels,
    settings: settings(target, {
      transposeForward,
      normalizationSchemes: new Array(channels).fill("CT"),
      useMaskForNorm: new Array(channels).fill(false),
    }),
  });

/* Peaks of processes that did this one thing (Node 20, Linux x64), less what they had before. */

test.each([
  { file: "int16", shape: [150, 512, 512], channels: 1, measured: 291, stored: undefined },
  { file: "int16", shape: [155, 240, 240], channels: 4, measured: 197, stored: undefined },
  {
    file: "float32",
    shape: [120, 256, 256],
    channels: 1,
    measured: 88,
    stored: { bytesPerVoxel: 4, isFloat32: true, isCompressed: true },
  },
] as const)("cropping $channels x $shape of $file, measured: $measured MiB", (measurement) => {
  const { shape, channels, measured } = measurement;
  const stored: StoredVoxels | undefined = measurement.stored;
  const estimate = estimateCropMemory(shape, channels, stored) / MIB;
  expect(Math.abs(estimate / measured - 1)).toBeLessThanOrEqual(NEAR);
});

test("preprocessing a CT of 150x512x512 at 2x0.8x0.8 mm to 1.5 mm, measured: 521 MiB", () => {
  const properties = { size_after_cropping: [150, 512, 512], original_spacing: [2, 0.8, 0.8] } as const;
  const estimate = estimatePreprocessMemory(properties, 1, settings([1.5, 1.5, 1.5], { classes: [] })) / MIB;
  expect(Math.abs(estimate / 521 - 1)).toBeLessThanOrEqual(NEAR);
});

test("preprocessing four channels of 143x182x144 from 1 to 1.2 mm inside a mask, measured: 174 MiB", () => {
  const properties = { size_after_cropping: [143, 182, 144], original_spacing: [1, 1, 1] } as const;
  const inMask = settings([1.2, 1.2, 1.2], {
    normalizationSchemes: ["nonCT", "nonCT", "nonCT", "nonCT"],
    useMaskForNorm: [true, true, true, true],
    classes: [],
  });
  expect(Math.abs(estimatePreprocessMemory(properties, 4, inMask) / MIB / 174 - 1)).toBeLessThanOrEqual(NEAR);
});

test("more of anything needs more", () => {
  const some = preprocess([100, 120, 140], [0.8, 0.8, 0.8]);
  expect(preprocess([101, 120, 140], [0.8, 0.8, 0.8])).toBeGreaterThan(some);
  expect(preprocess([100, 120, 140], [0.8, 0.8, 0.7])).toBeGreaterThan(some);
  expect(preprocess([100, 120, 140], [0.8, 0.8, 0.8], [0, 1, 2], 2)).toBeGreaterThan(some);
  expect(estimateCropMemory([100, 120, 140], 2)).toBeGreaterThan(estimateCropMemory([100, 120, 140], 1));
});

test("all arrays that are there together fit into it", () => {
  // The stack of image and label as float32, the result as float32 and int16, and the planes between two passes as float64.
  const [before, after, between] = [160 * 256 * 256, 200 * 320 * 320, 160 * 320 * 320];
  const arrays = 8 * before + 6 * after + 8 * between;
  expect(preprocess([160, 256, 256], [0.8, 0.8, 0.8])).toBeGreaterThan(PROGRAM_BYTES + arrays);
  // Image as float32, label as int16 and the mask.
  expect(estimateCropMemory([150, 512, 512], 1)).toBeGreaterThan(7 * 150 * 512 * 512);
});

test("a transposed case needs no less than the one whose axes lie in order already", () => {
  const plain = preprocess([160, 200, 256], [0.8, 0.8, 0.8]);
  expect(preprocess([200, 160, 256], [0.8, 0.8, 0.8], [1, 0, 2])).toBeGreaterThanOrEqual(plain);
});

test("an estimate for a machine counts the program too", () => {
  const shape: Shape3 = [150, 512, 512];
  expect(estimateMemory({ step: "crop", shape, channels: 1 })).toBe(PROGRAM_BYTES + estimateCropMemory(shape, 1));
});
