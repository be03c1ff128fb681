import { beforeAll, expect, test } from "vitest";
import type { Axes3, CaseArrays, Shape3, Vec3 } from "../../../src/core/volume.js";
import { voxelCount } from "../../../src/core/volume.js";
import type { CroppedProperties } from "../../../src/recipes/v1/crop/crop-case.js";
import type { IntensityProperties } from "../../../src/recipes/v1/documents/fingerprint.js";
import type { NormalizationScheme } from "../../../src/recipes/v1/documents/plans.js";
import { estimatePreprocessMemory } from "../../../src/recipes/v1/memory.js";
import { preprocessCase, type StageSettings } from "../../../src/recipes/v1/preprocess.js";
import { init } from "../../../src/runtime/instantiate.js";
import { countDifferences, decode, type GoldenArray, largestDifference } from "../../golden.js";

interface PreprocessFixture {
  readonly title: string;
  readonly target: Vec3;
  readonly axes: Axes3;
  readonly schemes: NormalizationScheme[];
  readonly masks: boolean[];
  readonly planar: boolean;
  readonly labelOrder: 0 | 1;
  readonly data: GoldenArray;
  readonly seg: GoldenArray;
  readonly before: CroppedProperties;
  readonly result: GoldenArray;
  readonly label: GoldenArray;
  readonly after: CroppedProperties & { class_locations: Record<string, number[][]> };
}

const [golden] = Object.values(
  import.meta.glob("../../golden/cases/preprocess.json", { eager: true, import: "default" }),
) as [{ statistics: Record<string, number>; cases: PreprocessFixture[] }];

beforeAll(() => init());

function split(array: GoldenArray): Float32Array[] {
  const data = decode<Float32Array>(array);
  const n = data.length / array.shape[0];
  return Array.from({ length: array.shape[0] }, (_, c) => data.subarray(c * n, (c + 1) * n));
}

function inputOf(fixture: PreprocessFixture): CaseArrays & { label: Int16Array } {
  return {
    channels: split(fixture.data),
    label: decode<Int16Array>(fixture.seg),
    shape: fixture.seg.shape as unknown as Shape3,
  };
}

function settingsOf(fixture: PreprocessFixture): StageSettings {
  const statistics = new Map(fixture.schemes.map((_, c) => [c, { ...golden.statistics, local_props: new Map() }]));
  return {
    targetSpacingMm: fixture.target,
    transposeForward: fixture.axes,
    normalizationSchemes: fixture.schemes,
    useMaskForNorm: fixture.masks,
    intensityProperties: statistics as unknown as IntensityProperties,
    classes: [1, 2, 3, 7],
    planar: fixture.planar,
  };
}

const named = golden.cases.map((c) => [c.title, c] as const);

test.each(named)("%s: equal to nnU-Net's", async (_, fixture) => {
  const input = inputOf(fixture);
  const copy = structuredClone(input);
  const { arrays, properties, warnings } = await preprocessCase(input, fixture.before, settingsOf(fixture), {
    labelOrder: fixture.labelOrder,
  });
  expect(arrays.shape).toEqual(fixture.label.shape);
  expect(countDifferences(arrays.label, decode(fixture.label))).toBe(0);
  split(fixture.result).forEach((expected, c) => {
    const found = arrays.channels[c];
    if (fixture.schemes[c] === "CT" || fixture.schemes[c] === "noNorm") {
      expect(countDifferences(found, expected)).toBe(0);
    } else {
      expect(largestDifference(found, expected)).toBeLessThanOrEqual(1e-6);
    }
  });
  const { class_locations: locations, ...rest } = fixture.after;
  const { class_locations: foundLocations, ...found } = properties;
  expect(Object.keys(found)).toEqual(Object.keys(rest));
  expect(found).toEqual(rest);
  for (const [label, triples] of Object.entries(locations)) {
    expect([...(foundLocations?.get(Number(label)) ?? [])]).toEqual(triples.flat());
  }
  expect(warnings.map((warning) => warning.code)).toEqual(
    fixture.title === "NaN" ? ["NAN_REPLACED", "NAN_REPLACED"] : [],
  );
  // The input is left as it was.
  expect(countDifferences(input.label, copy.label)).toBe(0);
  input.channels.forEach((channel, c) => {
    expect(countDifferences(channel, copy.channels[c])).toBe(0);
  });
});

const nan = golden.cases.find((c) => c.title === "NaN") as PreprocessFixture;

test("infinite voxels are refused unless asked for", async () => {
  const arrays = inputOf(nan);
  const channels = arrays.channels.map((channel) =>
    channel.map((x) => (Number.isNaN(x) ? Number.NEGATIVE_INFINITY : x)),
  );
  const spoilt = { ...arrays, channels };
  const settings = settingsOf(nan);
  await expect(preprocessCase(spoilt, nan.before, settings)).rejects.toThrow(/channel 0: 1 of 210 voxels are infinite/);
  const replaced = await preprocessCase(spoilt, nan.before, settings, { nanPolicy: "replace" });
  expect(replaced.warnings[0]?.code).toBe("INFINITE_REPLACED");
  expect(replaced.arrays.channels.every((channel) => channel.every(Number.isFinite))).toBe(true);
  const kept = await preprocessCase(spoilt, nan.before, settings, { nanPolicy: "keep" });
  expect(kept.warnings[0]?.code).toBe("INFINITE_KEPT");
});

test("NaN in 2-D is refused unless asked for", async () => {
  const settings = { ...settingsOf(nan), planar: true };
  await expect(preprocessCase(inputOf(nan), nan.before, settings)).rejects.toThrow(
    /channel 0: 1 of 210 voxels are NaN/,
  );
  const kept = await preprocessCase(inputOf(nan), nan.before, settings, { nanPolicy: "keep" });
  expect(kept.warnings.map((warning) => warning.code)).toEqual(["NAN_KEPT", "NAN_KEPT"]);
  expect(kept.arrays.channels[0]?.every(Number.isNaN)).toBe(true);
  const replaced = await preprocessCase(inputOf(nan), nan.before, settings, { nanPolicy: "replace" });
  expect(replaced.arrays.channels[0]?.some(Number.isNaN)).toBe(false);
});

test("plans that do not fit the case and a shape without voxels are refused", async () => {
  const settings = settingsOf(nan);
  const { normalizationSchemes, useMaskForNorm } = settings;
  const three = [...normalizationSchemes, "nonCT" as const];
  await expect(
    preprocessCase(inputOf(nan), nan.before, {
      ...settings,
      normalizationSchemes: three,
      useMaskForNorm: [...useMaskForNorm, false],
    }),
  ).rejects.toThrow(/2 channels/);
  await expect(preprocessCase(inputOf(nan), nan.before, { ...settings, targetSpacingMm: [20, 1, 1] })).rejects.toThrow(
    /at least one voxel/,
  );
});

test("strong up-sampling is warned of, and the estimate covers the result", async () => {
  const settings = { ...settingsOf(nan), targetSpacingMm: [0.4, 0.4, 0.5] as const };
  const { arrays, warnings } = await preprocessCase(inputOf(nan), nan.before, settings);
  expect(warnings.map((warning) => warning.code)).toContain("UPSAMPLED");
  expect(estimatePreprocessMemory(nan.before, 2, settings)).toBeGreaterThan(voxelCount(arrays.shape) * 12);
});
