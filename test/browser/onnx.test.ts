import { expect, test } from "vitest";
import { openOnnxNetwork } from "../../src/inference/onnx-web.js";
import models from "../golden/networks/models.json";
import { decode } from "../golden.js";

const modelOf = (name: keyof typeof models) => decode<Uint8Array>(models[name]);
const image = (...shape: number[]) => {
  const data = Float32Array.from({ length: shape.reduce((product, n) => product * n, 1) }, (_, i) => i);
  return { data, shape };
};

test.each(["wasm", "auto"] as const)("a network runs in a page (%s)", async (backend) => {
  const network = await openOnnxNetwork(modelOf("three axes"), { backend, trialShape: [2, 4, 4, 4] });
  expect([network.channels, network.classes, network.patch]).toEqual([2, 3, [undefined, undefined, undefined]]);
  const patch = image(2, 1, 2, 3);
  const expected = [1, 2, 3].flatMap((gain) => [...patch.data.subarray(0, 6)].map((x) => x * gain));
  expect([...(await network.run(patch))]).toEqual(expected);
  await network.dispose?.();
});

test("an operator that the runtime lacks is named", async () => {
  await expect(openOnnxNetwork(modelOf("unknown operator"))).rejects.toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringMatching(/lacks the model's operator Frobnicate/),
  });
});
