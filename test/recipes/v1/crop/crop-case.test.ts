import { beforeAll, expect, test } from "vitest";
import type { Geometry, Shape3, Volume } from "../../../../src/core/volume.js";
import { cropCase } from "../../../../src/recipes/v1/crop/crop-case.js";
import { init } from "../../../../src/runtime/instantiate.js";
import { countDifferences, decode, type GoldenArray } from "../../../golden.js";

interface CropFixture {
  readonly title: string;
  /** x, y, z. */
  readonly spacing: [number, number, number];
  readonly origin: [number, number, number];
  readonly direction: Geometry["direction"];
  readonly images: GoldenArray[];
  readonly label: GoldenArray | null;
  readonly data: GoldenArray;
  readonly seg: GoldenArray;
  readonly properties: Record<string, unknown>;
}

const [{ cases }] = Object.values(
  import.meta.glob("../../../golden/cases/crop.json", { eager: true, import: "default" }),
) as [{ cases: CropFixture[] }];

beforeAll(() => init());

function toVolume(fixture: CropFixture, array: GoldenArray): Volume {
  const [x, y, z] = fixture.spacing;
  return {
    data: decode(array),
    shape: array.shape as unknown as Shape3,
    geometry: { spacingMm: [z, y, x], originMm: fixture.origin, direction: fixture.direction },
  };
}

test.each(cases.map((c) => [c.title, c] as const))("%s: arrays and properties equal to nnU-Net's", (_, fixture) => {
  const { properties: expected } = fixture;
  const result = cropCase({
    images: fixture.images.map((array) => toVolume(fixture, array)),
    label: fixture.label === null ? undefined : toVolume(fixture, fixture.label),
    files: { images: expected.list_of_data_files as string[], label: expected.seg_file as string | null },
  });
  expect(Object.keys(result.properties)).toEqual(Object.keys(expected));
  expect(result.properties).toEqual(expected);
  expect(result.arrays.shape).toEqual(fixture.seg.shape.slice(1));
  const data = decode<Float32Array>(fixture.data);
  const n = result.arrays.label.length;
  result.arrays.channels.forEach((channel, c) => {
    expect(countDifferences(channel, data.subarray(c * n, (c + 1) * n))).toBe(0);
  });
  expect(countDifferences(result.arrays.label, decode(fixture.seg))).toBe(0);
});

const geometry: Geometry = {
  spacingMm: [2, 1, 1],
  originMm: [0, 0, 10],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
};
const image: Volume = { data: new Float32Array(24).fill(3), shape: [2, 3, 4], geometry };
const files = { images: ["a_0000.nii.gz", "a_0001.nii.gz"], label: "a.nii.gz" };

function codeAndMessage(work: () => unknown): [string, string] {
  try {
    work();
  } catch (error) {
    return [(error as { code: string }).code, (error as Error).message];
  }
  throw new Error("nothing was thrown");
}

test("a channel of another shape or geometry is refused, both files named", () => {
  const other: Volume = { ...image, shape: [3, 2, 4] };
  const [code, message] = codeAndMessage(() => cropCase({ images: [image, other], files }));
  expect(code).toBe("SHAPE_MISMATCH");
  expect(message).toMatch(/a_0001.*\(3, 2, 4\).*a_0000.*\(2, 3, 4\)/);
  for (const [field, value, name] of [
    ["spacingMm", [2, 1, 1.0001], "spacing"],
    ["originMm", [0, 0, 10.1], "origin"],
    ["direction", [1, 0, 0, 0, 1, 0, 0, 0, -1], "direction"],
  ] as const) {
    const moved = { ...image, geometry: { ...geometry, [field]: value } };
    const [c, m] = codeAndMessage(() => cropCase({ images: [image, moved], files }));
    expect(c).toBe("GEOMETRY_MISMATCH");
    expect(m).toContain(name);
    const [l, text] = codeAndMessage(() => cropCase({ images: [image], label: moved, files }));
    expect(l).toBe("GEOMETRY_MISMATCH");
    expect(text).toContain("a.nii.gz");
  }
});

test("geometry within the tolerance of numpy.isclose is the same", () => {
  const close: Volume = { ...image, geometry: { ...geometry, originMm: [1e-9, 0, 10.00009] } };
  expect(cropCase({ images: [image, close], files }).arrays.channels.length).toBe(2);
});

test("labels that are no whole numbers in int16 are refused", () => {
  for (const value of [0.5, 40000, Number.NaN]) {
    const label: Volume = { ...image, data: new Float32Array(24).fill(value, 5, 6) };
    const [code, message] = codeAndMessage(() => cropCase({ images: [image], label, files }));
    expect(code).toBe("INVALID_VALUES");
    expect(message).toContain("a.nii.gz");
    expect(message).toContain(String(value));
  }
});

test("an image of zeros and a case without images are refused", () => {
  const empty: Volume = { ...image, data: new Float32Array(24) };
  expect(codeAndMessage(() => cropCase({ images: [empty] }))[0]).toBe("EMPTY_IMAGE");
  expect(codeAndMessage(() => cropCase({ images: [] }))[0]).toBe("INVALID_ARGUMENT");
});
