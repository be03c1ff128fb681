import { beforeAll, expect, test } from "vitest";
import { NnprepError } from "../../../../src/core/errors.js";
import { type ScanFile, scanFileFromBytes } from "../../../../src/io/scan-file.js";
import { chooseReader, readerFor } from "../../../../src/recipes/v2/readers/registry.js";
import { init } from "../../../../src/runtime/instantiate.js";
import pictures from "../../../golden/v2-readers/pictures.json";
import { countDifferences, decode, type GoldenArray } from "../../../golden.js";
import { fromBase64 } from "../../../io/python-values.js";

beforeAll(() => init());

interface Golden {
  readonly file: { readonly name: string; readonly base64: string };
  readonly readings: readonly {
    reader: string;
    reading: { data: GoldenArray; properties: { spacing: number[] } } | null;
  }[];
}

const goldens = pictures as unknown as Golden[];
const cases = goldens.flatMap(({ file, readings }) =>
  readings.map((golden) => ({ title: `${golden.reader} of ${file.name}`, file, ...golden })),
);
const open = ({ name, base64 }: Golden["file"]) => scanFileFromBytes(name, fromBase64(base64));
const named = (name: string) => open((goldens.find(({ file }) => file.name === name) as Golden).file);

async function failure(work: Promise<unknown>): Promise<NnprepError> {
  const error = await work.then(
    () => null,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(NnprepError);
  return error as NnprepError;
}

test.each(cases)("$title: arrays and spacing are nnU-Net's", async ({ reader, file, reading }) => {
  const read = (await readerFor(reader)).readImages([open(file)]);
  if (reading === null) {
    expect((await failure(read)).message).toContain(file.name);
    return;
  }
  const { channels, shape, properties } = await read;
  expect([channels.length, ...shape]).toEqual(reading.data.shape);
  const n = shape[0] * shape[1] * shape[2];
  const all = decode<Float32Array>(reading.data);
  for (const [c, channel] of channels.entries()) {
    expect(countDifferences(channel, all.subarray(c * n, (c + 1) * n))).toBe(0);
  }
  expect(properties).toEqual({ spacingMm: reading.properties.spacing, wholeSpacing: [true, true, true] });
});

test.each([
  [".png", 300],
  [".png", 4],
  [".bmp", 4],
  [".tif", 300],
])("a segmentation as %s is read back, largest label %i", async (ending, largest) => {
  const { formatSegmentation, readLabel } = await readerFor("NaturalImage2DIO");
  const labels = Uint16Array.from({ length: 35 }, (_, i) => (i === 34 ? largest : i % 4));
  const [file] = await formatSegmentation(labels, [1, 5, 7], { spacingMm: [999, 1, 1] }, ending);
  const { label, shape } = await readLabel(scanFileFromBytes(`s${ending}`, file?.bytes as Uint8Array));
  expect(shape).toEqual([1, 5, 7]);
  expect([...label]).toEqual([...labels]);
});

test("BMP holds no label above 255, and a palette is no label", async () => {
  const { formatSegmentation, readLabel } = await readerFor("NaturalImage2DIO");
  const labels = new Uint16Array(35).fill(256);
  const wide = formatSegmentation(labels, [1, 5, 7], { spacingMm: [999, 1, 1] }, ".bmp");
  expect((await failure(wide)).code).toBe("INVALID_VALUES");
  expect((await failure(readLabel(named("palette.png")))).message).toContain("3 channels");
});

test("the spacing of a stack stands in a json beside it, whole numbers stay whole", async () => {
  const json = scanFileFromBytes("a.json", new TextEncoder().encode('{"spacing": [3, 0.5, 2.0]}'));
  const asked: string[] = [];
  const find = async (name: string): Promise<ScanFile> => {
    asked.push(name);
    return json;
  };
  const { readImages, readLabel, formatSegmentation } = await readerFor("Tiff3DIO");
  const stack = named("stack.tif");
  const { properties, warnings, shape } = await readImages([{ ...stack, name: "imagesTr/a_0000.tif" }], { find });
  expect(properties).toEqual({ spacingMm: [3, 0.5, 2], wholeSpacing: [true, false, false] });
  expect(warnings).toEqual([]);
  expect((await readLabel({ ...stack, name: "labelsTr/a.tif" }, { find })).properties).toEqual(properties);
  expect(asked).toEqual(["a.json", "a.json"]);
  expect((await readImages([stack])).warnings).toEqual([expect.stringContaining("spacing (1, 1, 1)")]);
  const labels = Uint8Array.from({ length: 360 }, (_, i) => i % 7);
  const [tif, beside] = await formatSegmentation(labels, shape, properties, ".tif");
  expect(new TextDecoder().decode(beside?.bytes)).toBe(
    '{\n    "spacing": [\n        3,\n        0.5,\n        2.0\n    ]\n}',
  );
  const back = await readLabel(scanFileFromBytes("b.tif", tif?.bytes as Uint8Array));
  expect([...back.label]).toEqual([...labels]);
  for (const spacing of ["[1, 2]", "[1, 2, 0]", '["1", 2, 3]', "null"]) {
    const wrong = scanFileFromBytes("a.json", new TextEncoder().encode(`{"spacing": ${spacing}}`));
    expect((await failure(readImages([stack], { find: async () => wrong }))).message).toMatch(/^a.json: "spacing" is/);
  }
});

test("a stack is opened by the reader for stacks, a picture by the one for pictures", async () => {
  const nameOf = async (file: string) => (await chooseReader({ fileEnding: ".tif" }, named(file))).name;
  expect(await nameOf("stack.tif")).toBe("Tiff3DIO");
  expect(await nameOf("three.tif")).toBe("NaturalImage2DIO");
  expect(await nameOf("grey.tif")).toBe("NaturalImage2DIO");
  expect((await failure(nameOf("four.tif"))).message).toMatch(
    /no reader can open it; NaturalImage2DIO: .*; Tiff3DIO: /,
  );
});
