// npm run test:cluster [-- --cases 40 --parts 7 --keep]
//
// A dataset of nnU-Net v2 through an array of a real Slurm with several nodes on this host. One task is killed in the
// middle and run again; in the end every byte of data folders and documents has to be that of one run on one machine.
// Needs root and Debian's packages slurmctld, slurmd, slurm-client and munge.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { init } from "../../dist/runtime/instantiate.js";
import { datasetJson, GRIDS, rawFiles } from "../determinism/datasets.mjs";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "40" },
    parts: { type: "string", default: "7" },
    keep: { type: "boolean", default: false },
  },
});
const [CASES, PARTS] = [Number(values.cases), Number(values.parts)];
const NODES = 4;
const NAME = "Dataset001_Synthetic";
const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const slurm = fileURLToPath(new URL("slurm.sh", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "nnprep-cluster-"));
// The user munge has to find its key there.
chmodSync(folder, 0o711);
const at = (...names) => join(folder, ...names);
const cluster = at("slurm");
const environment = { ...process.env, SLURM_CONF: join(cluster, "slurm.conf") };
const start = performance.now();
const say = (text) => console.log(`${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${text}`);

async function writeDataset() {
  const grids = Array.from({ length: CASES }, (_, i) => {
    const [shape, spacingMm] = GRIDS[i % GRIDS.length];
    return [shape.map((n) => n + (i % 5)), spacingMm];
  });
  const files = [...(await rawFiles(grids, 2)), ["dataset.json", datasetJson(CASES, ["CT", "T2"])]];
  for (const [path, bytes] of files) {
    mkdirSync(dirname(at("raw", NAME, path)), { recursive: true });
    writeFileSync(at("raw", NAME, path), bytes);
  }
}

function commandOf(command, preprocessed, ...more) {
  return [process.execPath, program, command, "-d", "1", "--raw", at("raw"), "--preprocessed", preprocessed, ...more];
}

function runHere(command, preprocessed, ...more) {
  const [file, ...parameters] = commandOf(command, preprocessed, "--no-progress", ...more);
  const { status, stdout, stderr } = spawnSync(file, parameters, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ended with ${status}:\n${stdout}${stderr}`);
}

function slurmCommand(file, ...parameters) {
  return execFileSync(file, parameters, { env: environment, encoding: "utf8" }).trim();
}

/** Submits tasks of an array. @returns the array's number */
function submit(command, tasks, ...more) {
  const line = commandOf(
    command,
    at("shared"),
    "--workers",
    "1",
    "--no-progress",
    "--num-parts",
    String(PARTS),
    ...more,
  );
  const options = [
    "--parsable",
    `--array=${tasks}`,
    "--mem=400",
    "--cpus-per-task=1",
    `--output=${at("log-%A-%a.txt")}`,
  ];
  return slurmCommand("sbatch", ...options, "--wrap", line.join(" "));
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until nothing of an array is left. @returns state by task */
async function finished(array) {
  for (let i = 0; i < 600; i++) {
    if (slurmCommand("squeue", "-h", "-j", array, "-o", "%i") === "") break;
    await sleep(500);
  }
  const lines = slurmCommand("scontrol", "show", "job", array, "--oneliner").split("\n");
  return new Map(lines.map((line) => [Number(/ArrayTaskId=(\d+)/.exec(line)[1]), /JobState=(\w+)/.exec(line)[1]]));
}

/** Runs the array of a stage. @param more options of the command */
async function runArray(command, more = []) {
  const states = await finished(submit(command, `0-${PARTS - 1}`, ...more));
  const failed = [...states].filter(([, state]) => state !== "COMPLETED");
  if (failed.length > 0) throw new Error(`${command}: ${failed.map((one) => one.join(" ")).join(", ")}; see ${folder}`);
  say(`${command}: array of ${PARTS} done`);
}

function filesBelow(path) {
  const found = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return found.map((entry) => relative(path, join(entry.parentPath, entry.name)));
}

/** SHA-256 by path, of all but the program's own records. */
function hashes(path) {
  const result = new Map();
  for (const file of filesBelow(path).sort()) {
    if (file.startsWith(".nnprep")) continue;
    result.set(
      file,
      createHash("sha256")
        .update(readFileSync(join(path, file)))
        .digest("hex"),
    );
  }
  return result;
}

/** Preprocesses in an array one of whose tasks is killed as soon as it has written a case, and runs that task again. */
async function preprocessWithLoss() {
  const lost = 3;
  const array = submit("preprocess", `0-${PARTS - 1}`);
  const own = filesOfPart(lost);
  const prepared = at("shared", NAME, "nnUNetPlans_2d");
  const isBegun = () => {
    const names = readdirOrNone(prepared);
    return own.some((id) => names.includes(`${id}.pkl`));
  };
  for (let i = 0; i < 2400 && !isBegun(); i++) await sleep(50);
  slurmCommand("scancel", "--signal=KILL", "--full", `${array}_${lost}`);
  const states = await finished(array);
  const others = [...states].filter(([task, state]) => task !== lost && state !== "COMPLETED");
  const made = readdirOrNone(at("shared", NAME, "nnUNetPlans_3d_fullres"));
  const left = own.filter((id) => !made.includes(`${id}.pkl`)).length;
  if (states.get(lost) === "COMPLETED" || left === 0) throw new Error(`task ${lost} was to be killed, but is done`);
  if (others.length > 0) throw new Error(`other tasks suffered: ${others.map((one) => one.join(" ")).join(", ")}`);
  say(
    `preprocess: task ${lost} killed (${states.get(lost)}) with ${left} of its ${own.length} cases left, the others done`,
  );
  const again = await finished(submit("preprocess", String(lost)));
  if (again.get(lost) !== "COMPLETED") throw new Error(`task ${lost}: ${again.get(lost)}; see ${folder}`);
  say(`preprocess: task ${lost} run again`);
}

/** Identifiers of the cases of a part. */
function filesOfPart(part) {
  const all = Array.from({ length: CASES }, (_, i) => `case_${String(i).padStart(3, "0")}`);
  return all.filter((_, i) => i % PARTS === part);
}

function readdirOrNone(path) {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

let ok = false;
try {
  await init();
  await writeDataset();
  for (const command of ["extract-fingerprint", "plan", "preprocess"]) runHere(command, at("alone"));
  say(`${CASES} cases on one machine`);
  execFileSync("bash", [slurm, "start", cluster, String(NODES)], { stdio: ["ignore", "ignore", "inherit"] });
  say(`Slurm with ${NODES} nodes: ${slurmCommand("sinfo", "--version")}`);
  await runArray("extract-fingerprint");
  runHere("extract-fingerprint", at("shared"));
  runHere("plan", at("shared"));
  await preprocessWithLoss();
  const [expected, found] = [hashes(at("alone", NAME)), hashes(at("shared", NAME))];
  const names = new Set([...expected.keys(), ...found.keys()]);
  const different = [...names].filter((name) => expected.get(name) !== found.get(name));
  if (different.length > 0)
    throw new Error(`${different.length} of ${names.size} files differ: ${different.join(", ")}`);
  const leftovers = filesBelow(at("shared")).filter((name) => name.endsWith(".tmp"));
  if (leftovers.length > 0) throw new Error(`left behind: ${leftovers.join(", ")}`);
  say(`${names.size} files are the same, byte by byte`);
  ok = true;
} finally {
  execFileSync("bash", [slurm, "stop", cluster], { stdio: "inherit" });
  if (ok && !values.keep) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  else console.log(`kept: ${folder}`);
}
