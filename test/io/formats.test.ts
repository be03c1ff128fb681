import { expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import type { Geometry, Volume, VoxelArray } from "../../src/core/volume.js";
import { readScan, readScanHeader, readVolume, writeVolume } from "../../src/io/formats.js";
import { gzip, zlibChunks } from "../../src/io/gzip.js";
import { formatNifti } from "../../src/io/nifti.js";
import { scanFileFromBytes } from "../../src/io/scan-file.js";

const STRAIGHT: Geometry = {
  spacingMm: [3, 2.000000001, 1.5],
  originMm: [10.25, -20.1, 1e-3],
  direction: [0, -1, 0, 0, 0, 1, -1, 0, 0],
};
/** Axes as GIPL knows them. */
const UPRIGHT: Geometry = { ...STRAIGHT, direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] };
const [c, s] = [Math.cos(0.5), Math.sin(0.5)];
const OBLIQUE: Geometry = { ...STRAIGHT, direction: [0, 0, 1, c, -s, 0, s, c, 0] };

function volume(data: VoxelArray, geometry: Geometry = STRAIGHT): Volume {
  return { data, shape: [2, 3, 4], geometry };
}

const numbers = Array.from({ length: 24 }, (_, i) => i * 5 - 40);
const TYPES = [Int8Array, Int16Array, Int32Array, Float32Array, Float64Array] as const;
const UNSIGNED = [Uint8Array, Uint16Array, Uint32Array] as const;
const ARRAYS: VoxelArray[] = [
  ...TYPES.map((T) => T.from(numbers)),
  ...UNSIGNED.map((T) => T.from(numbers.map((x) => x + 40))),
];

async function failure(work: Promise<unknown>): Promise<NnprepError> {
  const error = await work.then(
    () => null,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(NnprepError);
  return error as NnprepError;
}

function fileOf(name: string, header: string, body: Uint8Array | string = new Uint8Array(0)): File {
  return new File([header, body as Uint8Array<ArrayBuffer>], name);
}

test.each(["a.nii", "a.nii.gz", "a.mha", "a.nrrd"])(
  "%s: write then read is identity for every voxel type",
  async (name) => {
    for (const data of ARRAYS) {
      const bytes = await writeVolume(name, volume(data));
      const read = await readVolume(name, bytes);
      expect(read.data).toEqual(data);
      expect(read.data.constructor).toBe(data.constructor);
      expect(read.shape).toEqual([2, 3, 4]);
      // NIfTI holds float32.
      const round = (g: Geometry) => ({
        ...g,
        spacingMm: g.spacingMm.map(Math.fround),
        originMm: g.originMm.map(Math.fround),
      });
      // Signs of zero are ITK's, which depend on what the file holds.
      const unsigned = { ...read.geometry, direction: read.geometry.direction.map((x) => x + 0) };
      expect(unsigned).toEqual(name.includes("nii") ? round(STRAIGHT) : STRAIGHT);
      const stored = await readScanHeader(scanFileFromBytes(name, bytes));
      expect(stored.shape).toEqual([2, 3, 4]);
      expect(stored.geometry).toEqual(read.geometry);
    }
  },
);

test("GIPL: write then read is identity for the voxel types it has; what it does not hold is refused", async () => {
  for (const data of ARRAYS) {
    const writing = writeVolume("a.gipl", volume(data, UPRIGHT));
    if (data instanceof Int32Array || data instanceof Uint32Array) {
      const error = await failure(writing);
      expect(error.code).toBe("UNSUPPORTED");
      expect(error.message).toMatch(/^a\.gipl: a volume of 2 x 3 x 4 voxels of u?int32 does not fit into GIPL/);
      continue;
    }
    const read = await readVolume("a.gipl", await writing);
    expect(read.data).toEqual(data);
    expect(read.data.constructor).toBe(data.constructor);
    // Spacings are float32.
    expect(read.geometry).toEqual({ ...UPRIGHT, spacingMm: UPRIGHT.spacingMm.map(Math.fround) });
  }
  const turned = await failure(writeVolume("a.gipl", volume(new Int16Array(24), OBLIQUE)));
  expect(turned.message).toContain("GIPL holds no directions");
});

test.each<[string, number, number, string]>([
  ["a type that ITK does not give to nnU-Net", 9, 32, "voxels of type 32"],
  ["an axis of 0 voxels", 3, 0, "GIPL header has the size (4, 0, 2, 1)"],
  ["more voxels than there are", 1, 9, "the file has 24"],
  ["a fourth axis", 7, 2, "has 4 axes"],
])("GIPL with %s is refused", async (_, at, byte, message) => {
  const bytes = await writeVolume("a.gipl", volume(new Int16Array(24), UPRIGHT));
  bytes[at] = byte;
  for (const file of [new File([bytes], "b.gipl"), new File([await gzip(bytes)], "b.gipl.gz")]) {
    const error = await failure(readVolume(file));
    expect(error.message).toContain(`${file.name}: `);
    expect(error.message).toContain(message);
  }
});

test("MetaImage and NRRD, uncompressed and oblique: identity, NRRD to the last bit but one", async () => {
  const written = volume(Int16Array.from(numbers), OBLIQUE);
  for (const name of ["a.mha", "a.nrrd"]) {
    const { volume: read, warnings } = await readScan(
      new File([await writeVolume(name, written, { compress: false })], name),
    );
    expect(read.data).toEqual(written.data);
    const list = (g: Geometry) => [...g.spacingMm, ...g.originMm, ...g.direction];
    list(read.geometry).forEach((x, i) => {
      expect(Math.abs(x - list(OBLIQUE)[i])).toBeLessThanOrEqual(name === "a.mha" ? 0 : 1e-15);
    });
    expect(warnings).toEqual([expect.stringContaining("oblique: the axes are up to 28.6 degrees")]);
  }
});

test("the header of NRRD is SimpleITK's", async () => {
  const headerOf = async (data: VoxelArray) => {
    const text = new TextDecoder("latin1").decode(await writeVolume("a.nrrd", volume(data)));
    return text.slice(0, text.indexOf("\n\n") + 2);
  };
  // As SimpleITK 2.5.7 wrote them.
  const expected = (type: string, endian: string) => `NRRD0004
# Complete NRRD file format specification at:
# http://teem.sourceforge.net/nrrd/format.html
type: ${type}
dimension: 3
space: left-posterior-superior
sizes: 4 3 2
space directions: (0,0,-1.5) (-2.0000000010000001,0,0) (0,3,0)
kinds: domain domain domain
${endian}encoding: gzip
space origin: (10.25,-20.100000000000001,0.001)

`;
  expect(await headerOf(new Uint8Array(24))).toBe(expected("unsigned char", ""));
  expect(await headerOf(new Int16Array(24))).toBe(expected("short", "endian: little\n"));
});

test("a format is told by the content before the name", async () => {
  const bytes = await writeVolume("a.mha", volume(Uint8Array.from(numbers)));
  expect((await readVolume("wrong.nii.gz", bytes)).shape).toEqual([2, 3, 4]);
  expect((await failure(writeVolume("a.png", volume(new Uint8Array(24))))).code).toBe("UNSUPPORTED");
  expect((await failure(readVolume("a.mha", new Uint8Array(0)))).message).toMatch(/^a\.mha: .*0 bytes/);
});

const META = "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\n";
const COUNT = Uint8Array.from({ length: 64 }, (_, i) => i);
const NO_TURN = [1, 0, 0, 0, 1, 0, 0, 0, 1];

/** Header lines and what SimpleITK 2.5 makes of them: first voxels, spacing x y z, origin, direction. */
test.each([
  ["MET_UCHAR", "", [0, 1, 2], [1, 1, 1], [0, 0, 0], NO_TURN],
  ["MET_USHORT", "ElementByteOrderMSB = True\n", [1, 515, 1029], [1, 1, 1], [0, 0, 0], NO_TURN],
  ["MET_LONG", "", [50462976, 117835012], [1, 1, 1], [0, 0, 0], NO_TURN],
  ["MET_UCHAR", "ElementSize = 2 3 4\n", [0, 1, 2], [2, 3, 4], [0, 0, 0], NO_TURN],
  ["MET_UCHAR", "ElementSpacing = -2 3 4\n", [0, 1, 2], [2, 3, 4], [0, 0, 0], [-1, 0, 0, 0, 1, 0, 0, 0, 1]],
  [
    "MET_UCHAR",
    "Position = 1 2 3\nRotation = 0 1 0 1 0 0 0 0 1\n",
    [0, 1],
    [1, 1, 1],
    [1, 2, 3],
    [0, 1, 0, 1, 0, 0, 0, 0, 1],
  ],
  [
    "MET_UCHAR",
    "TransformMatrix = 1 0 0 0.5 0.8 0 0 0 1\n",
    [0, 1],
    [1, 1, 1],
    [0, 0, 0],
    [1, 0.5, 0, 0, 0.8, 0, 0, 0, 1],
  ],
  // Keys of SimpleITK's for an image that was DICOM; its own reader takes any text before the first = or :.
  [
    "MET_UCHAR",
    "0008|0020 = 20200101\n0018|1030 = CHEST = x: y\na b = q\nc:d = e\nMüller = \n",
    [0, 1, 2],
    [1, 1, 1],
    [0, 0, 0],
    NO_TURN,
  ],
  ["MET_UCHAR", "HeaderSize = -1\n", [56, 57, 58], [1, 1, 1], [0, 0, 0], NO_TURN],
  ["MET_UCHAR", "HeaderSize = 5\n", [116, 84, 121, 112], [1, 1, 1], [0, 0, 0], NO_TURN],
])("MetaImage header: %s %s", async (type, lines, voxels, spacing, origin, direction) => {
  const text = `${META}${lines}ElementType = ${type}\nElementDataFile = LOCAL\n`;
  for (const header of [text, text.replaceAll("\n", "\r\n"), text.replaceAll(" = ", ": ")]) {
    const read = await readVolume(fileOf("a.mha", header, COUNT));
    expect(Array.from(read.data.subarray(0, voxels.length))).toEqual(voxels);
    expect([...read.geometry.spacingMm].reverse()).toEqual(spacing);
    expect(read.geometry.originMm).toEqual(origin);
    expect(read.geometry.direction).toEqual(direction);
  }
});

const NRRD = "NRRD0004\n# a comment\ndimension: 3\nsizes: 2 2 2\nencoding: raw\nendian: little\nown:=key\n";
const r5 = 1 / Math.sqrt(5);

/** The same for NRRD. */
test.each([
  ["uchar", "spacings: 2 3 4\n", [0, 1, 2], [2, 3, 4], [0, 0, 0], NO_TURN],
  ["UCHAR", "spacings: nan 3 -4\n", [0, 1, 2], [1, 3, 4], [0, 0, 0], [1, 0, 0, 0, 1, 0, 0, 0, -1]],
  ["uint16_t", "spacings: 2 3 4\naxis mins: 10 20 30\n", [256, 770], [2, 3, 4], [11, 21.5, 32], NO_TURN],
  ...(
    [
      ["RAS", [-1, -2, 3], [-r5, 0, 0, -2 * r5, -1, 0, 0, 0, 1]],
      ["left-anterior-superior", [1, -2, 3], [r5, 0, 0, -2 * r5, -1, 0, 0, 0, 1]],
      ["LPS", [1, 2, 3], [r5, 0, 0, 2 * r5, 1, 0, 0, 0, 1]],
      ["scanner-xyz", [1, 2, 3], [r5, 0, 0, 2 * r5, 1, 0, 0, 0, 1]],
    ] as const
  ).map(
    ([space, origin, direction]) =>
      [
        "unsigned char",
        `space: ${space}\nspace directions: (1,2,0) (0,3,0) (0,0,4)\nspace origin: (1,2,3)\n`,
        [0, 1],
        [Math.sqrt(5), 3, 4],
        origin,
        direction,
      ] as const,
  ),
] as const)("NRRD header: %s %s", async (type, lines, voxels, spacing, origin, direction) => {
  for (const end of ["\n", "\r\n"]) {
    const header = `${NRRD}type: ${type}\n${lines}\n`.replaceAll("\n", end);
    const read = await readVolume(fileOf("a.nrrd", header, COUNT));
    expect(Array.from(read.data.subarray(0, voxels.length))).toEqual(voxels);
    expect([...read.geometry.spacingMm].reverse()).toEqual(spacing);
    expect(read.geometry.originMm).toEqual(origin);
    read.geometry.direction.forEach((x, i) => {
      expect(x).toBeCloseTo(direction[i]!, 15);
    });
  }
});

test("text, gzip, skipped lines and bytes, other axes of one sample", async () => {
  const lines = (encoding: string, more = "") =>
    `NRRD0005\ntype: short\ndimension: 3\nsizes: 4 3 2\nendian: little\nencoding: ${encoding}\n${more}\n`;
  const data = Int16Array.from(numbers);
  const bytes = new Uint8Array(data.buffer);
  const packed = await gzip(Uint8Array.from([9, 9, 9, ...bytes]));
  const files = [
    fileOf("a.nrrd", lines("ascii"), numbers.join("\n")),
    fileOf("a.nrrd", lines("txt"), `${numbers.join(", ")}\n`),
    fileOf("a.nrrd", lines("gzip", "byte skip: 3\n"), packed),
    fileOf("a.nrrd", lines("gz", "byteskip: -1\n"), packed),
    fileOf("a.nrrd", lines("gz", "byteskip: -1\nline skip: 2\n"), new Uint8Array([10, 65, 10, ...packed])),
    fileOf("a.nrrd", lines("raw", "byte skip: -1\n"), new Uint8Array([1, 2, 3, ...bytes])),
    fileOf(
      "a.nrrd",
      lines("raw").replace(": 3", ": 4").replace("4 3 2", "1 4 3 2\nkinds: list domain domain domain"),
      bytes,
    ),
    fileOf(
      "a.mha",
      "NDims = 3\nDimSize = 4 3 2\nBinaryData = False\nElementType = MET_SHORT\nElementDataFile = LOCAL\n",
      numbers.join(" "),
    ),
  ];
  for (const file of files) expect((await readVolume(file)).data).toEqual(data);
});

test("voxels in a file of their own are found among the files that are given, where the header says they lie", async () => {
  const bytes = COUNT.subarray(0, 8);
  const packed = await zlibChunks([bytes]);
  const meta = (target: string, more = "") =>
    fileOf("a.mhd", `${META}${more}ElementType = MET_UCHAR\nElementDataFile = ${target}\n`);
  const nrrd = fileOf("a.nhdr", `${NRRD}type: uchar\ndata file: ./scän.raw`);
  const raw = new File([bytes], "scän.raw");
  const zraw = new File(packed as Uint8Array<ArrayBuffer>[], "sub/b.zraw");
  for (const files of [
    [meta("scän.raw"), raw],
    [zraw, raw, meta("sub/b.zraw", "CompressedData = True\n")],
    [nrrd, raw],
  ]) {
    expect([...(await readVolume(files)).data]).toEqual([...bytes]);
  }
  const nowhere = await failure(readVolume([meta("other/scän.raw"), raw]));
  expect([nowhere.code, nowhere.detail.expected]).toEqual(["FILE_NOT_FOUND", "other/scän.raw"]);
  for (const target of ["../scän.raw", "/tmp/scän.raw", "C:\\x\\scän.raw", "sub/../scän.raw"]) {
    const outside = await failure(readVolume([meta(target), raw]));
    expect([outside.code, outside.message]).toEqual(["UNSUPPORTED", expect.stringContaining("outside its folder")]);
  }
  const twins = [meta("t.raw"), new File([bytes], "x/t.raw"), new File([bytes], "y/t.raw")];
  expect((await failure(readVolume(twins))).code).toBe("FILE_NOT_FOUND");
  const missing = await failure(readVolume([nrrd, zraw]));
  expect(missing.code).toBe("FILE_NOT_FOUND");
  expect(missing.message).toContain('a.nhdr: the NRRD header says that the voxels are in "scän.raw"');
  expect((await failure(readVolume([nrrd, meta("b.zraw")]))).code).toBe("INVALID_ARGUMENT");
});

test.each([
  ["a stated size beyond all files", META.replace("2 2 2", "9999999 9999999 9999999"), "", "CORRUPT_FILE"],
  ["a size of 200 GB", META.replace("2 2 2", "9999 9999 999"), "", "CORRUPT_FILE"],
  ["a size of -2", META.replace("2 2 2", "2 -2 2"), "", "CORRUPT_FILE"],
  ["a size of 1e3", META.replace("2 2 2", "2 2 1e9"), "BinaryData = False\n", "CORRUPT_FILE"],
  ["too many axes", META.replace("NDims = 3", "NDims = 3000000"), "", "CORRUPT_FILE"],
  ["no number", META, "ElementSpacing = 1 x 1\n", "CORRUPT_FILE"],
  ["spacing 0", META, "ElementSpacing = 1 0 1\n", "CORRUPT_FILE"],
  ["dependent axes", META, "TransformMatrix = 1 0 0 1 0 0 0 0 1\n", "CORRUPT_FILE"],
  ["contradiction", META, "NDims = 2\n", "CORRUPT_FILE"],
  ["colour", META, "ElementNumberOfChannels = 3\n", "UNSUPPORTED"],
  ["four axes", META.replace("NDims = 3", "NDims = 4").replace("2 2 2", "2 2 2 2"), "", "UNSUPPORTED"],
  ["a bad zlib stream", META, "CompressedData = True\n", "CORRUPT_FILE"],
])("MetaImage with %s is refused", async (_, start, lines, code) => {
  const file = fileOf("bad.mha", `${start}${lines}ElementType = MET_UCHAR\nElementDataFile = LOCAL\n`, COUNT);
  const error = await failure(readVolume(file));
  expect(error.code).toBe(code);
  expect(error.message).toMatch(/^bad\.mha: /);
});

test.each([
  ["no endian", "endian: little\n", "", "CORRUPT_FILE"],
  ["an unknown encoding", "encoding: raw", "encoding: bzip2", "UNSUPPORTED"],
  ["an unknown field", "own:=key", "sjzes: 3", "CORRUPT_FILE"],
  ["fewer sizes", "sizes: 2 2 2", "sizes: 2 2", "CORRUPT_FILE"],
  ["values along an axis", "own:=key", "kinds: vector domain domain", "UNSUPPORTED"],
  ["equal space directions", "own:=key", "space: LPS\nspace directions: (1,0,0) (1,0,0) (0,0,1)", "CORRUPT_FILE"],
  ["more voxels than bytes", "sizes: 2 2 2", "sizes: 2000 2000 2000", "CORRUPT_FILE"],
  ["a version of the future", "NRRD0004", "NRRD000x", "CORRUPT_FILE"],
])("NRRD with %s is refused", async (_, found, replacement, code) => {
  const header = `${NRRD}type: short\n\n`.replace(found, replacement);
  const error = await failure(readVolume(fileOf("bad.nrrd", header, COUNT)));
  expect(error.code).toBe(code);
  expect(error.message).toMatch(/^bad\.nrrd: /);
});

test("what a header leaves open and what a file holds too much is told", async () => {
  const { warnings } = await readScan(
    fileOf("a.mha", `${META}ElementType = MET_SHORT\nElementDataFile = LOCAL\n`, COUNT),
  );
  expect(warnings).toEqual([
    "MetaImage header does not say the byte order; little endian is assumed",
    expect.stringContaining("no ElementSpacing (1 mm is assumed), no Offset"),
    "the file holds 48 bytes more than the voxels that its header promises (2 x 2 x 2, int16); they were left out",
  ]);
});

/** A NIfTI file whose sform is sheared, with these codes. */
async function sheared(qformCode: number, sformCode: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await formatNifti(
    volume(Int16Array.from(numbers), { ...STRAIGHT, direction: [1, 0.3, 0, 0, 1, 0, 0, 0, 1] }),
    {
      gzip: false,
    },
  );
  const view = new DataView(bytes.buffer);
  view.setInt16(252, qformCode, true);
  view.setInt16(254, sformCode, true);
  bytes[123] = 0;
  return bytes;
}

test("a label written on a scan's grid has the scan's qform, sform, codes and units, sheared or not", async () => {
  for (const [qform, sform] of [
    [0, 2],
    [1, 0],
    [3, 4],
    [0, 0],
  ] as const) {
    const scan = await sheared(qform, sform);
    const allow = { nifti: { allow: ["sheared"] as const } };
    const { volume: read, warnings } = await readScan(new File([scan], "scan.nii"), allow);
    expect(warnings.some((text) => text.startsWith("sheared"))).toBe(qform === 0 && sform > 0);
    const label = await writeVolume("label.nii", { ...read, data: new Uint8Array(24) });
    for (const [from, to] of [
      [76, 92],
      [123, 124],
      [252, 328],
    ]) {
      expect(label.subarray(from, to)).toEqual(scan.subarray(from, to));
    }
    const again = await readVolume(new File([label], "label.nii"), allow);
    expect(again.geometry).toEqual(read.geometry);
    // On another grid they count for nothing.
    const moved = { ...read, geometry: { ...read.geometry, originMm: [7, 8, 9] as const } };
    expect(
      (await readVolume(new File([await writeVolume("moved.nii", moved)], "moved.nii"), allow)).geometry.originMm,
    ).toEqual([7, 8, 9]);
  }
});
