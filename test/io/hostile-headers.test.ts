import { expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import { readDicomSeries } from "../../src/io/dicom.js";
import { readScan } from "../../src/io/formats.js";
import { scanFileFromBlob } from "../../src/io/scan-file.js";
import { formatZip } from "../../src/io/zip.js";
import { parsePostprocessing } from "../../src/recipes/v1/documents/postprocessing.js";

const fileOf = (name: string, header: string, voxels = 8) => new File([header, new Uint8Array(voxels)], name);

async function failure(work: Promise<unknown>): Promise<NnprepError> {
  const error = await work.then(
    () => null,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(NnprepError);
  return error as NnprepError;
}

/** What took 17 to 84 seconds by patterns that try every way to share characters out; a second is much. */
async function quickly(work: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await work();
  expect(performance.now() - start).toBeLessThan(2000);
}

const META = "NDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n";
const NRRD = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n\n";

test("long numbers and blanks in headers take no longer than their length", async () => {
  const digits = "7".repeat(60_000);
  const blanks = " ".repeat(200_000);
  await quickly(async () => {
    const size = META.replace("2 2 2", `${digits}x 2 2`);
    expect((await failure(readScan(fileOf("a.mha", size)))).code).toBe("CORRUPT_FILE");
  });
  await quickly(async () => {
    const sizes = NRRD.replace("2 2 2", `${digits}x 2 2`);
    expect((await failure(readScan(fileOf("a.nrrd", sizes)))).code).toBe("CORRUPT_FILE");
  });
  await quickly(() => readScan(fileOf("a.mha", META.replace("DimSize", `Comment = x${blanks}y\nDimSize`))));
  await quickly(() => readScan(fileOf("a.nrrd", NRRD.replace("type", `# x${blanks}y\ntype`))));
});

test("blanks in postprocessing.json, and a zip archive of 40,000 other files", async () => {
  const sizes = `{1: 24.0,${" ".repeat(60_000)}x}`;
  await quickly(async () => {
    const text = JSON.stringify({ for_which_classes: [1], min_valid_object_sizes: sizes });
    expect(() => parsePostprocessing(text)).toThrow(/min_valid_object_sizes/);
  });
  const members = Array.from({ length: 40_000 }, (_, i) => ({ name: `${i}.txt`, byteLength: 0, chunks: [] }));
  const archive = new Blob((await formatZip(members, 0)) as Uint8Array<ArrayBuffer>[]);
  const start = performance.now();
  const error = await failure(readDicomSeries([scanFileFromBlob(archive, "a.zip")]));
  expect(error.message).toContain("no DICOM image");
  expect(performance.now() - start).toBeLessThan(5000);
}, 60_000);

test("lengths that are no millimetres are told; ITK takes the numbers for mm", async () => {
  const meta = META.replace("DimSize", "ElementSpacing = 1 2 3\nDistanceUnits = um\nDimSize");
  const { volume, warnings } = await readScan(fileOf("a.mha", meta));
  expect(volume.geometry.spacingMm).toEqual([3, 2, 1]);
  expect(warnings).toContainEqual(expect.stringContaining('lengths in "um"'));
  const space = "space: LPS\nspace directions: (1,0,0) (0,2,0) (0,0,3)\n";
  for (const [units, told] of [
    ['"um" "um" "um"', true],
    ['"mm" "mm" "mm"', false],
    ['"" "" ""', false],
  ] as const) {
    const header = NRRD.replace("encoding", `${space}space units: ${units}\nencoding`);
    const found = (await readScan(fileOf("a.nrrd", header))).warnings.some((text) =>
      text.includes("gives its lengths"),
    );
    expect([units, found]).toEqual([units, told]);
  }
});
