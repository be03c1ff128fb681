import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface TreeResult {
  readonly code: number | null;
  readonly seconds: number;
  /** Peak of the sum over the process and its descendants; memory shared between them counts once. null off Linux. */
  readonly peakBytes: number | null;
  readonly stderr: string;
}

const INTERVAL_MS = 200;

function read(path: string): string | null {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return null;
  }
}

/** Processes below `root`, itself included. */
function descendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = /\) \S (\d+)/.exec(read(`/proc/${entry}/stat`) ?? "")?.[1];
    if (parent !== undefined) parents.set(Number(entry), Number(parent));
  }
  const found = [root];
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found;
}

/** Proportional set size: pages that n processes share count 1/n in each. */
function proportionalBytes(pid: number): number {
  return 1024 * Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? "")?.[1] ?? 0);
}

function watch(child: ChildProcess): () => number | null {
  if (process.platform !== "linux" || child.pid === undefined) return () => null;
  const { pid } = child;
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(
      peak,
      descendants(pid).reduce((sum, id) => sum + proportionalBytes(id), 0),
    );
  }, INTERVAL_MS);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

/** Runs a program to its end and watches the memory of all its processes. */
export function runTree(name: string, parameters: readonly string[], env: NodeJS.ProcessEnv): Promise<TreeResult> {
  const start = performance.now();
  const child = spawn(name, parameters, { env, stdio: ["ignore", "ignore", "pipe"] });
  const stop = watch(child);
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr = `${stderr}${chunk}`.slice(-2000);
  });
  return new Promise((resolve) => {
    const end = (code: number | null) =>
      resolve({ code, seconds: (performance.now() - start) / 1000, peakBytes: stop(), stderr });
    child.on("error", (error) => {
      stderr += error.message;
      end(null);
    });
    child.on("close", end);
  });
}
