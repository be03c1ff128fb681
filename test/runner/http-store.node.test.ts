import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import { HttpStore, type HttpStoreOptions } from "../../src/runner/http-store.js";

/** What the server has, and how it answers where that is not as it should. */
let files: Map<string, Uint8Array>;
let answer: (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array | undefined) => void;
let asked: string[];
let server: Server;
let base: string;

const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => i * 7);
const FAST: HttpStoreOptions = { firstWaitSeconds: 0.001, pieceBytes: 300 };

/** As servers with ranges answer. */
function withRanges(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array | undefined): void {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  if (bytes === undefined || from === undefined || to === undefined) {
    whole(request, response, bytes);
    return;
  }
  if (Number(from) >= bytes.length) {
    response.writeHead(416).end();
    return;
  }
  const part = bytes.subarray(Number(from), Number(to) + 1);
  const range = `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`;
  response.writeHead(206, { "Content-Range": range, "Content-Length": part.length, ETag: '"1"' }).end(part);
}

function whole(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) response.writeHead(404).end("<h1>Not found</h1>");
  else response.writeHead(200, { "Content-Length": bytes.length }).end(request.method === "HEAD" ? undefined : bytes);
}

beforeEach(async () => {
  files = new Map([["/data/imagesTr/a_0000.nii.gz", BYTES]]);
  answer = withRanges;
  asked = [];
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.range ?? ""}`.trim());
    answer(request, response, files.get(decodeURIComponent(request.url?.replace(/\?.*/, "") ?? "")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function failureOf(work: Promise<unknown>): Promise<NnprepError> {
  const error = await work.catch((e) => e);
  expect(error).toBeInstanceOf(NnprepError);
  return error as NnprepError;
}

test("a file in pieces, its head, its size", async () => {
  const store = new HttpStore(base, FAST);
  expect(await store.read("imagesTr/a_0000.nii.gz")).toEqual(BYTES);
  expect(asked.map((line) => line.split(" ")[2])).toEqual([
    "bytes=0-299",
    "bytes=300-599",
    "bytes=600-899",
    "bytes=900-999",
  ]);
  expect([...(await store.readHead("imagesTr/a_0000.nii.gz", 3))]).toEqual([0, 7, 14]);
  expect(await store.byteLength("imagesTr/a_0000.nii.gz")).toBe(1000);
  expect([await store.exists("imagesTr/a_0000.nii.gz"), await store.exists("b")]).toEqual([true, false]);
});

test("names with signs of addresses; what stands behind the base's question mark goes with each request", async () => {
  files.set("/data/a b/100%?#ü.nii", BYTES);
  const store = new HttpStore(`${base}?token=1`, FAST);
  expect(await store.read("./a b/100%?#ü.nii")).toEqual(BYTES);
  expect(asked[0]).toBe("GET /data/a%20b/100%25%3F%23%C3%BC.nii?token=1 bytes=0-299");
});

test("a server without ranges or without HEAD", async () => {
  answer = (request, response, bytes) =>
    request.method === "HEAD" ? void response.writeHead(405).end() : whole(request, response, bytes);
  const store = new HttpStore(base, FAST);
  expect(await store.read("imagesTr/a_0000.nii.gz")).toEqual(BYTES);
  expect(await store.readHead("imagesTr/a_0000.nii.gz", 3)).toHaveLength(3);
  expect(await store.byteLength("imagesTr/a_0000.nii.gz")).toBe(1000);
});

test("sizes that are not told, as pages of other origins see them", async () => {
  const hidden: typeof answer = (request, response, bytes) => {
    const writeHead = response.writeHead.bind(response);
    Object.assign(response, { writeHead: (status: number) => writeHead(status) });
    withRanges(request, response, bytes);
  };
  answer = (request, response, bytes) =>
    request.method === "HEAD" ? void response.writeHead(200).end() : hidden(request, response, bytes);
  const store = new HttpStore(base, FAST);
  expect(await store.read("imagesTr/a_0000.nii.gz")).toEqual(BYTES);
  files.set("/data/even", BYTES.subarray(0, 600));
  expect(await store.read("even")).toEqual(BYTES.subarray(0, 600));
  expect(await store.byteLength("even")).toBe(600);
});

test("empty files", async () => {
  files.set("/data/empty", new Uint8Array());
  const store = new HttpStore(base, FAST);
  expect([await store.read("empty"), await store.readHead("empty", 9)]).toEqual([new Uint8Array(), new Uint8Array()]);
  expect(await store.byteLength("empty")).toBe(0);
});

test("a file that is not there is named with its URL and status, at once", async () => {
  const error = await failureOf(new HttpStore(base, FAST).read("labelsTr/a.nii.gz"));
  expect(error.code).toBe("FILE_NOT_FOUND");
  expect(error.message).toBe(`${base}/labelsTr/a.nii.gz: no such file (404 Not Found)`);
  expect(error.detail).toMatchObject({ status: 404, file: `${base}/labelsTr/a.nii.gz` });
  expect(asked).toHaveLength(1);
});

test("what may pass is tried again, with a bound", async () => {
  let failures = 2;
  answer = (request, response, bytes) => {
    if (failures-- > 0) response.writeHead(503, { "Retry-After": "0" }).end("busy");
    else withRanges(request, response, bytes);
  };
  expect(await new HttpStore(base, FAST).read("imagesTr/a_0000.nii.gz")).toEqual(BYTES);
  failures = Number.POSITIVE_INFINITY;
  asked = [];
  const error = await failureOf(new HttpStore(base, FAST).read("imagesTr/a_0000.nii.gz"));
  expect(error.message).toContain("the server answers 503 Service Unavailable, 4 attempts");
  expect(error.detail).toMatchObject({ status: 503, attempts: 4 });
  expect(asked).toHaveLength(4);
  expect((await failureOf(new HttpStore(base, FAST).byteLength("x"))).detail).toMatchObject({ status: 503 });
});

test("a piece whose connection breaks off is asked for again alone", async () => {
  let broken = false;
  answer = (request, response, bytes) => {
    if (!broken && request.headers.range === "bytes=300-599") {
      broken = true;
      response.writeHead(206, { "Content-Range": "bytes 300-599/1000", "Content-Length": 300, ETag: '"1"' });
      response.write(BYTES.subarray(300, 400), () => request.socket.destroy());
    } else withRanges(request, response, bytes);
  };
  expect(await new HttpStore(base, FAST).read("imagesTr/a_0000.nii.gz")).toEqual(BYTES);
  expect(asked).toHaveLength(5);
});

test("rights are not asked for twice; headers are sent", async () => {
  answer = (request, response, bytes) =>
    request.headers.authorization === "Bearer 1"
      ? withRanges(request, response, bytes)
      : void response.writeHead(403).end();
  const error = await failureOf(new HttpStore(base, FAST).read("imagesTr/a_0000.nii.gz"));
  expect(error.message).toContain("the server answers 403 Forbidden; give what the server asks for in headers");
  expect(asked).toHaveLength(1);
  const allowed = new HttpStore(base, { ...FAST, headers: { Authorization: "Bearer 1" } });
  expect(await allowed.read("imagesTr/a_0000.nii.gz")).toEqual(BYTES);
});

test("a server that does not answer, and one that is not there", async () => {
  answer = () => undefined;
  const options = { ...FAST, attempts: 2, timeoutSeconds: 0.05 };
  const silent = await failureOf(new HttpStore(base, options).read("a"));
  expect(silent.message).toBe(`${base}/a: no whole answer within 0.05 s, 2 attempts; try again later`);
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const absent = await failureOf(new HttpStore(`http://127.0.0.1:${port}`, options).read("a"));
  expect(absent.message).toContain(`http://127.0.0.1:${port}/a: cannot be reached (ECONNREFUSED, 2 attempts)`);
  expect(absent.detail).toMatchObject({ reason: "ECONNREFUSED" });
});

test("a file that becomes another one while it is read", async () => {
  answer = (request, response, bytes) => {
    const later = request.headers.range !== "bytes=0-299";
    withRanges(request, response, later ? bytes?.subarray(0, 950) : bytes);
  };
  const error = await failureOf(new HttpStore(base, FAST).read("imagesTr/a_0000.nii.gz"));
  expect([error.code, /changed while it was read/.test(error.message)]).toEqual(["CORRUPT_FILE", true]);
});

test("files that a server packs or unpacks on the way", async () => {
  answer = (_request, response, bytes) =>
    void response.writeHead(200, { "Content-Encoding": "gzip" }).end(bytes?.subarray(0, 5));
  const error = await failureOf(new HttpStore(base, FAST).read("imagesTr/a_0000.nii.gz"));
  expect([error.code, error.message.includes('served with Content-Encoding "gzip"')]).toEqual(["UNSUPPORTED", true]);
});

test("listings: files.txt, a list that is given, neither", async () => {
  files.set("/data/files.txt", new TextEncoder().encode("dataset.json\r\n./imagesTr/b\nimagesTr/a\nimagesTr/x/y\n\n"));
  const store = new HttpStore(base, FAST);
  expect(await store.list("imagesTr")).toEqual(["a", "b"]);
  expect(await store.list()).toEqual(["dataset.json"]);
  expect(await store.list("labelsTr")).toEqual([]);
  expect(asked).toHaveLength(1);
  files.delete("/data/files.txt");
  expect(await new HttpStore(base, { ...FAST, files: ["labelsTr/c"] }).list("labelsTr")).toEqual(["c"]);
  const error = await failureOf(new HttpStore(base, FAST).list());
  expect(error.message).toContain(`${base}/files.txt: no such file (404)`);
});

test("nothing is written; what is no URL is refused", async () => {
  const store = new HttpStore(base);
  expect((await failureOf(store.write("a"))).code).toBe("CANNOT_WRITE");
  expect((await failureOf(store.remove("a"))).code).toBe("CANNOT_WRITE");
  expect(() => new HttpStore("data/raw")).toThrow(/"data\/raw" found; expected the URL of a folder/);
  expect(() => new HttpStore("ftp://server/data")).toThrow(/expected the URL/);
});
