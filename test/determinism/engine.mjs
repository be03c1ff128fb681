/** What an engine with a command line runs: prints the suite's result as JSON, as the last line. */
import { runSuite } from "./suite.mjs";

console.log(JSON.stringify(await runSuite()));
// Bun and Deno may keep a closed worker's handle.
globalThis.process?.exit(0);
