import { expect, test } from "vitest";
import { FolderStore } from "../../src/runner/folder-store.js";
import { HttpStore } from "../../src/runner/http-store.js";
import { ListedOnce } from "../../src/runner/listed-once.js";
import { MemoryStore } from "../../src/runner/memory-store.js";
import { isRemote, locationBelow, openStore } from "../../src/runner/open-store.js";
import { S3Store } from "../../src/runner/s3-store.js";

test("the store of a location", () => {
  expect(openStore("data/raw")).toBeInstanceOf(FolderStore);
  expect(openStore("C:\\data")).toBeInstanceOf(FolderStore);
  expect(openStore("https://server/data")).toBeInstanceOf(HttpStore);
  expect(openStore("s3://bucket/raw")).toBeInstanceOf(S3Store);
  expect(() => openStore("gs://bucket/raw")).toThrow(/"gs:\/\/bucket\/raw" found; expected a folder, s3:/);
  expect(["/a", "a:b", "s3://a", "http://a"].map(isRemote)).toEqual([false, false, true, true]);
});

test("folders below a location", () => {
  expect(locationBelow("s3://bucket/raw/", "Dataset001_A")).toBe("s3://bucket/raw/Dataset001_A");
  expect(locationBelow("https://server", "Dataset001_A")).toBe("https://server/Dataset001_A");
  expect(locationBelow("/data", "Dataset001_A")).toBe("/data/Dataset001_A");
});

test("locations in S3", () => {
  expect(new S3Store("s3://bucket").location("a/./b/../c")).toBe("s3://bucket/a/c");
  expect(new S3Store("s3://bucket/x/y//").location("a")).toBe("s3://bucket/x/y/a");
  expect(new S3Store("s3://bucket/x").location("")).toBe("s3://bucket/x");
  for (const wrong of ["s3://", "s3:/bucket", "bucket/x"]) {
    expect(() => new S3Store(wrong)).toThrow(/expected s3:\/\/BUCKET/);
  }
});

test("folders that are listed once", async () => {
  const files = new MemoryStore([["a/x", Uint8Array.of(1)]]);
  const store = new ListedOnce(files);
  const first = await store.list("a");
  first.push("changed by who asked");
  await store.write("a/y", Uint8Array.of(2));
  expect([await store.list("a"), await files.list("a")]).toEqual([["x"], ["x", "y"]]);
  expect([await store.exists("a/y"), await store.byteLength("a/y"), [...(await store.readHead("a/y", 1))]]).toEqual([
    true,
    1,
    [2],
  ]);
  await store.remove("a/y");
  expect(await files.exists("a/y")).toBe(false);
});
