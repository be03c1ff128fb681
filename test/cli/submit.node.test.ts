import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { shellWord } from "../../src/cli/slurm-script.js";
import { IDENTITY_GEOMETRY } from "../../src/core/volume.js";
import { formatNifti } from "../../src/io/nifti-writer.js";
import models from "../golden/networks/models.json";
import { decode } from "../golden.js";
import { complete } from "../inference/example-model.js";
import { writeTask } from "../recipes/v1/stages/tiny-folder.js";
import { CT_TASK } from "../recipes/v1/stages/tiny-task.js";
import { datasetJson } from "../recipes/v2/stages/tiny-dataset.js";
import { runCli } from "./run-cli.js";

vi.setConfig({ testTimeout: 60_000 });

let root: string;
const at = (...parts: string[]) => join(root, ...parts);
beforeAll(async () => {
  // A blank and a quote, as folders of people have them.
  root = mkdtempSync(join(tmpdir(), "nnprep it's "));
  const folder = await writeTask(at("raw"), { ...CT_TASK, name: "Dataset007_Tiny" });
  writeFileSync(join(folder, "dataset.json"), datasetJson());
  // Notes what it is called with and given, and answers with a number, as sbatch does.
  mkdirSync(at("bin"));
  const script = `#!/usr/bin/env bash
cd "$(dirname "$0")"
n=$(ls | grep -c '^call')
printf '%s\\n' "$@" > "call$n"
cat > "job$n.sh"
echo $((100 + n))
`;
  writeFileSync(at("bin", "sbatch"), script);
  chmodSync(at("bin", "sbatch"), 0o755);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const call = (...more: string[]) =>
  runCli(
    ["submit", "slurm", "-d", "7", "--raw", at("raw"), "--preprocessed", at("prep"), "--logs", at("logs"), ...more],
    { PATH: `${at("bin")}${delimiter}${process.env.PATH}` },
  );
const read = (name: string) => readFileSync(at("bin", name), "utf8");

test("words of a shell", () => {
  expect(["-d", "a/b_1.x", "a b", "it's", "$(x)", ""].map(shellWord)).toEqual([
    "-d",
    "a/b_1.x",
    "'a b'",
    "'it'\\''s'",
    "'$(x)'",
    "''",
  ]);
});

test("prints a script that bash takes, with the memory of the largest case", async () => {
  const { code, stdout, stderr } = await call("-num_parts", "2", "--workers", "3", "-c", "3d_fullres");
  expect([code, stderr]).toEqual([0, ""]);
  execFileSync("bash", ["-n"], { input: stdout });
  expect(stdout).toContain("Dataset007_Tiny in 2 parts on Slurm");
  const [, largest, mebibytes] = /largest, (ct_\d), needs about (\d+) MiB/.exec(stdout) as RegExpExecArray;
  expect(largest).toMatch(/^ct_/);
  const [fingerprint, plan, memory, status] = [...stdout.matchAll(/--mem=(\d+)M/g)].map(([, found]) => Number(found));
  expect([plan, status]).toEqual([fingerprint, 256]);
  // Reading takes less than resampling, and three cases at the same time more than one.
  expect(fingerprint).toBeGreaterThan(3 * 64 + 256);
  expect(fingerprint).toBeLessThanOrEqual(memory);
  expect(memory).toBeGreaterThanOrEqual(3 * 1.2 * (Number(mebibytes) - 1) + 256);
  expect(memory).toBeLessThan(3 * 1.2 * (Number(mebibytes) + 1) + 256 + 64);
  expect(stdout).toContain("--cpus-per-task=3");
  const given = await call("--mem", "2G");
  expect(given.stdout).toContain("--mem=2048M");
  // Three cases are one part.
  expect(given.stdout).toContain("--array=0-0");
});

test("--run submits arrays that wait for each other; what they run prepares the dataset", async () => {
  const { code, stdout, stderr } = await call("--num-parts", "2", "--run", "--sbatch=--partition=long", "-c", "2d");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("submitted: fingerprint 100, plan 101, preprocess 102, status 103");
  const dependencies = [0, 1, 2, 3].map((n) => /--dependency=(.*)/.exec(read(`call${n}`))?.[1]);
  expect(dependencies).toEqual([undefined, "afterok:100", "afterok:101", "afterany:102"]);
  const isArray = [0, 1, 2, 3].map((n) => read(`call${n}`).includes("--array=0-1\n"));
  expect(isArray).toEqual([true, false, true, false]);
  expect([0, 1, 2, 3].every((n) => read(`call${n}`).includes("--partition=long\n"))).toBe(true);
  const runJob = (n: number, task?: string) =>
    execFileSync("bash", [at("bin", `job${n}.sh`)], {
      env: { ...process.env, ...(task === undefined ? {} : { SLURM_ARRAY_TASK_ID: task }) },
      encoding: "utf8",
    });
  for (const task of ["1", "0"]) runJob(0, task);
  runJob(1);
  for (const task of ["1", "0"]) runJob(2, task);
  expect(runJob(3)).toContain("All is done");
});

test("a job that ends with 75 is started again, twice at most; other codes end it", async () => {
  writeFileSync(at("bin", "scontrol"), '#!/usr/bin/env bash\necho "$@" >> "$(dirname "$0")/requeued"\nexit 1\n');
  chmodSync(at("bin", "scontrol"), 0o755);
  const codes: number[] = [];
  for (const [exit, restarts] of [
    [75, "0"],
    [75, "1"],
    [75, "2"],
    [1, "0"],
  ] as const) {
    writeFileSync(at("bin", "fails"), `#!/usr/bin/env bash\nexit ${exit}\n`);
    chmodSync(at("bin", "fails"), 0o755);
    const { stdout } = await call("--program", "fails");
    const job = /<< 'JOB'\n([\s\S]*?)\nJOB\n/.exec(stdout)?.[1] as string;
    const environment = { PATH: `${at("bin")}:${process.env.PATH}`, SLURM_JOB_ID: "9", SLURM_RESTART_COUNT: restarts };
    try {
      execFileSync("bash", ["-c", job], { env: environment });
    } catch (error) {
      codes.push((error as { status: number }).status);
    }
  }
  expect(codes).toEqual([75, 75, 75, 1]);
  expect(read("requeued")).toBe("requeue 9\nrequeue 9\n");
});

test("a prediction is one array, with the memory of its largest case; what it runs predicts the folder", async () => {
  for (const [path, bytes] of Object.entries(complete())) {
    mkdirSync(join(at("model", path.replace("m/", "")), ".."), { recursive: true });
    writeFileSync(
      at("model", path.replace("m/", "")),
      path.endsWith(".onnx") ? decode<Uint8Array>(models["three axes"]) : bytes,
    );
  }
  mkdirSync(at("in"));
  for (const [identifier, depth] of [
    ["a", 5],
    ["b", 40],
  ] as const) {
    const shape = [depth, 40, 40] as const;
    const data = Int16Array.from({ length: depth * 1600 }, (_, i) => (i % 3) - 1);
    const geometry = { ...IDENTITY_GEOMETRY, spacingMm: [2, 1, 1] as const };
    const bytes = await formatNifti({ data, shape, geometry }, { gzip: true });
    for (const channel of [0, 1]) writeFileSync(at("in", `${identifier}_000${channel}.nii.gz`), bytes);
  }
  const predict = (...more: string[]) =>
    runCli(["submit", "slurm", "-i", at("in"), "-o", at("labels"), "-m", at("model"), "--logs", at("logs"), ...more]);
  const printed = await predict("--num-parts", "2", "--json", "--", "-f", "0", "--disable-tta");
  expect([printed.code, printed.stderr]).toEqual([0, ""]);
  const { script, memoryMib, parts } = JSON.parse(printed.stdout);
  execFileSync("bash", ["-n"], { input: script });
  expect(parts).toBe(2);
  expect(script).toContain("2 cases; the largest, b, needs about");
  expect(script).toContain(`--mem=${memoryMib}M --job-name=predict-labels`);
  expect(memoryMib).toBeGreaterThan(64 + 256);
  const job = /<< 'JOB'\n([\s\S]*?)\nJOB\n/.exec(script)?.[1] as string;
  expect(job).toMatch(/ -f 0 --disable-tta$/);
  for (const task of ["1", "0"]) {
    execFileSync("bash", ["-c", job], { env: { ...process.env, SLURM_ARRAY_TASK_ID: task } });
  }
  expect(readdirSync(at("labels")).filter((name) => name.endsWith(".nii.gz"))).toEqual(["a.nii.gz", "b.nii.gz"]);
  const incomplete = await runCli(["submit", "slurm", "-i", at("in")]);
  expect([incomplete.code, incomplete.stderr]).toEqual([2, expect.stringContaining("needs all of -i INPUT")]);
  const nothing = await runCli(["submit", "slurm"]);
  expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining("what is to be submitted?")]);
});

test("a task of nnU-Net v1: cropping in parts, plans, preprocessing in parts, status", async () => {
  await writeTask(at("tasks"), CT_TASK);
  const number = String(Number(CT_TASK.name.slice(4, 7)));
  const places = ["--raw", at("tasks"), "--preprocessed", at("prep-v1"), "--logs", at("logs")];
  const printed = await runCli(["submit", "slurm", "-t", number, ...places, "-num_parts", "2", "--json"]);
  expect([printed.code, printed.stderr]).toEqual([0, ""]);
  const { script, memoryMib, task } = JSON.parse(printed.stdout);
  expect(task).toBe(CT_TASK.name);
  execFileSync("bash", ["-n"], { input: script });
  const memory = [...script.matchAll(/--mem=(\d+)M/g)].map(([, found]: string[]) => Number(found));
  expect(memory).toEqual([memoryMib.crop, memoryMib.crop, memoryMib.preprocess, 256]);
  expect(memoryMib.crop).toBeGreaterThan(64 + 256);
  const jobs = [...script.matchAll(/<< 'JOB'\n([\s\S]*?)\nJOB\n/g)].map(([, job]: string[]) => job);
  const runJob = (n: number, id?: string) =>
    execFileSync("bash", ["-c", jobs[n]], {
      env: { ...process.env, ...(id === undefined ? {} : { SLURM_ARRAY_TASK_ID: id }) },
      encoding: "utf8",
    });
  for (const id of ["1", "0"]) runJob(0, id);
  runJob(1);
  for (const id of ["1", "0"]) runJob(2, id);
  expect(runJob(3)).toContain("All is done");
  const wrong = await runCli(["submit", "slurm", "-t", number, "-d", "7"]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("what is to be submitted?")]);
});

test("what cannot be submitted is told", async () => {
  writeFileSync(at("bin", "sbatch"), "#!/usr/bin/env bash\necho 'sbatch: error: invalid partition' >&2\nexit 1\n");
  const refused = await call("--run");
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/could not be submitted: .*invalid partition/),
  ]);
  expect((await runCli(["submit", "pbs", "-d", "7"])).code).toBe(2);
});
