/** One volume over several threads: `node threads.js [--quick]` prints JSON. */
import { Bench } from "tinybench";
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

const scale = process.argv.includes("--quick") ? QUICK : FULL;
const shape: Shape3 = scale.shape([160, 256, 256]);
const newShape: Shape3 = scale.shape([200, 320, 320]);
const data = mrScan(shape, 11, "noise");
const output = new Float32Array(voxelCount(newShape));
const runs = [];
let alone: Float32Array | null = null;
for (const setting of SETTINGS) {
  const engine = await createEngine(setting);
  const bench = new Bench({ time: 500, iterations: 7, warmupIterations: 3, warmupTime: 0, throws: true });
  bench.add("resize", () => engine.resizeCubic(data, shape, newShape, output));
  await bench.run();
  await engine.close();
  alone ??= output.slice();
  const { result } = bench.tasks[0];
  if (!("latency" in result)) throw new Error("no result");
  const equal = Buffer.compare(bytesOf(alone), bytesOf(output)) === 0;
  runs.push({ ...setting, seconds: result.latency.p50 / 1000, equal });
}
process.stdout.write(`${JSON.stringify({ size: sizeText(shape, newShape), runs } satisfies ThreadsResult)}\n`);
