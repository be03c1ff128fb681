import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { writeTask } from "../recipes/v1/stages/tiny-folder.js";
import { CT_TASK } from "../recipes/v1/stages/tiny-task.js";
import { hashFolder, runCli } from "./run-cli.js";

vi.setConfig({ testTimeout: 90_000 });

const NAME = "Dataset001_TinyCT";
let root: string;
let server: Server;
let url: string;
const at = (...parts: string[]) => join(root, ...parts);

/** Serves files below `root` in ranges, and nothing else. */
function serve(): Server {
  return createServer((request, response) => {
    const file = at(decodeURIComponent(request.url ?? ""));
    if (!(statSync(file, { throwIfNoEntry: false })?.isFile() ?? false)) {
      response.writeHead(404).end();
      return;
    }
    const bytes = readFileSync(file);
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const part = from === undefined ? bytes : bytes.subarray(Number(from), Number(to) + 1);
    const range = { "Content-Range": `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}` };
    response.writeHead(from === undefined ? 200 : 206, {
      "Content-Length": part.length,
      ...(from === undefined ? {} : range),
    });
    response.end(request.method === "HEAD" ? undefined : part);
  });
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "nnprep-remote-"));
  await writeTask(at("v1"), CT_TASK);
  const { code } = await runCli(["convert", "--from-v1", at("v1", CT_TASK.name)], { nnUNet_raw: at("raw") });
  expect(code).toBe(0);
  server = serve();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(root, { recursive: true, force: true });
});

const prepare = (raw: string, preprocessed: string, name = NAME) =>
  runCli(["plan-and-preprocess", "-d", name, "--raw", raw, "--preprocessed", preprocessed, "--no-progress"]);

test("raw data on a web server, with a list of its files, gives the bytes that a folder gives", async () => {
  const missing = await prepare(`${url}/raw`, at("http"));
  expect([missing.code, missing.stdout]).toEqual([
    1,
    expect.stringContaining(`${url}/raw/${NAME}/files.txt: no such file (404)`),
  ]);
  const files = readdirSync(at("raw", NAME), { recursive: true, encoding: "utf8" });
  writeFileSync(at("raw", NAME, "files.txt"), files.filter((name) => /\./.test(name)).join("\n"));
  const found = await prepare(`${url}/raw`, at("http"));
  expect([found.code, found.stderr]).toEqual([0, ""]);
  expect((await prepare(at("raw"), at("folder"))).code).toBe(0);
  const data = (folder: string) => {
    const hashes = Object.entries(hashFolder(join(folder, NAME)));
    return Object.fromEntries(hashes.filter(([name]) => !name.startsWith(".nnprep")));
  };
  expect(Object.keys(data(at("folder"))).length).toBeGreaterThan(8);
  expect(data(at("http"))).toEqual(data(at("folder")));
});

test("what a place cannot do is said", async () => {
  const number = await prepare(`${url}/raw`, at("http"), "1");
  expect([number.code, number.stderr]).toEqual([2, expect.stringContaining("give the whole name, Dataset001_NAME")]);
  const results = await prepare(at("raw"), `${url}/prep`);
  expect([results.code, results.stdout]).toEqual([1, expect.stringContaining("an HTTP server is only read from")]);
  const task = await runCli(["verify", "-t", "1", "--raw", "s3://bucket/raw"]);
  expect([task.code, task.stderr]).toEqual([2, expect.stringContaining("s3://bucket/raw: a folder is expected here")]);
  const other = await prepare("gs://bucket/raw", at("x"));
  expect([other.code, other.stderr]).toEqual([1, expect.stringContaining("expected a folder, s3://BUCKET/PREFIX")]);
});
