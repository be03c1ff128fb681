import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { NnprepError } from "../../src/core/errors.js";
import { S3Store } from "../../src/runner/s3-store.js";

/*
 * What the store does when a server of S3's kind answers in every way that matters here; `npm run test:s3` does the same
 * with a real one.
 */

vi.setConfig({ testTimeout: 30_000 });

const PART = 1 << 24;
let objects: Map<string, Buffer>;
let uploads: Map<string, Map<number, Buffer>>;
let refuse: (request: string) => number | undefined;
let server: Server;

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer | string;
}

const problem = (status: number, code: string): Answer => ({
  status,
  body: `<Error><Code>${code}</Code><Message>${code} it is</Message></Error>`,
});

function get(key: string, range: string | undefined): Answer {
  const bytes = objects.get(key);
  if (bytes === undefined) return problem(404, "NoSuchKey");
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  const headers = { etag: '"1"', "content-length": String(bytes.length) };
  if (from === undefined) return { headers };
  if (Number(from) >= bytes.length) return problem(416, "InvalidRange");
  const body = bytes.subarray(Number(from), Number(to) + 1);
  const contentRange = `bytes ${from}-${Number(from) + body.length - 1}/${bytes.length}`;
  return {
    status: 206,
    headers: { ...headers, "content-length": String(body.length), "content-range": contentRange },
    body,
  };
}

/** Two keys a page, so that there are several. */
function list(prefix: string, after: string): Answer {
  const names = [...objects.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  const groups = [...new Set(names.map((name) => name.replace(/\/.*/, "/")))].sort().filter((name) => name > after);
  const page = groups.slice(0, 2);
  const entries = page.map((name) =>
    name.endsWith("/")
      ? `<CommonPrefixes><Prefix>${prefix}${name}</Prefix></CommonPrefixes>`
      : `<Contents><Key>${prefix}${name}</Key></Contents>`,
  );
  const next = groups.length > 2 ? `<NextContinuationToken>${page[1]}</NextContinuationToken>` : "";
  return { body: `<ListBucketResult>${entries.join("")}${next}</ListBucketResult>` };
}

function change(method: string, key: string, query: URLSearchParams, body: Buffer): Answer {
  const id = query.get("uploadId");
  if (method === "POST" && query.has("uploads")) {
    uploads.set(key, new Map());
    const names = `<Bucket>b</Bucket><Key>${key}</Key><UploadId>${key}</UploadId>`;
    return { body: `<InitiateMultipartUploadResult>${names}</InitiateMultipartUploadResult>` };
  }
  if (method === "PUT" && id !== null) {
    uploads.get(id)?.set(Number(query.get("partNumber")), body);
    return { headers: { etag: '"1"' } };
  }
  if (method === "POST" && id !== null) {
    objects.set(key, Buffer.concat([...(uploads.get(id) ?? [])].sort(([a], [b]) => a - b).map(([, part]) => part)));
    uploads.delete(id);
    return { body: "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>" };
  }
  if (method === "DELETE" && id !== null) uploads.delete(id);
  else if (method === "DELETE") objects.delete(key);
  else objects.set(key, body);
  return method === "DELETE" ? { status: 204 } : { headers: { etag: '"1"' } };
}

async function answer(request: IncomingMessage): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? "", "http://server");
  const key = decodeURIComponent(pathname).replace(/^\/b\/?/, "");
  const method = request.method ?? "";
  const body = await bodyOf(request);
  const status = refuse(`${method} ${key}`);
  if (status !== undefined) return problem(status, "AccessDenied");
  if (searchParams.has("list-type")) {
    return list(searchParams.get("prefix") ?? "", searchParams.get("continuation-token") ?? "");
  }
  if (method === "GET" || method === "HEAD") return get(key, request.headers.range);
  return change(method, key, searchParams, body);
}

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const { status = 200, headers = {}, body = "" } = await answer(request);
    response.writeHead(status, { "content-type": "application/xml", ...headers });
    response.end(request.method === "HEAD" ? undefined : body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  vi.stubEnv("AWS_ENDPOINT_URL", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  vi.stubEnv("AWS_MAX_ATTEMPTS", "1");
});
beforeEach(() => {
  objects = new Map();
  uploads = new Map();
  refuse = () => undefined;
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

const large = Uint8Array.from({ length: 2 * PART + 5 }, (_, i) => (i * 7) >> 3);
const failureOf = async (work: Promise<unknown>) => (await work.catch((e) => e)) as NnprepError;

test("small, large and empty files, in one piece, in several and made on the way", async () => {
  const store = new S3Store("s3://b/x");
  await store.write("large", [large.subarray(0, 100), large.subarray(100)]);
  expect(Buffer.from(large).equals(objects.get("x/large") as Buffer)).toBe(true);
  expect(Buffer.from(large).equals(await store.read("large"))).toBe(true);
  async function* made() {
    const piece = new Uint8Array(3);
    // The same memory each time.
    for (let i = 0; i < 3; i++) yield piece.fill(i);
  }
  await store.write("a/made", made());
  expect([...(await store.read("a/made"))]).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
  expect([...(await store.readHead("a/made", 4))]).toEqual([0, 0, 0, 1]);
  await store.write("empty", new Uint8Array());
  expect([await store.byteLength("empty"), (await store.read("empty")).length]).toEqual([0, 0]);
  expect([await store.byteLength("large"), await store.byteLength("nowhere")]).toEqual([large.length, null]);
  await store.remove("empty");
  await store.remove("empty");
  expect([...objects.keys()].sort()).toEqual(["x/a/made", "x/large"]);
  expect(uploads.size).toBe(0);
});

test("files and folders of a listing of several pages", async () => {
  for (const key of ["x/b", "x/a", "x/B", "x/sub/c", "x/other/d", "y/e"]) objects.set(key, Buffer.from("1"));
  expect(await new S3Store("s3://b/x").list()).toEqual(["B", "a", "b"]);
  expect(await new S3Store("s3://b/x").listFolders()).toEqual(["other", "sub"]);
  expect(await new S3Store("s3://b").list("x/sub")).toEqual(["c"]);
  expect(await new S3Store("s3://b").list("nowhere")).toEqual([]);
});

test("a large file that cannot be finished leaves nothing, neither under its name nor in parts", async () => {
  async function* failing() {
    yield large;
    throw new Error("the case could not be finished");
  }
  const store = new S3Store("s3://b/x");
  const made = await failureOf(store.write("half", failing()));
  expect([made.code, made.message]).toEqual(["CANNOT_WRITE", expect.stringContaining("s3://b/x/half: cannot be")]);
  let parts = 0;
  refuse = (request) => (request === "PUT x/half" && ++parts === 2 ? 403 : undefined);
  const refused = await failureOf(store.write("half", large));
  expect(refused.message).toContain("s3://b/x/half: cannot be written (AccessDenied, 403: AccessDenied it is)");
  expect(refused.detail.status).toBe(403);
  expect([objects.size, uploads.size]).toEqual([0, 0]);
});

test("errors name file and status", async () => {
  const store = new S3Store("s3://b/x");
  const missing = await failureOf(store.read("a.nii.gz"));
  expect([missing.code, missing.message]).toEqual([
    "FILE_NOT_FOUND",
    "s3://b/x/a.nii.gz: no such file (NoSuchKey, 404: NoSuchKey it is)",
  ]);
  refuse = () => 403;
  for (const work of [
    () => store.read("a"),
    () => store.byteLength("a"),
    () => store.list("a"),
    () => store.remove("a"),
  ]) {
    const error = await failureOf(work());
    expect(error.message).toMatch(/^s3:\/\/b\/x\/a: cannot be (read|written) \((AccessDenied, )?403/);
    expect(error.detail.status).toBe(403);
  }
});
