// npm run fuzz -- [--seconds N] [--format nifti|metaimage|nrrd|gipl|dicom|series|jpeg2000|pictures|documents|models] [--seed N]
//
// Reads damaged files until the time is over; prints every one that ends in anything but an NnprepError or a sound
// volume, with the seed that makes it again.
import { parseArgs } from "node:util";
import { damage, judge, randomFrom } from "./mutations.mjs";
import { makeSeeds, readSeed } from "./seeds.mjs";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "30" },
    format: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const seeds = await makeSeeds();
const formats = values.format === undefined ? Object.keys(seeds) : [values.format];
let failures = 0;
for (const format of formats) {
  if (seeds[format] === undefined) {
    console.error(`--format ${format}: one of ${Object.keys(seeds).join(", ")} expected`);
    process.exit(2);
  }
  const end = performance.now() + (1000 * Number(values.seconds)) / formats.length;
  let number = Number(values.seed);
  const first = number;
  for (; performance.now() < end; number++) {
    const random = randomFrom(number);
    const seed = seeds[format][number % seeds[format].length];
    const damaged = damage(seed, random);
    const wrong = await judge(() => readSeed(damaged));
    if (wrong === null) continue;
    failures++;
    console.log(`${format} ${seed.name} --seed ${number}: ${wrong}`);
  }
  console.log(`${format}: ${number - first} damaged files`);
}
process.exitCode = failures > 0 ? 1 : 0;
