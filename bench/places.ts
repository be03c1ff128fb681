import { fileURLToPath } from "node:url";

/** The repository; compiled, this file is in build/bench/bench. */
export const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
export const BENCH_FOLDER = fileURLToPath(new URL("../../../bench/", import.meta.url));
/** The built command line, as users run it. */
export const CLI = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

/** The compiled program beside this one. */
export function program(name: string): string {
  return fileURLToPath(new URL(`${name}.js`, import.meta.url));
}
