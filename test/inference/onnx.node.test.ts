import { expect, test } from "vitest";
import { runtimeMissing } from "../../src/inference/onnx.js";
import { openOnnxNetwork } from "../../src/inference/onnx-node.js";
import models from "../golden/networks/models.json";
import { decode } from "../golden.js";

const modelOf = (name: keyof typeof models) => decode<Uint8Array>(models[name]);
const image = (...shape: number[]) => {
  const data = Float32Array.from({ length: shape.reduce((product, n) => product * n, 1) }, (_, i) => i);
  return { data, shape };
};

test("a network of three axes says what it takes, and runs", async () => {
  const network = await openOnnxNetwork(modelOf("three axes"), { threads: 1 });
  expect([network.channels, network.classes, network.patch]).toEqual([2, 3, [undefined, undefined, undefined]]);
  const patch = image(2, 1, 2, 3);
  const expected = [1, 2, 3].flatMap((gain) => [...patch.data.subarray(0, 6)].map((x) => x * gain));
  expect([...(await network.run(patch))]).toEqual(expected);
  await network.dispose?.();
});

test("logits are written into what an earlier run gave, if the caller gives it back", async () => {
  const network = await openOnnxNetwork(modelOf("two axes"), { threads: 1 });
  const first = await network.run(image(1, 2, 2));
  const other = { data: new Float32Array([5, 6, 7, 8]), shape: [1, 2, 2] };
  expect([...(await network.run(other))]).toEqual([5, 6, 7, 8, 10, 12, 14, 16]);
  expect([...first]).toEqual([0, 1, 2, 3, 0, 2, 4, 6]);
  const second = await network.run(other, first);
  expect(second).toBe(first);
  expect([...second]).toEqual([5, 6, 7, 8, 10, 12, 14, 16]);
  expect([...(await network.run(image(1, 1, 2)))]).toEqual([0, 1, 0, 2]);
  expect([...(await network.run(image(1, 2, 2)))]).toEqual([0, 1, 2, 3, 0, 2, 4, 6]);
});

test("a network of two axes runs", async () => {
  const network = await openOnnxNetwork(modelOf("two axes"), { threads: 1 });
  expect([network.channels, network.classes, network.patch]).toEqual([1, 2, [undefined, undefined]]);
  expect([...(await network.run(image(1, 2, 2)))]).toEqual([0, 1, 2, 3, 0, 2, 4, 6]);
});

test("a fixed patch is known", async () => {
  expect((await openOnnxNetwork(modelOf("fixed patch"))).patch).toEqual([4, 6, 8]);
});

test.each([
  ["two outputs", "UNSUPPORTED", /output is logits \(float32\), more \(float32\); one float32 tensor/],
  ["float16 input", "UNSUPPORTED", /input is image \(float16\)/],
  ["one axis", "UNSUPPORTED", /shape \[batch, 2, a\]; batch, channels and two or three axes/],
  ["unknown operator", "UNSUPPORTED", /lacks the model's operator Frobnicate.*onnxruntime-web/],
] as const)("a model with %s is refused by name", async (name, code, message) => {
  const opening = openOnnxNetwork(modelOf(name));
  await expect(opening).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test("a file that is no model is refused", async () => {
  const opening = openOnnxNetwork(new TextEncoder().encode("no model"));
  await expect(opening).rejects.toMatchObject({ code: "CORRUPT_FILE" });
});

test("a failure while it runs names the patch", async () => {
  const network = await openOnnxNetwork(modelOf("fails at run"));
  const run = network.run(image(2, 2, 2, 2));
  await expect(run).rejects.toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringMatching(/patch of \(2, 2, 2, 2\)/),
  });
});

test("a missing package is named with its version", () => {
  const error = runtimeMissing("onnxruntime-node", new Error("Cannot find package\nRequire stack"));
  expect(error.message).toMatch(/npm install onnxruntime-node@\d+\.\d+\.\d+ .*Cannot find package\)$/);
});
