// npm run conformance [-- SCANS [--python PYTHON] [--python2 PYTHON] [--folder FOLDER] [--task PART]]
//
// Builds raw tasks out of real scans, lets nnU-Net 1.7.1 and nnprep prepare them, and compares every file they write; the
// same with datasets of v2 and nnU-Net 2.8.1 (alone: --v2). v1 runs beside batchgenerators 0.25.1, v2 beside 0.25.5: their
// rules for labels differ.
// A second table compares what is read and written with SimpleITK and nibabel (alone: --formats).
// A third takes the scans' labels to the network's grid and back with both (alone: --round-trips; of v2 alone: and --v2).
// SCANS is a folder with the real cases (default ../shared/cases; they are no part of this repository). Needs Python
// 3.11 or newer: without --python and --python2 virtual environments with test/oracle/requirements.txt and
// v2_requirements.txt are made once, in .cache/oracle and .cache/oracle2.
// The reference's results are kept in FOLDER (default .cache/conformance); delete it to run the reference again.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: "string" },
    folder: { type: "string" },
    python2: { type: "string" },
    v2: { type: "boolean" },
    "round-trips": { type: "boolean" },
    formats: { type: "boolean" },
    task: { type: "string", multiple: true },
  },
});
const scans = resolve(positionals[0] ?? "../shared/cases");
const folder = resolve(options.folder ?? ".cache/conformance");
const oracle = "test/oracle";

function run(command, args, env = {}, stdio = "inherit") {
  const { status, error } = spawnSync(command, args, { stdio, env: { ...process.env, ...env } });
  if (error !== undefined || status !== 0) {
    console.error(`${command} ${args.join(" ")} failed${error ? `: ${error.message}` : ` with exit code ${status}`}`);
    process.exit(1);
  }
}

function pythonWithReference(given, name, requirements) {
  if (given !== undefined) return given;
  const home = resolve(".cache", name);
  const python = join(home, "bin", "python");
  if (!existsSync(python)) {
    console.log(`making a Python environment with ${requirements} in ${home} (about 5 GB, minutes)`);
    run("python3", ["-m", "venv", home]);
    run(python, ["-m", "pip", "install", "--quiet", "--no-deps", "-r", join(oracle, requirements)]);
    run(python, ["-m", "pip", "install", "--quiet", "torch==2.15.0"]);
  }
  return python;
}

/** Datasets of v2: verified, measured, planned and preprocessed by both; once more with plans that normalise nothing. */
function secondGeneration() {
  const python = pythonWithReference(options.python2, "oracle2", "v2_requirements.txt");
  const script = join(oracle, "v2_conformance.py");
  const place = join(folder, "v2");
  mkdirSync(place, { recursive: true });
  if (!existsSync(join(place, "raw"))) run(python, [script, "build", scans, place]);
  const wanted = (name) => options.task === undefined || options.task.some((part) => name.includes(part));
  const names = readdirSync(join(place, "raw")).filter(wanted);
  const chosen = names.flatMap((name) => ["--task", name]);
  const missing = names.filter((name) => !existsSync(join(place, "reference/preprocessed", name, "gt_segmentations")));
  if (missing.length > 0) run(python, [script, "reference", place, ...missing.flatMap((name) => ["--task", name])]);
  const preprocessed = join(place, "ours/preprocessed");
  rmSync(join(place, "ours"), { recursive: true, force: true });
  const env = { nnUNet_raw: join(place, "raw"), nnUNet_preprocessed: preprocessed, nnUNet_results: place };
  const numbers = names.map((name) => name.slice(7, 10));
  const call = (command, ...rest) =>
    run(process.execPath, ["dist/cli/main.js", command, "-d", ...numbers, ...rest], env, "ignore");
  call("plan-and-preprocess", "--verify_dataset_integrity");
  run(python, [script, "bare", preprocessed]);
  call("preprocess", "-plans_name", "Bare");
  run(python, [script, "compare", place, ...chosen]);
}

function roundTrips() {
  const place = join(folder, "round-trips");
  const script = join(oracle, "round_trip.py");
  rmSync(place, { recursive: true, force: true });
  run(python, [script, "prepare", scans, place]);
  run(process.execPath, [join(oracle, "round-trip.mjs"), place]);
  const call = ["dist/cli/main.js", "export", "-i", join(place, "probabilities"), "-o"];
  run(process.execPath, [...call, join(place, "exported")], {}, "ignore");
  run(process.execPath, [...call, join(place, "exported-as-reference"), "--nnunet-target-axis"], {}, "ignore");
  run(python, [script, "compare", place]);
}

/** The same by v2: labels to the network's grid by nnU-Net, logits made of them back by both. */
function newerRoundTrips() {
  const python = pythonWithReference(options.python2, "oracle2", "v2_requirements.txt");
  const place = join(folder, "v2-round-trips");
  const script = join(oracle, "v2_round_trip.py");
  if (!existsSync(join(place, "round-trips.json"))) run(python, [script, "prepare", scans, place]);
  rmSync(join(place, "exported"), { recursive: true, force: true });
  for (const { name, save } of JSON.parse(readFileSync(join(place, "round-trips.json"), "utf8"))) {
    const call = ["export", "-i", join(place, "logits", name), "-o", join(place, "exported", name), "-c", "3d_fullres"];
    const saving = save ? ["--save_probabilities"] : [];
    run(process.execPath, ["dist/cli/main.js", ...call, ...saving], {}, "ignore");
  }
  run(python, [script, "compare", place]);
}

if (!existsSync(scans)) {
  console.error(`no folder ${scans}: conformance needs real scans, give their folder as the first argument`);
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
if (options.v2) {
  if (options["round-trips"]) newerRoundTrips();
  else secondGeneration();
  process.exit();
}
const python = pythonWithReference(options.python, "oracle", "requirements.txt");
const conformance = join(oracle, "conformance.py");
if (options.formats) {
  run(process.execPath, [join(oracle, "formats.mjs"), scans, python, folder]);
  run(process.execPath, [join(oracle, "dicom-conformance.mjs"), scans, "--python", python]);
  process.exit();
}
if (options["round-trips"]) {
  roundTrips();
  newerRoundTrips();
  process.exit();
}
if (!existsSync(join(folder, "raw"))) run(python, [conformance, "build", scans, folder]);
const wanted = (task) => options.task === undefined || options.task.some((part) => task.includes(part));
const tasks = readdirSync(join(folder, "raw", "nnUNet_raw_data")).filter(wanted);
const missing = tasks.filter(
  (task) => !existsSync(join(folder, "reference", "preprocessed_without_normalization", task)),
);
if (missing.length > 0) run(python, [conformance, "reference", folder, ...missing.flatMap((task) => ["--task", task])]);

const ours = join(folder, "ours");
rmSync(ours, { recursive: true, force: true });
run(python, [conformance, "link-raw", ours, folder]);
const cli = "dist/cli/main.js";
const numbers = tasks.flatMap((task) => ["-t", task.slice(4, 7)]);
const bare = join(ours, "preprocessed_without_normalization");
const env = { nnUNet_raw_data_base: ours, nnUNet_preprocessed: join(ours, "preprocessed") };
run(process.execPath, [cli, "plan-and-preprocess", ...numbers, "--verify-dataset-integrity"], env, "ignore");
run(python, [conformance, "without-normalization", env.nnUNet_preprocessed, bare]);
run(process.execPath, [cli, "preprocess", ...numbers], { ...env, nnUNet_preprocessed: bare }, "ignore");
run(python, [
  join(oracle, "compare.py"),
  join(folder, "reference"),
  ours,
  ...tasks.flatMap((task) => ["--task", task]),
]);
run(process.execPath, [join(oracle, "formats.mjs"), scans, python, folder]);
run(process.execPath, [join(oracle, "dicom-conformance.mjs"), scans, "--python", python]);
roundTrips();
newerRoundTrips();
secondGeneration();
