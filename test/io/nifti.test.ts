import { expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import type { Geometry, Volume, VoxelArray } from "../../src/core/volume.js";
import { readScan, readVolume } from "../../src/io/formats.js";
import { gzip } from "../../src/io/gzip.js";
import { formatNifti, parseNifti, readNifti, readNiftiHeader } from "../../src/io/nifti.js";
import { countDifferences, decode, type GoldenArray } from "../golden.js";
import { fromBase64 } from "./python-values.js";

/** As SimpleITK gives it: x, y, z. */
interface ItkGeometry {
  spacing: number[];
  origin: number[];
  direction: number[];
}

const fixtures = import.meta.glob("../golden/nifti/*.json", { eager: true, import: "default" });
const fixture = <T>(name: string) => fixtures[`../golden/nifti/${name}.json`] as T;

const geometries = fixture<{ header: string; geometry: ItkGeometry | null }[]>("geometries");
const voxels = fixture<{ file: string; voxels: GoldenArray }[]>("voxels");
const written = fixture<{ given: ItkGeometry; header: string; read: ItkGeometry }[]>("written");
const nonFinite = fixture<{ file: string; voxels: GoldenArray; nibabel: GoldenArray }[]>("nonfinite");
const nifti2 = fixture<{ file: string; affine: number[][] | null; voxels: GoldenArray }[]>("nifti2");

function toItk({ spacingMm, originMm, direction }: Geometry): ItkGeometry {
  return { spacing: [...spacingMm].reverse(), origin: [...originMm], direction: [...direction] };
}

function fromItk({ spacing, origin, direction }: ItkGeometry): Geometry {
  return {
    spacingMm: [spacing[2], spacing[1], spacing[0]],
    originMm: [origin[0], origin[1], origin[2]],
    direction: direction as unknown as Geometry["direction"],
  };
}

async function failure(action: Promise<unknown>): Promise<NnprepError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof NnprepError) return error;
    throw error;
  }
  throw new Error("no error");
}

const identity: Geometry = { spacingMm: [3, 2, 1], originMm: [1, 2, 3], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] };
const volume = (data: VoxelArray = Int16Array.from({ length: 24 }, (_, i) => 7 * i - 30)): Volume => ({
  data,
  shape: [2, 3, 4],
  geometry: identity,
});
const plain = await formatNifti(volume(), { gzip: false });

/** A file with some header fields overwritten (little endian). */
function changed(change: (view: DataView) => void, file = plain): Uint8Array<ArrayBuffer> {
  const copy = file.slice();
  change(new DataView(copy.buffer));
  return copy;
}

test("geometry equals SimpleITK's in every bit, and the same headers are refused", () => {
  const refused = geometries.filter(({ geometry }) => geometry === null).length;
  expect(refused).toBeGreaterThan(5);
  for (const [i, { header, geometry }] of geometries.entries()) {
    const bytes = fromBase64(header);
    if (geometry === null) {
      expect(() => readNiftiHeader(bytes), `header ${i}`).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
    } else {
      expect(toItk(readNiftiHeader(bytes).geometry), `header ${i}`).toEqual(geometry);
    }
  }
});

test("an sform with numbers that are not finite counts for nothing", () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const withQform = changed((view) => view.setFloat32(284, bad, true));
    expect(toItk(readNiftiHeader(withQform).geometry).origin).toEqual([1, 2, 3]);
    const without = changed((view) => {
      view.setFloat32(284, bad, true);
      view.setInt16(252, 0, true);
    });
    expect(() => readNiftiHeader(without)).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  }
});

test("voxels of every type, byte order and scaling equal SimpleITK's", async () => {
  for (const [i, { file, voxels: expected }] of voxels.entries()) {
    const { data, shape } = await parseNifti(fromBase64(file));
    const values = decode(expected);
    expect([...shape], `file ${i}`).toEqual(expected.shape);
    expect(data.constructor.name, `file ${i}`).toBe(values.constructor.name);
    expect(countDifferences(data, values), `file ${i}`).toBe(0);
  }
});

test("NIfTI-2, which ITK does not read, equals nibabel", async () => {
  for (const { file, affine, voxels: expected } of nifti2) {
    const { data, shape, geometry } = await parseNifti(fromBase64(file));
    expect([...shape]).toEqual(expected.shape);
    expect(countDifferences(data, decode(expected))).toBe(0);
    if (affine === null) continue;
    const { spacing, origin, direction } = toItk(geometry);
    for (let i = 0; i < 3; i++) {
      const sign = i < 2 ? -1 : 1;
      expect(sign * origin[i]).toBeCloseTo(affine[i][3], 6);
      for (let j = 0; j < 3; j++) expect(sign * direction[3 * i + j] * spacing[j]).toBeCloseTo(affine[i][j], 6);
    }
  }
});

test("headers are written as SimpleITK writes them", async () => {
  for (const { given, header, read } of written) {
    const mine = await formatNifti({ ...volume(), geometry: fromItk(given) }, { gzip: false });
    expect(mine.slice(0, 352)).toEqual(fromBase64(header));
    const a = new DataView(mine.buffer);
    const found = toItk(readNiftiHeader(mine).geometry);
    expect(found.spacing).toEqual(read.spacing);
    expect(found.origin).toEqual(read.origin);
    expect(found.direction).toEqual(read.direction);
    // the qform alone gives the same place, as closely as a float32 quaternion near a half turn can
    a.setInt16(254, 0, true);
    for (const [i, x] of toItk(readNiftiHeader(mine).geometry).direction.entries()) {
      expect(Math.abs(x - given.direction[i])).toBeLessThan(1e-4);
    }
  }
});

test("write then read is identity, gzipped or not, for every voxel type", async () => {
  const types = [Int8Array, Uint8Array, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array];
  for (const { read } of written) {
    for (const Type of types) {
      const data = new Type(24).map((_: number, i: number) => 5 * i + 1);
      const original = { ...volume(data), geometry: fromItk(read) };
      const bytes = await formatNifti(original, { gzip: Type.BYTES_PER_ELEMENT > 2 });
      const { data: back, shape, geometry } = await parseNifti(bytes);
      expect({ data: back, shape }).toEqual({ data, shape: original.shape });
      expect(geometry.spacingMm).toEqual(original.geometry.spacingMm);
      expect(geometry.originMm).toEqual(original.geometry.originMm);
      for (const [i, x] of geometry.direction.entries()) {
        expect(Math.abs(x - original.geometry.direction[i])).toBeLessThan(1e-7);
      }
    }
  }
});

test("a quaternion of a half turn survives", async () => {
  for (const direction of [
    [-1, 0, 0, 0, -1, 0, 0, 0, 1],
    [1, 0, 0, 0, -1, 0, 0, 0, -1],
    [-1, 0, 0, 0, 1, 0, 0, 0, -1],
    [0, 1, 0, 1, 0, 0, 0, 0, -1],
    [0, 0, -1, 0, -1, 0, -1, 0, 0],
    [-1, 0, 0, 0, -1, 0, 0, 0, -1],
  ] as const) {
    const bytes = await formatNifti({ ...volume(), geometry: { ...identity, direction } }, { gzip: false });
    new DataView(bytes.buffer).setInt16(254, 0, true);
    const found = readNiftiHeader(bytes).geometry.direction;
    for (const [i, x] of direction.entries()) expect(Math.abs(found[i] - x)).toBeLessThan(1e-7);
  }
});

test("sheared axes stay in the sform, and there is no qform that contradicts it", async () => {
  const direction = [1, 0.2, 0, 0, 0.9797959, 0, 0, 0, 1] as const;
  const bytes = await formatNifti({ ...volume(), geometry: { ...identity, direction } }, { gzip: false });
  const view = new DataView(bytes.buffer);
  expect(view.getFloat32(284, true)).toBeCloseTo(-0.4, 6);
  expect([view.getInt16(252, true), view.getInt16(254, true)]).toEqual([0, 1]);
  const refused = await failure(parseNifti(bytes));
  expect([refused.code, refused.detail.options]).toEqual(["UNSUPPORTED", ["sheared"]]);
  const { geometry } = await parseNifti(bytes, { allow: ["sheared"] });
  for (const [i, x] of geometry.direction.entries()) expect(x).toBeCloseTo(direction[i], 6);
});

test("NaN and infinite voxels are 0 before the slope is applied, as for ITK, and counted; or kept, as by nibabel", async () => {
  for (const { file, voxels: expected, nibabel } of nonFinite) {
    const bytes = fromBase64(file);
    const { volume: read, warnings, nonFinite: counts } = await readNifti(bytes);
    expect(read.data).toEqual(decode(expected));
    expect(counts).toEqual({ nan: 2, infinite: 2 });
    expect(warnings).toEqual([expect.stringContaining("4 of 24 voxels are no finite numbers (2 NaN, 2 infinite)")]);
    const kept = await readNifti(bytes, { nonFinite: "keep" });
    expect(Float32Array.from(kept.volume.data)).toEqual(decode(nibabel));
    expect(kept.warnings).toEqual([]);
    expect((await readScan(new File([bytes], "a.nii"))).warnings).toEqual(warnings);
  }
  expect((await readNifti(fromBase64(voxels.at(-1)?.file as string))).warnings).toEqual([]);
});

test("pairs, also with a gzipped image and in both byte orders", async () => {
  const pair = changed((view) => {
    view.setUint8(345, "i".charCodeAt(0));
    view.setFloat32(108, 0, true);
  });
  const [header, image] = [pair.slice(0, 352), plain.slice(352)];
  for (const pairedImage of [image, await gzip(image)]) {
    expect((await parseNifti(header, { pairedImage })).data).toEqual(volume().data);
  }
  expect((await readVolume("a.hdr", header, { pairedImage: image })).data).toEqual(volume().data);
  const missing = await failure(readVolume("a.hdr", header));
  expect(missing.message).toContain("a.hdr: NIfTI header of a pair");
});

test("several gzip members and zeros at the end are read whole", async () => {
  const [first, second] = [await gzip(plain.slice(0, 300)), await gzip(plain.slice(300))];
  for (const padding of [0, 1, 5, 600]) {
    const bytes = new Uint8Array(first.length + second.length + padding);
    bytes.set(first);
    bytes.set(second, first.length);
    expect((await parseNifti(bytes)).data).toEqual(volume().data);
  }
});

test("the header is read from the first bytes of a file, gzipped or not", async () => {
  const big = await formatNifti(
    { data: new Uint8Array(1e6), shape: [100, 100, 100], geometry: identity },
    { gzip: true },
  );
  const noise = Uint8Array.from({ length: 1e6 }, (_, i) => (i * 2654435761) >>> 13);
  const large = await formatNifti({ data: noise, shape: [100, 100, 100], geometry: identity }, { gzip: true });
  for (const bytes of [plain.subarray(0, 348), big.subarray(0, 400), large.subarray(0, 65536)]) {
    expect(readNiftiHeader(bytes)).toMatchObject({ version: 1, geometry: { spacingMm: [3, 2, 1] } });
  }
  expect(readNiftiHeader(large)).toMatchObject({ shape: [100, 100, 100], dtype: "uint8", voxelByteLength: 1e6 });
});

test("a fourth axis of length 1 is dropped, a longer one refused", async () => {
  const four = (n: number) =>
    changed((view) => {
      view.setInt16(40, 4, true);
      view.setInt16(48, n, true);
    });
  expect((await parseNifti(four(1))).shape).toEqual([2, 3, 4]);
  expect((await parseNifti(four(0))).shape).toEqual([2, 3, 4]);
  const error = await failure(parseNifti(four(2)));
  expect(error.code).toBe("UNSUPPORTED");
  expect(error.message).toContain("(4, 3, 2, 2) has more than three axes");
});

test("a plane is a volume of depth 1", async () => {
  const plane = changed((view) => {
    view.setInt16(40, 2, true);
    view.setInt16(44, 6, true);
    view.setInt16(46, 99, true);
  });
  expect((await parseNifti(plane)).shape).toEqual([1, 6, 4]);
});

test("impossible headers are refused before memory is taken", async () => {
  const dims = (...values: number[]) =>
    changed((view) => {
      for (const [i, n] of values.entries()) view.setInt16(40 + 2 * i, n, true);
    });
  const cases: [Uint8Array, string, RegExp][] = [
    [dims(0), "CORRUPT_FILE", /has 0 axes/],
    [dims(8), "CORRUPT_FILE", /has 8 axes/],
    [dims(1), "UNSUPPORTED", /one-dimensional/],
    [dims(3, 0), "CORRUPT_FILE", /0 voxels along axis 1/],
    [dims(3, 4, -3), "CORRUPT_FILE", /-3 voxels along axis 2/],
    [dims(3, 32767, 32767, 32767), "CORRUPT_FILE", /promises 35181150961663 voxels .* but the file has 24/],
    [dims(3, 4, 3, 3), "CORRUPT_FILE", /promises 36 voxels \(4 x 3 x 3, int16\), but the file has 24/],
    [await gzip(dims(3, 32767, 32767, 32767)), "CORRUPT_FILE", /promises 35181150961663 voxels/],
    [await gzip(dims(3, 4, 3, 3)), "CORRUPT_FILE", /promises 36 voxels .* but the file has 24/],
    [changed((v) => v.setFloat32(108, 0, true)), "CORRUPT_FILE", /voxels at byte 0; 352 or more/],
    [changed((v) => v.setFloat32(108, Number.NaN, true)), "CORRUPT_FILE", /voxels at byte NaN/],
    [changed((v) => v.setFloat32(108, 1e30, true)), "CORRUPT_FILE", /voxels at byte 1/],
    [changed((v) => v.setFloat32(108, 354, true)), "CORRUPT_FILE", /promises 24 voxels .* has 23/],
    [changed((v) => v.setInt16(70, 128, true)), "UNSUPPORTED", /RGB colour/],
    [changed((v) => v.setInt16(70, 32, true)), "UNSUPPORTED", /complex64/],
    [changed((v) => v.setInt16(70, 77, true)), "UNSUPPORTED", /datatype 77/],
    [changed((v) => v.setInt32(0, 347, true)), "CORRUPT_FILE", /own length as 347/],
    [changed((v) => v.setInt32(344, 0, true)), "UNSUPPORTED", /Analyze 7.5/],
    [plain.subarray(0, 347), "CORRUPT_FILE", /not a NIfTI file/],
    [new Uint8Array(0), "CORRUPT_FILE", /0 bytes found/],
    [(await gzip(plain)).subarray(0, -9), "CORRUPT_FILE", /truncated or damaged/],
  ];
  for (const [bytes, code, message] of cases) {
    const error = await failure(readVolume("scan.nii", bytes));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  }
});

test("64-bit integers beyond 2^53 are refused, by their place", async () => {
  const file = await formatNifti(volume(new Float64Array(24)), { gzip: false });
  for (const [value, ok] of [
    [2n ** 53n, true],
    [2n ** 53n + 1n, false],
    [-(2n ** 53n), true],
    [-(2n ** 53n) - 1n, false],
    [2n ** 62n, false],
  ] as const) {
    const bytes = changed((view) => {
      view.setInt16(70, 1024, true);
      view.setBigInt64(352 + 8 * 5, value, true);
    }, file);
    if (ok) expect((await parseNifti(bytes)).data[5]).toBe(Number(value));
    else expect((await failure(parseNifti(bytes))).message).toMatch(/voxel 5 is a 64-bit integer beyond 2\^53/);
  }
});

test("what cannot be written is refused", async () => {
  const write = (geometry: Geometry) => failure(formatNifti({ ...volume(), geometry }, { gzip: false }));
  expect((await write({ ...identity, spacingMm: [1, 0, 1] })).code).toBe("INVALID_ARGUMENT");
  expect((await write({ ...identity, originMm: [1, Number.NaN, 1] })).code).toBe("INVALID_ARGUMENT");
  expect((await write({ ...identity, direction: [1, 0, 0, 1, 0, 0, 0, 0, 1] })).code).toBe("INVALID_ARGUMENT");
  const long = { data: new Uint8Array(32768), shape: [1, 1, 32768], geometry: identity } as const;
  expect((await failure(formatNifti(long, { gzip: false }))).code).toBe("UNSUPPORTED");
});

test("errors name the file; unknown files say what can be read", async () => {
  expect((await failure(readVolume("empty", new Uint8Array(0)))).message).toBe("empty: the file is empty");
  const error = await failure(readVolume("folder/notes.txt", new Uint8Array(2000)));
  expect(error.message).toBe(
    "folder/notes.txt: neither content nor name tells a format that can be read: NIfTI (.nii, .nii.gz, .hdr, .hdr.gz), MetaImage (.mha, .mhd), NRRD (.nrrd, .nhdr), GIPL (.gipl, .gipl.gz), DICOM (.dcm, .ima), DICOM in a zip archive (.zip)",
  );
  expect(error.detail.file).toBe("folder/notes.txt");
  expect((await readVolume("no-ending", plain)).shape).toEqual([2, 3, 4]);
});

test("3000 damaged files end in an error or in a volume of the promised size", async () => {
  let state = 20240607;
  const random = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const sources = [plain, await gzip(plain), fromBase64(nifti2[0].file), fromBase64(voxels[1].file)];
  const extremes = [0, 1, 0x7f, 0x80, 0xff];
  let errors = 0;
  for (let i = 0; i < 3000; i++) {
    let bytes = sources[i % sources.length].slice();
    for (let k = 0; k <= random(4); k++) {
      // two thirds of the changes hit the header
      const at = random(3) === 0 ? random(bytes.length) : random(Math.min(bytes.length, 360));
      bytes[at] = random(2) === 0 ? random(256) : extremes[random(extremes.length)];
    }
    if (random(6) === 0) bytes = bytes.slice(0, random(bytes.length));
    try {
      const { data, shape } = await readVolume("damaged.nii", bytes);
      expect(data.length).toBe(shape[0] * shape[1] * shape[2]);
      expect(data.byteLength).toBeLessThan(1e6);
    } catch (error) {
      expect(error).toBeInstanceOf(NnprepError);
      errors++;
    }
  }
  expect(errors).toBeGreaterThan(500);
  expect(errors).toBeLessThan(2900);
}, 60_000);

test("voxels that are widened while they are inflated are those that are widened afterwards", async () => {
  const voxel = [-32768, 32767, -1, 0, 255, 128, 7];
  for (const Type of [Uint8Array, Int16Array, Uint16Array, Float32Array]) {
    // More than a piece of half a megabyte.
    const data = Type.from(Array.from({ length: 7 * 200 * 200 }, (_, i) => voxel[(i * i) % 7] + i));
    const file = await formatNifti({ data, shape: [7, 200, 200], geometry: identity }, { gzip: false });
    // An odd beginning lets pieces end within a voxel.
    for (const [vary, offset] of [false, true].flatMap((slope) => [352, 353].map((at) => [slope, at] as const))) {
      const moved = new Uint8Array(offset + file.length - 352);
      moved.set(file.subarray(0, 352));
      moved.set(file.subarray(352), offset);
      new DataView(moved.buffer).setFloat32(108, offset, true);
      if (vary) new DataView(moved.buffer).setFloat32(112, 1.7, true);
      const packed = await gzip(moved);
      const joined = new Uint8Array(packed.length + 9);
      joined.set(packed);
      joined.set([1, 2, 3], packed.length);
      const expected = (await parseNifti(moved)).data;
      for (const bytes of vary ? [packed, moved] : [packed, joined]) {
        for (const wider of ["float32", "int16"] as const) {
          const { data: found } = (await readNifti(bytes, {}, wider)).volume;
          expect(countDifferences(Float64Array.from(found), Float64Array.from(expected))).toBe(0);
        }
      }
      expect((await failure(readNifti(packed.subarray(0, packed.length - 20), {}, "float32"))).code).toBe(
        "CORRUPT_FILE",
      );
    }
  }
  const labels = await formatNifti(volume(new Uint8Array(24)), { gzip: true });
  expect((await readNifti(labels, {}, "int16")).volume.data).toBeInstanceOf(Int16Array);
  expect((await readNifti(labels, {}, "float32")).volume.data).toBeInstanceOf(Float32Array);
});
