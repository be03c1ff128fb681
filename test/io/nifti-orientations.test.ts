import { expect, test } from "vitest";
import type { Geometry } from "../../src/core/volume.js";
import { formatNifti } from "../../src/io/nifti.js";
import orientations from "../golden/nifti/orientations.json";
import { decode } from "../golden.js";

test("headers of the 48 axis-aligned orientations are SimpleITK's, signs of zero included", async () => {
  for (const { direction, header } of orientations) {
    const geometry: Geometry = {
      spacingMm: [3.25, 2, 1.5],
      originMm: [1, -2, 0],
      direction: direction as unknown as Geometry["direction"],
    };
    const bytes = await formatNifti({ data: new Uint8Array(24), shape: [2, 3, 4], geometry }, { gzip: false });
    expect([direction, bytes.slice(252, 352)]).toEqual([direction, decode<Uint8Array>(header)]);
  }
});
