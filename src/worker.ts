import { readFileSync, writeFileSync } from "node:fs";
import { findJob } from "./recipes/registry.js";
import { KEPT_SCRATCH_BYTES } from "./recipes/v1/stages/preprocess.js";
import { openStore } from "./runner/open-store.js";
import type { WorkerCall } from "./runner/process-executor.js";
import type { Measured } from "./runner/run.js";
import { init } from "./runtime/instantiate.js";
import { serveWorker } from "./runtime/pool.js";
import { collectGarbage, dropGiven, reuseGiven, trimScratch } from "./runtime/scratch.js";

/** Worker process: runs one job at a time and says how long it took and how much memory the process had at most. */

// Ctrl-C reaches every process of the terminal; the one that was asked to stop ends the workers itself.
process.on("SIGINT", () => undefined);

/** Linux can forget the peak, so that it is measured case by case; elsewhere it is the peak of the whole process. */
function resetPeakMemory(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // No such file on this system, or no right to it.
  }
}

function peakMemoryBytes(): number {
  try {
    const kibibytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

/** A worker without a job for so long gives up what it kept for the next case. */
const REST_MS = 300;
let rest: NodeJS.Timeout | undefined;

async function runJob({ job, argument, folders }: WorkerCall): Promise<Measured<unknown>> {
  clearTimeout(rest);
  await init();
  collectGarbage();
  resetPeakMemory();
  const stores = Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, openStore(folder)]));
  const found = await findJob(job);
  const start = performance.now();
  try {
    const value = await found.run(stores as never, argument as never);
    return { value, seconds: (performance.now() - start) / 1000, peakMemoryBytes: peakMemoryBytes() };
  } finally {
    // What a worker at rest holds is held beside the cases of the others.
    trimScratch(KEPT_SCRATCH_BYTES);
    collectGarbage();
    rest = setTimeout(() => {
      dropGiven();
      collectGarbage();
    }, REST_MS);
  }
}

reuseGiven();
serveWorker({ runJob });
