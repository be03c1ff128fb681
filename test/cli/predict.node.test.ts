import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { zipSync } from "fflate";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { NdArray } from "../../src/core/python.js";
import { IDENTITY_GEOMETRY, type Shape3 } from "../../src/core/volume.js";
import { parseNifti } from "../../src/io/nifti.js";
import { formatNifti } from "../../src/io/nifti-writer.js";
import { writeNpz } from "../../src/io/npz.js";
import { formatPostprocessing } from "../../src/recipes/v2/documents/postprocessing.js";
import models from "../golden/networks/models.json";
import { decode } from "../golden.js";
import { complete } from "../inference/example-model.js";
import { S3Server } from "../runner/s3-server.js";
import { hashFolder, runCli, startCli } from "./run-cli.js";

// Every run starts a process.
vi.setConfig({ testTimeout: 60_000 });

let root: string;
const at = (...parts: string[]) => join(root, ...parts);

/** The network gives 1, 2 and 3 times channel 0: label 2 where it is positive, else 0. */
function modelFiles(network: keyof typeof models): Record<string, Uint8Array> {
  const onnx = decode<Uint8Array>(models[network]);
  const entries = Object.entries(complete()).map(([path, bytes]) => [path, path.endsWith(".onnx") ? onnx : bytes]);
  return Object.fromEntries(entries);
}

function writeModel(folder: string, network: keyof typeof models = "three axes"): void {
  for (const [path, bytes] of Object.entries(modelFiles(network))) {
    const file = at(folder, path.replace("m/", ""));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}

const SHAPE: Shape3 = [5, 7, 9];
const GEOMETRY = { ...IDENTITY_GEOMETRY, spacingMm: [2, 1, 1] as const };

async function writeCase(identifier: string, channels = 2): Promise<void> {
  mkdirSync(at("in"), { recursive: true });
  for (let c = 0; c < channels; c++) {
    const data = Int16Array.from({ length: 315 }, (_, i) => (c === 0 ? (i % 3) - 1 : 1));
    const bytes = await formatNifti({ data, shape: SHAPE, geometry: GEOMETRY }, { gzip: true });
    writeFileSync(at("in", `${identifier}_000${c}.nii.gz`), bytes);
  }
}

const EXPECTED = Array.from({ length: 315 }, (_, i) => (i % 3 === 2 ? 2 : 0));
const labelsOf = async (file: string) => [...(await parseNifti(readFileSync(file))).data];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "nnprep-predict-"));
  writeModel("model");
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test("a folder of cases, with nnU-Net's spellings", async () => {
  await writeCase("a");
  await writeCase("b");
  const { code, stdout } = await runCli(
    `predict -i ${at("in")} -o ${at("out")} -m ${at("model")} -f 0 1 -step_size 0.7 --disable_tta --save_probabilities --disable_progress_bar -chk checkpoint_final.pth`.split(
      " ",
    ),
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/a +0 2/);
  expect(readdirSync(at("out"))).toEqual([
    "a.nii.gz",
    "a.npz",
    "a.pkl",
    "b.nii.gz",
    "b.npz",
    "b.pkl",
    "dataset.json",
    "plans.json",
    "predict_from_raw_data_args.json",
  ]);
  expect(await labelsOf(at("out", "b.nii.gz"))).toEqual(EXPECTED);
  const noted = JSON.parse(readFileSync(at("out", "predict_from_raw_data_args.json"), "utf8"));
  expect(noted).toMatchObject({ save_probabilities: true, overwrite: true, num_parts: 1, part_id: 0 });
});

test("parts, going on, and a case that fails", async () => {
  for (const identifier of ["a", "b", "c"]) await writeCase(identifier, identifier === "b" ? 1 : 2);
  const predict = (...more: string[]) =>
    runCli(["predict", "-i", at("in"), "-o", at("out"), "-m", at("model"), "--json", ...more]);
  const first = await predict("-num_parts", "3", "-part_id", "2");
  expect(first.code).toBe(0);
  expect(JSON.parse(first.stdout).cases).toMatchObject([{ identifier: "c", state: "done", labels: [0, 2] }]);
  const all = await predict("--continue_prediction");
  expect(all.code).toBe(1);
  expect(JSON.parse(all.stdout).cases).toMatchObject([
    { identifier: "a", state: "done" },
    { identifier: "b", state: "failed", error: { code: "SHAPE_MISMATCH" } },
    { identifier: "c", state: "skipped" },
  ]);
  expect(readdirSync(at("out")).filter((name) => name.endsWith(".nii.gz"))).toEqual(["a.nii.gz", "c.nii.gz"]);
});

test("a model by its dataset in nnUNet_results", async () => {
  await writeCase("a");
  writeModel("results/Dataset004_Test/nnUNetTrainer__nnUNetPlans__3d_fullres");
  const line = ["predict", "-i", at("in"), "-o", at("out"), "-d", "4", "-c", "3d_fullres", "-tr", "nnUNetTrainer"];
  const { code } = await runCli(line, { nnUNet_results: at("results") });
  expect(code).toBe(0);
  expect(await labelsOf(at("out", "a.nii.gz"))).toEqual(EXPECTED);
  const without = await runCli(line, { nnUNet_results: "" });
  expect(without.code).toBe(2);
  expect(without.stderr).toMatch(/set nnUNet_results/);
});

test.each([
  ["no model", ["-m", "nowhere"], 1, /nowhere: no such file/],
  ["no choice of a model", [], 2, /which model\?/],
  ["a fold that is not there", ["-m", "model", "-f", "3"], 1, /fold_3\/model.onnx missing/],
  ["a part that is not there", ["-m", "model", "-num_parts", "2", "-part_id", "2"], 2, /numbered from 0 to 1/],
  ["a step above 1", ["-m", "model", "-step_size", "1.5"], 2, /at most 1/],
])("%s is told, and nothing is written", async (_, options, code, message) => {
  await writeCase("a");
  const given = options.map((word) => (word === "model" || word === "nowhere" ? at(word) : word));
  const result = await runCli(["predict", "-i", at("in"), "-o", at("out"), ...given]);
  expect(result.stderr).toMatch(message);
  expect(result.code).toBe(code);
  expect(readdirSync(root)).not.toContain("out");
});

test("post-processing of the model folder is applied when it is asked for", async () => {
  await writeCase("a");
  const line = ["predict", "-i", at("in"), "-o", at("out"), "-m", at("model"), "--postprocess"];
  const without = await runCli(line);
  expect(without.stderr).toMatch(/no postprocessing.pkl/);
  const data = Int16Array.from({ length: 315 }, (_, i) => (i < 9 || i === 300 ? 1 : -1));
  const bytes = await formatNifti({ data, shape: SHAPE, geometry: GEOMETRY }, { gzip: true });
  writeFileSync(at("in", "a_0000.nii.gz"), bytes);
  writeFileSync(at("model", "postprocessing.pkl"), formatPostprocessing([{ together: [1, 2] }]));
  expect((await runCli(line)).code).toBe(0);
  // The first row is larger than the voxel at the other end.
  const expected = Array.from({ length: 315 }, (_, i) => (i < 9 ? 2 : 0));
  expect(await labelsOf(at("out", "a.nii.gz"))).toEqual(expected);
});

test("images of another format are told", async () => {
  mkdirSync(at("in"));
  writeFileSync(at("in", "a_0000.nrrd"), "x");
  const { code, stderr } = await runCli(["predict", "-i", at("in"), "-o", at("out"), "-m", at("model")]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/files that end in .nrrd found; images that end in .nii.gz/);
});

test("an output that is the scans' folder, or a file, is refused before anything is written", async () => {
  await writeCase("a");
  symlinkSync(at("in"), at("link"));
  writeFileSync(at("file"), "");
  for (const output of [at("in"), at("link")]) {
    const { code, stderr } = await runCli(["predict", "-i", at("in"), "-o", output, "-m", at("model")]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${output} holds the scans; give another --output folder`);
  }
  const { code, stderr } = await runCli(["predict", "-i", at("in"), "-o", at("file"), "-m", at("model")]);
  expect(code).toBe(1);
  expect(stderr).toContain("cannot be written (a file stands where its folder is expected)");
  expect(readdirSync(at("in"))).toEqual(["a_0000.nii.gz", "a_0001.nii.gz"]);
});

test("an operator that the runtime lacks is named, with the backend that may have it", async () => {
  await writeCase("a");
  writeModel("model", "unknown operator");
  const { code, stderr } = await runCli(["predict", "-i", at("in"), "-o", at("out"), "-m", at("model")]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/fold_0.model.onnx: the runtime lacks the model's operator Frobnicate.*onnxruntime-web/);
  expect(readdirSync(root)).not.toContain("out");
});

test("a patch that is larger than the memory is told for each case, with the numbers", async () => {
  await writeCase("a");
  await writeCase("b");
  const line = ["predict", "-i", at("in"), "-o", at("out"), "-m", at("model"), "--json", "--memory-limit", "1K"];
  const large = await runCli(line);
  expect(large.code).not.toBe(0);
  const error = { code: "OUT_OF_MEMORY" };
  expect(JSON.parse(large.stdout).cases).toMatchObject([
    { identifier: "a", state: "failed", error },
    { identifier: "b", state: "failed", error },
  ]);
  expect(large.stdout).toMatch(/sums over windows of 4 x 6 x 8 voxels/);
  expect(readdirSync(at("out")).filter((name) => name.endsWith(".nii.gz"))).toEqual([]);
});

test("Ctrl-C in the middle leaves nothing half written, and the run goes on later", async () => {
  await writeCase("a");
  const shape: Shape3 = [60, 60, 60];
  const data = new Int16Array(60 ** 3).fill(1);
  const bytes = await formatNifti({ data, shape, geometry: GEOMETRY }, { gzip: true });
  for (const c of [0, 1]) writeFileSync(at("in", `b_000${c}.nii.gz`), bytes);
  const line = ["predict", "-i", at("in"), "-o", at("out"), "-m", at("model"), "--json", "--continue_prediction"];
  const { child, done } = startCli(line);
  // The first case is done: the second one, of thousands of windows, is under way.
  await vi.waitUntil(() => existsSync(at("out", "a.nii.gz")), { timeout: 30_000, interval: 20 });
  child.kill("SIGINT");
  expect((await done).code).toBe(130);
  expect(readdirSync(at("out")).sort()).toEqual([
    "a.nii.gz",
    "dataset.json",
    "plans.json",
    "predict_from_raw_data_args.json",
  ]);
  for (const c of [0, 1]) rmSync(at("in", `b_000${c}.nii.gz`));
  await writeCase("b");
  const again = await runCli(line);
  expect(JSON.parse(again.stdout).cases).toMatchObject([
    { identifier: "a", state: "skipped" },
    { identifier: "b", state: "done" },
  ]);
});

test("a model in a zip archive", async () => {
  await writeCase("a");
  writeFileSync(at("model.zip"), zipSync(modelFiles("three axes")));
  const { code } = await runCli(["predict", "-i", at("in"), "-o", at("out"), "-m", at("model.zip")]);
  expect(code).toBe(0);
  expect(await labelsOf(at("out", "a.nii.gz"))).toEqual(EXPECTED);
});

describe("in a bucket", () => {
  const server = new S3Server();
  let environment: Readonly<Record<string, string>>;
  const run = (...parameters: string[]) => runCli([...parameters, "--no-progress"], environment);
  const inBucket = (...parameters: string[]) => parameters.map((text) => text.replaceAll(root, "s3://b"));

  /** SHA-256 of what is below a prefix, by relative path, as `hashFolder`. */
  function hashPrefix(prefix: string): Record<string, string> {
    const found = [...server.objects].filter(([key]) => key.startsWith(`${prefix}/`)).sort();
    const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
    return Object.fromEntries(found.map(([key, bytes]) => [key.slice(prefix.length + 1), hash(bytes)]));
  }

  /** Logits of the case that `one` has, there and in the bucket. */
  async function writeLogits(): Promise<void> {
    const logits = Float32Array.from({ length: 3 * 315 }, (_, i) => ((i * 7) % 11) - 5);
    const npz = await writeNpz({ logits: new NdArray(logits, [3, ...SHAPE]) }, { compression: "fast" });
    mkdirSync(at("logits"));
    writeFileSync(at("logits", "a.npz"), npz);
    for (const name of ["a.pkl", "plans.json", "dataset.json"]) copyFileSync(at("one", name), at("logits", name));
    for (const name of readdirSync(at("logits"))) {
      server.objects.set(`logits/${name}`, readFileSync(at("logits", name)));
    }
  }

  beforeAll(async () => {
    environment = await server.start();
  });
  beforeEach(async () => {
    server.clear();
    for (const identifier of ["a", "b"]) await writeCase(identifier);
    for (const folder of ["in", "model"]) {
      for (const name of Object.keys(hashFolder(at(folder)))) {
        server.objects.set(`${folder}/${name}`, readFileSync(at(folder, name)));
      }
    }
  });
  afterAll(() => server.close());

  test("images, model and results, and what follows from them, are those of folders", async () => {
    const commands = [
      ["predict", "-i", at("in"), "-m", at("model"), "-o", at("one"), "--save-probabilities"],
      ["predict", "-i", at("in"), "-m", at("model"), "-o", at("two"), "--save-probabilities", "--disable-tta"],
      ["ensemble", "-i", at("one"), at("two"), "-o", at("both")],
      ["export", "-i", at("logits"), "-o", at("exported"), "-c", "3d_fullres"],
      ["apply-postprocessing", "-i", at("one"), "-o", at("cleaned"), "-c", "2"],
      ["evaluate", at("one"), at("cleaned"), "-djfile", at("one/dataset.json")],
    ];
    for (const command of commands) {
      if (command[0] === "export") await writeLogits();
      expect(await run(...command)).toMatchObject({ code: 0, stderr: "" });
      expect(await run(...inBucket(...command))).toMatchObject({ code: 0, stderr: "" });
    }
    for (const folder of ["one", "two", "both", "exported", "cleaned"]) {
      const inFolder = hashFolder(at(folder));
      const found = hashPrefix(folder);
      expect(Object.keys(found)).toEqual(Object.keys(inFolder));
      // Both name the folders.
      for (const name of ["predict_from_raw_data_args.json", "summary.json"]) {
        delete inFolder[name];
        delete found[name];
      }
      expect(found).toEqual(inFolder);
    }
    const summary = server.objects.get("cleaned/summary.json")?.toString().replaceAll("s3://b", root);
    expect(summary).toEqual(readFileSync(at("cleaned", "summary.json"), "utf8"));
  });

  test("a part that is killed while it writes leaves nothing under a final name, and is run again", async () => {
    const command = ["predict", "-i", at("in"), "-m", at("model"), "-o", at("out"), "--no-progress"];
    const part = (id: number) => [...inBucket(...command), "--num-parts", "2", "--part-id", String(id)];
    const killed = startCli(part(0), environment);
    server.refuse = (request) => {
      if (request !== "PUT out/a.nii.gz") return undefined;
      killed.child.kill("SIGKILL");
      return 500;
    };
    expect((await killed.done).signal).toBe("SIGKILL");
    expect(Object.keys(hashPrefix("out")).filter((name) => name.startsWith("a"))).toEqual([]);
    server.refuse = () => undefined;
    for (const id of [1, 0]) expect((await runCli(part(id), environment)).code).toBe(0);
    expect((await runCli(command)).code).toBe(0);
    const labels = (hashes: Record<string, string>) => [hashes["a.nii.gz"], hashes["b.nii.gz"]];
    expect(labels(hashPrefix("out"))).toEqual(labels(hashFolder(at("out"))));
    expect(hashPrefix("out")["a.nii.gz"]).toBeDefined();
  });

  test("what a bucket cannot do is said", async () => {
    const empty = await run("predict", "-i", "s3://b/nothing", "-m", "s3://b/model", "-o", "s3://b/out");
    expect([empty.code, empty.stderr]).toEqual([1, expect.stringContaining("s3://b/nothing: nothing found")]);
    const web = await run("predict", "-i", at("in"), "-m", "http://127.0.0.1/model", "-o", at("out"));
    expect([web.code, web.stderr]).toEqual([2, expect.stringContaining("does not tell which files it has")]);
  });
});
