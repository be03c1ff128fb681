import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly child: ChildProcess;
  readonly done: Promise<CliResult>;
}

/** Starts the built CLI; environment variables of nnU-Net are only those given. */
export function startCli(
  parameters: readonly string[],
  environment: Record<string, string> = {},
  cwd?: string,
): RunningCli {
  const { nnUNet_raw_data_base: _raw, nnUNet_preprocessed: _preprocessed, ...rest } = process.env;
  const child = spawn(process.execPath, [MAIN, ...parameters], { env: { ...rest, ...environment }, cwd });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => {
    stdout += data;
  });
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  const done = new Promise<CliResult>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, done };
}

export function runCli(
  parameters: readonly string[],
  environment: Record<string, string> = {},
  cwd?: string,
): Promise<CliResult> {
  return startCli(parameters, environment, cwd).done;
}

/** SHA-256 of every file below a folder, by relative path. */
export function hashFolder(folder: string): Record<string, string> {
  const hashes: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const file = join(entry.parentPath, entry.name);
    hashes[relative(folder, file)] = createHash("sha256").update(readFileSync(file)).digest("hex");
  }
  return Object.fromEntries(Object.entries(hashes).sort());
}

/** Process ids of the children of a process (Linux). */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean, milliseconds = 10_000): Promise<void> {
  const end = Date.now() + milliseconds;
  while (!condition()) {
    if (Date.now() > end) throw new Error("waited too long");
    await pause(10);
  }
}
