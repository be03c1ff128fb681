import { scanFileFromBytes } from "../../src/io/scan-file.js";

/* A model folder in memory: one configuration on the scan's own grid, channels as they are. */

export const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

const resampling = { is_seg: false, order: 1, order_z: 0, force_separate_z: null };
const fullres = {
  data_identifier: "nnUNetPlans_3d_fullres",
  preprocessor_name: "DefaultPreprocessor",
  batch_size: 2,
  patch_size: [4, 6, 8],
  median_image_size_in_voxels: [8, 8, 8],
  spacing: [2, 1, 1],
  normalization_schemes: ["NoNormalization", "NoNormalization"],
  use_mask_for_norm: [false, false],
  resampling_fn_data: "resample_data_or_seg_to_shape",
  resampling_fn_seg: "resample_data_or_seg_to_shape",
  resampling_fn_data_kwargs: resampling,
  resampling_fn_seg_kwargs: { ...resampling, is_seg: true },
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
export const plans = {
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
export const dataset = {
  channel_names: { "0": "T2", "1": "T1" },
  labels: { background: 0, a: 1, b: 2 },
  numTraining: 1,
  file_ending: ".nii.gz",
};
export const inference = {
  format: "nnunet-onnx",
  format_version: "1",
  trainer: "nnUNetTrainer",
  configuration: "3d_fullres",
  inference_allowed_mirroring_axes: [0, 2],
};

export type Files = Record<string, Uint8Array>;
export const complete = (): Files => ({
  "m/plans.json": text(plans),
  "m/dataset.json": text(dataset),
  "m/inference.json": text(inference),
  "m/fold_0/model.onnx": text(0),
  "m/fold_1/model.onnx": text(1),
  "m/fold_1/checkpoint_best.onnx": text(11),
  "m/fold_all/model.onnx": text("all"),
});
export const listed = (files: Files) =>
  Object.entries(files).map(([name, bytes]) => scanFileFromBytes(`/x/${name}`, bytes));
export const without = (...names: string[]) => {
  const files = complete();
  for (const name of names) delete files[name];
  return listed(files);
};
