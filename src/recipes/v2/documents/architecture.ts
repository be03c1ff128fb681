import { NnprepError } from "../../../core/errors.js";
import { JsonFields } from "../../../io/json-fields.js";
import type { JsonDict } from "../../../io/ordered-json.js";
import type { PythonJson } from "../../../io/python-json.js";

/** The network of a configuration, as far as something besides training asks for it. Axes transposed. */
export interface NetworkArchitecture {
  /** Python class, with its module. */
  readonly className: string;
  readonly stages: number;
  readonly featuresPerStage: readonly number[];
  /** Per stage and axis; all 1 in the first stage. */
  readonly strides: readonly (readonly number[])[];
  readonly kernelSizes: readonly (readonly number[])[];
  /** Convolutions, or residual blocks, per stage of the encoder. */
  readonly blocksPerStage: readonly number[];
  readonly convolutionsPerDecoderStage: readonly number[];
  /** True for residual encoders. */
  readonly residual: boolean;
}

const fields = new JsonFields("INVALID_PLANS");

/** Classes that plans of nnU-Net before 2.4 name, which had no module with them. */
const OLD_CLASSES: Readonly<Record<string, string>> = {
  PlainConvUNet: "dynamic_network_architectures.architectures.unet.PlainConvUNet",
  ResidualEncoderUNet: "dynamic_network_architectures.architectures.residual_unet.ResidualEncoderUNet",
};

function tuples(value: PythonJson | undefined, key: string, axes: number): number[][] {
  return fields.list(value, key, (item, itemKey) => fields.vector(item, itemKey, axes));
}

/** Plans before 2.4 hold the parameters of the network in the configuration itself. */
function readFlat(configuration: JsonDict, path: string, axes: number): NetworkArchitecture {
  const at = <T>(key: string, read: (value: PythonJson | undefined, key: string) => T) =>
    read.call(fields, configuration.get(key), `${path}.${key}`);
  const name = at("UNet_class_name", fields.text);
  const className = OLD_CLASSES[name];
  if (className === undefined) {
    throw new NnprepError(
      "UNSUPPORTED",
      `${path}.UNet_class_name: ${name} found; plans from before nnU-Net 2.4 can be read for ` +
        `${Object.keys(OLD_CLASSES).join(" and ")}. Plan again with a newer version`,
      { key: `${path}.UNet_class_name`, found: name },
    );
  }
  const blocksPerStage = at("n_conv_per_stage_encoder", fields.numbers);
  const [base, most] = [at("UNet_base_num_features", fields.whole), at("unet_max_num_features", fields.whole)];
  let features = base;
  const featuresPerStage = blocksPerStage.map(() => {
    const own = Math.min(features, most);
    features *= 2;
    return own;
  });
  return {
    className,
    stages: blocksPerStage.length,
    featuresPerStage,
    strides: tuples(configuration.get("pool_op_kernel_sizes"), `${path}.pool_op_kernel_sizes`, axes),
    kernelSizes: tuples(configuration.get("conv_kernel_sizes"), `${path}.conv_kernel_sizes`, axes),
    blocksPerStage,
    convolutionsPerDecoderStage: at("n_conv_per_stage_decoder", fields.numbers),
    residual: name === "ResidualEncoderUNet",
  };
}

/** One number stands for all axes, as PyTorch takes it. */
function strideTuples(value: PythonJson | undefined, key: string, axes: number): number[][] {
  return fields.list(value, key, (item, itemKey) =>
    Array.isArray(item)
      ? fields.vector(item, itemKey, axes)
      : new Array<number>(axes).fill(fields.whole(item, itemKey)),
  );
}

/**
 * The network of a configuration: `architecture` of plans since 2.4, or the flat keys before.
 *
 * @param axes dimensions of the configuration, 2 or 3.
 * @throws NnprepError INVALID_PLANS, UNSUPPORTED
 */
export function readArchitecture(configuration: JsonDict, path: string, axes: number): NetworkArchitecture {
  if (!configuration.has("architecture")) {
    if (configuration.has("UNet_class_name")) return readFlat(configuration, path, axes);
    return fields.fail(`${path}.architecture`, "the network's parameters", undefined);
  }
  const key = `${path}.architecture`;
  const architecture = fields.dict(configuration.get("architecture"), key);
  const keywordsKey = `${key}.arch_kwargs`;
  const keywords = fields.dict(architecture.get("arch_kwargs"), keywordsKey);
  const list = (name: string): number[] =>
    keywords.has(name) ? fields.numbers(keywords.get(name), `${keywordsKey}.${name}`) : [];
  const className = fields.text(architecture.get("network_class_name"), `${key}.network_class_name`);
  const residual = keywords.has("n_blocks_per_stage");
  const strides = keywords.has("strides") ? strideTuples(keywords.get("strides"), `${keywordsKey}.strides`, axes) : [];
  return {
    className,
    stages: keywords.has("n_stages")
      ? fields.whole(keywords.get("n_stages"), `${keywordsKey}.n_stages`)
      : strides.length,
    featuresPerStage: list("features_per_stage"),
    strides,
    kernelSizes: keywords.has("kernel_sizes")
      ? strideTuples(keywords.get("kernel_sizes"), `${keywordsKey}.kernel_sizes`, axes)
      : [],
    blocksPerStage: list(residual ? "n_blocks_per_stage" : "n_conv_per_stage"),
    convolutionsPerDecoderStage: list("n_conv_per_stage_decoder"),
    residual,
  };
}
