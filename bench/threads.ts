/** One volume over several threads: `node threads.js [--quick]` prints JSON. */
import { type Shape3, voxelCount } from "../src/core/volume.js";
import { bytesOf } from "../src/io/npy.js";
import { createEngine, type Sharing } from "../src/steps/engine.js";
import { mrScan } from "./data.js";
import { FULL, QUICK, sizeText } from "./row.js";

export interface ThreadsResult {
  readonly size: string;
  /** The first is one thread. */
  readonly runs: readonly {
    readonly threads: number;
    readonly sharing: Sharing;
    readonly seconds: number;
    /** Whether the result is that of one thread, bit by bit. */
    readonly equal: boolean;
  }[];
}

const SETTINGS: readonly { readonly threads: number; readonly sharing: Sharing }[] = [
  { threads: 1, sharing: "none" },
  { threads: 2, sharing: "shared" },
  { threads: 2, sharing: "transfer" },
];

const WARMUP = 3;
const ROUNDS = 11;

const scale = process.argv.includes("--quick") ? QUICK : FULL;
const shape: Shape3 = scale.shape([160, 256, 256]);
const newShape: Shape3 = scale.shape([200, 320, 320]);
const data = mrScan(shape, 11, "noise");
const output = new Float32Array(voxelCount(newShape));
const engines = [];
for (const setting of SETTINGS)
  engines.push({ setting, engine: await createEngine(setting), seconds: [] as number[], equal: true });
let alone: Float32Array | null = null;
// In turn, so that what else the machine does falls upon all of them.
for (let round = 0; round < WARMUP + ROUNDS; round++) {
  for (const run of engines) {
    const start = performance.now();
    await run.engine.resizeCubic(data, shape, newShape, output);
    if (round >= WARMUP) run.seconds.push((performance.now() - start) / 1000);
    alone ??= output.slice();
    if (round === 0) run.equal = Buffer.compare(bytesOf(alone), bytesOf(output)) === 0;
  }
}
const runs: ThreadsResult["runs"] = engines.map(({ setting, seconds, equal }) => {
  return { ...setting, seconds: seconds.sort((a, b) => a - b)[ROUNDS >> 1], equal };
});
for (const { engine } of engines) await engine.close();
process.stdout.write(`${JSON.stringify({ size: sizeText(shape, newShape), runs } satisfies ThreadsResult)}\n`);
