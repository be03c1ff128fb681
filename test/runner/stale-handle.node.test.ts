import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FolderStore } from "../../src/runner/folder-store.js";

/** Calls that a file server answers with ESTALE before it answers well, by name. */
const stale = vi.hoisted(() => new Map<string, number>());

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const failing = <F extends (...given: never[]) => unknown>(name: string, work: F) =>
    (async (...given: Parameters<F>) => {
      const left = stale.get(name) ?? 0;
      if (left > 0) {
        stale.set(name, left - 1);
        throw Object.assign(new Error(`ESTALE: stale file handle, ${name}`), { code: "ESTALE" });
      }
      return work(...given);
    }) as unknown as F;
  const open = failing("open", real.open);
  return {
    ...real,
    stat: failing("stat", real.stat),
    readdir: failing("readdir", real.readdir),
    rename: failing("rename", real.rename),
    open: async (...given: Parameters<typeof open>) => {
      const handle = await open(...given);
      const read = handle.read.bind(handle) as (...passed: never[]) => unknown;
      return Object.assign(handle, { read: failing("read", read) });
    },
  };
});

let folder: string;
let store: FolderStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nnprep-stale-"));
  writeFileSync(join(folder, "a"), "abc");
  store = new FolderStore(folder);
});
afterEach(() => {
  stale.clear();
  rmSync(folder, { recursive: true, force: true });
});

test.each(["stat", "open", "read"])("a file whose %s finds a stale handle is opened again", async (name) => {
  stale.set(name, 2);
  expect([...(await store.read("a"))]).toEqual([97, 98, 99]);
  stale.set(name, 1);
  expect([...(await store.readHead("a", 2))]).toEqual([97, 98]);
});

test("sizes and listings are asked for again, and not taken for none", async () => {
  stale.set("stat", 1).set("readdir", 2);
  expect(await store.byteLength("a")).toBe(3);
  expect(await store.list()).toEqual(["a"]);
});

test("a file is renamed when its folder's handle is found again", async () => {
  stale.set("rename", 1);
  await store.write("b", Uint8Array.of(1));
  expect(await store.list()).toEqual(["a", "b"]);
});

test("what stays stale is named", async () => {
  for (const [name, work] of [
    ["read", () => store.read("a")],
    ["stat", () => store.byteLength("a")],
    ["readdir", () => store.list()],
  ] as const) {
    stale.set(name, 99);
    const error = await work().catch((e) => e);
    stale.clear();
    expect(error.code).toBe("FILE_NOT_FOUND");
    expect(error.message).toContain(`${folder}${name === "readdir" ? "" : "/a"}`);
    expect(error.message).toContain("cannot be read (ESTALE); its server has replaced it again and again");
    expect(error.detail.reason).toBe("ESTALE");
  }
});
