import { expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import { readDicomSeries } from "../../src/io/dicom.js";
import { type ScanFile, scanFileFromBytes } from "../../src/io/scan-file.js";
import { formatZip } from "../../src/io/zip.js";
import { formatSlice, type Syntax, seriesSlices, sliceValues } from "../generated/dicom-files.js";
import { DAMAGES, damageBytes, randomBelow } from "../generated/mutations.js";

const EACH = 500;
const ROWS = 4;
const COLUMNS = 6;
const AREA = ROWS * COLUMNS;
/** Milliseconds that a file may take on a busy machine. */
const LIMIT = 5000;

const values = (instance: number) => sliceValues(ROWS, COLUMNS, instance).map((x) => x - 1024);

interface Tally {
  read: number;
  refused: number;
  problems: string[];
}

/** Reads and checks what comes out: an error that says which file, or a volume that is right where nothing was damaged. */
async function tryFiles(files: ScanFile[], whole: readonly number[], context: string, tally: Tally): Promise<void> {
  const start = performance.now();
  const wrong = (what: string) => tally.problems.push(`${context}: ${what}`);
  try {
    const { volume, warnings } = await readDicomSeries(files);
    tally.read += 1;
    const { data, shape, geometry } = volume;
    const numbers = [...geometry.spacingMm, ...geometry.originMm, ...geometry.direction];
    if (!numbers.every(Number.isFinite) || !geometry.spacingMm.every((x) => x > 0)) wrong(`geometry ${numbers}`);
    if (data.length !== shape[0] * shape[1] * shape[2]) wrong(`${data.length} voxels for ${shape}`);
    if (shape[0] < 3 && warnings.length === 0) wrong("a slice is lost without a word");
    if (shape[1] === ROWS && shape[2] === COLUMNS) {
      const slices = Array.from({ length: shape[0] }, (_, i) => [...data.subarray(i * AREA, (i + 1) * AREA)].join());
      for (const instance of whole) {
        if (!slices.includes(values(instance).join())) wrong(`slice ${instance} was not damaged, but differs`);
      }
    } else {
      wrong(`shape ${shape}`);
    }
  } catch (error) {
    tally.refused += 1;
    if (!(error instanceof NnprepError)) wrong(`${(error as Error).stack ?? String(error)}`);
  }
  if (performance.now() - start > LIMIT) wrong(`took ${performance.now() - start} ms`);
}

test.each<Syntax>(["explicit", "implicit", "big", "deflated", "rle"])(
  `${EACH} damaged files, %s: an error or the right volume`,
  async (syntax) => {
    const tally: Tally = { read: 0, refused: 0, problems: [] };
    const originals = seriesSlices(3, { syntax, delimited: syntax !== "big" }).map((slice) => formatSlice(slice));
    for (let seed = 0; seed < EACH; seed++) {
      const below = randomBelow(seed);
      const which = below(3);
      const damage = DAMAGES[seed % DAMAGES.length];
      const files = originals.map((bytes, i) =>
        scanFileFromBytes(`slice-${i + 1}.dcm`, i === which ? damageBytes(bytes, damage, below) : bytes),
      );
      const whole = [1, 2, 3].filter((instance) => instance !== which + 1);
      await tryFiles(files, whole, `${syntax} ${damage} seed ${seed}`, tally);
    }
    expect(tally.problems).toEqual([]);
    // Both ends are met: damage in the middle of pixels, and in front of them.
    expect(tally.read).toBeGreaterThan(EACH / 50);
    expect(tally.refused).toBeGreaterThan(EACH / 10);
  },
  60_000,
);

test("damaged zip archives: an error or the right volume", async () => {
  const tally: Tally = { read: 0, refused: 0, problems: [] };
  const members = seriesSlices(3).map((slice, i) => {
    const bytes = formatSlice(slice);
    return { name: `${i}.dcm`, byteLength: bytes.length, chunks: [bytes] };
  });
  const archive = new Uint8Array(await new Blob((await formatZip(members, 6)) as BlobPart[]).arrayBuffer());
  for (let seed = 0; seed < EACH; seed++) {
    const damage = DAMAGES[seed % DAMAGES.length];
    const damaged = damageBytes(archive, damage, randomBelow(seed + 5000));
    // Every member has a checksum: what can be read is whole.
    await tryFiles([scanFileFromBytes("a.zip", damaged)], [1, 2, 3], `zip ${damage} seed ${seed}`, tally);
  }
  expect(tally.problems).toEqual([]);
}, 60_000);
