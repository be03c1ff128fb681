import { beforeAll, expect, test } from "vitest";
import { NnprepError } from "../../../../src/core/errors.js";
import type { Shape3 } from "../../../../src/core/volume.js";
import { readItkImage } from "../../../../src/io/itk-reader.js";
import { scanFileFromBytes } from "../../../../src/io/scan-file.js";
import type { ReaderProperties } from "../../../../src/recipes/v2/documents/properties.js";
import { chooseReader, readerFor } from "../../../../src/recipes/v2/readers/registry.js";
import { init } from "../../../../src/runtime/instantiate.js";
import pairs from "../../../golden/v2-readers/pairs.json";
import volumes from "../../../golden/v2-readers/volumes.json";
import { countDifferences, decode, type GoldenArray } from "../../../golden.js";
import { fromBase64 } from "../../../io/python-values.js";

beforeAll(() => init());

interface Reading {
  readonly data: GoldenArray;
  readonly properties: {
    readonly sitk_stuff?: Record<"spacing" | "origin" | "direction", number[]> & { original_orientation?: string };
    readonly nibabel_stuff?: { original_affine: number[]; reoriented_affine?: number[] };
    readonly spacing: number[];
  };
  readonly warns: boolean;
}

interface Written {
  readonly largest: number;
  readonly ending: string;
  readonly base64: string;
}

interface Golden {
  readonly file: { readonly name: string; readonly base64: string };
  readonly readings: readonly { reader: string; reading: Reading | null; written?: readonly Written[] }[];
}

const cases = (volumes as unknown as Golden[]).flatMap(({ file, readings }) =>
  readings.map((golden) => ({ title: `${golden.reader} of ${file.name}`, file, ...golden })),
);

const open = ({ name, base64 }: { name: string; base64: string }) => scanFileFromBytes(name, fromBase64(base64));

async function failure(work: Promise<unknown>): Promise<NnprepError> {
  const error = await work.then(
    () => null,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(NnprepError);
  return error as NnprepError;
}

/** Under nnU-Net's keys. */
function plain({ sitk, nibabel, spacingMm }: ReaderProperties): Reading["properties"] {
  return {
    ...(sitk === undefined
      ? {}
      : {
          sitk_stuff: {
            spacing: [...sitk.spacing],
            origin: [...sitk.origin],
            direction: [...sitk.direction],
            ...(sitk.originalOrientation === undefined ? {} : { original_orientation: sitk.originalOrientation }),
          },
        }),
    ...(nibabel === undefined
      ? {}
      : {
          nibabel_stuff: {
            original_affine: [...nibabel.originalAffine],
            ...(nibabel.reorientedAffine === undefined ? {} : { reoriented_affine: [...nibabel.reorientedAffine] }),
          },
        }),
    spacing: [...spacingMm],
  };
}

test.each(cases)("$title: arrays and properties are nnU-Net's", async ({ reader, file, reading }) => {
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
  expect(plain(properties)).toEqual(reading.properties);
});

function labels(length: number, largest: number): Uint16Array {
  const values = Uint16Array.from({ length }, (_, i) => i % 5);
  values[length - 1] = largest;
  return values;
}

const writing = cases.filter(({ written }) => written !== undefined && written.length > 0);

test.each(writing)("$title: segmentations are written as by the class", async ({ reader, file, reading, written }) => {
  const { formatSegmentation, readImages } = await readerFor(reader);
  const { properties } = await readImages([open(file)]);
  const shape = (reading as Reading).data.shape.slice(1) as unknown as Shape3;
  for (const { largest, ending, base64 } of written as readonly Written[]) {
    const voxels = labels(shape[0] * shape[1] * shape[2], largest);
    const [{ ending: own, bytes }] = (await formatSegmentation(
      voxels,
      shape,
      properties,
      ending.replace(".gz", ""),
    )) as [{ ending: string; bytes: Uint8Array<ArrayBuffer> }];
    expect(own).toBe(ending.replace(".gz", ""));
    const expected = fromBase64(base64);
    if (ending.startsWith(".nii")) {
      const quaternions = [bytes, expected].map((b) =>
        [256, 260, 264].map((at) => new DataView(b.buffer).getFloat32(at, true)),
      );
      if (reader.startsWith("Nibabel")) {
        // nibabel's is an eigenvector, whose sign is LAPACK's choice where its first entry is 0; its code is 0.
        const [mine, theirs] = quaternions as [number[], number[]];
        for (const [i, x] of mine.entries()) expect(Math.abs(x)).toBeCloseTo(Math.abs(theirs[i]), 6);
        for (const b of [bytes, expected]) b.fill(0, 256, 268);
      }
      expect(bytes).toEqual(expected);
    } else if (ending.startsWith(".gipl")) {
      expect(bytes).toEqual(expected);
    } else {
      const [mine, theirs] = [bytes, expected].map((b) => readItkImage(scanFileFromBytes(`a${ending}`, b)));
      expect((await mine)?.image).toEqual((await theirs)?.image);
    }
  }
});

interface Pair {
  readonly title: string;
  readonly files: readonly { name: string; base64: string }[];
  readonly readings: readonly { reader: string; reading: Reading | null }[];
}

test.each(pairs as unknown as Pair[])("channels that differ in $title", async ({ files, readings }) => {
  for (const { reader, reading } of readings) {
    const read = (await readerFor(reader)).readImages(files.map(open));
    if (reading === null) {
      expect((await failure(read)).code, reader).toBe("GEOMETRY_MISMATCH");
      continue;
    }
    const { warnings, properties } = await read;
    expect(
      warnings.some((text) => text.includes(", but ")),
      reader,
    ).toBe(reading.warns);
    expect(plain(properties), reader).toEqual(reading.properties);
  }
});

test("labels are whole numbers of one channel, and 16 bits where nnU-Net writes 16", async () => {
  const golden = volumes as unknown as Golden[];
  const named = (name: string) => open((golden.find(({ file }) => file.name === name) as Golden).file);
  const reader = await readerFor("SimpleITKIO");
  const { label, shape, properties } = await reader.readLabel(named("straight.nii.gz"));
  expect([label.length, label.constructor]).toEqual([60, Int16Array]);
  expect((await failure(reader.readLabel(named("oblique.nii.gz")))).message).toMatch(
    /^oblique.nii.gz: the label has the value/,
  );
  expect((await failure(reader.readLabel(named("series.nii.gz")))).message).toContain("2 channels");
  const tooLarge = new Int32Array(60).fill(70000);
  expect((await failure(reader.formatSegmentation(tooLarge, shape, properties, ".nii.gz"))).code).toBe(
    "INVALID_VALUES",
  );
  const reorienting = await readerFor("SimpleITKIOWithReorient");
  const wide = reorienting.formatSegmentation(tooLarge.fill(256), shape, properties, ".nii.gz");
  expect((await failure(wide)).message).toContain("label 256 at voxel 0");
});

test("a segmentation of a 4-D image lies where one of its volumes lies; nnU-Net cannot write it", async () => {
  const series = (volumes as unknown as Golden[]).find(({ file }) => file.name === "series.nii.gz") as Golden;
  const { readImages, formatSegmentation } = await readerFor("SimpleITKIO");
  const { shape, properties } = await readImages([open(series.file)]);
  const [file] = await formatSegmentation(labels(60, 2), shape, properties, ".nii.gz");
  const { image } = await readItkImage(scanFileFromBytes("s.nii.gz", file?.bytes as Uint8Array));
  expect(image.spacing).toEqual(properties.sitk?.spacing.slice(0, 3));
  expect(image.channels.length).toBe(1);
});

test("the reader is chosen by name, by ending, and by what reads the file", async () => {
  const file = open((volumes as unknown as Golden[])[0]?.file);
  const nameOf = async (fileEnding: string, readerName?: string) =>
    (await chooseReader({ fileEnding, readerName }, readerName === undefined ? file : undefined)).name;
  expect(await nameOf(".nii.gz")).toBe("SimpleITKIO");
  expect(await nameOf(".NII.GZ")).toBe("SimpleITKIO");
  expect(await nameOf(".nii")).toBe("NibabelIO");
  expect(await nameOf(".nii.gz", "NibabelIOWithReorient")).toBe("NibabelIOWithReorient");
  expect(await nameOf(".nii.gz", "None")).toBe("SimpleITKIO");
  expect((await failure(nameOf(".xyz"))).message).toContain('file_ending ".xyz": no reader knows it');
  expect((await failure(readerFor("SomeIO"))).code).toBe("UNSUPPORTED");
});

test("to choose the reader of NIfTI files their beginning is enough", async () => {
  const file = open((volumes as unknown as Golden[])[0]?.file);
  const asked: (number | undefined)[] = [];
  const read = async (begin?: number, end?: number) => {
    asked.push(end);
    return file.read(begin, end);
  };
  expect((await chooseReader({ fileEnding: ".nii.gz" }, { ...file, read })).name).toBe("SimpleITKIO");
  expect(asked).toEqual([65536]);
});
