import { beforeAll, describe, expect, test } from "vitest";
import { transpose } from "../../src/core/axes.js";
import type { Axes3, Box3, Shape3, Vec3 } from "../../src/core/volume.js";
import { init } from "../../src/runtime/instantiate.js";
import type { Probabilities, ProbabilityArray } from "../../src/steps/probabilities.js";
import { separateAxis } from "../../src/steps/resample.js";
import { type RestoreSettings, restoreLabels, restoreProbabilities } from "../../src/steps/restore.js";
import cases from "../golden/export/cases.json";
import transposed from "../golden/export/transposed.json";
import { countDifferences, decode, type GoldenArray } from "../golden.js";

const RULE = { force: null, threshold: 3 };

beforeAll(() => init());

function arrayOf(golden: GoldenArray): ProbabilityArray {
  const [classes, a0, a1, a2] = golden.shape as [number, number, number, number];
  return { classes, shape: [a0, a1, a2], data: decode<Float32Array | Uint16Array>(golden) };
}

function regionsOf(labels: readonly number[] | null): RestoreSettings["regions"] {
  return labels === null ? undefined : { labels, threshold: 0.5 };
}

function settingsOf(golden: (typeof cases)[number]): RestoreSettings {
  const shape = golden.before as unknown as Shape3;
  const box = golden.box.map(([low], axis) => [
    low,
    Math.min(low + golden.after[axis], shape[axis]),
  ]) as unknown as Box3;
  const axis = separateAxis(golden.spacing as unknown as Vec3, golden.target as unknown as Vec3, RULE);
  return { shape, box, separateAxis: axis, regions: regionsOf(golden.regions), labelType: "uint8" };
}

describe("save_segmentation_nifti_from_softmax", () => {
  test.each(cases)("$name", async (golden) => {
    const { labels } = await restoreLabels(arrayOf(golden.probabilities), settingsOf(golden));
    expect(countDifferences(labels, decode(golden.expected))).toBe(0);
  });

  test.each(transposed)("network's axes $axes, spacing $spacing, regions $regions", async (golden) => {
    const { labels } = await restoreLabels(arrayOf(golden.probabilities), {
      shape: golden.before as unknown as Shape3,
      box: golden.box as unknown as Box3,
      separateAxis: separateAxis(golden.spacing as unknown as Vec3, golden.spacing as unknown as Vec3, RULE),
      axes: golden.axes as unknown as Axes3,
      regions: regionsOf(golden.regions),
      labelType: "uint8",
    });
    expect(countDifferences(labels, decode(golden.expected))).toBe(0);
  });
});

/** The same probabilities in every way they may come. */
function* waysOf(array: ProbabilityArray): Generator<[string, Probabilities]> {
  const { classes, shape, data } = array;
  const precision = data instanceof Uint16Array ? "float16" : "float32";
  const size = shape[1] * shape[2];
  const plane = (c: number, a: number) => data.slice((c * shape[0] + a) * size, (c * shape[0] + a + 1) * size);
  const slab = (from: number, to: number) => {
    const values = new (data.constructor as new (n: number) => Float32Array | Uint16Array)(
      classes * (to - from) * size,
    );
    for (let c = 0; c < classes; c++) {
      for (let a = from; a < to; a++) values.set(plane(c, a), (c * (to - from) + a - from) * size);
    }
    return values;
  };
  async function* slabs(thickness: number) {
    for (let a = 0; a < shape[0]; a += thickness) yield slab(a, Math.min(a + thickness, shape[0]));
  }
  const volumes = Array.from({ length: classes }, (_, c) => data.slice(c * shape[0] * size, (c + 1) * shape[0] * size));
  yield ["reader", { classes, shape, precision, read: plane }];
  yield ["asynchronous reader", { classes, shape, precision, read: async (c, a) => plane(c, a) }];
  yield ["slabs of 1", { classes, shape, precision, slabs: slabs(1) }];
  yield ["slabs of 3", { classes, shape, precision, slabs: slabs(3) }];
  yield ["one slab", { classes, shape, precision, slabs: [slab(0, shape[0])] }];
  yield ["classes", { classes, shape, precision, volumes }];
}

test("arrays, callbacks, slabs and classes give the same labels", async () => {
  for (const golden of cases.filter(({ name }) => /^(noise|mixed|separate axis|smooth)/.test(name))) {
    for (const [way, source] of waysOf(arrayOf(golden.probabilities))) {
      const { labels } = await restoreLabels(source, settingsOf(golden));
      expect([way, countDifferences(labels, decode(golden.expected))]).toEqual([way, 0]);
    }
  }
});

test("probabilities come back class by class in the file's axes", async () => {
  const golden = transposed.find(({ axes }) => axes.join() === "2,0,1") as (typeof transposed)[number];
  const source = arrayOf(golden.probabilities);
  const settings = { box: golden.box as unknown as Box3, separateAxis: null, axes: golden.axes as unknown as Axes3 };
  const box = golden.box.map(([low, high]) => [0, high - low]) as unknown as Box3;
  const shape = box.map(([, high]) => high) as unknown as Shape3;
  const all: Float32Array[] = [];
  for await (const values of restoreProbabilities(source, settings)) all.push(values);
  const { labels } = await restoreLabels(source, { ...settings, box, shape, labelType: "uint8" });
  expect(all.length).toBe(source.classes);
  const best = labels.map((_, i) => all.reduce((top, values, c) => (values[i] > all[top][i] ? c : top), 0));
  expect(countDifferences(labels, best)).toBe(0);
});

test("without resampling they are the values that came in", async () => {
  const data = Float32Array.from({ length: 24 }, (_, i) => i / 24);
  const box: Box3 = [
    [0, 4],
    [0, 2],
    [0, 3],
  ];
  const source: ProbabilityArray = { classes: 1, shape: [2, 3, 4], data };
  const [values] = [...(await collect(restoreProbabilities(source, { box, separateAxis: null, axes: [1, 2, 0] })))];
  expect(values).toEqual(transpose(data, [2, 3, 4], [2, 0, 1]));
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const box: Box3 = [
  [0, 2],
  [0, 2],
  [0, 2],
];
const settings: RestoreSettings = { shape: [2, 2, 2], box, separateAxis: null, labelType: "uint8" };

test("the range tells of values that are no probabilities", async () => {
  const data = Float32Array.of(0.5, -2, 0.25, 3, 0.5, 0.5, 0.5, 0.5);
  const { range } = await restoreLabels({ classes: 1, shape: [2, 2, 2], data }, settings);
  expect(range).toEqual({ lowest: -2, largestMagnitude: 3, finite: true });
  data[5] = Number.NaN;
  expect((await restoreLabels({ classes: 1, shape: [2, 2, 2], data }, settings)).range.finite).toBe(false);
});

test("what does not fit is refused by name", async () => {
  const data = new Float32Array(16);
  const source: ProbabilityArray = { classes: 2, shape: [2, 2, 2], data };
  await expect(restoreLabels({ ...source, classes: 3 }, settings)).rejects.toThrow(/16 values, but 3 classes of shape/);
  await expect(restoreLabels({ ...source, shape: [2, 2, 0] }, settings)).rejects.toThrow(/at least 1/);
  await expect(restoreLabels(source, { ...settings, shape: [2, 2, 1] })).rejects.toThrow(/does not lie in a scan/);
  await expect(restoreLabels(source, { ...settings, regions: { labels: [1, 256], threshold: 0.5 } })).rejects.toThrow(
    /label 256 does not fit/,
  );
  await expect(restoreLabels(source, { ...settings, regions: { labels: [1, 2, 3], threshold: 0.5 } })).rejects.toThrow(
    /3 regions \(1, 2, 3\)/,
  );
  const many: ProbabilityArray = { classes: 257, shape: [1, 1, 1], data: new Float32Array(257) };
  const one: Box3 = [
    [0, 1],
    [0, 1],
    [0, 1],
  ];
  await expect(restoreLabels(many, { ...settings, shape: [1, 1, 1], box: one })).rejects.toThrow(/label 256/);
  const short = { classes: 2, shape: [2, 2, 2] as Shape3, precision: "float32" as const };
  await expect(restoreLabels({ ...short, slabs: [data.subarray(8)] }, settings)).rejects.toThrow(/after 1 of 2 planes/);
  await expect(restoreLabels({ ...short, slabs: [data, data].map((x) => x.subarray(3)) }, settings)).rejects.toThrow(
    /a slab of 13 values/,
  );
  await expect(restoreLabels({ ...short, volumes: [data.subarray(8)] }, settings)).rejects.toThrow(/only 1 of 2/);
  await expect(restoreLabels({ ...short, read: () => data }, settings)).rejects.toThrow(/class 0 of plane 0 has 16/);
});
