// npm run determinism [-- --install] [--engines FOLDER] [--only NAME] [--hashes]
//
// Runs the suite in every engine that is there and compares the SHA-256 of all arrays and documents with those of this
// Node. --install fetches engines from npm into FOLDER (default .cache/engines); --hashes prints each hash.
import { parseArgs } from "node:util";
import { listEngines } from "./engines.mjs";

const { values } = parseArgs({
  options: {
    install: { type: "boolean", default: false },
    engines: { type: "string", default: ".cache/engines" },
    only: { type: "string" },
    hashes: { type: "boolean", default: false },
  },
});

/** Names whose hashes differ, or that one side lacks. */
function differences(expected, found) {
  return [...new Set([...Object.keys(expected), ...Object.keys(found)])].filter(
    (name) => expected[name] !== found[name],
  );
}

const engines = listEngines(values.engines, values.install);
const rows = [];
let reference;
let failures = 0;
for (const [i, { name, run, missing }] of engines.entries()) {
  const isWanted = values.only === undefined || i === 0 || name.startsWith(values.only);
  if (!isWanted) continue;
  if (run === undefined) {
    rows.push([name, "not run", missing]);
    console.error(`${name}: not run, ${missing}`);
    continue;
  }
  const start = performance.now();
  try {
    const { hashes, threads } = await run();
    reference ??= hashes;
    const different = differences(reference, hashes);
    if (different.length > 0) failures++;
    const verdict = different.length === 0 ? "equal" : `DIFFERENT: ${different.join("; ")}`;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    rows.push([name, `${Object.keys(hashes).length} hashes ${verdict}`, `threads ${threads.join(", ")}; ${seconds} s`]);
  } catch (error) {
    failures++;
    rows.push([name, "FAILED", error.message]);
  }
  console.error(rows.at(-1).join(": "));
}
if (values.hashes) for (const [name, hash] of Object.entries(reference ?? {})) console.log(`${hash}  ${name}`);
const widths = [0, 1].map((c) => Math.max(...rows.map((row) => row[c].length)));
for (const [name, verdict, note] of rows)
  console.log(`${name.padEnd(widths[0])}  ${verdict.padEnd(widths[1])}  ${note}`);
process.exitCode = failures > 0 ? 1 : 0;
