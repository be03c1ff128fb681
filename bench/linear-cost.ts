/** Time per voxel of one kernel at growing sizes, in one process: `node linear-cost.js KERNEL [--quick]` prints JSON. */
import { Bench } from "tinybench";
import { type Shape3, voxelCount } from "../src/core/volume.js";
import { init } from "../src/runtime/instantiate.js";
import { KERNELS, type Kernel } from "./linear-kernels.js";
import { availableBytes } from "./memory-facts.js";

/** Edge lengths of the cubes: 1 M, 8 M, 64 M and 512 M voxels. */
const EDGES = [100, 200, 400, 800];
const QUICK_EDGES = [20, 40, 80];

export interface LinearCost {
  readonly voxels: number;
  readonly nsPerVoxel: number | null;
  /** Why there is no figure. */
  readonly skipped?: string;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

function measure(kernel: Kernel, edge: number): LinearCost {
  const shape: Shape3 = [edge, edge, edge];
  const voxels = voxelCount(shape);
  const needed = 1.1 * kernel.bytesPerVoxel * voxels + 5e8;
  const available = availableBytes();
  if (needed > available) {
    return { voxels, nsPerVoxel: null, skipped: `needs ${gigabytes(needed)}, ${gigabytes(available)} are free` };
  }
  const run = kernel.prepare(shape);
  const bench = new Bench({
    time: 300,
    iterations: 5,
    warmupIterations: 1,
    warmupTime: 0,
    throws: true,
  });
  let sink = 0;
  bench.add("kernel", () => {
    sink += run();
  });
  bench.runSync();
  const { result } = bench.tasks[0];
  if (!("latency" in result) || Number.isNaN(sink)) throw new Error("no result");
  return { voxels, nsPerVoxel: (result.latency.p50 * 1e6) / voxels };
}

const [name, ...flags] = process.argv.slice(2);
await init();
const costs = (flags.includes("--quick") ? QUICK_EDGES : EDGES).map((edge) => measure(KERNELS[name], edge));
process.stdout.write(`${JSON.stringify(costs)}\n`);
