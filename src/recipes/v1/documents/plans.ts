import { PyDict, PyTuple, type PyValue } from "../../../core/python.js";
import type { Axes3, Shape3, Vec3 } from "../../../core/volume.js";
import {
  float64Array,
  fromMap,
  int64Array,
  toBoolean,
  toDict,
  toList,
  toNumber,
  toNumberedMap,
  toNumbers,
  toText,
  toVec3,
} from "../../../io/python-fields.js";
import { type DatasetProperties, datasetPropertiesFromPython, datasetPropertiesToPython } from "./fingerprint.js";

/** How nnU-Net v1 normalises a channel; CT2 only comes from special planners. */
export type NormalizationScheme = "CT" | "CT2" | "nonCT" | "noNorm";

/** One resolution of the plans. All lists are in the transposed frame; the 2-D plans have two entries per axis list. */
export interface PlansStage {
  readonly batch_size: number;
  readonly num_pool_per_axis: readonly number[];
  readonly patch_size: readonly number[];
  readonly median_patient_size_in_voxels: Shape3;
  /** mm; also in the 2-D plans three entries, the first of which preprocessing replaces by the case's own. */
  readonly current_spacing: Vec3;
  /** mm, of the highest resolution. */
  readonly original_spacing: Vec3;
  readonly do_dummy_2D_data_aug: boolean;
  readonly pool_op_kernel_sizes: readonly (readonly number[])[];
  readonly conv_kernel_sizes: readonly (readonly number[])[];
}

/** nnUNetPlansv2.1_plans_3D.pkl and _2D.pkl with nnU-Net's own key names. */
export interface PlansV1 {
  readonly num_stages: number;
  readonly num_modalities: number;
  readonly modalities: ReadonlyMap<number, string>;
  readonly normalization_schemes: ReadonlyMap<number, NormalizationScheme>;
  readonly dataset_properties: DatasetProperties;
  readonly list_of_npz_files: readonly string[];
  readonly original_spacings: readonly Vec3[];
  readonly original_sizes: readonly Shape3[];
  readonly preprocessed_data_folder: string;
  /** Foreground classes, without the background. */
  readonly num_classes: number;
  readonly all_classes: readonly number[];
  readonly base_num_features: number;
  readonly use_mask_for_norm: ReadonlyMap<number, boolean>;
  readonly transpose_forward: Axes3;
  readonly transpose_backward: Axes3;
  readonly data_identifier: string;
  /** Lowest resolution first. */
  readonly plans_per_stage: readonly PlansStage[];
  readonly preprocessor_name: string;
  /** Only in the 3-D plans. */
  readonly conv_per_stage: number | undefined;
}

function stageToPython(stage: PlansStage, twoDimensional: boolean): PyDict {
  const dummy = ["do_dummy_2D_data_aug", stage.do_dummy_2D_data_aug] as const;
  const kernels = [
    ["pool_op_kernel_sizes", stage.pool_op_kernel_sizes],
    ["conv_kernel_sizes", stage.conv_kernel_sizes],
  ] as const;
  return new PyDict([
    ["batch_size", stage.batch_size],
    ["num_pool_per_axis", stage.num_pool_per_axis],
    ["patch_size", int64Array(stage.patch_size)],
    ["median_patient_size_in_voxels", int64Array(stage.median_patient_size_in_voxels)],
    ["current_spacing", float64Array(stage.current_spacing)],
    ["original_spacing", float64Array(stage.original_spacing)],
    // The two planners write their last keys in different orders.
    ...(twoDimensional ? [...kernels, dummy] : [dummy, ...kernels]),
  ]);
}

/** The dict that nnU-Net pickles as plans file: its key order, lists, tuples and NumPy arrays as training expects them. */
export function plansToPython(plans: PlansV1): PyDict {
  const twoDimensional = plans.conv_per_stage === undefined;
  const stages = plans.plans_per_stage.map((stage, i) => [i, stageToPython(stage, twoDimensional)] as const);
  return new PyDict([
    ["num_stages", plans.num_stages],
    ["num_modalities", plans.num_modalities],
    ["modalities", fromMap(plans.modalities, (name) => name)],
    ["normalization_schemes", fromMap(plans.normalization_schemes, (scheme) => scheme, true)],
    ["dataset_properties", datasetPropertiesToPython(plans.dataset_properties)],
    ["list_of_npz_files", plans.list_of_npz_files],
    ["original_spacings", plans.original_spacings.map(float64Array)],
    ["original_sizes", plans.original_sizes.map((size) => new PyTuple(size))],
    ["preprocessed_data_folder", plans.preprocessed_data_folder],
    ["num_classes", plans.num_classes],
    ["all_classes", plans.all_classes],
    ["base_num_features", plans.base_num_features],
    ["use_mask_for_norm", fromMap(plans.use_mask_for_norm, (use) => use, true)],
    ["keep_only_largest_region", null],
    ["min_region_size_per_class", null],
    ["min_size_per_class", null],
    ["transpose_forward", plans.transpose_forward],
    ["transpose_backward", plans.transpose_backward],
    ["data_identifier", plans.data_identifier],
    ["plans_per_stage", new PyDict(stages)],
    ["preprocessor_name", plans.preprocessor_name],
    ...(plans.conv_per_stage === undefined ? [] : [["conv_per_stage", plans.conv_per_stage] as const]),
  ]);
}

function stageFromPython(value: PyValue, key: string): PlansStage {
  const dict = toDict(value, key);
  const at = <T>(name: string, read: (item: PyValue | undefined, key: string) => T) =>
    read(dict.get(name), `${key}.${name}`);
  const lists = (item: PyValue | undefined, itemKey: string) => toList(item, itemKey, toNumbers);
  return {
    batch_size: at("batch_size", toNumber),
    num_pool_per_axis: at("num_pool_per_axis", toNumbers),
    patch_size: at("patch_size", toNumbers),
    median_patient_size_in_voxels: at("median_patient_size_in_voxels", toVec3),
    current_spacing: at("current_spacing", toVec3),
    original_spacing: at("original_spacing", toVec3),
    do_dummy_2D_data_aug: at("do_dummy_2D_data_aug", toBoolean),
    pool_op_kernel_sizes: at("pool_op_kernel_sizes", lists),
    conv_kernel_sizes: at("conv_kernel_sizes", lists),
  };
}

/**
 * Reads plans that nnU-Net v1 or this package wrote (NumPy scalars or Python numbers alike).
 * @throws NnprepError INVALID_PLANS naming the key that is missing or of the wrong type.
 */
export function plansFromPython(value: PyValue): PlansV1 {
  const dict = toDict(value, "plans");
  const at = <T>(name: string, read: (item: PyValue | undefined, key: string) => T) => read(dict.get(name), name);
  const vectors = (item: PyValue | undefined, key: string) => toList(item, key, toVec3);
  const stages = toNumberedMap(dict.get("plans_per_stage"), "plans_per_stage", stageFromPython);
  const convolutions = dict.get("conv_per_stage");
  return {
    num_stages: at("num_stages", toNumber),
    num_modalities: at("num_modalities", toNumber),
    modalities: toNumberedMap(dict.get("modalities"), "modalities", toText),
    normalization_schemes: toNumberedMap(
      dict.get("normalization_schemes"),
      "normalization_schemes",
      (item, key) => toText(item, key) as NormalizationScheme,
    ),
    dataset_properties: datasetPropertiesFromPython(dict.get("dataset_properties") ?? null),
    list_of_npz_files: toList(dict.get("list_of_npz_files"), "list_of_npz_files", toText),
    original_spacings: at("original_spacings", vectors),
    original_sizes: at("original_sizes", vectors),
    preprocessed_data_folder: at("preprocessed_data_folder", toText),
    num_classes: at("num_classes", toNumber),
    all_classes: at("all_classes", toNumbers),
    base_num_features: at("base_num_features", toNumber),
    use_mask_for_norm: toNumberedMap(dict.get("use_mask_for_norm"), "use_mask_for_norm", toBoolean),
    transpose_forward: at("transpose_forward", toVec3),
    transpose_backward: at("transpose_backward", toVec3),
    data_identifier: at("data_identifier", toText),
    plans_per_stage: [...stages].sort(([a], [b]) => a - b).map(([, stage]) => stage),
    preprocessor_name: at("preprocessor_name", toText),
    conv_per_stage: convolutions === undefined ? undefined : toNumber(convolutions, "conv_per_stage"),
  };
}
