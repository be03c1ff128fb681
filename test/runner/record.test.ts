import { expect, test } from "vitest";
import { MemoryStore } from "../../src/runner/memory-store.js";
import { digestFiles, findResult, saveRecord } from "../../src/runner/record.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const RECORD = ".nnprep/a.json";

async function finished() {
  const raw = new MemoryStore([["in", bytes("scan")]]);
  const store = new MemoryStore([["out", bytes("result")]]);
  const inputs = await digestFiles(raw, ["in"]);
  await saveRecord(store, RECORD, { settings: "s", inputs, result: 7 }, ["out"]);
  return { raw, store, inputs };
}

test("a result is found again while settings, inputs and outputs are the same", async () => {
  const { raw, store } = await finished();
  expect((await findResult(store, RECORD, "s", await digestFiles(raw, ["in"])))?.result).toBe(7);
});

test("other settings, another input of equal size, one more input, a cut output, a damaged record: made anew", async () => {
  const { raw, store, inputs } = await finished();
  expect(await findResult(store, RECORD, "t", inputs)).toBeNull();
  await raw.write("in", bytes("scam"));
  expect(await findResult(store, RECORD, "s", await digestFiles(raw, ["in"]))).toBeNull();
  expect(await findResult(store, RECORD, "s", { ...inputs, more: [1, 2] })).toBeNull();
  await store.write("out", bytes("resul"));
  expect(await findResult(store, RECORD, "s", inputs)).toBeNull();
  await store.write("out", bytes("result"));
  expect(await findResult(store, RECORD, "s", inputs)).not.toBeNull();
  await store.write(RECORD, bytes("{"));
  expect(await findResult(store, RECORD, "s", inputs)).toBeNull();
  await store.remove(RECORD);
  expect(await findResult(store, RECORD, "s", inputs)).toBeNull();
});
