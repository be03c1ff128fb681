import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { modelFilesFromBlobs, onnxFileName, readModelFolder } from "../../src/inference/model-folder.js";
import { scanFileFromBytes } from "../../src/io/scan-file.js";

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

const resampling = { is_seg: false, order: 1, order_z: 0, force_separate_z: null };
const fullres = {
  data_identifier: "nnUNetPlans_3d_fullres",
  preprocessor_name: "DefaultPreprocessor",
  batch_size: 2,
  patch_size: [4, 6, 8],
  median_image_size_in_voxels: [8, 8, 8],
  spacing: [2, 1, 1],
  normalization_schemes: ["ZScoreNormalization"],
  use_mask_for_norm: [false],
  resampling_fn_data: "resample_data_or_seg_to_shape",
  resampling_fn_seg: "resample_data_or_seg_to_shape",
  resampling_fn_data_kwargs: resampling,
  resampling_fn_seg_kwargs: resampling,
  resampling_fn_probabilities: "resample_data_or_seg_to_shape",
  resampling_fn_probabilities_kwargs: resampling,
  architecture: {
    network_class_name: "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    arch_kwargs: {
      n_stages: 2,
      features_per_stage: [8, 16],
      conv_op: "torch.nn.modules.conv.Conv3d",
      kernel_sizes: [
        [3, 3, 3],
        [3, 3, 3],
      ],
      strides: [
        [1, 1, 1],
        [2, 2, 2],
      ],
      n_conv_per_stage: [2, 2],
      n_conv_per_stage_decoder: [2],
      conv_bias: true,
      norm_op: "torch.nn.modules.instancenorm.InstanceNorm3d",
      norm_op_kwargs: { eps: 1e-5, affine: true },
      dropout_op: null,
      dropout_op_kwargs: null,
      nonlin: "torch.nn.LeakyReLU",
      nonlin_kwargs: { inplace: true },
    },
    _kw_requires_import: ["conv_op", "norm_op", "dropout_op", "nonlin"],
  },
  batch_dice: false,
};
const plans = {
  dataset_name: "Dataset900_Test",
  plans_name: "nnUNetPlans",
  original_median_spacing_after_transp: [2, 1, 1],
  original_median_shape_after_transp: [8, 8, 8],
  image_reader_writer: "SimpleITKIO",
  transpose_forward: [0, 1, 2],
  transpose_backward: [0, 1, 2],
  configurations: {
    "3d_fullres": fullres,
    "3d_cascade_fullres": { inherits_from: "3d_fullres", previous_stage: "3d_lowres" },
  },
  experiment_planner_used: "ExperimentPlanner",
  label_manager: "LabelManager",
  foreground_intensity_properties_per_channel: {},
};
const dataset = {
  channel_names: { "0": "T2", "1": "T1" },
  labels: { background: 0, a: 1, b: 2, c: 3 },
  numTraining: 1,
  file_ending: ".nii.gz",
};
const inference = {
  format: "nnunet-onnx",
  format_version: "1",
  trainer: "nnUNetTrainer",
  configuration: "3d_fullres",
  inference_allowed_mirroring_axes: [0, 2],
};

type Files = Record<string, Uint8Array>;
const complete = (): Files => ({
  "m/plans.json": text(plans),
  "m/dataset.json": text(dataset),
  "m/inference.json": text(inference),
  "m/fold_0/model.onnx": text(0),
  "m/fold_1/model.onnx": text(1),
  "m/fold_1/checkpoint_best.onnx": text(11),
  "m/fold_all/model.onnx": text("all"),
});
const listed = (files: Files) => Object.entries(files).map(([name, bytes]) => scanFileFromBytes(`/x/${name}`, bytes));
const without = (...names: string[]) => {
  const files = complete();
  for (const name of names) delete files[name];
  return listed(files);
};

test("a folder is read; fold_all waits until it is asked for", async () => {
  const model = await readModelFolder(listed(complete()), "model");
  expect(model).toMatchObject({ name: "m", trainer: "nnUNetTrainer", mirrorAxes: [0, 2], channels: 2, classes: 4 });
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
  expect((await readModelFolder(listed(files), "model")).channels).toBe(5);
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
