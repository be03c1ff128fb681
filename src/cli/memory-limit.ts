import { readFileSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { InvalidArgumentError, Option } from "commander";

/** Share of what is free that cases may need together unless the user says otherwise. */
const SHARE = 0.8;
const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Reads "8G", "2048M", "1.5 GiB" or a number of bytes. */
export function byteCount(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  const bytes = match === null ? 0 : Number(match[1]) * UNITS[match[2].toUpperCase()];
  if (bytes >= 1) return Math.floor(bytes);
  throw new InvalidArgumentError("a number of bytes is expected, like 8G or 2048M.");
}

export function memoryLimitOption(): Option {
  return new Option(
    "--memory-limit <bytes>",
    "memory that the workers may take together, like 8G or 2048M (default: 80 % of what is free)",
  ).argParser(byteCount);
}

function readNumber(file: string, pattern = /^(\d+)$/m): number | null {
  try {
    const found = pattern.exec(readFileSync(file, "latin1"))?.[1];
    return found === undefined ? null : Number(found);
  } catch {
    return null;
  }
}

/** What the control group of this process has left, in its version 2 or 1; null without a limit. */
function freeInControlGroup(): number | null {
  const folder = "/sys/fs/cgroup";
  const limit = readNumber(`${folder}/memory.max`) ?? readNumber(`${folder}/memory/memory.limit_in_bytes`);
  if (limit === null || limit > totalmem()) return null;
  const used = readNumber(`${folder}/memory.current`) ?? readNumber(`${folder}/memory/memory.usage_in_bytes`) ?? 0;
  // Pages of files that were read count as used, but are given back when they are needed.
  const cached =
    readNumber(`${folder}/memory.stat`, /^inactive_file (\d+)$/m) ??
    readNumber(`${folder}/memory/memory.stat`, /^total_inactive_file (\d+)$/m) ??
    0;
  return Math.max(0, limit - used + cached);
}

/** Bytes that processes could still take on this machine. */
export function availableMemory(): number {
  const kibibytes = readNumber("/proc/meminfo", /^MemAvailable:\s+(\d+) kB$/m);
  const free = kibibytes === null ? freemem() : kibibytes * 1024;
  return Math.min(free, freeInControlGroup() ?? Number.POSITIVE_INFINITY);
}

/** The limit and what there is at all, for the runner. */
export function memoryBudget(limit: number | undefined): { memoryBudgetBytes: number; memoryAvailableBytes: number } {
  const available = availableMemory();
  return { memoryBudgetBytes: limit ?? SHARE * available, memoryAvailableBytes: available };
}
