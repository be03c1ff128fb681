import { formatSpacing, formatVoxels } from "../core/grid-text.js";
import { median } from "../core/numeric.js";
import type { PlansStage, PlansV1 } from "../recipes/v1/documents/plans.js";
import type { ReportPlan } from "../view/report.js";

/** nnU-Net takes another percentile than the median for an axis that is coarser than the others by this factor. */
const ANISOTROPY = 3;
const NAMES = ["z", "y", "x"];

const rounded = (value: number): string => String(Number(value.toPrecision(4)));
const share = (value: number): string => `${Math.round(100 * value)} %`;

/** Numbers in the network's axes as numbers along x, y and z of the files; without the axis across the slices for 2-D. */
function inFileOrder(plans: PlansV1, values: readonly number[]): number[] {
  const three = values.length === 2 ? [Number.NaN, ...values] : values;
  const along = plans.transpose_backward.map((axis) => three[axis]);
  return along.reverse().filter((value) => !Number.isNaN(value));
}

/** Why the target spacing is what it is. */
function spacingReason(plans: PlansV1, stage: PlansStage): string {
  const { all_spacings } = plans.dataset_properties;
  const target = plans.transpose_backward.map((axis) => stage.original_spacing[axis]);
  const others = target.flatMap((mm, axis) => {
    const middle = median(all_spacings.map((spacing) => spacing[axis]));
    return Math.abs(mm - middle) > 1e-3 * middle ? [{ axis, mm, middle }] : [];
  });
  if (others.length === 0) return "The target spacing is the median of the cases in every axis.";
  const exceptions = others.map(
    ({ axis, mm, middle }) => `${NAMES[axis]} (${rounded(mm)} instead of ${rounded(middle)} mm)`,
  );
  return (
    `The target spacing is the median of the cases, except along ${exceptions.join(" and ")}: slices lie more than ` +
    `${ANISOTROPY} times as far apart as voxels within them, so nnU-Net takes the 10th percentile there.`
  );
}

function normalizationText(plans: PlansV1, channel: number): string {
  const name = `Channel ${channel} (${plans.modalities.get(channel) ?? "?"})`;
  const scheme = plans.normalization_schemes.get(channel);
  const numbers = plans.dataset_properties.intensityproperties?.get(channel);
  const mask = plans.use_mask_for_norm.get(channel) === true;
  if (scheme === "CT" && numbers !== undefined) {
    return (
      `${name}: intensities are clipped to ${rounded(numbers.percentile_00_5)} … ${rounded(numbers.percentile_99_5)}, the 0.5th and ` +
      `99.5th percentile of the labelled voxels of all cases; then their mean ${rounded(numbers.mean)} is taken away and the rest ` +
      `divided by their standard deviation ${rounded(numbers.sd)}.`
    );
  }
  if (scheme === "noNorm") return `${name}: intensities stay as they are.`;
  const where = mask
    ? "of the voxels inside the non-zero part, because cropping takes away more than a quarter of the median case; everything outside becomes 0"
    : "of all its voxels";
  return `${name}: every scan is normalised by its own mean and standard deviation, ${where}.`;
}

function stageText(plans: PlansV1, stage: PlansStage, isLowest: boolean): string {
  const size = stage.median_patient_size_in_voxels;
  const flat = stage.patch_size.length === 2;
  const part = stage.patch_size.reduce((product, n, i) => product * Math.min(1, n / size[i + (flat ? 1 : 0)]), 1);
  const where = flat ? "slice" : "scan";
  const text =
    `At ${formatSpacing(inFileOrder(plans, flat ? stage.current_spacing.slice(1) : stage.current_spacing))} mm the median scan has ` +
    `${formatVoxels(inFileOrder(plans, size))} voxels. The network sees patches of ${formatVoxels(inFileOrder(plans, stage.patch_size))}, ${share(part)} of the median ${where}, ` +
    `${stage.batch_size} at a time.`;
  const low =
    isLowest && plans.num_stages > 1
      ? " This is the low resolution, where a patch shows more of the patient; the cascade refines its result."
      : "";
  const dummy = stage.do_dummy_2D_data_aug
    ? " Patches are much flatter than wide, so they are turned and stretched within slices only."
    : "";
  return text + low + dummy;
}

/** The axes of a slice of a 2-D network. */
function sliceLetters(plans: PlansV1): string {
  return NAMES.filter((_, axis) => axis !== plans.transpose_forward[0])
    .reverse()
    .join(" × ");
}

/** The plans explained in words, and their numbers as a table. */
export function explainPlans(plans: PlansV1): ReportPlan {
  const flat = plans.conv_per_stage === undefined;
  const stages = plans.plans_per_stage;
  const last = stages[stages.length - 1];
  const order = plans.transpose_forward.every((axis, i) => axis === i)
    ? "Axes stay in the order of the files."
    : `Axes are put into the order ${plans.transpose_forward.map((axis) => NAMES[axis]).join(", ")}, so that the coarsest comes first.`;
  const names = stages.map((_, i) => (flat ? "2d" : i < stages.length - 1 ? "3d_lowres" : "3d_fullres"));
  const xyz = (values: readonly number[]) => inFileOrder(plans, values);
  const letters = "x × y × z";
  const patchLetters = sliceLetters(plans);
  return {
    title: flat
      ? "2-D network"
      : stages.length > 1
        ? "3-D networks (full resolution, low resolution, cascade)"
        : "3-D network",
    paragraphs: [
      `Every scan is cropped to its non-zero part, ${flat ? "its slices are " : ""}resampled and normalised. ${spacingReason(plans, last)} ${order}`,
      ...[...plans.modalities.keys()].map((channel) => normalizationText(plans, channel)),
      ...stages.map((stage, i) => stageText(plans, stage, i === 0)),
    ],
    rows: [
      ["", ...names],
      [`Spacing, mm (${letters})`, ...stages.map((stage) => formatSpacing(xyz(stage.current_spacing)))],
      [
        `Median case, voxels (${letters})`,
        ...stages.map((stage) => formatVoxels(xyz(stage.median_patient_size_in_voxels))),
      ],
      [
        `Patch, voxels (${flat ? patchLetters : letters})`,
        ...stages.map((stage) => formatVoxels(xyz(stage.patch_size))),
      ],
      ["Batch", ...stages.map((stage) => String(stage.batch_size))],
      [
        `Poolings (${flat ? patchLetters : letters})`,
        ...stages.map((stage) => xyz(stage.num_pool_per_axis).join(", ")),
      ],
    ],
  };
}
