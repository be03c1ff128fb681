import { expect, test } from "vitest";
import type { Axes3, Shape3, Vec3 } from "../../../src/core/volume.js";
import type { NormalizationScheme } from "../../../src/recipes/v2/documents/configuration.js";
import { estimateFingerprintMemory, estimateMemory, estimatePreprocessMemory } from "../../../src/recipes/v2/memory.js";
import type { PreprocessSettings } from "../../../src/recipes/v2/preprocess.js";
import { PROGRAM_BYTES } from "../../../src/runner/run.js";

const MIB = 2 ** 20;
/** As near as a run's budget needs it. */
const NEAR = 0.15;

function settings(spacingMm: Vec3, scheme: NormalizationScheme, channels: number, axes: Axes3): PreprocessSettings {
  const rule = { kind: "default", orderZ: 0, forceSeparateZ: null, separateZThreshold: 3 } as const;
  return {
    plans: { transposeForward: axes, intensities: [] },
    configuration: {
      name: "3d_fullres",
      spacingMm,
      normalization: Array.from({ length: channels }, () => scheme),
      useMaskForNorm: Array.from({ length: channels }, () => scheme === "ZScoreNormalization"),
      resampleData: { ...rule, isSeg: false, order: 3 },
      resampleSeg: { ...rule, isSeg: true, order: 1 },
    },
    labels: { all: [0, 1, 2, 3], foreground: [1, 2, 3], regions: null, ignore: null },
  };
}

interface Measurement {
  readonly what: string;
  readonly shape: Shape3;
  readonly cropped: Shape3;
  readonly spacing: Vec3;
  readonly target: Vec3;
  readonly scheme: NormalizationScheme;
  readonly channels: number;
  readonly axes: Axes3;
  readonly measured: number;
}

const CT = {
  shape: [150, 512, 512],
  cropped: [150, 512, 512],
  spacing: [2, 0.8, 0.8],
  target: [1.5, 1.5, 1.5],
  scheme: "CTNormalization",
  channels: 1,
} as const;
const MR = {
  shape: [155, 240, 240],
  cropped: [143, 182, 144],
  spacing: [1, 1, 1],
  target: [1.2, 1.2, 1.2],
  scheme: "ZScoreNormalization",
  channels: 4,
} as const;

/* Peaks of processes that did this one job, files to files (Node 20, Linux x64), less what they had before. */
const measurements: readonly Measurement[] = [
  { what: "a CT", ...CT, axes: [0, 1, 2], measured: 458 },
  { what: "a CT, transposed", ...CT, axes: [1, 0, 2], measured: 782 },
  { what: "four channels inside a mask", ...MR, axes: [0, 1, 2], measured: 239 },
  { what: "four channels inside a mask, transposed", ...MR, axes: [1, 0, 2], measured: 262 },
];

function estimateOf({ shape, cropped, spacing, target, scheme, channels, axes }: Measurement) {
  const question = { shape, croppedShape: cropped, spacingMm: spacing };
  return { ...question, settings: settings(target, scheme, channels, axes) };
}

test.each(measurements)("preprocessing $what, measured: $measured MiB", (measurement) => {
  const estimate = estimatePreprocessMemory(estimateOf(measurement)) / MIB;
  expect(Math.abs(estimate / measurement.measured - 1)).toBeLessThanOrEqual(NEAR);
});

test("more of anything needs more, and the program counts", () => {
  const question = estimateOf(measurements[0] as Measurement);
  const some = estimatePreprocessMemory(question);
  expect(
    estimatePreprocessMemory({ ...question, shape: [151, 512, 512], croppedShape: [151, 512, 512] }),
  ).toBeGreaterThan(some);
  const ignoring = { ...question.settings, labels: { ...question.settings.labels, ignore: 4 } };
  expect(estimatePreprocessMemory({ ...question, settings: ignoring })).toBeGreaterThanOrEqual(some);
  const finer = settings([0.5, 0.8, 0.8], "CTNormalization", 1, [0, 1, 2]);
  expect(estimatePreprocessMemory({ ...question, settings: finer })).toBeGreaterThan(some);
  expect(estimateMemory(question)).toBe(PROGRAM_BYTES + some);
});

/* Peaks of workers that read one case for the fingerprint, gzipped int16 (Node 20, Linux x64). */
test.each([
  { what: "a CT, a tenth labelled", shape: CT.shape, channels: 1, measured: 376 },
  { what: "a CT, a quarter labelled", shape: CT.shape, channels: 1, measured: 387 },
  { what: "four channels, a quarter labelled", shape: MR.shape, channels: 4, measured: 300 },
])("fingerprint of $what, measured: $measured MiB", ({ shape, channels, measured }) => {
  const estimate = estimateFingerprintMemory(shape, channels) / MIB;
  expect(Math.abs(estimate / measured - 1)).toBeLessThanOrEqual(NEAR);
});
