import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { metaReadImageNode, niftiReadImageNode, nrrdReadImageNode } from "@itk-wasm/image-io";
import { afterAll, expect, test } from "vitest";
import type { Volume } from "../../src/core/volume.js";
import { writeVolume } from "../../src/io/formats.js";

/** Files that are written here as ITK itself reads them, compiled to WebAssembly. */

const folder = mkdtempSync(join(tmpdir(), "nnprep-image-io-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [c, s] = [Math.cos(0.5), Math.sin(0.5)];
const written: Volume = {
  data: Int16Array.from({ length: 2 * 3 * 5 }, (_, i) => i * 1000 - 9000),
  shape: [2, 3, 5],
  geometry: { spacingMm: [3, 2.25, 1.5], originMm: [10.5, -20.25, 7], direction: [0, 0, 1, c, -s, 0, s, c, 0] },
};

test.each([
  ["a.mha", metaReadImageNode, true],
  ["b.mha", metaReadImageNode, false],
  ["a.nrrd", nrrdReadImageNode, true],
  ["b.nrrd", nrrdReadImageNode, false],
  ["a.nii.gz", niftiReadImageNode, true],
] as const)("ITK reads %s as it was meant", async (name, read, compress) => {
  const path = join(folder, name);
  writeFileSync(path, await writeVolume(name, written, { compress }));
  const { image } = await read(path);
  expect(image.imageType).toMatchObject({ componentType: "int16", components: 1, dimension: 3 });
  expect(image.size).toEqual([5, 3, 2]);
  expect(Array.from(image.data as Int16Array)).toEqual(Array.from(written.data));
  expect(image.spacing).toEqual([1.5, 2.25, 3]);
  expect(image.origin).toEqual([10.5, -20.25, 7]);
  Array.from(image.direction as Float64Array).forEach((x, i) => {
    expect(x).toBeCloseTo(written.geometry.direction[i], name.endsWith("gz") ? 6 : 15);
  });
});
