import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { readDicomSeries } from "../../src/io/dicom.js";
import { scanFileFromBytes } from "../../src/io/scan-file.js";
import { formatSlice, seriesFiles, seriesSlices, sliceValues } from "../generated/dicom-files.js";

// Other tests decode at the same time.
const own = mkdtempSync(join(tmpdir(), "nnprep-decoder-"));
vi.stubEnv("TMPDIR", own);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(own, { recursive: true, force: true });
});
afterEach(() => {
  vi.doUnmock("@itk-wasm/dicom");
  vi.resetModules();
});

const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith("nnprep-dicom-"));

test("JPEG lossless by the optional package: the same values as uncompressed", async () => {
  const before = leftovers();
  // 40 slices are more than one group.
  const compressed = seriesFiles(seriesSlices(40, { syntax: "jpegLossless", rows: 9, columns: 17 }));
  const plain = seriesFiles(seriesSlices(40, { rows: 9, columns: 17 }));
  const steps: number[] = [];
  const found = await readDicomSeries(compressed.reverse(), { onProgress: (done) => steps.push(done) });
  expect(found.volume).toEqual((await readDicomSeries(plain)).volume);
  expect(found.warnings).toEqual([]);
  expect(steps).toEqual([32, 40]);
  expect(leftovers()).toEqual(before);
});

test.each([
  ["s16", 1, 16, [-32768, 32767, 0, -1, 5, 6]],
  ["u16", 0, 16, [0, 65535, 32768, 1, 5, 6]],
] as const)("%s through the decoder", async (_, signed, stored, values) => {
  const tags = {
    x00280101: ["US", stored],
    x00280102: ["US", stored - 1],
    x00280103: ["US", signed],
    x00281052: null,
  } as const;
  const [file] = seriesFiles([{ syntax: "jpegLossless", rows: 2, columns: 3, values, tags }]);
  const { data } = (await readDicomSeries([file as typeof file & object])).volume;
  expect([...data]).toEqual([...values]);
});

const compressed = formatSlice({ syntax: "jpegLossless", rows: 9, columns: 17 });
const read = (bytes: Uint8Array) => readDicomSeries([scanFileFromBytes("a.dcm", bytes)]);

test("a compressed stream that is cut off, or of another size, is refused before it is decoded", async () => {
  const frame = compressed.lastIndexOf(0xd9) - 1;
  const cut = compressed.slice();
  cut.fill(0, frame - 10, frame + 2);
  await expect(read(cut)).rejects.toThrow(/a\.dcm: compressed pixels have no end marker/);
  const smaller = formatSlice({ syntax: "jpegLossless", rows: 9, columns: 17, values: sliceValues(8, 17, 1) });
  await expect(read(smaller)).rejects.toThrow(/compressed image is 17 x 8 .* but the tags say 17 x 9/);
  await expect(read(compressed.subarray(0, frame))).rejects.toThrow(/a\.dcm: .* cut off or damaged/);
});

test("a damaged stream ends in an error that names the file", async () => {
  const frame = compressed.lastIndexOf(0xd9) - 1;
  const damaged = compressed.slice();
  const table = frame - 250;
  // The Huffman table's marker: decoding has no table then.
  const at = damaged.findIndex((byte, i) => byte === 0xff && damaged[i + 1] === 0xc4);
  expect(at).toBeGreaterThan(table - 2000);
  damaged[at + 1] = 0xe4;
  await expect(read(damaged)).rejects.toMatchObject({ code: "CORRUPT_FILE", detail: { file: "a.dcm" } });
  expect(leftovers()).toEqual([]);
  expect([...(await read(compressed)).volume.data]).toEqual(sliceValues(9, 17, 1).map((x) => x - 1024));
});

test("without the optional package the error says what to install", async () => {
  vi.resetModules();
  vi.doMock("@itk-wasm/dicom", () => {
    throw new Error("Cannot find package '@itk-wasm/dicom'");
  });
  const fresh = await import("../../src/io/dicom.js");
  const [file] = seriesFiles([{ syntax: "jpegLossless" }]);
  const action = fresh.readDicomSeries([file as typeof file & object]);
  await expect(action).rejects.toThrow(/npm install @itk-wasm\/dicom@7\.6\.4/);
  const plain = await fresh.readDicomSeries(seriesFiles(seriesSlices(2, { syntax: "rle" })));
  expect(plain.volume.shape).toEqual([2, 4, 6]);
});

test("what the package prints of damaged pixels is not seen: standard output belongs to the caller", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const loud = async () => {
    console.log("Exception while running pipeline:");
    throw new Error("damaged");
  };
  vi.resetModules();
  vi.doMock("@itk-wasm/dicom", () => ({ readImageDicomFileSeriesNode: loud }));
  const { readDicomSeries: readByLoud } = await import("../../src/io/dicom.js");
  await expect(readByLoud([scanFileFromBytes("a.dcm", compressed)])).rejects.toThrow(/cannot be decoded/);
  expect(printed).not.toHaveBeenCalled();
  console.log("the console is back");
  expect(printed).toHaveBeenCalledTimes(1);
  printed.mockRestore();
});
