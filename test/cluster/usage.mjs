// Loaded before a program by `node --import`: when the process ends, its seconds of processor time and its largest
// resident memory are added to the file that NNPREP_USAGE_FILE names, one line per process.
import { appendFileSync } from "node:fs";

process.on("exit", () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const usage = { isWorker: process.send !== undefined, user: userCPUTime / 1e6, system: systemCPUTime / 1e6, maxRSS };
  appendFileSync(process.env.NNPREP_USAGE_FILE, `${JSON.stringify(usage)}\n`);
});
