// npm run test:s3 [-- --server "moto_server -p 5127" --endpoint http://127.0.0.1:5127 --keep]
//
// A dataset of nnU-Net v2 in a bucket of a real S3 server, prepared in parts by the command line, some of them killed:
// every object has to be, byte by byte, the file that one run in folders makes. An upload that dies in the middle leaves
// nothing under its name. Without --server the one that is running at the endpoint is used.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CreateBucketCommand, ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { S3Store } from "../../dist/runner/s3-store.js";
import { init } from "../../dist/runtime/instantiate.js";
import { datasetJson, GRIDS, rawFiles } from "../determinism/datasets.mjs";
import { drawsOf } from "../determinism/synthetic.mjs";

const { values } = parseArgs({
  options: {
    server: { type: "string" },
    endpoint: { type: "string", default: "http://127.0.0.1:5127" },
    keep: { type: "boolean", default: false },
  },
});
const NAME = "Dataset001_Synthetic";
const [CASES, PARTS, KILLS] = [6, 3, 6];
const BUCKET = "nnprep-test";
const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "nnprep-s3-"));
process.env.AWS_ENDPOINT_URL = values.endpoint;
process.env.AWS_ACCESS_KEY_ID ??= "test";
process.env.AWS_SECRET_ACCESS_KEY ??= "test";
process.env.AWS_REGION ??= "us-east-1";
const client = new S3Client({ forcePathStyle: true });
const draw = drawsOf(1);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function startServer() {
  const [file, ...parameters] = values.server.split(" ");
  const server = spawn(file, parameters, { stdio: "ignore" });
  for (let i = 0; i < 100; i++) {
    if ((await fetch(values.endpoint).catch(() => null)) !== null) return server;
    await sleep(200);
  }
  throw new Error(`no answer at ${values.endpoint}`);
}

function commandOf(command, raw, preprocessed, part) {
  const parts = part === undefined ? [] : ["--num-parts", String(PARTS), "--part-id", String(part)];
  return [program, command, "-d", "1", "--raw", raw, "--preprocessed", preprocessed, "--no-progress", ...parts];
}

function run(...command) {
  const { status, stdout, stderr } = spawnSync(process.execPath, commandOf(...command), { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
}

/** Runs a command that is killed with its workers after `ms`. @returns whether it was still running */
async function runAndKill(ms, ...command) {
  const child = spawn(process.execPath, commandOf(...command), { detached: true, stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const isEarly = await Promise.race([ended.then(() => true), sleep(ms).then(() => false)]);
  if (isEarly) return false;
  process.kill(-child.pid, "SIGKILL");
  await ended;
  return true;
}

function filesBelow(path) {
  const found = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return found.map((entry) => relative(path, join(entry.parentPath, entry.name))).sort();
}

async function keysBelow(prefix) {
  const keys = [];
  let ContinuationToken;
  do {
    const page = await client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix, ContinuationToken }));
    keys.push(...(page.Contents ?? []).map(({ Key }) => Key.slice(prefix.length)));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return keys.sort();
}

async function uploadsInProgress() {
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
  return Uploads.map(({ Key }) => Key);
}

/** Throws unless bucket and folder hold the same files, but for the program's own records. */
async function compare(path, prefix) {
  const isData = (name) => !name.startsWith(".nnprep");
  const [expected, found] = [filesBelow(path).filter(isData), (await keysBelow(prefix)).filter(isData)];
  if (expected.join("\n") !== found.join("\n")) throw new Error(`other files: ${expected} and ${found}`);
  const store = new S3Store(`s3://${BUCKET}/${prefix}`);
  for (const name of expected) {
    if (!readFileSync(join(path, name)).equals(await store.read(name))) throw new Error(`${name} differs`);
  }
  return expected.length;
}

/** A writer that is killed when the server has two of its parts; one that fails by itself. */
async function dieWhileWriting() {
  const module = new URL("../../dist/runner/s3-store.js", import.meta.url).href;
  const script = `
    const { S3Store } = await import(${JSON.stringify(module)});
    async function* pieces() {
      for (let i = 0; i < 3; i++) yield new Uint8Array(1 << 24).fill(i);
      console.log("two parts are there");
      await new Promise(() => setInterval(() => {}, 1000));
    }
    await new S3Store("s3://${BUCKET}/uploads").write("killed", pieces());`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  child.kill("SIGKILL");
  await new Promise((resolve) => child.on("exit", resolve));
  async function* failing() {
    for (let i = 0; i < 3; i++) yield new Uint8Array(1 << 24).fill(i);
    throw new Error("the case could not be finished");
  }
  const store = new S3Store(`s3://${BUCKET}/uploads`);
  const error = await store.write("failed", failing()).catch((e) => e);
  if (error.code !== "CANNOT_WRITE") throw new Error(`a writer that fails says ${error}`);
  const files = await keysBelow("uploads/");
  if (files.length > 0) throw new Error(`half files: ${files}`);
  const left = await uploadsInProgress();
  if (left.includes("uploads/failed")) throw new Error("parts of the upload that failed were not removed");
  console.log(`uploads that died: no file; parts that wait at the server to be removed: ${left.join(", ")}`);
  const large = Uint8Array.from({ length: (1 << 24) * 2 + 5 }, (_, i) => i * 7);
  await store.write("large", [large.subarray(0, 100), large.subarray(100)]);
  if (!Buffer.from(large).equals(await store.read("large"))) throw new Error("a file in three parts differs");
  if ((await store.byteLength("large")) !== large.length) throw new Error("its size differs");
  if ((await store.readHead("large", 3)).join() !== "0,7,14") throw new Error("its head differs");
  await store.write("empty", new Uint8Array());
  if ((await store.read("empty")).length !== 0 || (await store.byteLength("empty")) !== 0)
    throw new Error("empty file");
  if ((await store.list()).join() !== "empty,large") throw new Error("listing");
  await store.remove("empty");
  if (await store.exists("empty")) throw new Error("empty was removed");
  const missing = await store.read("nowhere").catch((e) => e);
  console.log(`a file that is not there: ${missing.code} ${missing.message}`);
}

const server = values.server === undefined ? undefined : await startServer();
let ok = false;
try {
  await init();
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  await dieWhileWriting();
  const grids = Array.from({ length: CASES }, (_, i) => GRIDS[i % GRIDS.length]);
  const raw = new S3Store(`s3://${BUCKET}/raw/${NAME}`);
  for (const [path, bytes] of [...(await rawFiles(grids, 2)), ["dataset.json", datasetJson(CASES, ["CT", "T2"])]]) {
    mkdirSync(dirname(join(folder, "raw", NAME, path)), { recursive: true });
    writeFileSync(join(folder, "raw", NAME, path), bytes);
    await raw.write(path, bytes);
  }
  const places = [`s3://${BUCKET}/raw`, `s3://${BUCKET}/preprocessed/`];
  for (const command of ["extract-fingerprint", "plan", "preprocess"]) {
    run(command, join(folder, "raw"), join(folder, "alone"));
  }
  run("verify", ...places);
  for (let part = 0; part < PARTS; part++) run("extract-fingerprint", ...places, part);
  run("extract-fingerprint", ...places);
  run("plan", ...places);
  let kills = 0;
  for (let i = 0; i < 4 * KILLS && kills < KILLS; i++) {
    if (await runAndKill(500 + draw() / 20, "preprocess", ...places, i % PARTS)) kills++;
  }
  for (let part = 0; part < PARTS; part++) run("preprocess", ...places, part);
  const count = await compare(join(folder, "alone", NAME), `preprocessed/${NAME}/`);
  console.log(
    `${CASES} cases in ${PARTS} parts, ${kills} kills: ${count} files are those of one run in folders, byte by byte`,
  );
  run("plan-and-preprocess", places[0], `s3://${BUCKET}/again`);
  await compare(join(folder, "alone", NAME), `again/${NAME}/`);
  console.log("plan-and-preprocess in one go: the same");
  ok = true;
} finally {
  server?.kill();
  if (ok && !values.keep) rmSync(folder, { recursive: true, force: true });
  else console.log(`kept: ${folder}`);
}
