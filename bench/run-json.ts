import { spawnSync } from "node:child_process";

/** Runs a program and reads the JSON in the last line that it prints. */
export function runJson<T>(name: string, parameters: readonly string[], environment: NodeJS.ProcessEnv): T {
  const { status, stdout, error } = spawnSync(name, parameters, {
    env: environment,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`${parameters.join(" ")}: ${error?.message ?? `exit code ${status}`}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) as string) as T;
}
