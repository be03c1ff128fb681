import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { NnprepError } from "../../src/core/errors.js";
import { S3Store } from "../../src/runner/s3-store.js";
import { S3Server } from "./s3-server.js";

/*
 * What the store does when a server of S3's kind answers in every way that matters here; `npm run test:s3` does the same
 * with a real one.
 */

vi.setConfig({ testTimeout: 30_000 });

const PART = 1 << 24;
const server = new S3Server();
const { objects, uploads } = server;

beforeAll(async () => {
  for (const [name, value] of Object.entries(await server.start())) vi.stubEnv(name, value);
});
beforeEach(() => server.clear());
afterAll(() => {
  vi.unstubAllEnvs();
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
  server.refuse = (request) => (request === "PUT x/half" && ++parts === 2 ? 403 : undefined);
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
  server.refuse = () => 403;
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
