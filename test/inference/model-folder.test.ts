import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { modelFilesFromBlobs, onnxFileName } from "../../src/inference/model-files.js";
import { readModelFolder } from "../../src/inference/model-folder.js";
import { scanFileFromBytes } from "../../src/io/scan-file.js";
import { complete, inference, listed, text, without } from "./example-model.js";

test("a folder is read; fold_all waits until it is asked for", async () => {
  const model = await readModelFolder(listed(complete()), "model");
  expect(model).toMatchObject({ name: "m", trainer: "nnUNetTrainer", mirrorAxes: [0, 2], channels: 2, classes: 3 });
  expect(model.configuration.patchSize).toEqual([4, 6, 8]);
  expect(model.folds.map(({ name }) => name)).toEqual(["0", "1"]);
  const all = await readModelFolder(listed(complete()), "model", { folds: ["all"] });
  expect(await all.folds[0]?.file.read()).toEqual(text("all"));
});

test("another checkpoint is another file", async () => {
  expect(onnxFileName()).toBe("model.onnx");
  const model = await readModelFolder(listed(complete()), "model", { checkpoint: "checkpoint_best.pth" });
  expect(model.folds.map(({ name }) => name)).toEqual(["1"]);
  expect(await model.folds[0]?.file.read()).toEqual(text(11));
});

test("zip archives and what a page drops are read alike", async () => {
  const zip = zipSync(
    Object.fromEntries(Object.entries(complete()).map(([name, bytes]) => [`Dataset900/${name}`, bytes])),
  );
  const fromZip = await readModelFolder([scanFileFromBytes("model.zip", zip)], "model.zip");
  expect(fromZip.folds.map(({ name }) => name)).toEqual(["0", "1"]);
  expect(await fromZip.folds[1]?.file.read()).toEqual(text(1));
  const blobs = Object.entries(complete()).map(([name, bytes]) => {
    const file = new File([bytes as Uint8Array<ArrayBuffer>], name);
    Object.defineProperty(file, "webkitRelativePath", { value: name });
    return file;
  });
  expect((await readModelFolder(modelFilesFromBlobs(blobs), "dropped")).folds).toHaveLength(2);
});

test("a cascade takes the previous stage's labels as further channels", async () => {
  const files = { ...complete(), "m/inference.json": text({ ...inference, configuration: "3d_cascade_fullres" }) };
  expect((await readModelFolder(listed(files), "model")).channels).toBe(4);
});

test("what is missing is named", async () => {
  const read = (files: ReturnType<typeof listed>, options = {}) => readModelFolder(files, "model", options);
  await expect(read(without("m/dataset.json", "m/inference.json"))).rejects.toThrow(
    /m: dataset.json, inference.json missing. Make it with tools\/export_onnx.py/,
  );
  await expect(read(without("m/plans.json"))).rejects.toThrow(/model: no trained model found/);
  await expect(read([])).rejects.toThrow(/no trained model found/);
  const checkpoints = [
    ...without("m/fold_0/model.onnx", "m/fold_1/model.onnx", "m/fold_all/model.onnx", "m/fold_1/checkpoint_best.onnx"),
    scanFileFromBytes("/x/m/fold_0/checkpoint_final.pth", text(0)),
  ];
  await expect(read(checkpoints)).rejects.toThrow(/fold_0\/model.onnx missing. Make it with tools\/export_onnx.py/);
  await expect(read(listed(complete()), { folds: ["0", "4"] })).rejects.toThrow(
    /fold_4\/model.onnx missing. There is fold_0, fold_1, fold_all. Choose other folds/,
  );
});

test("a model of v1 is told from one of v2", async () => {
  const files = [
    scanFileFromBytes("/x/m/plans.pkl", text(0)),
    scanFileFromBytes("/x/m/fold_0/model_final_checkpoint.model", text(0)),
  ];
  await expect(readModelFolder(files, "model")).rejects.toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringMatching(/nnU-Net v1/),
  });
});

test("several models, a configuration that is not there, another format", async () => {
  const twice = [
    ...listed(complete()),
    ...listed(complete()).map((file) => ({ ...file, name: file.name.replace("/m/", "/n/") })),
  ];
  await expect(readModelFolder(twice, "model")).rejects.toThrow(/holds 2 models \(m, n\)/);
  const changed = (more: object) => listed({ ...complete(), "m/inference.json": text({ ...inference, ...more }) });
  await expect(readModelFolder(changed({ configuration: "2d" }), "model")).rejects.toThrow(
    /inference.json: no configuration "2d"/,
  );
  await expect(readModelFolder(changed({ format_version: "2" }), "model")).rejects.toThrow(
    /format nnunet-onnx 2 found/,
  );
  await expect(readModelFolder(changed({ inference_allowed_mirroring_axes: "x" }), "model")).rejects.toThrow(
    /inference.json: inference_allowed/,
  );
});
