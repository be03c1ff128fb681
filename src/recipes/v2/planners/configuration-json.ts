import { PyFloat } from "../../../core/python.js";
import type { JsonDict } from "../../../io/ordered-json.js";
import type { PythonJson } from "../../../io/python-json.js";
import type { NormalizationScheme } from "../documents/configuration.js";
import type { PlannedNetwork } from "./plan-configuration.js";
import type { Planner } from "./planner-list.js";

/** What a configuration's entry in the plans is made of. */
export interface ConfigurationFacts {
  readonly planner: Planner;
  readonly dataIdentifier: string;
  readonly preprocessorName: string;
  readonly planned: PlannedNetwork;
  readonly spacingMm: readonly number[];
  /** nnU-Net writes the medians of a fingerprint as floats, and rounded ones as ints. */
  readonly medianShape: readonly (number | PyFloat)[];
  readonly normalization: readonly NormalizationScheme[];
  readonly useMaskForNorm: readonly boolean[];
  readonly batchDice: boolean;
}

function architecture({ network, strides, kernelSizes }: PlannedNetwork): JsonDict {
  const axes = kernelSizes[0]?.length;
  return new Map<string, PythonJson>([
    [
      "network_class_name",
      `dynamic_network_architectures.architectures.unet.${network.residual ? "ResidualEncoderUNet" : "PlainConvUNet"}`,
    ],
    [
      "arch_kwargs",
      new Map<string, PythonJson>([
        ["n_stages", strides.length],
        ["features_per_stage", network.features],
        ["conv_op", `torch.nn.modules.conv.Conv${axes}d`],
        ["kernel_sizes", kernelSizes],
        ["strides", strides],
        [network.residual ? "n_blocks_per_stage" : "n_conv_per_stage", network.blocks],
        ["n_conv_per_stage_decoder", network.decoderConvolutions],
        ["conv_bias", true],
        ["norm_op", `torch.nn.modules.instancenorm.InstanceNorm${axes}d`],
        [
          "norm_op_kwargs",
          new Map<string, PythonJson>([
            ["eps", 1e-5],
            ["affine", true],
          ]),
        ],
        ["dropout_op", null],
        ["dropout_op_kwargs", null],
        ["nonlin", "torch.nn.LeakyReLU"],
        ["nonlin_kwargs", new Map([["inplace", true]])],
      ]),
    ],
    ["_kw_requires_import", ["conv_op", "norm_op", "dropout_op", "nonlin"]],
  ]);
}

/** A configuration as it stands in the plans: nnU-Net's keys in nnU-Net's order. */
export function configurationToJson(facts: ConfigurationFacts): Map<string, PythonJson> {
  const { planner, planned } = facts;
  const { functionName, data, seg, probabilities } = planner.resampling;
  return new Map<string, PythonJson>([
    ["data_identifier", facts.dataIdentifier],
    ["preprocessor_name", facts.preprocessorName],
    ["batch_size", planned.batchSize],
    ["patch_size", planned.patchSize],
    ["median_image_size_in_voxels", facts.medianShape],
    ["spacing", facts.spacingMm.map((mm) => new PyFloat(mm))],
    ["normalization_schemes", facts.normalization],
    ["use_mask_for_norm", facts.useMaskForNorm],
    ["resampling_fn_data", functionName],
    ["resampling_fn_seg", functionName],
    ["resampling_fn_data_kwargs", data],
    ["resampling_fn_seg_kwargs", seg],
    ["resampling_fn_probabilities", functionName],
    ["resampling_fn_probabilities_kwargs", probabilities],
    ["architecture", architecture(planned)],
    ["batch_dice", facts.batchDice],
  ]);
}
