import { expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import { listDicomSeries, type ReadDicomOptions, readDicomSeries } from "../../src/io/dicom.js";
import { type ScanFile, scanFileFromBlob, scanFileFromBytes } from "../../src/io/scan-file.js";
import { formatZip } from "../../src/io/zip.js";
import {
  formatSlice,
  type SliceSettings,
  STORAGE,
  type Syntax,
  seriesFiles,
  seriesSlices,
  sliceValues,
  type Tags,
} from "../generated/dicom-files.js";
import { countDifferences, decode, type GoldenArray } from "../golden.js";
import { fromBase64 } from "./python-values.js";

interface Golden {
  name: string;
  allow: ReadDicomOptions["allow"];
  files: string[];
  voxels: GoldenArray;
  geometry: { spacing: number[]; origin: number[]; direction: number[] };
}

const goldens = Object.values(
  import.meta.glob<Golden[]>("../golden/dicom/*.json", { eager: true, import: "default" }),
).flat();

async function failure(action: Promise<unknown>): Promise<NnprepError> {
  const error = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(NnprepError);
  return error as NnprepError;
}

/** As the generator's usual tags rescale them. */
const measured = (rows: number, columns: number, instance: number) =>
  sliceValues(rows, columns, instance).map((x) => x - 1024);

test.each(goldens)("SimpleITK's values, type and geometry: $name", async ({ allow, files, voxels, geometry }) => {
  // In another order than that of the slices.
  const given = files.map((file, i) => scanFileFromBytes(`${i}.dcm`, fromBase64(file))).reverse();
  const { volume } = await readDicomSeries(given, { allow: allow ?? [] });
  const expected = decode(voxels);
  expect([...volume.shape]).toEqual(voxels.shape);
  expect(volume.data.constructor.name).toBe(expected.constructor.name);
  expect(countDifferences(volume.data, expected)).toBe(0);
  const found = [...volume.geometry.spacingMm].reverse().concat(volume.geometry.originMm, volume.geometry.direction);
  const reference = [...geometry.spacing, ...geometry.origin, ...geometry.direction];
  for (const [i, x] of found.entries()) expect(Math.abs(x - (reference[i] as number))).toBeLessThan(1e-12);
});

test.each([0, 1])("24 of 32 bits stored, signed %i: the others are removed", async (signed) => {
  const values = [0, 1, 0x7fffff, 0x800000, 0xffffff, 0x12345678];
  const tags: Tags = {
    x00280100: ["US", 32],
    x00280101: ["US", 24],
    x00280102: ["US", 23],
    x00280103: ["US", signed],
    x00281052: null,
  };
  const files = seriesFiles(seriesSlices(1, { rows: 2, columns: 3, values, tags }));
  const { data } = (await readDicomSeries(files)).volume;
  const wide = [0, 1, 0x7fffff, 0x800000, 0xffffff, 0x345678];
  expect([...data]).toEqual(signed ? wide.map((x) => (x >= 0x800000 ? x - 0x1000000 : x)) : wide);
});

test.each<Syntax>(["implicit", "explicit", "deflated", "big", "rle"])("%s: the same volume", async (syntax) => {
  for (const delimited of [true, false]) {
    for (const columns of [1, 5, 6, 131]) {
      const files = seriesFiles(seriesSlices(3, { syntax, columns, delimited }));
      const { volume, warnings } = await readDicomSeries(files.reverse());
      expect(volume.shape).toEqual([3, 4, columns]);
      expect([...volume.data]).toEqual([1, 2, 3].flatMap((instance) => measured(4, columns, instance)));
      expect(volume.geometry.spacingMm).toEqual([2.5, 0.5, 0.7]);
      expect(volume.geometry.originMm).toEqual([10, -20, 5]);
      expect(warnings).toEqual([]);
    }
  }
});

test("Files of a page, a zip archive and bytes give the same", async () => {
  const bytes = seriesSlices(3).map((slice) => formatSlice(slice));
  const blobs = bytes.map((content, i) => scanFileFromBlob(new Blob([content]), `${i}.dcm`));
  const members = bytes.map((content, i) => ({
    name: `s/${i}.dcm`,
    byteLength: content.length,
    chunks: [content],
  }));
  const fromBlobs = await readDicomSeries(blobs);
  for (const level of [0, 6]) {
    const archive = new Blob((await formatZip(members, level)) as Uint8Array<ArrayBuffer>[]);
    const fromZip = await readDicomSeries([scanFileFromBlob(archive, "all.zip")]);
    expect(fromZip).toEqual(fromBlobs);
  }
  expect([...fromBlobs.volume.data]).toEqual([1, 2, 3].flatMap((i) => measured(4, 6, i)));
});

test("progress is told slice by slice", async () => {
  const steps: string[] = [];
  await readDicomSeries(seriesFiles(seriesSlices(3)), { onProgress: (done, total) => steps.push(`${done}/${total}`) });
  expect(steps).toEqual(["1/3", "2/3", "3/3"]);
});

const report = formatSlice({ tags: { x00080016: ["UI", STORAGE.report], x00080060: ["CS", "SR"] } }, false);
const directory = formatSlice({ tags: { x00080016: ["UI", STORAGE.directory], x00080060: null } }, false);

test("what is no image is left out with a warning", async () => {
  const files = [
    ...seriesFiles(seriesSlices(3)),
    scanFileFromBytes("DICOMDIR", directory),
    scanFileFromBytes("report.dcm", report),
    scanFileFromBytes("notes.txt", new TextEncoder().encode("hello")),
    scanFileFromBytes("empty", new Uint8Array(0)),
    scanFileFromBytes("report.pdf", new Uint8Array(500)),
  ];
  const { volume, warnings } = await readDicomSeries(files);
  expect(volume.shape).toEqual([3, 4, 6]);
  expect(warnings).toHaveLength(3);
  expect(warnings.join("\n")).toMatch(
    /DICOMDIR[\s\S]*report\.dcm[\s\S]*3 files left out[\s\S]*notes\.txt, empty, report\.pdf/,
  );
  const error = await failure(readDicomSeries(files.slice(3)));
  expect(error.code).toBe("UNSUPPORTED");
});

const second: SliceSettings = { series: "1.2.99", tags: { x0008103e: ["LO", "Scout"], x00080060: ["CS", "MR"] } };
const twoSeries = () => [...seriesFiles(seriesSlices(4)), ...seriesFiles(seriesSlices(2, second))];

test("several series are listed, and one is chosen", async () => {
  const { series } = await listDicomSeries(twoSeries());
  expect(series.map(({ id, slices, description, plane }) => [id, slices, description, plane])).toEqual([
    ["1.2.5", 4, "Thin slices", "axial"],
    ["1.2.99", 2, "Scout", "axial"],
  ]);
  const error = await failure(readDicomSeries(twoSeries()));
  expect(error.code).toBe("INVALID_ARGUMENT");
  expect(error.message).toMatch(/1\.2\.5: CT, "Thin slices", 4 slices of 6 x 4[\s\S]*1\.2\.99: MR, "Scout", 2 slices/);
  expect((await readDicomSeries(twoSeries(), { series: "1.2.99" })).volume.shape).toEqual([2, 4, 6]);
  expect((await failure(readDicomSeries(twoSeries(), { series: "1.2.6" }))).message).toMatch(/no series 1\.2\.6/);
});

/** A series, the option that it needs, words of the report, and what comes out when it is allowed. */
const doubtful: {
  name: string;
  option: "gap" | "tilt" | "duplicates" | "mixed" | "units" | "colour";
  files: ScanFile[];
  report: RegExp;
  instances: number[];
  spacing?: number;
}[] = [
  {
    name: "a missing slice",
    option: "gap",
    files: seriesFiles(seriesSlices(5).filter((_, i) => i !== 2)),
    report: /1 missing slice: 5 mm between slice-2\.dcm and slice-3\.dcm, 2\.5 mm elsewhere/,
    instances: [1, 2, 4, 5],
    spacing: 10 / 3,
  },
  {
    name: "unequal gaps",
    option: "gap",
    files: seriesFiles(seriesSlices(4, {}, (i) => (i === 3 ? { position: [10, -20, 13.3] } : {}))),
    report: /unequal distances: 3\.3 mm/,
    instances: [1, 2, 3, 4],
    spacing: 8.3 / 3,
  },
  {
    name: "distances that grow slowly",
    option: "gap",
    files: seriesFiles(seriesSlices(100, {}, (i) => ({ position: [0, 0, 5 * i + 0.0004 * i * i] }))),
    report: /unequal distances/,
    instances: Array.from({ length: 100 }, (_, i) => i + 1),
  },
  {
    name: "gantry tilt",
    option: "tilt",
    files: seriesFiles(seriesSlices(3, {}, (i) => ({ position: [0, i, 2.5 * i] }))),
    report: /gantry tilt: .* 21\.8 degrees/,
    instances: [1, 2, 3],
    spacing: Math.sqrt(7.25),
  },
  {
    name: "a slice beside the others",
    option: "tilt",
    files: seriesFiles(seriesSlices(4, {}, (i) => ({ position: [i === 2 ? 4 : 0, 0, 2.5 * i] }))),
    report: /slice-3\.dcm is 4 mm beside/,
    instances: [1, 2, 3, 4],
  },
  {
    name: "duplicate positions",
    option: "duplicates",
    files: seriesFiles([...seriesSlices(3, {}, (i) => ({ instance: i + 11 })), ...seriesSlices(3)]),
    report: /6 slices lie at 3 places \(perhaps 2 volumes/,
    instances: [1, 2, 3],
    spacing: 2.5,
  },
  {
    name: "mixed orientations",
    option: "mixed",
    files: seriesFiles([...seriesSlices(1, { orientation: [0, 1, 0, 0, 0, -1], instance: 9 }), ...seriesSlices(3)]),
    report: /1\.2\.5#1: CT, "Thin slices", 3 slices of 6 x 4, axial[\s\S]*1\.2\.5#2: .* sagittal/,
    instances: [1, 2, 3],
    spacing: 2.5,
  },
  {
    name: "mixed sizes",
    option: "mixed",
    files: seriesFiles([...seriesSlices(3), ...seriesSlices(2, { columns: 7 })]),
    report: /2 sizes, orientations or kinds/,
    instances: [1, 2, 3],
  },
  {
    name: "differing units",
    option: "units",
    files: seriesFiles(seriesSlices(3, {}, (i) => ({ tags: { x00281054: ["LO", i === 1 ? "US" : "HU"] } }))),
    report: /different units: "HU" in slice-1\.dcm, "US" in slice-2\.dcm/,
    instances: [1, 2, 3],
  },
];

test.each(doubtful)("$name: refused, and read when allowed", async ({ option, files, report, instances, spacing }) => {
  const error = await failure(readDicomSeries(files));
  expect(["GEOMETRY_MISMATCH", "UNSUPPORTED"]).toContain(error.code);
  expect(error.message).toMatch(report);
  expect(error.message).toMatch(new RegExp(`allow "${option}"`));
  expect(error.detail.options).toEqual([option]);
  const others = (["gap", "tilt", "duplicates", "mixed", "units", "colour"] as const).filter((x) => x !== option);
  expect((await failure(readDicomSeries(files, { allow: others }))).detail.options).toEqual([option]);
  const { volume, warnings } = await readDicomSeries(files, { allow: [option] });
  expect([...volume.data]).toEqual(instances.flatMap((instance) => measured(4, 6, instance)));
  expect(warnings).toHaveLength(1);
  if (spacing !== undefined) expect(volume.geometry.spacingMm[0]).toBeCloseTo(spacing, 12);
});

test("all doubts of a series are reported together", async () => {
  const slices = seriesSlices(5, {}, (i) => ({ position: [i, 0, 2.5 * i] })).filter((_, i) => i !== 2);
  const error = await failure(readDicomSeries(seriesFiles(slices)));
  expect(error.detail.options).toEqual(["gap", "tilt"]);
});

test("positions rounded to hundredths are no doubt", async () => {
  const rounded = (i: number) => ({ position: [0.004 * (i % 3), 0, Number((0.7 * i + 0.0049 * (i % 2)).toFixed(2))] });
  const { warnings } = await readDicomSeries(seriesFiles(seriesSlices(60, {}, rounded)));
  expect(warnings).toEqual([]);
});

test("a part of a mixed series is chosen by its number", async () => {
  const files = seriesFiles([...seriesSlices(3), ...seriesSlices(2, { columns: 7 })]);
  expect((await readDicomSeries(files, { series: "1.2.5#2" })).volume.shape).toEqual([2, 4, 7]);
});

const colourTags = (photometric: string, planar: number): SliceSettings => ({
  rows: 2,
  columns: 2,
  tags: {
    x00280002: ["US", 3],
    x00280004: ["CS", photometric],
    x00280006: ["US", planar],
    x00280100: ["US", 8],
    x00280101: ["US", 8],
    x00280102: ["US", 7],
    x00281052: null,
    x00281053: null,
  },
});

test.each([
  [0, "explicit", [255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90]],
  [1, "explicit", [255, 0, 0, 90, 0, 255, 0, 90, 0, 0, 255, 90]],
] as const)("colour is refused, and grey when allowed, planar %i", async (planar, syntax, values) => {
  const files = seriesFiles(seriesSlices(2, { ...colourTags("RGB", planar), syntax, values }));
  expect((await failure(readDicomSeries(files))).detail.options).toEqual(["colour"]);
  const { volume } = await readDicomSeries(files, { allow: ["colour"] });
  // 0.2125, 0.7154 and 0.0721 of 255.
  expect([...volume.data]).toEqual([54, 182, 18, 90, 54, 182, 18, 90]);
  const palette = seriesFiles(seriesSlices(2, { tags: { x00280004: ["CS", "PALETTE COLOR"] } }));
  expect((await failure(readDicomSeries(palette, { allow: ["colour"] }))).code).toBe("UNSUPPORTED");
});

const unreadable: [string, SliceSettings, string, RegExp][] = [
  ["several frames", { tags: { x00280008: ["IS", "12"] } }, "UNSUPPORTED", /multi-frame image \(12 frames/],
  ["another high bit", { tags: { x00280102: ["US", 15] } }, "UNSUPPORTED", /high bit 15 with 12 bits stored/],
  ["12 bits allocated", { tags: { x00280100: ["US", 12] } }, "UNSUPPORTED", /12 of 12 bits/],
  ["no position", { tags: { x00200032: null } }, "UNSUPPORTED", /no Image Position/],
  ["no orientation", { tags: { x00200037: null } }, "UNSUPPORTED", /no Image Orientation/],
  ["no pixel spacing", { tags: { x00280030: null } }, "UNSUPPORTED", /no Pixel Spacing/],
  ["zero pixel spacing", { tags: { x00280030: ["DS", "0\\1"] } }, "CORRUPT_FILE", /has to be positive/],
  ["a position that is no number", { tags: { x00200032: ["DS", "1\\x\\3"] } }, "CORRUPT_FILE", /\(0020,0032\)/],
  ["a crooked orientation", { orientation: [1, 0, 0, 0.2, 0.98, 0] }, "GEOMETRY_MISMATCH", /right angles/],
  ["too few pixels", { values: [1, 2, 3] }, "CORRUPT_FILE", /need 48 bytes, but 6/],
  ["too many pixels", { values: sliceValues(5, 6, 1) }, "CORRUPT_FILE", /need 48 bytes, but 60/],
  ["too few pixels in RLE", { syntax: "rle", values: [1, 2, 3] }, "CORRUPT_FILE", /RLE segment 0 has 3 of 24/],
  [
    "neither signed nor unsigned",
    { tags: { x00280103: ["US", 16384] } },
    "CORRUPT_FILE",
    /Pixel Representation is 16384/,
  ],
  ["no rows", { tags: { x00280010: ["US", 0] } }, "CORRUPT_FILE", /0 rows/],
];

test.each(unreadable)("%s: an error that names the file", async (_, settings, code, words) => {
  const error = await failure(readDicomSeries(seriesFiles(seriesSlices(1, settings))));
  expect(error.code).toBe(code);
  expect(error.message).toMatch(words);
  expect(error.message).toMatch(/slice-1\.dcm/);
});

test("a transfer syntax that is not known is named", async () => {
  const bytes = formatSlice();
  const at = new TextDecoder("latin1").decode(bytes).indexOf("1.2.840.10008.1.2.1\0");
  bytes.set(new TextEncoder().encode("1.2.840.10008.9.9.9"), at);
  const error = await failure(readDicomSeries([scanFileFromBytes("a.dcm", bytes)]));
  expect(error.message).toMatch(/a\.dcm: transfer syntax 1\.2\.840\.10008\.9\.9\.9/);
});

test.each<Syntax>(["implicit", "explicit", "deflated", "big", "rle"])(
  "%s, cut off anywhere: an error",
  async (syntax) => {
    const whole = formatSlice({ syntax, position: [10, -20, 10], instance: 3 });
    for (let length = 132; length < whole.length - (syntax === "deflated" ? 4 : 0); length += 3) {
      const cut = scanFileFromBytes("cut.dcm", whole.subarray(0, length));
      const error = await failure(
        readDicomSeries([...seriesFiles(seriesSlices(2)), cut], { allow: ["duplicates", "mixed"] }),
      );
      expect(error.message).toMatch(/^cut\.dcm/);
    }
  },
);

test("tags longer than the first look at a file", async () => {
  const tags = { x00204000: ["LT", "x".repeat(60_000)], x00324000: ["LT", "y".repeat(60_000)] } as const;
  const settings = { position: [0, 0, 0], tags };
  for (const syntax of ["explicit", "implicit", "deflated"] as const) {
    const { volume } = await readDicomSeries(seriesFiles([{ ...settings, syntax }]));
    expect([...volume.data]).toEqual(measured(4, 6, 1));
  }
});

test("a single slice says that its thickness is a guess", async () => {
  const { volume, warnings } = await readDicomSeries(seriesFiles(seriesSlices(1)));
  expect(volume.geometry.spacingMm).toEqual([1, 0.5, 0.7]);
  expect(warnings.join()).toMatch(/1 mm is assumed/);
});

test("several samples a pixel that are called grey are refused, also when colour is allowed", async () => {
  for (const samples of [2, 3, 4]) {
    const tags: Tags = { x00280002: ["US", samples], x00280100: ["US", 8], x00280101: ["US", 8], x00280102: ["US", 7] };
    const values = Array.from({ length: 4 * 6 * samples }, (_, i) => i % 200);
    const files = seriesFiles(seriesSlices(2, { values, tags }));
    for (const allow of [[], ["colour"]] as const) {
      const error = await failure(readDicomSeries(files, { allow }));
      expect([error.code, error.message]).toEqual([
        "UNSUPPORTED",
        expect.stringContaining(`${samples} samples per pixel`),
      ]);
    }
  }
});

test("a slice without preamble is no file to leave out", async () => {
  const files = seriesFiles(seriesSlices(3));
  const bare = formatSlice({ position: [10, -20, 12.5], instance: 4 }).slice(132);
  const error = await failure(readDicomSeries([...files, scanFileFromBytes("bare.dcm", bare)]));
  expect([error.code, error.message]).toEqual([
    "CORRUPT_FILE",
    expect.stringMatching(/^bare\.dcm: DICOM tags without "DICM"/),
  ]);
});

test("a mosaic, and a slice that does not say whether its numbers are signed, are refused", async () => {
  const mosaic = seriesFiles(seriesSlices(1, { tags: { x00080008: ["CS", "ORIGINAL\\PRIMARY\\M\\MOSAIC"] } }));
  expect((await failure(readDicomSeries(mosaic))).message).toContain("mosaic");
  const files = seriesFiles(
    seriesSlices(3, { tags: { x00280103: ["US", 1] } }, (i) => (i === 1 ? { tags: { x00280103: null } } : {})),
  );
  const error = await failure(readDicomSeries(files));
  expect([error.code, error.message]).toEqual([
    "CORRUPT_FILE",
    expect.stringContaining("slice-2.dcm: Pixel Representation"),
  ]);
});

test("slices of different studies or frames of reference, and a Modality LUT, are told", async () => {
  const change = (i: number) =>
    i === 2 ? { tags: { x0020000d: ["UI", "1.9"], x00200052: ["UI", "1.8"] } as Tags } : {};
  const tags: Tags = { x0020000d: ["UI", "1.2"], x00200052: ["UI", "1.3"], x00283000: ["SQ", new Uint8Array(0)] };
  const { warnings } = await readDicomSeries(seriesFiles(seriesSlices(3, { tags }, change)));
  expect(warnings).toEqual([
    expect.stringContaining("Modality LUT Sequence in 3 of 3 slices"),
    expect.stringContaining("different values of Study Instance UID"),
    expect.stringContaining("different values of Frame of Reference UID"),
  ]);
});
