import { expect, test } from "vitest";
// @ts-expect-error a script without types
import { judge, mutate, randomFrom } from "./mutations.mjs";
// @ts-expect-error a script without types
import { makeSeeds, readSeed } from "./seeds.mjs";

interface Seed {
  readonly name: string;
  readonly files: Uint8Array[];
}

test.each(["nifti", "metaimage", "nrrd", "dicom", "pictures", "documents"])(
  "2000 damaged %s files end in an error that names the file or series, or in a sound volume",
  async (format) => {
    const seeds: Seed[] = (await makeSeeds())[format];
    const wrong: string[] = [];
    let volumes = 0;
    for (let number = 0; number < 2000; number++) {
      const seed = seeds[number % seeds.length];
      const [bytes, ...others] = seed.files;
      const damaged = { ...seed, files: [mutate(bytes, randomFrom(number)), ...others] };
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
  const { pictures: _, ...volumes } = (await makeSeeds()) as Record<string, Seed[]>;
  for (const list of Object.values(volumes)) {
    for (const seed of list) expect((await readSeed(seed)).volume.shape).toEqual([4, 5, 6]);
  }
  const good = (await readSeed((await makeSeeds()).nrrd[0])) as { volume: { shape: number[] } };
  expect(await judge(async () => good)).toBe(null);
  expect(await judge(async () => ({ ...good, volume: { ...good.volume, shape: [4, 5, 7] } }))).toMatch("differ");
  expect(await judge(() => Promise.reject(new TypeError("x")))).toMatch("not an NnprepError");
});
