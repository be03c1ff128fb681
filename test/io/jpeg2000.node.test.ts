import { expect, test, vi } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import { crc32 } from "../../src/io/crc32.js";
import { readDicomSeries } from "../../src/io/dicom.js";
import { checkCodestream } from "../../src/io/jpeg2000-codestream.js";
import { scanFileFromBytes } from "../../src/io/scan-file.js";
import { formatSlice } from "../generated/dicom-files.js";
import { decode, type GoldenArray } from "../golden.js";

// The decoder is started for every damaged codestream.
vi.setConfig({ testTimeout: 60_000 });

interface Codestream {
  readonly name: string;
  readonly lossless: boolean;
  readonly stream: string;
  readonly values: GoldenArray;
  /** A byte and what it becomes (null: an end marker stands there), and the CRC-32 of OpenJPEG's values, null if it refuses. */
  readonly damaged: readonly (readonly [number, number | null, number | null])[];
}

const codestreams = Object.values(
  import.meta.glob<Codestream[]>("../golden/jpeg2000/*.json", { eager: true, import: "default" }),
).flat();
const bytesOf = ({ stream }: Codestream) => Uint8Array.from(atob(stream), (c) => c.charCodeAt(0));

/** Stored values of a slice with this codestream. */
async function decodeSlice(frame: Uint8Array, lossless: boolean): Promise<Uint16Array> {
  const tags = {
    x00280101: ["US", 16],
    x00280102: ["US", 15],
    x00281052: null,
    x00281053: null,
  } as const;
  const syntax = lossless ? "jpeg2000Lossless" : "jpeg2000";
  const slice = formatSlice({ syntax, rows: 20, columns: 24, frame, tags });
  const { volume } = await readDicomSeries([scanFileFromBytes("a.dcm", slice)]);
  return Uint16Array.from(volume.data);
}

test.each(codestreams)("OpenJPEG's values: $name", async (codestream) => {
  const values = await decodeSlice(bytesOf(codestream), codestream.lossless);
  expect([...values]).toEqual([...decode<Uint16Array>(codestream.values)]);
});

test.each(codestreams)("damaged: refused, or what OpenJPEG makes of it: $name", async (codestream) => {
  const good = bytesOf(codestream);
  const wrong: unknown[] = [];
  let refused = 0;
  for (const [at, byte, verdict] of codestream.damaged) {
    const damaged = byte === null ? Uint8Array.from([...good.subarray(0, at), 0xff, 0xd9]) : good.slice();
    if (byte !== null) damaged[at] = byte;
    try {
      const values = await decodeSlice(damaged, codestream.lossless);
      const found = crc32(new Uint8Array(values.buffer));
      if (found !== verdict) wrong.push([at, byte, verdict, found]);
    } catch (error) {
      if (!(error instanceof NnprepError) || error.code !== "CORRUPT_FILE") wrong.push([at, byte, error]);
      refused++;
    }
  }
  expect(wrong).toEqual([]);
  expect(refused).toBeGreaterThan(10);
});

test("each rule of the codestream that is broken is named", () => {
  const codestream = (name: string) => bytesOf(codestreams.find((entry) => entry.name === name) as Codestream);
  const check = (bytes: Uint8Array, lossless = true) => checkCodestream(bytes, lossless, 16);
  const at = (bytes: Uint8Array, marker: number) =>
    bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === marker);
  const changed = (name: string, marker: number, offset: number, ...values: number[]) => {
    const bytes = codestream(name);
    bytes.set(values, at(bytes, marker) + offset);
    return () => check(bytes);
  };
  const [SIZ, COD, QCD, SOT, SOD] = [0x51, 0x52, 0x5c, 0x90, 0x93];
  for (const { name, lossless } of codestreams) expect(() => check(codestream(name), lossless)).not.toThrow();
  expect(() => checkCodestream(codestream("lossless"), true, 8)).toThrow(/16 bits a sample, but the tags say 8/);
  expect(() => check(codestream("lossy"))).toThrow(/irreversible wavelets, but the transfer syntax says lossless/);
  expect(changed("lossless", SIZ, 25, 0)).toThrow(/image and tiles have no place on the grid/);
  expect(changed("lossless", COD, 5, 9)).toThrow(/the coding style is none/);
  expect(changed("lossless", COD, 8, 1)).toThrow(/the coding style is none/);
  expect(changed("lossless", QCD, 4, 0x42)).toThrow(/quantization of kind 2 does not fit reversible wavelets/);
  expect(changed("lossless", QCD, 3, 5)).toThrow(/no marker at byte/);
  expect(changed("lossless", SOT, 9, 1)).toThrow(/no tile begins at byte/);
  expect(changed("lossless tiles", SOT, 10, 1)).toThrow(/part 1 of 1 of tile 0 of 6 is out of its place/);
  expect(changed("lossless", SOD, 9, 0xff, 0xf0)).toThrow(/the packets of tile 0 hold the marker fff0/);
  const tiles = codestream("lossless tiles");
  const first = at(tiles, SOT);
  const length = new DataView(tiles.buffer).getUint32(first + 6);
  const without = Uint8Array.from([...tiles.subarray(0, first), ...tiles.subarray(first + length)]);
  expect(() => check(without)).toThrow(/5 of 6 tiles/);
  expect(() => check(Uint8Array.from([...codestream("lossless"), 1]))).toThrow(/1 bytes behind its end/);
});
