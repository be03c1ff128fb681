import { expect, test } from "vitest";
// @ts-expect-error a script without types
import { damage, judge, randomFrom } from "./mutations.mjs";
// @ts-expect-error a script without types
import { makeSeeds, readSeed } from "./seeds.mjs";

interface Seed {
  readonly name: string;
  readonly files: Uint8Array[];
}

test.each([
  ["nifti", 2000],
  ["metaimage", 2000],
  ["nrrd", 2000],
  ["gipl", 2000],
  ["dicom", 2000],
  ["series", 1000],
  // Their decoder takes its time.
  ["jpeg2000", 150],
  ["pictures", 2000],
  ["documents", 2000],
  ["models", 1000],
] as const)(
  "damaged %s files, %i of them, end in an error that names the file or series, or in a sound volume",
  async (format, count) => {
    const seeds: Seed[] = (await makeSeeds())[format];
    const wrong: string[] = [];
    let volumes = 0;
    for (let number = 0; number < count; number++) {
      const seed = seeds[number % seeds.length];
      const damaged = damage(seed, randomFrom(number));
      const read = async () => {
        const reading = await readSeed(damaged);
        volumes++;
        return reading;
      };
      const found: string | null = await judge(read);
      if (found !== null) wrong.push(`${seed.name} ${number}: ${found}`);
    }
    expect(wrong).toEqual([]);
    // Some damage leaves a file whole.
    expect(volumes).toBeGreaterThan(10);
  },
  120_000,
);

test("a good file is read, and the judge sees what is wrong", async () => {
  const { pictures: _, jpeg2000: __, series: ___, ...volumes } = (await makeSeeds()) as Record<string, Seed[]>;
  for (const list of Object.values(volumes)) {
    for (const seed of list) expect((await readSeed(seed)).volume.shape).toEqual([4, 5, 6]);
  }
  const good = (await readSeed((await makeSeeds()).nrrd[0])) as { volume: { shape: number[] } };
  expect(await judge(async () => good)).toBe(null);
  expect(await judge(async () => ({ ...good, volume: { ...good.volume, shape: [4, 5, 7] } }))).toMatch("differ");
  expect(await judge(() => Promise.reject(new TypeError("x")))).toMatch("not an NnprepError");
});
