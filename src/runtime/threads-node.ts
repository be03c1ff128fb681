import { fileURLToPath } from "node:url";
import type { JobPool, ThreadSettings } from "./answers.js";
import { WorkerPool } from "./pool.js";

export { serveThread } from "./pool.js";

export function startThreads({ threads, url }: ThreadSettings): JobPool {
  return new WorkerPool({ script: fileURLToPath(url), workers: threads, kind: "thread" });
}
