// npm run test:many-cases [-- --cases 100,1000,10000 --parts 100 --at-once 2 --keep]
//
// Tiny cases through fingerprint, plan and preprocessing of nnU-Net v2 in many parts, and what each stage takes: no stage
// may grow faster than the number of cases, and no process may need memory for the cases of others. The largest number
// of cases takes about an hour of one processor.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { formatNifti } from "../../dist/io/nifti.js";
import { init } from "../../dist/runtime/instantiate.js";
import { datasetJson } from "../determinism/datasets.mjs";
import { syntheticCase } from "../determinism/synthetic.mjs";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "100,1000,10000" },
    parts: { type: "string", default: "100" },
    "at-once": { type: "string", default: "2" },
    keep: { type: "boolean", default: false },
  },
});
const PARTS = Number(values.parts);
const AT_ONCE = Number(values["at-once"]);
const SHAPE = [12, 12, 12];
const GEOMETRY = { spacingMm: [1, 1, 1], originMm: [0, 0, 0], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] };
const NAME = "Dataset001_Tiny";
const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const usageModule = new URL("usage.mjs", import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), "nnprep-cases-"));

async function writeDataset(raw, count) {
  for (const name of ["imagesTr", "labelsTr"]) mkdirSync(join(raw, NAME, name), { recursive: true });
  writeFileSync(join(raw, NAME, "dataset.json"), datasetJson(count, ["CT"]));
  const file = (data) => formatNifti({ data, shape: SHAPE, geometry: GEOMETRY }, { gzip: true });
  for (let i = 0; i < count; i++) {
    const { channels, label } = syntheticCase(SHAPE, 1, i);
    const identifier = `case_${String(i).padStart(5, "0")}`;
    writeFileSync(join(raw, NAME, `imagesTr/${identifier}_0000.nii.gz`), await file(Int16Array.from(channels[0])));
    writeFileSync(join(raw, NAME, `labelsTr/${identifier}.nii.gz`), await file(Uint8Array.from(label)));
  }
}

/** Runs one command to its end. @returns the largest memory that a worker had with one case, in MiB */
async function run(at, command, more) {
  const output = join(at, "output.json.".concat(String(more[3] ?? "all")));
  const parameters = [
    "-d",
    "1",
    "--raw",
    join(at, "raw"),
    "--preprocessed",
    join(at, "preprocessed"),
    "--json",
    "--no-progress",
  ];
  const child = spawn(process.execPath, [program, command, ...parameters, ...more], {
    stdio: ["ignore", openSync(output, "w"), "inherit"],
    env: { ...process.env, NODE_OPTIONS: `--import ${usageModule}`, NNPREP_USAGE_FILE: join(at, "usage") },
  });
  const code = await new Promise((resolve) => child.on("exit", resolve));
  if (code !== 0) throw new Error(`${command} ${more.join(" ")} ended with ${code}; see ${output}`);
  const found = readFileSync(output, "utf8").matchAll(/"peakMemoryBytes": (\d+)/g);
  return [...found].reduce((most, [, bytes]) => Math.max(most, Number(bytes) / 2 ** 20), 0);
}

/** Runs a stage and prints what it took. */
async function measure(count, at, stage, command, parts) {
  const usage = join(at, "usage");
  rmSync(usage, { force: true });
  const start = performance.now();
  let worker = 0;
  let next = 0;
  const lane = async () => {
    while (next < Math.max(1, parts)) {
      const part = next++;
      const more = parts === 0 ? [] : ["--num-parts", String(parts), "--part-id", String(part)];
      worker = Math.max(worker, await run(at, command, more));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const wall = (performance.now() - start) / 1000;
  const processes = readFileSync(usage, "utf8").trim().split("\n").map(JSON.parse);
  const sum = (list) => list.reduce((total, { user, system }) => total + user + system, 0);
  const mains = processes.filter(({ isWorker }) => !isWorker);
  const main = Math.max(...mains.map(({ maxRSS }) => maxRSS / 1024));
  const cells = [
    String(count).padStart(6),
    stage.padEnd(22),
    `${wall.toFixed(1)} s`.padStart(9),
    `${sum(processes).toFixed(1)} s`.padStart(9),
    `${((sum(processes) / count) * 1000).toFixed(1)} ms`.padStart(9),
    `${sum(mains).toFixed(1)} s`.padStart(9),
    `${main.toFixed(0)} MiB`.padStart(9),
    `${worker.toFixed(0)} MiB`.padStart(9),
  ];
  console.log(cells.join("  "));
}

let ok = false;
try {
  await init();
  console.log(" cases  stage                       wall  processor   per case   of it in   largest    largest");
  console.log("                                                              the program   program     worker");
  for (const count of values.cases.split(",").map(Number)) {
    const at = join(folder, String(count));
    await writeDataset(join(at, "raw"), count);
    await measure(count, at, `fingerprint, ${PARTS} parts`, "extract-fingerprint", PARTS);
    await measure(count, at, "fingerprint, joined", "extract-fingerprint", 0);
    await measure(count, at, "plan", "plan", 0);
    await measure(count, at, `preprocess, ${PARTS} parts`, "preprocess", PARTS);
    if (!values.keep) rmSync(at, { recursive: true });
  }
  ok = true;
} finally {
  if (ok && !values.keep) rmSync(folder, { recursive: true, force: true });
  else console.log(`kept: ${folder}`);
}
