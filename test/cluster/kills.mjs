// npm run test:kills [-- --kills 50 --seed 1 --cases 12 --parts 3 --keep]
//
// kill -9 at random moments while the parts of a dataset of nnU-Net v2 are worked on, two at a time: the program with its
// workers, the program alone (its workers go on for a while), or one worker. After each, every file under a final name has to be
// whole; when the parts have been run again, every byte has to be that of one run that nobody disturbed.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readNpz } from "../../dist/io/npz.js";
import { init } from "../../dist/runtime/instantiate.js";
import { datasetJson, GRIDS, rawFiles } from "../determinism/datasets.mjs";
import { drawsOf } from "../determinism/synthetic.mjs";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    cases: { type: "string", default: "12" },
    parts: { type: "string", default: "3" },
    keep: { type: "boolean", default: false },
  },
});
const [KILLS, CASES, PARTS] = [Number(values.kills), Number(values.cases), Number(values.parts)];
const NAME = "Dataset001_Synthetic";
/** Kills of one part before it may end. */
const MOST_KILLS = 2;
const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "nnprep-kills-"));
const draw = drawsOf(Number(values.seed));
const counts = { all: 0, "program and workers": 0, program: 0, worker: 0 };
const moments = new Map();

async function writeDataset() {
  const grids = Array.from({ length: CASES }, (_, i) => {
    const [shape, spacingMm] = GRIDS[i % GRIDS.length];
    return [shape.map((n) => n + (i % 5)), spacingMm];
  });
  const files = [...(await rawFiles(grids, 2)), ["dataset.json", datasetJson(CASES, ["CT", "T2"])]];
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, "raw", NAME, path)), { recursive: true });
    writeFileSync(join(folder, "raw", NAME, path), bytes);
  }
}

function filesBelow(path) {
  const found = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return found.map((entry) => relative(path, join(entry.parentPath, entry.name)));
}

const digest = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");
const isOwn = (file) => file.startsWith(".nnprep");

/** SHA-256 by path, of all but the program's own records. */
function hashes(path) {
  return new Map(
    filesBelow(path)
      .filter((file) => !isOwn(file))
      .sort()
      .map((file) => [file, digest(join(path, file))]),
  );
}

/** Throws unless every file that has its final name is whole. */
async function checkWhole(path, expected) {
  for (const file of filesBelow(path)) {
    const temporary = file.endsWith(".tmp") || file.endsWith(".probe");
    if (temporary) continue;
    const bytes = readOrGone(join(path, file));
    if (bytes === null) continue; // other parts run on
    if (file.endsWith(".json") && isOwn(file)) JSON.parse(bytes.toString());
    else if (isOwn(file)) await readNpz(bytes);
    else if (createHash("sha256").update(bytes).digest("hex") !== expected.get(file)) throw new Error(`half: ${file}`);
  }
}

function readOrGone(path) {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}

function start(command, preprocessed, part) {
  const places = ["--raw", join(folder, "raw"), "--preprocessed", preprocessed];
  const more = part === undefined ? [] : ["--num-parts", String(PARTS), "--part-id", String(part)];
  const child = spawn(process.execPath, [program, command, "-d", "1", ...places, "--no-progress", ...more], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said = [];
  child.stderr.on("data", (data) => said.push(data));
  return { child, ended: new Promise((resolve) => child.on("exit", resolve)), said: () => Buffer.concat(said) };
}

/** Workers of a running program. */
function workersOf(pid) {
  const text = readOrGone(`/proc/${pid}/task/${pid}/children`)?.toString() ?? "";
  return text.trim().split(/\s+/).filter(Boolean).map(Number);
}

function send(pid) {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}

const VICTIMS = ["program and workers", "program", "worker"];

/** Kills something of a running program. @returns whether there was something to kill */
function kill({ child }) {
  if (child.exitCode !== null) return false;
  const victim = VICTIMS[draw() % VICTIMS.length];
  const [worker] = workersOf(child.pid);
  const done =
    victim === "worker" ? worker !== undefined && send(worker) : send(victim === "program" ? child.pid : -child.pid);
  if (!done) return false;
  counts[victim]++;
  counts.all++;
  return true;
}

/** Runs one part to its end, killed up to `MOST_KILLS` times on the way. @param longest ms that it takes undisturbed */
async function runWithKills(stage, preprocessed, part, longest, expected) {
  for (let kills = 0; ; ) {
    const run = start(stage, preprocessed, part);
    if (kills < MOST_KILLS && counts.all < KILLS) {
      const delay = (draw() / 65536) * longest;
      const early = await Promise.race([run.ended.then(() => true), new Promise((r) => setTimeout(r, delay, false))]);
      if (!early && kill(run)) {
        kills++;
        moments.set(stage, (moments.get(stage) ?? 0) + 1);
        await run.ended;
        await checkWhole(join(preprocessed, NAME), expected);
        continue;
      }
    }
    const code = await run.ended;
    if (code !== 0) throw new Error(`${stage} of part ${part} ended with ${code}: ${run.said()}`);
    return;
  }
}

const STAGES = [
  ["extract-fingerprint", true],
  ["extract-fingerprint", false],
  ["plan", false],
  ["preprocess", true],
];

/** All stages, each part killed now and then. */
async function prepare(preprocessed, longest, expected) {
  mkdirSync(join(preprocessed, NAME), { recursive: true });
  for (const [i, [stage, inParts]] of STAGES.entries()) {
    const parts = inParts ? Array.from({ length: PARTS }, (_, part) => part) : [undefined];
    const lane = async () => {
      while (parts.length > 0) await runWithKills(stage, preprocessed, parts.shift(), longest[i], expected);
    };
    await Promise.all([lane(), lane()]);
  }
}

let ok = false;
try {
  await init();
  await writeDataset();
  const alone = join(folder, "alone");
  const longest = [];
  for (const [stage, inParts] of STAGES) {
    const begin = performance.now();
    const { ended, said } = start(stage, alone, undefined);
    if ((await ended) !== 0) throw new Error(`${stage}: ${said()}`);
    // Two parts at a time share the machine; what starts late is killed in its first moments all the same.
    longest.push(((performance.now() - begin) / (inParts ? PARTS : 1)) * 2);
  }
  const expected = hashes(join(alone, NAME));
  for (let round = 0; counts.all < KILLS; round++) {
    const preprocessed = join(folder, `round-${round}`);
    await prepare(preprocessed, longest, expected);
    const found = hashes(join(preprocessed, NAME));
    const names = new Set([...expected.keys(), ...found.keys()]);
    const different = [...names].filter((name) => expected.get(name) !== found.get(name));
    if (different.length > 0)
      throw new Error(`${different.length} of ${names.size} files differ: ${different.join(", ")}`);
    const left = filesBelow(preprocessed).filter((name) => /\.(tmp|probe)$/.test(name));
    if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}`);
    console.log(`round ${round + 1}: ${counts.all} kills so far, ${names.size} files as undisturbed`);
  }
  console.log(`${counts.all} kills: ${VICTIMS.map((victim) => `${counts[victim]} of ${victim}`).join(", ")}`);
  console.log([...moments].map(([stage, n]) => `${n} in ${stage}`).join(", "));
  ok = true;
} finally {
  if (ok && !values.keep) rmSync(folder, { recursive: true, force: true });
  else console.log(`kept: ${folder}`);
}
