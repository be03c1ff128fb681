import { beforeAll, describe, expect, test } from "vitest";
import { type Axes3, type Box3, type Shape3, type Vec3, voxelCount } from "../../../src/core/volume.js";
import {
  type ExportOptions,
  type ExportProperties,
  exportProbabilities,
  exportSegmentation,
} from "../../../src/recipes/v1/export.js";
import { init } from "../../../src/runtime/instantiate.js";
import type { ProbabilityArray } from "../../../src/steps/probabilities.js";
import cases from "../../golden/export/cases.json";
import targetAxis from "../../golden/export/target_axis.json";
import transposed from "../../golden/export/transposed.json";
import { countDifferences, decode, type GoldenArray } from "../../golden.js";

beforeAll(() => init());

function arrayOf(golden: GoldenArray): ProbabilityArray {
  const [classes, a0, a1, a2] = golden.shape as [number, number, number, number];
  return { classes, shape: [a0, a1, a2], data: decode<Float32Array | Uint16Array>(golden) };
}

function propertiesOf(golden: {
  before: number[];
  after: number[];
  box: number[][];
  spacing: number[];
  target: number[];
  regions: number[] | null;
}): ExportProperties {
  const [z, y, x] = golden.spacing as [number, number, number];
  const regions = golden.regions === null ? {} : { regions_class_order: golden.regions };
  return {
    original_size_of_raw_data: golden.before as unknown as Shape3,
    original_spacing: [z, y, x],
    itk_origin: [-3.25, 4.5, 1.125],
    itk_spacing: [x, y, z],
    itk_direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    crop_bbox: golden.box as unknown as Box3,
    size_after_cropping: golden.after as unknown as Shape3,
    spacing_after_resampling: golden.target as unknown as Vec3,
    ...regions,
  };
}

describe("nnU-Net's own files", () => {
  test.each(cases)("$name", async (golden) => {
    const { segmentation } = await exportSegmentation(arrayOf(golden.probabilities), propertiesOf(golden));
    expect(countDifferences(segmentation.data, decode(golden.expected))).toBe(0);
    expect(segmentation.shape).toEqual(golden.before);
    expect(segmentation.geometry).toEqual({
      spacingMm: golden.spacing,
      originMm: [-3.25, 4.5, 1.125],
      direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    });
  });
});

test("the network's own arrays are turned back", async () => {
  for (const golden of transposed) {
    const after = golden.box.map(([low, high]) => high - low);
    const properties = propertiesOf({ ...golden, after, target: golden.spacing });
    const options = { transposed: true, transposeForward: golden.axes as unknown as Axes3 };
    const { segmentation } = await exportSegmentation(arrayOf(golden.probabilities), properties, options);
    expect(countDifferences(segmentation.data, decode(golden.expected))).toBe(0);
  }
});

const plain: ExportProperties = propertiesOf({
  before: [6, 8, 10],
  after: [4, 5, 6],
  box: [
    [1, 5],
    [2, 7],
    [0, 6],
  ],
  spacing: [1, 1, 1],
  target: [1, 1, 1],
  regions: null,
});

/** Class 1 where the voxel's number is a multiple of 3. */
function stripes(shape: Shape3): ProbabilityArray {
  const n = voxelCount(shape);
  return {
    classes: 2,
    shape,
    data: Float32Array.from({ length: 2 * n }, (_, i) => Number(((i % n) % 3 === 0) === i >= n)),
  };
}

test("probabilities that are uncropped already are not resampled into the box", async () => {
  const { segmentation } = await exportSegmentation(stripes([6, 8, 10]), plain);
  expect([...segmentation.data]).toEqual(Array.from({ length: 480 }, (_, i) => Number(i % 3 === 0)));
});

describe("the target spacing is anisotropic, the original is not, and axes were transposed", () => {
  // transpose_forward [1, 0, 2]: axis 1 of the file was resampled from 1 mm to 5 mm.
  const properties: ExportProperties = {
    ...plain,
    crop_bbox: [
      [0, 4],
      [0, 8],
      [0, 6],
    ],
    size_after_cropping: [4, 8, 6],
    size_after_resampling: [2, 4, 6],
    spacing_after_resampling: [5, 1, 1],
  };
  const data = Float32Array.from({ length: 2 * 48 }, (_, i) => ((i * i * 37) % 101) / 101);
  const probabilities: ProbabilityArray = { classes: 2, shape: [4, 2, 6], data };
  const along = (axis: number, labels: Uint8Array) => {
    const stride = [80, 10, 1][axis];
    return labels.filter((label, i) => labels[i + stride] !== label).length;
  };

  test.each(targetAxis)(
    "nnU-Net's labels, axes $axes: of the properties as they are, and turned back",
    async (golden) => {
      const box = golden.before.map((n) => [0, n]);
      const ofFile: ExportProperties = {
        ...propertiesOf({ ...golden, after: golden.before, box, spacing: [1, 1, 1], regions: null }),
        size_after_resampling: golden.afterResampling as unknown as Shape3,
      };
      const labelsWith = async (options: ExportOptions) =>
        (await exportSegmentation(arrayOf(golden.probabilities), ofFile, options)).segmentation.data;
      const transposeForward = golden.axes as unknown as Axes3;
      for (const options of [{}, { transposeForward }]) {
        expect(countDifferences(await labelsWith(options), decode(golden.turned))).toBe(0);
      }
      for (const options of [{}, { transposeForward }]) {
        const asReference = { ...options, untransposedTargetAxis: true };
        expect(countDifferences(await labelsWith(asReference), decode(golden.asItIs))).toBe(0);
      }
    },
  );

  test("the right axis is found from shapes and spacings, or given", async () => {
    const { segmentation: found } = await exportSegmentation(probabilities, properties);
    const { segmentation: given } = await exportSegmentation(probabilities, properties, {
      transposeForward: [1, 0, 2],
    });
    expect(countDifferences(found.data, given.data)).toBe(0);
    // Nearest along axis 1: planes 0 ... 3 are the same, and 4 ... 7.
    for (const [a, b] of [
      [0, 3],
      [4, 7],
    ] as const) {
      const plane = (y: number) =>
        Array.from({ length: 24 }, (_, i) => found.data[Math.floor(i / 6) * 80 + y * 10 + (i % 6)]);
      expect(plane(a)).toEqual(plane(b));
    }
    expect(along(1, found.data)).toBeGreaterThan(0);
  });

  test("nnU-Net's own choice is there on demand", async () => {
    const { segmentation: right } = await exportSegmentation(probabilities, properties);
    const { segmentation: wrong } = await exportSegmentation(probabilities, properties, {
      untransposedTargetAxis: true,
    });
    expect(countDifferences(right.data, wrong.data)).toBeGreaterThan(0);
  });
});

test("regions of the properties count unless the caller says otherwise", async () => {
  const n = 120;
  const data = new Float32Array(2 * n).fill(0.75);
  const probabilities: ProbabilityArray = { classes: 2, shape: [4, 5, 6], data };
  const properties = { ...plain, regions_class_order: [7, 9] };
  const values = async (options: object) => {
    const { segmentation } = await exportSegmentation(probabilities, properties, options);
    return [...new Set(segmentation.data)].sort();
  };
  expect(await values({})).toEqual([0, 9]);
  expect(await values({ regions: [5, 3] })).toEqual([0, 3]);
  expect(await values({ regions: null })).toEqual([0]);
});

test("what is no probability is exported with a warning", async () => {
  const probabilities = stripes([4, 5, 6]);
  expect((await exportSegmentation(probabilities, plain)).warnings).toEqual([]);
  (probabilities.data as Float32Array)[3] = -7;
  expect((await exportSegmentation(probabilities, plain)).warnings.map(({ code }) => code)).toEqual([
    "NO_PROBABILITIES",
  ]);
  (probabilities.data as Float32Array)[3] = Number.NaN;
  expect((await exportSegmentation(probabilities, plain)).warnings.map(({ code }) => code)).toEqual(["NOT_FINITE"]);
});

test("probabilities of another case are refused", async () => {
  const properties = { ...plain, size_after_resampling: [9, 9, 3] as Vec3 };
  await expect(exportSegmentation(stripes([3, 9, 8]), properties)).rejects.toThrow(/\(3, 9, 8\) do not belong/);
  const { size_after_cropping: _, ...uncropped } = plain;
  await expect(exportSegmentation(stripes([4, 5, 6]), uncropped)).rejects.toThrow(/"size_after_cropping" is missing/);
  await expect(exportSegmentation(stripes([4, 5, 6]), plain, { transposed: true })).rejects.toThrow(/transposeForward/);
});

test("an export can be stopped", async () => {
  const controller = new AbortController();
  const properties = { ...plain, size_after_cropping: [4, 5, 6] as Vec3 };
  const onProgress = (done: number) => done === 3 && controller.abort();
  const options = { signal: controller.signal, onProgress };
  await expect(exportSegmentation(stripes([2, 3, 4]), properties, options)).rejects.toMatchObject({ code: "ABORTED" });
});

test("the probabilities of an export are those its labels come from", async () => {
  const { shape, classes } = exportProbabilities(stripes([2, 3, 4]), plain);
  expect(shape).toEqual([4, 5, 6]);
  const values: Float32Array[] = [];
  for await (const one of classes) values.push(one);
  const { segmentation } = await exportSegmentation(stripes([2, 3, 4]), {
    ...plain,
    original_size_of_raw_data: [4, 5, 6],
    crop_bbox: [
      [0, 4],
      [0, 5],
      [0, 6],
    ],
  });
  expect([...segmentation.data]).toEqual(Array.from(values[0], (p, i) => Number(values[1][i] > p)));
});
