import { beforeAll, describe, expect, test } from "vitest";
import { boxShape, crop } from "../../../src/core/axes.js";
import type { Box3, CaseArrays, Shape3, Vec3 } from "../../../src/core/volume.js";
import { meanAndStdFloat32, viewOrder } from "../../../src/kernels/pairwise.js";
import type { CaseProgress } from "../../../src/recipes/case-steps.js";
import type { Region } from "../../../src/recipes/v2/documents/labels.js";
import { type PreprocessSettings, preprocessCase } from "../../../src/recipes/v2/preprocess.js";
import { init } from "../../../src/runtime/instantiate.js";
import { countDifferences, decode, type GoldenArray, largestDifference } from "../../golden.js";

interface PreprocessFixture {
  readonly title: string;
  readonly data: GoldenArray;
  readonly seg: GoldenArray | null;
  readonly spacing: Vec3;
  readonly settings: PreprocessSettings;
  readonly result: GoldenArray;
  readonly label: GoldenArray;
  readonly shapeBeforeCropping: Shape3;
  readonly bbox: Box3;
  readonly shapeAfterCropping: Shape3;
  readonly classLocations: readonly (readonly [Region, readonly (readonly number[])[]])[] | null;
}

const goldens = import.meta.glob("../../golden/v2-preprocess/*.json", { eager: true, import: "default" });
const cases = goldens["../../golden/v2-preprocess/cases.json"] as readonly PreprocessFixture[];
const views = goldens["../../golden/v2-preprocess/views.json"] as readonly {
  whole: Shape3;
  box: Box3;
  mean: number;
  std: number;
}[];

beforeAll(() => init());

function split(array: GoldenArray): Float32Array[] {
  const data = decode<Float32Array>(array);
  const n = data.length / (array.shape[0] as number);
  return Array.from({ length: array.shape[0] as number }, (_, c) => data.slice(c * n, (c + 1) * n));
}

function inputOf({ data, seg }: PreprocessFixture): CaseArrays {
  const label = seg === null ? null : decode<Int16Array>(seg);
  return { channels: split(data), label, shape: data.shape.slice(1) as unknown as Shape3 };
}

function fixtureOf(title: string): PreprocessFixture {
  return cases.find((c) => c.title === title) as PreprocessFixture;
}

describe.each(cases.map((c) => [c.title, c] as const))("%s", (title, fixture) => {
  test.each([false, true])("equal to nnU-Net's, in place %s", async (inPlace) => {
    const input = inputOf(fixture);
    const copy = structuredClone(input);
    const found = await preprocessCase(input, { spacingMm: fixture.spacing }, fixture.settings, { inPlace });
    expect(found.shape).toEqual(fixture.label.shape);
    if (found.label !== null) expect(countDifferences(found.label, decode(fixture.label))).toBe(0);
    expect(found.label === null).toBe(fixture.seg === null);
    split(fixture.result).forEach((expected, c) => {
      const channel = found.channels[c] as Float32Array;
      if (title.startsWith("torch"))
        expect(largestDifference(channel, expected)).toBeLessThanOrEqual(1e-6 * largest(expected));
      else expect(countDifferences(channel, expected)).toBe(0);
    });
    const { properties } = found;
    expect(properties.shapeBeforeCropping).toEqual(fixture.shapeBeforeCropping);
    expect(properties.bbox).toEqual(fixture.bbox);
    expect(properties.shapeAfterCropping).toEqual(fixture.shapeAfterCropping);
    const locations = properties.classLocations?.map(({ region, voxels }) => [region, [...voxels]]) ?? null;
    const expected = fixture.classLocations?.map(([region, rows]) => [region, rows.flatMap((row) => row.slice(1))]);
    expect(locations).toEqual(expected ?? null);
    const empty = title === "all zero" ? ["EMPTY_IMAGE"] : [];
    expect(found.warnings.map(({ code }) => code)).toEqual(empty);
    if (inPlace) return;
    expect(input).toEqual(copy);
  });
});

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

test.each(views.map((view) => [JSON.stringify(view.box), view] as const))("NumPy's sums of the view %s", (_, view) => {
  const { whole, box, mean, std } = view;
  const data = Float32Array.from({ length: whole[0] * whole[1] * whole[2] }, (_, i) => ((i * 7919) % 10007) / 7 + 300);
  const found = meanAndStdFloat32(crop(data, whole, box), viewOrder(boxShape(box), whole));
  expect(found).toEqual({ mean, std });
});

const plain = fixtureOf("isotropic, mask on and off");

test("voxels that are not finite are refused, replaced or kept, never passed in silence", async () => {
  const broken = () => {
    const input = inputOf(plain);
    (input.channels[1] as Float32Array)[400] = Number.NaN;
    (input.channels[1] as Float32Array)[401] = Number.POSITIVE_INFINITY;
    return input;
  };
  const reader = { spacingMm: plain.spacing };
  await expect(preprocessCase(broken(), reader, plain.settings)).rejects.toThrow(
    /channel 1: 1 of 720 voxels are NaN and 1 infinite/,
  );
  const replaced = await preprocessCase(broken(), reader, plain.settings, { nanPolicy: "replace" });
  expect(replaced.warnings.map(({ code }) => code)).toEqual(["NON_FINITE_REPLACED"]);
  expect(replaced.channels.every((channel) => channel.every(Number.isFinite))).toBe(true);
  const kept = await preprocessCase(broken(), reader, plain.settings, { nanPolicy: "keep" });
  expect(kept.warnings.map(({ code }) => code)).toEqual(["NON_FINITE_KEPT"]);
  expect(kept.channels[1]?.every(Number.isNaN)).toBe(true);
  expect(kept.channels[0]?.some(Number.isNaN)).toBe(false);
});

test("what does not fit is refused", async () => {
  const reader = { spacingMm: plain.spacing };
  const input = inputOf(plain);
  const one = { ...input, channels: input.channels.slice(1) };
  await expect(preprocessCase(one, reader, plain.settings)).rejects.toMatchObject({ code: "INVALID_PLANS" });
  const low = { ...input, label: (input.label as Int16Array).map((value) => (value === 1 ? -200 : value)) };
  await expect(preprocessCase(low, reader, plain.settings)).rejects.toThrow(/label has the value -200/);
  const rgb = { ...plain.settings.configuration, normalization: ["RGBTo01Normalization", "NoNormalization"] as const };
  await expect(preprocessCase(input, reader, { ...plain.settings, configuration: rgb })).rejects.toThrow(/0 to 255/);
  const coarse = { ...plain.settings.configuration, spacingMm: [50, 1, 1] };
  await expect(preprocessCase(input, reader, { ...plain.settings, configuration: coarse })).rejects.toThrow(
    /at least one voxel/,
  );
  const statistics = { ...plain.settings, plans: { ...plain.settings.plans, intensities: [] } };
  const ct = { ...plain.settings.configuration, normalization: ["CTNormalization", "NoNormalization"] as const };
  await expect(preprocessCase(input, reader, { ...statistics, configuration: ct })).rejects.toThrow(
    /channel 0 is normalised as CT/,
  );
  const resampleData = { ...plain.settings.configuration.resampleData, orderZ: 1, forceSeparateZ: true };
  const thick = { ...plain.settings.configuration, resampleData: resampleData as never };
  await expect(preprocessCase(input, reader, { ...plain.settings, configuration: thick })).rejects.toMatchObject({
    code: "UNSUPPORTED",
  });
});

test("fast precision is close, the threshold rule gives other labels, progress and signal are heeded", async () => {
  const fixture = fixtureOf("factor 2 down: ties");
  const reader = { spacingMm: fixture.spacing };
  const exact = split(fixture.result)[0] as Float32Array;
  const told: CaseProgress[] = [];
  const found = await preprocessCase(inputOf(fixture), reader, fixture.settings, {
    precision: "fast",
    labelRule: "threshold",
    onProgress: (progress) => told.push(progress),
  });
  const range = exact.reduce((a, b) => Math.max(a, b)) - exact.reduce((a, b) => Math.min(a, b));
  expect(largestDifference(found.channels[0] as Float32Array, exact)).toBeLessThanOrEqual(4e-7 * range);
  expect(countDifferences(found.label as Int16Array, decode(fixture.label))).toBeGreaterThan(0);
  expect(told.map(({ done, total }) => [done, total])).toEqual([0, 1, 2, 3, 4].map((done) => [done, 4]));
  const thick = fixtureOf("CT, thick slices, transposed");
  const slices = await preprocessCase(inputOf(thick), { spacingMm: thick.spacing }, thick.settings, {
    precision: "fast",
  });
  expect(largestDifference(slices.channels[0] as Float32Array, split(thick.result)[0] as Float32Array)).toBeLessThan(
    1e-5,
  );
  const stop = new AbortController();
  const run = preprocessCase(inputOf(fixture), reader, fixture.settings, {
    signal: stop.signal,
    onProgress: ({ done }) => done === 1 && stop.abort(),
  });
  await expect(run).rejects.toMatchObject({ code: "ABORTED" });
});
