import { boxShape, inverseAxes, permute, transpose } from "../core/axes.js";
import { NnprepError } from "../core/errors.js";
import { type Axes3, type Box3, formatShape, type Shape3, sameShape, voxelCount } from "../core/volume.js";
import { type LabelValues, SliceDecider, type ValueRange } from "../kernels/argmax/argmax.js";
import { type FloatValues, widenHalves } from "../kernels/half.js";
import { gatherProbabilities, openFeed, type Probabilities, precisionOf } from "./probabilities.js";
import { resampleImage } from "./resample.js";

/** Classes that may overlap. */
export interface RegionRule {
  /** Label of each class, in the order in which later ones overwrite. */
  readonly labels: readonly number[];
  /** A float32: a voxel belongs to a class where its value is above this. */
  readonly threshold: number;
}

/** What labels may be written with. */
export interface LabelArrays {
  readonly uint8: Uint8Array;
  readonly uint16: Uint16Array;
}
export type LabelType = keyof LabelArrays;

/** From the network's grid back to the scan's. Shapes, axes and boxes are those of the file, slowest axis first. */
export interface RestoreSettings<T extends LabelType = LabelType> {
  /** Voxels of the scan. */
  readonly shape: Shape3;
  /** Where in the scan the probabilities belong; they are resampled to the shape of this box. */
  readonly box: Box3;
  /** Axis that takes the nearest slice while slices are interpolated in plane, as `separateAxis` gives it. */
  readonly separateAxis: number | null;
  /** `transpose_forward`, if the probabilities still have the network's axes: axis i of them is axis `[i]` of the file. */
  readonly axes?: Axes3 | undefined;
  /** Whose axes the reference has while it resamples, which orders its sums: the file's (default), or the source's. */
  readonly summedIn?: "file" | "source" | undefined;
  /** Without it the largest class wins. */
  readonly regions?: RegionRule | undefined;
  readonly labelType: T;
  /** Precision that resampled values are rounded to; by default that of the probabilities. */
  readonly precision?: "float32" | "float16" | undefined;
  /** Called with the number of finished slices and of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Labels on the scan's grid. */
export interface RestoredLabels<T extends LabelType = LabelType> {
  /** Voxels of `settings.shape`, C order; 0 outside the box. */
  readonly labels: LabelArrays[T];
  /** Range of the probabilities that came in. */
  readonly range: Readonly<ValueRange>;
}

export const UNCHANGED: Axes3 = [0, 1, 2];
const LARGEST_LABEL: Record<LabelType, number> = { uint8: 0xff, uint16: 0xffff };

/** Zeros, or the given labels. */
export function labelArray(type: LabelType, content: number | readonly number[]): LabelValues {
  const length = typeof content === "number" ? content : content.length;
  const labels = type === "uint8" ? new Uint8Array(length) : new Uint16Array(length);
  if (typeof content !== "number") labels.set(content);
  return labels;
}

function labelTable(classes: number, regions: readonly number[] | undefined, type: LabelType): LabelValues {
  if (regions !== undefined && regions.length > classes) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `${regions.length} regions (${regions.join(", ")}) are asked for, but the probabilities have ${classes} channels`,
      { found: classes, expected: regions.length },
    );
  }
  const labels = regions === undefined ? Array.from({ length: classes }, (_, c) => c) : [0, ...regions];
  const largest = LARGEST_LABEL[type];
  const unfit = labels.find((label) => !Number.isInteger(label) || label < 0 || label > largest);
  if (unfit !== undefined) {
    throw new NnprepError(
      "UNSUPPORTED",
      `label ${unfit} does not fit the ${type === "uint8" ? 8 : 16} bits that segmentations are written with; labels from 0 to ${largest} do`,
      { found: unfit, expected: largest },
    );
  }
  return labelArray(type, labels);
}

function checkBox(box: Box3, shape: Shape3): void {
  const fits = box.every(([low, high], axis) => low >= 0 && low < high && high <= shape[axis]);
  if (fits) return;
  throw new NnprepError(
    "SHAPE_MISMATCH",
    `the box ${box.map(([low, high]) => `[${low}, ${high})`).join(" x ")} does not lie in a scan of shape ${formatShape(shape)}`,
    { box: box.map((bounds) => [...bounds]), shape: [...shape] },
  );
}

/**
 * Probabilities or logits to labels on the scan's grid: resampled linearly, rounded, decided (first largest class, or
 * last region above the threshold), pasted into zeros. Equal to nnU-Net in every voxel. The resampled values never exist:
 * memory is the labels, two planes of the source, and a window below 64 MiB.
 *
 * @throws NnprepError SHAPE_MISMATCH, UNSUPPORTED (labels that do not fit their type), ABORTED
 */
export async function restoreLabels<T extends LabelType>(
  source: Probabilities,
  settings: RestoreSettings<T>,
): Promise<RestoredLabels<T>> {
  const { shape, box, axes = UNCHANGED } = settings;
  checkBox(box, shape);
  const order = inverseAxes(axes);
  const regions = settings.regions;
  const classes = regions === undefined ? source.classes : Math.min(source.classes, regions.labels.length);
  const table = labelTable(source.classes, regions?.labels, settings.labelType);
  const newShape = permute(boxShape(box) as [number, number, number], axes);
  const decider = new SliceDecider({
    classes,
    shape: source.shape,
    newShape,
    order: settings.summedIn === "source" ? UNCHANGED : order,
    nearestAxis: nearestAxisOf(settings),
    precision: settings.precision ?? precisionOf(source),
    threshold: regions?.threshold ?? null,
    labels: table,
  });
  const labels = labelArray(settings.labelType, voxelCount(shape));
  const write = rowWriter(labels, shape, box, axes, newShape);
  const feed = await openFeed(source);
  for (const run of decider.runs) {
    if (settings.signal?.aborted === true) {
      throw new NnprepError("ABORTED", `stopped after ${run.slices[0]} of ${newShape[0]} slices`);
    }
    const wait = feed.prepare(run.lower, run.upper);
    if (wait !== undefined) {
      // Whoever ran in between may have used the kernels' window.
      await wait;
      decider.forget();
    }
    decider.decide(run, (c, plane) => feed.plane(c, plane), write);
    settings.onProgress?.(run.slices[1], newShape[0]);
  }
  return { labels: labels as LabelArrays[T], range: decider.range };
}

/** The separate axis in the source's frame. */
export function nearestAxisOf({ separateAxis, axes = UNCHANGED }: Pick<RestoreSettings, "separateAxis" | "axes">) {
  return separateAxis === null ? null : inverseAxes(axes)[separateAxis];
}

/** Values that lie in rows. */
interface Row extends ArrayLike<number> {
  subarray(from: number, to: number): ArrayLike<number>;
}

/** Writes rows of the source's axes to their place in the scan. `rowShape`: the box, in the source's axes. */
export function rowWriter(
  target: LabelValues | Float32Array,
  shape: Shape3,
  box: Box3,
  axes: Axes3,
  rowShape: Shape3,
): (slice: number, firstRow: number, values: Row) => void {
  const fileStrides = [shape[1] * shape[2], shape[2], 1] as const;
  const strides = axes.map((axis) => fileStrides[axis]) as [number, number, number];
  const origin = box.reduce((sum, [low], axis) => sum + low * fileStrides[axis], 0);
  const columns = rowShape[2];
  return (slice, firstRow, values) => {
    const rows = values.length / columns;
    if (strides[2] === 1 && strides[1] === columns) {
      target.set(values, origin + slice * strides[0] + firstRow * columns);
      return;
    }
    for (let row = 0; row < rows; row++) {
      const to = origin + slice * strides[0] + (firstRow + row) * strides[1];
      const from = row * columns;
      if (strides[2] === 1) target.set(values.subarray(from, from + columns), to);
      else for (let k = 0; k < columns; k++) target[to + k * strides[2]] = values[from + k];
    }
  };
}

/**
 * The resampled probabilities themselves, one class after the other, each of the shape of the box in the file's axes:
 * equal to nnU-Net 1.7.1's `resample_data_or_seg(..., order=1, order_z=0)` in float32. One class exists at a time.
 */
export async function* restoreProbabilities(
  source: Probabilities,
  settings: Pick<RestoreSettings, "box" | "separateAxis" | "axes">,
): AsyncGenerator<Float32Array, void, undefined> {
  const { data, classes, shape } = await gatherProbabilities(source);
  const axes = settings.axes ?? UNCHANGED;
  const order = inverseAxes(axes);
  const count = voxelCount(shape);
  const from = permute(shape as [number, number, number], order);
  const to = boxShape(settings.box);
  for (let c = 0; c < classes; c++) {
    const values: FloatValues = data.subarray(c * count, (c + 1) * count);
    const floats = values instanceof Uint16Array ? widenHalves(values) : values;
    const turned = transpose(floats, shape, order);
    yield sameShape(from, to) ? turned : await resampleImage(turned, from, to, settings.separateAxis, 1);
  }
}
