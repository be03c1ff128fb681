import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FolderStore } from "../../src/runner/folder-store.js";

const machine = hostname().replace(/[^a-zA-Z0-9]/g, "_");
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nnprep-store-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("many writers into folders that are not there yet do not stand in each other's way", async () => {
  const store = new FolderStore(join(folder, "shared"));
  for (let round = 0; round < 10; round++) {
    const writers = Array.from({ length: 24 }, async (_, i) => {
      // Each begins a little later, so that one finds the folders half made by another.
      for (let turn = 0; turn < i; turn++) await new Promise((go) => setImmediate(go));
      await store.write(`${round}/a/b/${i}`, new Uint8Array([i]));
    });
    await Promise.all(writers);
    expect((await store.list(`${round}/a/b`)).length).toBe(24);
  }
});

test("writes in pieces, reads, lists in code-point order, removes", async () => {
  const store = new FolderStore(join(folder, "new"));
  await store.write("sub/b", Uint8Array.of(1, 2));
  await store.write("sub/B", [Uint8Array.of(3), Uint8Array.of(4, 5)]);
  expect(await store.list("sub")).toEqual(["B", "b"]);
  expect([...(await store.read("sub/B"))]).toEqual([3, 4, 5]);
  expect(await store.exists("sub")).toBe(false);
  await store.remove("sub/B");
  await store.remove("sub/B");
  expect(await store.list("sub")).toEqual(["b"]);
  expect(await store.list("nowhere")).toEqual([]);
});

test("a file that is not there is named", async () => {
  const error = await new FolderStore(folder).read("x.pkl").catch((e) => e);
  expect(error.code).toBe("FILE_NOT_FOUND");
  expect(error.message).toContain(join(folder, "x.pkl"));
});

test("a place that cannot be written is CANNOT_WRITE and leaves nothing", async () => {
  writeFileSync(join(folder, "file"), "");
  const below = await new FolderStore(join(folder, "file")).write("x", Uint8Array.of(1)).catch((e) => e);
  expect(below.code).toBe("CANNOT_WRITE");
  mkdirSync(join(folder, "taken"));
  const onto = await new FolderStore(folder).write("taken", Uint8Array.of(1)).catch((e) => e);
  expect(onto.code).toBe("CANNOT_WRITE");
  expect(readdirSync(folder).sort()).toEqual(["file", "taken"]);
});

test.skipIf(process.getuid?.() === 0)("a read-only folder is CANNOT_WRITE", async () => {
  chmodSync(folder, 0o500);
  const error = await new FolderStore(folder).write("x", Uint8Array.of(1)).catch((e) => e);
  expect(error.code).toBe("CANNOT_WRITE");
});

test("leftovers of processes that are gone are removed, those of running ones and of other machines stay", async () => {
  mkdirSync(join(folder, "sub"));
  const gone = `.a.npz.nnprep-${machine}-4194999-3.tmp`;
  const running = `.b.npz.nnprep-${machine}-${process.ppid}-0.tmp`;
  const elsewhere = ".c.npz.nnprep-another_host-4194999-0.tmp";
  for (const name of [gone, running, elsewhere, "a.npz", ".hidden.tmp"]) writeFileSync(join(folder, "sub", name), "x");
  const store = new FolderStore(folder);
  expect(await store.list("sub")).toEqual([".hidden.tmp", "a.npz"]);
  await store.removeLeftovers(0);
  expect(readdirSync(join(folder, "sub"))).toContain(gone);
  await store.removeLeftovers();
  expect(readdirSync(join(folder, "sub")).sort()).toEqual([running, elsewhere, ".hidden.tmp", "a.npz"].sort());
});

test.runIf(process.platform === "linux")("a process that ended and was not waited for is gone", async () => {
  const parent = spawn("sh", ["-c", "sleep 1 & echo $!; exec sleep 60"]);
  try {
    const ended = Number(String(await new Promise((resolve) => parent.stdout.once("data", resolve))));
    const state = () => readFileSync(`/proc/${ended}/stat`, "latin1").split(" ")[2];
    while (state() !== "Z") await new Promise((resolve) => setTimeout(resolve, 10));
    const left = `.a.npz.nnprep-${machine}-${ended}-3.tmp`;
    writeFileSync(join(folder, left), "x");
    await new FolderStore(folder).removeLeftovers();
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    parent.kill("SIGKILL");
  }
});

test("the head of a file is what there is of it", async () => {
  const store = new FolderStore(folder);
  await store.write("x", Uint8Array.of(1, 2, 3, 4));
  expect([...(await store.readHead("x", 2))]).toEqual([1, 2]);
  expect([...(await store.readHead("x", 9))]).toEqual([1, 2, 3, 4]);
  expect((await store.readHead("y", 2).catch((e) => e)).code).toBe("FILE_NOT_FOUND");
});
