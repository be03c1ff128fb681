// npm run test:cluster [-- --cases 40 --parts 7 --keep]
//
// A dataset of nnU-Net v2 through the jobs that `nnprep submit slurm` prints, on a real Slurm with several nodes on this
// host. A worker is killed, whose task has to start again by itself, and a whole task, after which the script runs again;
// in the end every byte of data folders and documents has to be that of one run on one machine.
// Needs root and Debian's packages slurmctld, slurmd, slurm-client and munge; ends with 77 where Slurm cannot be started.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
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
/** Exit code of a test that cannot run here, as for automake. */
const SKIPPED = 77;
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

/** Submits the chain by the script that is printed. @returns numbers of the jobs by stage */
function submit() {
  const [file, ...words] = commandOf("submit", at("shared"), "--num-parts", String(PARTS), "--logs", at("logs"));
  const script = execFileSync(file, [words[0], words[1], "slurm", ...words.slice(2)], { encoding: "utf8" });
  writeFileSync(at("prepare.sh"), script);
  execFileSync("bash", ["-n", at("prepare.sh")]);
  const said = slurmCommand("bash", at("prepare.sh"));
  return Object.fromEntries([...said.matchAll(/(fingerprint|plan|preprocess|status) (\d+)/g)].map((m) => m.slice(1)));
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What Slurm knows of the tasks of a job: state and restarts, by number of the task; a single job is task 0. */
function tasksOf(job) {
  const lines = slurmCommand("scontrol", "show", "job", job, "--oneliner").split("\n");
  return new Map(
    lines.map((line) => [
      Number(/ArrayTaskId=(\d+)/.exec(line)?.[1] ?? 0),
      { state: /JobState=(\w+)/.exec(line)[1], restarts: Number(/Restarts=(\d+)/.exec(line)[1]) },
    ]),
  );
}

/** Waits until nothing of a job is left. */
async function finished(job) {
  for (let i = 0; i < 600; i++) {
    if (slurmCommand("squeue", "-h", "-j", job, "-o", "%i") === "") break;
    await sleep(500);
  }
  return tasksOf(job);
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

/** Waits until a task has prepared a case, and has others left. */
async function begun(task) {
  const own = casesOfPart(task);
  for (let i = 0; i < 6000; i++) {
    const names = readdirOrNone(at("shared", NAME, "nnUNetPlans_2d"));
    if (own.some((id) => names.includes(`${id}.pkl`))) return;
    await sleep(20);
  }
  throw new Error(`task ${task} has not begun; see ${folder}`);
}

/** Process ids of a task of preprocess whose command line names a file. */
function processesOf(task, file) {
  const text = (pid, name) => readFileSync(`/proc/${pid}/${name}`, "utf8");
  return readdirSync("/proc").filter((pid) => {
    try {
      const isIt = /^\d+$/.test(pid) && text(pid, "cmdline").includes(file);
      return isIt && text(pid, "environ").includes(`SLURM_ARRAY_TASK_ID=${task}\0`);
    } catch {
      return false; // ended meanwhile
    }
  });
}

const [WORKER_LOST, TASK_LOST] = [5, 3];

/** The chain, with a worker of one task and the whole of another killed. */
async function prepareWithLosses() {
  const jobs = submit();
  for (const stage of ["fingerprint", "plan"]) {
    const failed = [...(await finished(jobs[stage]))].filter(([, { state }]) => state !== "COMPLETED");
    if (failed.length > 0) throw new Error(`${stage} failed: see ${folder}`);
    say(`${stage} done`);
  }
  const losses = [
    begun(WORKER_LOST).then(async () => {
      // One that is killed between two cases is replaced unnoticed.
      for (let i = 0; i < 4; i++) {
        for (const pid of processesOf(WORKER_LOST, "worker.js")) process.kill(Number(pid), "SIGKILL");
        await sleep(150);
      }
    }),
    begun(TASK_LOST).then(() => {
      // Slurm takes its time, in which a small task would be done.
      for (const pid of processesOf(TASK_LOST, "main.js")) process.kill(Number(pid), "SIGSTOP");
      slurmCommand("scancel", "--signal=KILL", "--full", `${jobs.preprocess}_${TASK_LOST}`);
    }),
  ];
  await Promise.all(losses);
  const tasks = await finished(jobs.preprocess);
  for (const [task, { state, restarts }] of tasks) {
    if (task === TASK_LOST ? state === "COMPLETED" : state !== "COMPLETED") {
      throw new Error(`preprocess: task ${task} is ${state}; see ${folder}`);
    }
    if (restarts > 0 !== (task === WORKER_LOST)) throw new Error(`task ${task} started again ${restarts} times`);
  }
  say(`preprocess: task ${WORKER_LOST} lost a worker and started again by itself, task ${TASK_LOST} was killed`);
  await finished(jobs.status);
  const log = readFileSync(at("logs", `status-${NAME}-${jobs.status}.txt`), "utf8");
  const made = readdirOrNone(at("shared", NAME, "nnUNetPlans_3d_fullres"));
  const left = casesOfPart(TASK_LOST).filter((id) => !made.includes(`${id}.pkl`));
  if (left.length === 0) throw new Error(`task ${TASK_LOST} was done before it was killed`);
  if (!left.every((id) => log.includes(id))) throw new Error(`status does not name what is missing:\n${log}`);
  say(`status names the ${left.length} cases that are missing`);
}

/** The same script again does what is left. */
async function prepareAgain() {
  const jobs = submit();
  const { state } = (await finished(jobs.status)).get(0);
  const log = readFileSync(at("logs", `status-${NAME}-${jobs.status}.txt`), "utf8");
  if (state !== "COMPLETED" || !log.includes("All is done")) throw new Error(`status: ${state}\n${log}`);
  say("the script again: all is done");
}

/** Identifiers of the cases of a part. */
function casesOfPart(part) {
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

/** Starts the cluster. @returns why that cannot be done here, if so */
function startSlurm() {
  const isThere = (name) => spawnSync("bash", ["-c", `PATH=$PATH:/usr/sbin; command -v ${name}`]).status === 0;
  const missing = ["slurmctld", "slurmd", "sbatch", "munged"].filter((name) => !isThere(name));
  if (missing.length > 0) return `${missing.join(", ")} not found; install slurmctld, slurmd, slurm-client and munge`;
  if (process.getuid() !== 0) return "it needs root";
  const { status } = spawnSync("bash", [slurm, "start", cluster, String(NODES)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return status === 0 ? undefined : "Slurm does not start here";
}

async function compareWithOneMachine() {
  say(`Slurm with ${NODES} nodes: ${slurmCommand("sinfo", "--version")}`);
  await init();
  await writeDataset();
  for (const command of ["extract-fingerprint", "plan", "preprocess"]) runHere(command, at("alone"));
  say(`${CASES} cases on one machine`);
  await prepareWithLosses();
  await prepareAgain();
  const [expected, found] = [hashes(at("alone", NAME)), hashes(at("shared", NAME))];
  const names = new Set([...expected.keys(), ...found.keys()]);
  const different = [...names].filter((name) => expected.get(name) !== found.get(name));
  if (different.length > 0)
    throw new Error(`${different.length} of ${names.size} files differ: ${different.join(", ")}`);
  const leftovers = filesBelow(at("shared")).filter((name) => name.endsWith(".tmp"));
  if (leftovers.length > 0) throw new Error(`left behind: ${leftovers.join(", ")}`);
  say(`${names.size} files are the same, byte by byte`);
}

let ok = false;
try {
  const reason = startSlurm();
  if (reason === undefined) await compareWithOneMachine();
  else {
    console.log(`skipped: ${reason}`);
    process.exitCode = SKIPPED;
  }
  ok = true;
} finally {
  if (existsSync(cluster)) execFileSync("bash", [slurm, "stop", cluster], { stdio: "inherit" });
  if (ok && !values.keep) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  else console.log(`kept: ${folder}`);
}
