import { beforeAll, expect, test } from "vitest";
import type { Shape3, Volume } from "../../../../src/core/volume.js";
import { cropCase } from "../../../../src/recipes/v1/crop/crop-case.js";
import { stackCase, unstackCase } from "../../../../src/recipes/v1/crop/stack-case.js";
import { init } from "../../../../src/runtime/instantiate.js";
import { tinyCase } from "../stages/tiny-task.js";

beforeAll(() => init());

const SHAPE: Shape3 = [6, 9, 8];
const { images, label } = tinyCase({ shape: SHAPE, spacingMm: [2, 1, 1.5] }, 2, 3);
// A corner of the tissue is air, outside of the mask that nnU-Net crops by.
const corner = images[0].data.findIndex((value) => value !== 0);
for (const { data } of images) data[corner] = 0;
const floats = (volume: Volume) => new Float32Array(volume.data);

test("a whole case comes back as it was", () => {
  const { arrays, properties } = stackCase({ images, label });
  expect(properties.crop_bbox).toEqual(SHAPE.map((n) => [0, n]));
  expect(properties.classes).toEqual([0, 1, 2]);
  const back = unstackCase(arrays, properties);
  expect(back.images.map(({ data }) => data)).toEqual(images.map(floats));
  expect(back.label).toEqual(label);
  for (const image of back.images) expect(image.geometry).toEqual(images[0]?.geometry);
});

test("a cropped case is put back; the mask's -1 becomes 0", () => {
  const { arrays, properties } = cropCase({ images, label });
  expect(arrays.shape).not.toEqual(SHAPE);
  expect(arrays.label[0]).toBe(-1);
  const back = unstackCase(arrays, properties);
  expect(back.images.map(({ data }) => data)).toEqual(images.map(floats));
  expect(back.label).toEqual(label);
});

test("without a label there is a channel of zeros, and none on the way back", () => {
  const { arrays, properties } = stackCase({ images });
  expect(properties.seg_file).toBeNull();
  expect(arrays.label).toEqual(new Int16Array(label.data.length));
  expect(unstackCase(arrays, properties).label).toBeNull();
});

test("large labels stay int16, negative ones are refused", () => {
  const data = new Int16Array(label.data.length);
  data[5] = 300;
  const { arrays, properties } = stackCase({ images, label: { ...label, data } });
  expect(unstackCase(arrays, properties).label?.data).toEqual(data);
  data[6] = -1;
  expect(() => stackCase({ images, label: { ...label, data } })).toThrow("-1");
});

test("what is no case of a scan is refused: preprocessed, swapped axes, another case's properties", () => {
  const { arrays, properties } = stackCase({ images, label });
  expect(() => unstackCase(arrays, { ...properties, size_after_resampling: SHAPE })).toThrow("nnUNet_cropped_data");
  expect(() => unstackCase({ ...arrays, shape: [8, 9, 6] }, properties)).toThrow("swapped");
  const smaller = { ...properties, original_size_of_raw_data: [6, 9, 7] as const };
  expect(() => unstackCase(arrays, smaller)).toThrow("do not belong together");
});
