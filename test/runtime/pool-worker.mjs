import { NnprepError } from "../../dist/core/errors.js";
import { serveWorker } from "../../dist/runtime/pool.js";

serveWorker({
  double: (x) => x * 2,
  fail: () => {
    throw new NnprepError("CORRUPT_FILE", "broken", { found: Number.NaN });
  },
  die: () => process.kill(process.pid, "SIGKILL"),
  dieLater: () => {
    setTimeout(() => process.exit(3), 30);
    return process.pid;
  },
  pid: () => process.pid,
  hang: () => {
    for (;;);
  },
});
