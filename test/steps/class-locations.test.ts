import { beforeAll, expect, test } from "vitest";
import type { Shape3 } from "../../src/core/volume.js";
import { init } from "../../src/runtime/instantiate.js";
import { sampleClassLocations } from "../../src/steps/class-locations.js";
import { sha256OfInt32 } from "../hash.js";

beforeAll(() => init());

interface Golden {
  shape: [number, number, number];
  rows?: number[];
  single?: number | null;
  first?: number;
  classes: number[];
  locations: [number, number, string | null, number[][]][];
}

const [goldens] = Object.values(
  import.meta.glob<Golden[]>("../golden/random/class-locations.json", { eager: true, import: "default" }),
);

/** The labels of the fixtures: a formula of the indices, see test/oracle/random_state.py. */
function label({ shape, rows, single, first }: Golden): Int16Array {
  const data = new Int16Array(shape[0] * shape[1] * shape[2]);
  if (first !== undefined) return data.fill(1, 0, first);
  let at = 0;
  for (let i = 0; i < shape[0]; i++) {
    for (let j = 0; j < shape[1]; j++) {
      for (let k = 0; k < shape[2]; k++) data[at++] = rows![(7 * i + 3 * j * j + k) % rows!.length];
    }
  }
  if (single !== null && single !== undefined) data[single] = 5;
  return data;
}

test.each(goldens!.map((golden, i) => [i, golden] as const))(
  "the same locations as nnU-Net, dataset %i",
  async (_, g) => {
    const found = sampleClassLocations(label(g), g.shape, g.classes);
    expect(found).toHaveLength(g.classes.length);
    for (const [value, count, hash, first] of g.locations) {
      const triples = found[g.classes.indexOf(value)];
      expect(triples.length).toBe(count * 3);
      expect([...triples.slice(0, first.length * 3)]).toEqual(first.flat());
      if (hash !== null) expect(await sha256OfInt32(triples)).toBe(hash);
    }
  },
);

test("every location is a different voxel of its class", () => {
  const shape: Shape3 = [5, 7, 11];
  const data = Int16Array.from({ length: 385 }, (_, i) => (i * i) % 3);
  for (const [i, triples] of sampleClassLocations(data, shape, [2, 1]).entries()) {
    const value = 2 - i;
    const seen = new Set<number>();
    for (let i = 0; i < triples.length; i += 3) {
      const at = (triples[i] * 7 + triples[i + 1]) * 11 + triples[i + 2];
      expect(data[at]).toBe(value);
      seen.add(at);
    }
    expect(seen.size).toBe(data.filter((x) => x === value).length);
  }
});

test("wrong arguments are refused", () => {
  expect(() => sampleClassLocations(new Int16Array(5), [1, 2, 3], [1])).toThrowError("5 voxels found");
  expect(() => sampleClassLocations(new Int16Array(6), [1, 2, 3], [40000])).toThrowError("int16");
});
