import { beforeAll, expect, test } from "vitest";
import { NnprepError } from "../../../../src/core/errors.js";
import { scanFileFromBytes } from "../../../../src/io/scan-file.js";
import { readerFor } from "../../../../src/recipes/v2/readers/registry.js";
import { init } from "../../../../src/runtime/instantiate.js";
import { DAMAGES, damageBytes, randomBelow } from "../../../generated/mutations.js";
import pictures from "../../../golden/v2-readers/pictures.json";
import volumes from "../../../golden/v2-readers/volumes.json";
import { fromBase64 } from "../../../io/python-values.js";

beforeAll(() => init());

const goldens = [...pictures, ...volumes] as {
  file: { name: string; base64: string };
  readings: { reader: string }[];
}[];

test("damaged files end in an error that names them, or in channels of the promised size", async () => {
  const below = randomBelow(7);
  for (const { file, readings } of goldens) {
    const bytes = fromBase64(file.base64);
    for (const { reader } of readings) {
      const { readImages } = await readerFor(reader);
      for (const damage of [...DAMAGES, ...DAMAGES, ...DAMAGES]) {
        const damaged = scanFileFromBytes(file.name, damageBytes(bytes, damage, below));
        try {
          const { channels, shape } = await readImages([damaged]);
          const voxels = shape[0] * shape[1] * shape[2];
          expect(channels.every(({ length }) => length === voxels)).toBe(true);
        } catch (error) {
          if (!(error instanceof NnprepError))
            throw new Error(`${reader} of ${file.name}, ${damage}: ${(error as Error).stack}`);
          expect(error.detail.file).toBe(file.name);
        }
      }
    }
  }
}, 60_000);
