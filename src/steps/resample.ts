import { inverseAxes, permute, transpose } from "../core/axes.js";
import { NnprepError } from "../core/errors.js";
import { roundHalfEven } from "../core/numeric.js";
import { type Axes3, formatShape, type Shape3, sameShape, type Vec3, voxelCount } from "../core/volume.js";
import { resizeLinear } from "../kernels/linear.js";
import { type LabelRule, resizeLabels } from "../kernels/linear-labels.js";
import { resizeNearest } from "../kernels/nearest.js";
import { clipAndScale, type Scaling } from "../kernels/normalize.js";
import { type CubicResampler, exactResampler } from "./resampler.js";

/** Spline order in all axes, or within slices: nearest, linear, cubic. */
export type ImageOrder = 0 | 1 | 3;
/** How labels are resampled: each takes the nearest voxel, or one-hot volumes are resampled linearly and a rule decides. */
export type LabelResampling = "nearest" | LabelRule;

/** No memory holds more: a wrong unit or a misplaced point. Below this the estimates of memory say what is needed. */
const MOST_VOXELS = 2 ** 40;

/** When one axis is resampled by itself. */
export interface SeparateAxisRule {
  /** true: always, by the first spacing; false: never; null: when either spacing is anisotropic. */
  readonly force: boolean | null;
  /** A spacing is anisotropic when its largest entry exceeds the smallest by more than this factor. */
  readonly threshold: number;
}

/**
 * Shape after resampling from `spacing` to `target` (mm per axis, the frame of `shape`): quotient first, then product,
 * ties to even, as nnU-Net's `resample_patient` (v1) and `compute_new_shape` (v2).
 *
 * @throws NnprepError INVALID_ARGUMENT when an axis would have no voxel left, or the volume more than any memory holds
 */
export function resampledShape(shape: Shape3, spacing: Vec3, target: Vec3): Shape3 {
  const result = [0, 1, 2].map((axis) =>
    roundHalfEven((spacing[axis] / target[axis]) * shape[axis]),
  ) as unknown as Shape3;
  const isEmpty = !result.every((n) => Number.isSafeInteger(n) && n >= 1);
  if (isEmpty || voxelCount(result) > MOST_VOXELS) {
    const need = isEmpty ? "every axis needs at least one voxel" : "no memory holds so many voxels";
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `resampling shape ${formatShape(shape)} from ${spacing.join(" x ")} mm to ${target.join(" x ")} mm would give shape ${formatShape(result)}, but ${need}; check the spacings`,
      { shape: [...shape], spacing: [...spacing], target: [...target], found: [...result] },
    );
  }
  return result;
}

function isAnisotropic(spacing: Vec3, threshold: number): boolean {
  return Math.max(...spacing) / Math.min(...spacing) > threshold;
}

function coarsestAxes(spacing: Vec3): number[] {
  const largest = Math.max(...spacing);
  return [0, 1, 2].filter((axis) => largest / spacing[axis] === 1);
}

/**
 * The axis that is resampled on its own (nearest) while the slices across it are resampled in plane, or null when all
 * three are resampled together. Two or three equally coarse axes mean null. Source: nnU-Net's `resample_patient` (v1)
 * and `determine_do_sep_z_and_axis` (v2).
 *
 * @param first decides where it is anisotropic, else `second` does where that is; mm per axis
 */
export function separateAxis(first: Vec3, second: Vec3, { force, threshold }: SeparateAxisRule): number | null {
  if (force === false) return null;
  let axes: number[];
  if (force === true || isAnisotropic(first, threshold)) axes = coarsestAxes(first);
  else if (isAnisotropic(second, threshold)) axes = coarsestAxes(second);
  else return null;
  return axes.length === 1 ? axes[0] : null;
}

/** The permutation that brings `axis` to the front and keeps the order of the others. */
function axisFirst(axis: number): Axes3 {
  return [axis, ...[0, 1, 2].filter((a) => a !== axis)] as unknown as Axes3;
}

/** The data with `axis` in front, where slices are contiguous, and the way back. */
function turn<T extends Float32Array | Int16Array>(data: T, shape: Shape3, newShape: Shape3, axis: number) {
  const forward = axisFirst(axis);
  const to: Shape3 = permute(newShape as [number, number, number], forward);
  return {
    turned: transpose(data, shape, forward),
    from: permute(shape as [number, number, number], forward) as Shape3,
    to,
    back: (result: T): T => transpose(result, to, inverseAxes(forward)),
  };
}

export interface ImageResampling {
  /** Who does the cubic resampling; default: the caller's thread, exactly. */
  readonly resampler?: CubicResampler | undefined;
  /**
   * Resampled label or null: voxels where it is negative may have rounding errors, because the caller replaces them;
   * sparing them makes scans with a background of exact zeros several times faster.
   */
  readonly within?: Int16Array | null;
  /** What becomes of the voxels first: as `clipAndScale`, on their way into the resampling where that is cubic. */
  readonly scaling?: Scaling | null;
  /** `data` may be overwritten. */
  readonly inPlace?: boolean;
}

/**
 * Resamples one channel as nnU-Net's `resample_data_or_seg` does, equal to it in every float32 bit unless the resampler
 * is another. An unchanged shape returns `data` itself, if nothing is scaled.
 *
 * @param data voxels of `shape`, C order
 * @param axis the axis from `separateAxis`: its slices are resampled in plane with `order`, then it takes the nearest
 */
export async function resampleImage(
  data: Float32Array,
  shape: Shape3,
  newShape: Shape3,
  axis: number | null,
  order: ImageOrder,
  { resampler = exactResampler, within = null, scaling = null, inPlace = false }: ImageResampling = {},
): Promise<Float32Array> {
  const same = sameShape(shape, newShape);
  if (order === 3 && axis === null && !same) {
    return resampler.resizeCubic(data, shape, newShape, undefined, within, scaling);
  }
  if (scaling !== null) {
    const scaled = clipAndScale(data, scaling, null, inPlace ? data : undefined);
    return resampleImage(scaled, shape, newShape, axis, order, { resampler });
  }
  if (same) return data;
  if (axis === null) {
    return order === 1 ? resizeLinear(data, shape, newShape) : resizeNearest(data, shape, newShape);
  }
  const { turned, from, to, back } = turn(data, shape, newShape, axis);
  const between: Shape3 = [from[0], to[1], to[2]];
  let slices: Float32Array;
  if (order === 3) slices = await resampler.resizeCubicSlices(turned, from, [to[1], to[2]]);
  else slices = order === 1 ? resizeLinear(turned, from, between, true) : resizeNearest(turned, from, between);
  return back(from[0] === to[0] ? slices : resizeNearest(slices, between, to));
}

/**
 * Resamples a label as nnU-Net does (`resize_segmentation`), equal in every voxel. An unchanged shape returns `label`
 * itself.
 */
export function resampleLabel(
  label: Int16Array,
  shape: Shape3,
  newShape: Shape3,
  axis: number | null,
  rule: LabelResampling,
): Int16Array {
  if (sameShape(shape, newShape)) return label;
  if (rule === "nearest") return resizeNearest(label, shape, newShape);
  if (axis === null) return resizeLabels(label, shape, newShape, rule);
  const { turned, from, to, back } = turn(label, shape, newShape, axis);
  const between: Shape3 = [from[0], to[1], to[2]];
  const slices = resizeLabels(turned, from, between, rule, true);
  return back(from[0] === to[0] ? slices : resizeNearest(slices, between, to));
}
