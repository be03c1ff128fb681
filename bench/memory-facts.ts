import { readFileSync } from "node:fs";
import { freemem } from "node:os";

/** Bytes that programs can still get without swapping. */
export function availableBytes(): number {
  try {
    const kibibytes = /MemAvailable:\s+(\d+) kB/.exec(readFileSync("/proc/meminfo", "latin1"))?.[1];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // Not Linux.
  }
  return freemem();
}

/** The most memory that this process has had. */
export function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

const memories: WebAssembly.Memory[] = [];

/** Notes every WebAssembly memory that is made from now on, so that `wasmBytes` can add them up. */
export function noteWasmMemories(): void {
  const Original = WebAssembly.Memory;
  WebAssembly.Memory = class extends Original {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      memories.push(this);
    }
  };
}

export function wasmBytes(): number {
  return memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
}
