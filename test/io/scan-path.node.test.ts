import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import { readScanPath, scanFilesInFolder } from "../../src/io/scan-path.js";
import { formatSlice, seriesSlices } from "../generated/dicom-files.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nnprep-path-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function failure(work: Promise<unknown>): Promise<NnprepError> {
  const error = await work.then(
    () => null,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(NnprepError);
  return error as NnprepError;
}

test("slices that are links, hidden or in a linked folder belong to the series", async () => {
  const slices = seriesSlices(4).map((slice) => formatSlice(slice));
  const [series, elsewhere] = [join(folder, "series"), join(folder, "elsewhere")];
  for (const path of [series, join(elsewhere, "more")]) mkdirSync(path, { recursive: true });
  writeFileSync(join(series, "1.dcm"), slices[0] as Uint8Array);
  writeFileSync(join(series, ".2.dcm"), slices[1] as Uint8Array);
  writeFileSync(join(elsewhere, "3.dcm"), slices[2] as Uint8Array);
  writeFileSync(join(elsewhere, "more", "4.dcm"), slices[3] as Uint8Array);
  writeFileSync(join(series, ".DS_Store"), "x");
  symlinkSync(join(elsewhere, "3.dcm"), join(series, "3.dcm"));
  symlinkSync(join(elsewhere, "more"), join(series, "more"));
  const { volume, warnings } = await readScanPath(series);
  expect(volume.shape[0]).toBe(4);
  expect(warnings).toEqual([expect.stringMatching(/^1 file left out, .*\.DS_Store/)]);
});

test("links to nothing, in a circle, and pipes end in an error that names them", async () => {
  symlinkSync(folder, join(folder, "again"));
  expect((await failure(scanFilesInFolder(folder))).message).toMatch(/again: a link to a folder that it lies in/);
  rmSync(join(folder, "again"));
  symlinkSync(join(folder, "gone"), join(folder, "broken"));
  expect((await failure(scanFilesInFolder(folder))).message).toMatch(/broken: no such file/);
  rmSync(join(folder, "broken"));
  symlinkSync(join(folder, "b"), join(folder, "a"));
  symlinkSync(join(folder, "a"), join(folder, "b"));
  expect((await failure(readScanPath(join(folder, "a")))).message).toMatch(/a: cannot be read \(ELOOP\)/);
  rmSync(join(folder, "a"));
  rmSync(join(folder, "b"));
  execFileSync("mkfifo", [join(folder, "pipe")]);
  expect((await failure(readScanPath(join(folder, "pipe")))).message).toMatch(/pipe: neither a file nor a folder/);
  expect((await failure(scanFilesInFolder(folder))).message).toMatch(/pipe: neither a file nor a folder/);
});

test("voxels that a header names are read below its folder, never a file of the same name beside it", async () => {
  const header = "NDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = other/img.raw\n";
  writeFileSync(join(folder, "a.mhd"), header);
  writeFileSync(join(folder, "img.raw"), new Uint8Array(8).fill(1));
  expect((await failure(readScanPath(join(folder, "a.mhd")))).code).toBe("FILE_NOT_FOUND");
  mkdirSync(join(folder, "other"));
  writeFileSync(join(folder, "other", "img.raw"), new Uint8Array(8).fill(2));
  expect([...(await readScanPath(join(folder, "a.mhd"))).volume.data]).toEqual(Array(8).fill(2));
});
