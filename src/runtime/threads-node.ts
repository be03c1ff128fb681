import { fileURLToPath } from "node:url";
import { WorkerPool } from "./pool.js";
import type { JobPool, ThreadSettings } from "./worker-messages.js";

export { serveThread } from "./pool.js";

export function startThreads({ threads, url }: ThreadSettings): JobPool {
  return new WorkerPool({ script: fileURLToPath(url), workers: threads, kind: "thread" });
}
