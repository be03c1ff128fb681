import { beforeAll, expect, test } from "vitest";
import { type Shape3, voxelCount } from "../../src/core/volume.js";
import { init } from "../../src/runtime/instantiate.js";
import { cropToNonzero, nonzeroMask } from "../../src/steps/crop.js";
import { countDifferences, decode, type GoldenArray } from "../golden.js";
import { unpackBits } from "../packed.js";

interface CropCase {
  readonly name: string;
  readonly shape: Shape3;
  readonly channels: GoldenArray[];
  readonly label: GoldenArray | null;
  readonly mask: GoldenArray;
  readonly box: number[][];
  readonly classes: number[];
  readonly croppedShape: number[];
  readonly croppedChannels: GoldenArray[];
  readonly croppedLabel: GoldenArray;
}

const golden = import.meta.glob<{ cases: CropCase[] }>("../golden/masks/crops.json", {
  eager: true,
  import: "default",
});
const cases = Object.values(golden).flatMap((file) => file.cases);

const RULES = { emptyImage: "refuse", leastLabel: -1 } as const;

beforeAll(() => init());

test.each(cases.map((c) => [c.name, c] as const))("equals ImageCropper.crop: %s", (_, c) => {
  const channels = c.channels.map((channel) => decode<Float32Array>(channel));
  const label = c.label === null ? null : decode<Int16Array>(c.label);
  const before = label?.slice();
  expect(countDifferences(nonzeroMask(channels, c.shape), unpackBits(c.mask, voxelCount(c.shape)))).toBe(0);
  const { arrays, box, classes } = cropToNonzero({ channels, label, shape: c.shape }, RULES);
  expect(box).toEqual(c.box);
  expect(classes).toEqual(c.classes);
  expect(arrays.shape).toEqual(c.croppedShape);
  c.croppedChannels.forEach((channel, i) => {
    expect(countDifferences(arrays.channels[i], decode(channel))).toBe(0);
  });
  expect(countDifferences(arrays.label, decode(c.croppedLabel))).toBe(0);
  if (before) expect(label).toEqual(before);
});

test("an image of zeros is refused", () => {
  const arrays = { channels: [new Float32Array(24)], label: null, shape: [2, 3, 4] as const };
  expect(() => cropToNonzero(arrays, RULES)).toThrow(
    expect.objectContaining({ code: "EMPTY_IMAGE", message: expect.stringContaining("(2, 3, 4)") }),
  );
});

test("a label on another grid is refused", () => {
  const arrays = { channels: [new Float32Array(24)], label: new Int16Array(23), shape: [2, 3, 4] as const };
  expect(() => cropToNonzero(arrays, RULES)).toThrow(expect.objectContaining({ code: "SHAPE_MISMATCH" }));
});
