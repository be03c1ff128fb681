import { expect, test } from "vitest";
import { scanFileFromBlob, scanFileFromBytes } from "../../src/io/scan-file.js";

const bytes = Uint8Array.from([10, 11, 12, 13, 14]);

test.each([
  ["bytes", scanFileFromBytes("a.nii", bytes)],
  ["a File", scanFileFromBlob(new File([bytes], "a.nii"))],
  ["a Blob", scanFileFromBlob(new Blob([bytes]), "a.nii")],
])("a file of %s is read whole, in pieces and never beyond its end", async (_, file) => {
  expect(file.name).toBe("a.nii");
  expect(file.byteLength).toBe(5);
  expect([...(await file.read())]).toEqual([...bytes]);
  expect([...(await file.read(1, 3))]).toEqual([11, 12]);
  expect([...(await file.read(3))]).toEqual([13, 14]);
  expect([...(await file.read(4, 99))]).toEqual([14]);
  expect([...(await file.read(4, 2))]).toEqual([]);
  expect([...(await file.read(9))]).toEqual([]);
});
