import { beforeAll, expect, test, vi } from "vitest";
import type { Shape3, Vec3 } from "../../../src/core/volume.js";
import { formatFingerprint } from "../../../src/recipes/v2/documents/fingerprint.js";
import {
  type ForegroundCase,
  makeFingerprint,
  measureIntensities,
  planSamples,
  takeForeground,
} from "../../../src/recipes/v2/fingerprint.js";
import { init } from "../../../src/runtime/instantiate.js";
import golden from "../../golden/v2-fingerprint/datasets.json" with { type: "json" };
import { decode, type GoldenArray } from "../../golden.js";

// All of nnU-Net's draws, twice over: seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

beforeAll(() => init());

interface GoldenCase {
  readonly spacing: number[];
  readonly images: GoldenArray[];
  readonly label: GoldenArray;
}

function foregroundOf({ images, label }: GoldenCase): ForegroundCase {
  return takeForeground({
    channels: images.map((image) => Float32Array.from(decode(image))),
    label: Int16Array.from(decode(label)),
    shape: label.shape as unknown as Shape3,
  });
}

test.each(golden.entries.map((entry) => [entry.title, entry] as const))(
  "nnU-Net's fingerprint: %s",
  async (_, entry) => {
    const cases = entry.cases.map(foregroundOf);
    const plan = planSamples(
      cases.map(({ foreground }) => (foreground[0] as Float32Array).length > 0),
      entry.draws,
    );
    const steps: string[] = [];
    const intensities = await measureIntensities(
      plan,
      (i) => (cases[i] as ForegroundCase).foreground,
      (done, of) => steps.push(`${done}/${of}`),
    );
    const grids = cases.map((c, i) => ({ ...c, spacingMm: entry.cases[i]?.spacing as unknown as Vec3 }));
    expect(formatFingerprint(makeFingerprint(grids, intensities))).toBe(entry.text);
    expect(steps.at(-1)).toBe(`${steps.length}/${steps.length}`);
  },
);

const ONE = { label: Int16Array.of(0, 1, 1, 0), shape: [1, 2, 2] as const };

test("no foreground anywhere", () => {
  expect(() => planSamples([false, false])).toThrow(/none of 2 cases has a voxel with a label above 0/);
});

test("an image of zeros keeps its grid", () => {
  const taken = takeForeground({ ...ONE, channels: [new Float32Array(4)] });
  expect(taken.shapeAfterCrop).toEqual([1, 2, 2]);
  expect(taken.foreground).toEqual([Float32Array.of(0, 0)]);
});

test("NaN voxels, a missing label", () => {
  const channels = [Float32Array.of(1, 2, 3, 4), Float32Array.of(1, 2, Number.NaN, 4)];
  expect(() => takeForeground({ ...ONE, channels })).toThrow(/channel 1 has NaN voxels, the first at index 2/);
  expect(() => takeForeground({ ...ONE, channels: [], label: null })).toThrow(/without label/);
});

test("the box holds all that is not zero in some channel", () => {
  const shape: Shape3 = [4, 5, 6];
  const label = new Int16Array(120).fill(1);
  const [one, other] = [new Float32Array(120), new Float32Array(120).fill(-0)];
  const at = (i: number, j: number, k: number) => (i * 5 + j) * 6 + k;
  one[at(1, 3, 2)] = 5;
  one[at(2, 1, 4)] = -1;
  other[at(2, 2, 3)] = 1e-40;
  const taken = takeForeground({ channels: [one, other], label, shape });
  expect(taken.shapeAfterCrop).toEqual([2, 3, 3]);
  expect(taken.foreground[0]?.[6]).toBe(5);
  other[at(3, 4, 5)] = Number.POSITIVE_INFINITY;
  other[at(0, 0, 0)] = 1;
  expect(takeForeground({ channels: [one, other], label, shape }).shapeAfterCrop).toEqual(shape);
});
