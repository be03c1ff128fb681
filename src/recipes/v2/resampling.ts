import { permute } from "../../core/axes.js";
import { NnprepError } from "../../core/errors.js";
import type { Axes3, Shape3, Vec3 } from "../../core/volume.js";
import type { LabelRule } from "../../kernels/linear-labels.js";
import { clipAndScale, type Scaling } from "../../kernels/normalize.js";
import { type ImageOrder, resampledShape, resampleImage, resampleLabel, separateAxis } from "../../steps/resample.js";
import type { CubicResampler } from "../../steps/resampler.js";
import { resampleImageAsTorch, resampleLabelAsTorch } from "../../steps/torch-resample.js";
import type { Configuration, Resampling } from "./documents/configuration.js";

/** Grid of a case before and after resampling, transposed axes. */
export interface Grids {
  readonly shape: Shape3;
  readonly spacing: Vec3;
  readonly newShape: Shape3;
  readonly newSpacing: Vec3;
}

/**
 * Where a cropped case of `shape` and `spacingMm` (axes of the file) goes. Configurations in 2-D keep its first spacing.
 * @throws NnprepError INVALID_ARGUMENT when nothing would be left of an axis
 */
export function planGrids(
  shape: Shape3,
  spacingMm: Vec3,
  {
    plans,
    configuration,
  }: {
    readonly plans: { readonly transposeForward: Axes3 };
    readonly configuration: Pick<Configuration, "spacingMm" | "resampleData">;
  },
): Grids {
  const spacing = permute(spacingMm as [number, number, number], plans.transposeForward);
  const transposed = permute(shape as [number, number, number], plans.transposeForward);
  const target = configuration.spacingMm;
  const newSpacing = (target.length === 2 ? [spacing[0], ...target] : target) as unknown as Vec3;
  if (configuration.resampleData.kind === "none") {
    return { shape: transposed, spacing, newShape: transposed, newSpacing };
  }
  return { shape: transposed, spacing, newShape: resampledShape(transposed, spacing, newSpacing), newSpacing };
}

/** The axis that is resampled by itself, or null. */
export function axisOf(rule: Exclude<Resampling, { kind: "none" }>, { spacing, newSpacing }: Grids): number | null {
  return separateAxis(spacing, newSpacing, { force: rule.forceSeparateZ, threshold: rule.separateZThreshold });
}

function unsupported(name: string, what: string): NnprepError {
  return new NnprepError("UNSUPPORTED", `configuration "${name}" resamples ${what}, which is not known here`, {
    configuration: name,
  });
}

/**
 * A channel on the new grid, normalised by `scaling` unless that was done, as `resampling_fn_data` of the plans has it.
 * @throws NnprepError UNSUPPORTED for options that no planner of nnU-Net writes
 */
export async function resampleData(
  data: Float32Array,
  grids: Grids,
  { name, resampleData: rule }: Pick<Configuration, "name" | "resampleData">,
  resampler: CubicResampler,
  scaling: Scaling | null,
  inPlace: boolean,
): Promise<Float32Array> {
  const { shape, newShape } = grids;
  const normalized = (): Float32Array =>
    scaling === null ? data : clipAndScale(data, scaling, null, inPlace ? data : undefined);
  if (rule.kind === "none") return normalized();
  if (rule.isSeg) throw unsupported(name, "images as labels (is_seg)");
  const axis = axisOf(rule, grids);
  if (rule.kind === "torch") return resampleImageAsTorch(normalized(), shape, newShape, axis);
  if (![0, 1, 3].includes(rule.order)) throw unsupported(name, `images with order ${rule.order}`);
  if (rule.orderZ !== 0 && axis !== null) throw unsupported(name, `images with order_z ${rule.orderZ}`);
  return resampleImage(data, shape, newShape, axis, rule.order as ImageOrder, { resampler, scaling, inPlace });
}

/**
 * A label on the new grid, as `resampling_fn_seg` of the plans has it.
 * @throws NnprepError UNSUPPORTED for options that no planner of nnU-Net writes
 */
export function resampleSeg(
  label: Int16Array,
  grids: Grids,
  { name, resampleSeg: rule }: Pick<Configuration, "name" | "resampleSeg">,
  labelRule: LabelRule,
): Int16Array {
  const { shape, newShape } = grids;
  if (rule.kind === "none") return label;
  if (!rule.isSeg) throw unsupported(name, "labels as images (is_seg is false)");
  const axis = axisOf(rule, grids);
  if (rule.kind === "torch") return resampleLabelAsTorch(label, shape, newShape, axis, rule.memoryEfficient);
  if (rule.order !== 0 && rule.order !== 1) throw unsupported(name, `labels with order ${rule.order}`);
  if (rule.orderZ !== 0 && axis !== null) throw unsupported(name, `labels with order_z ${rule.orderZ}`);
  return resampleLabel(label, shape, newShape, axis, rule.order === 0 ? "nearest" : labelRule);
}
