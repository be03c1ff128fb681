import { boxShape, permute } from "../core/axes.js";
import { NnprepError } from "../core/errors.js";
import { type Shape3, voxelCount } from "../core/volume.js";
import type { ValueRange } from "../kernels/argmax/argmax.js";
import { ClassProbabilities } from "../kernels/class-probabilities.js";
import type { ProbabilityArray, ProbabilityPlanes } from "./probabilities.js";
import {
  type LabelArrays,
  type LabelType,
  labelArray,
  nearestAxisOf,
  type RestoredLabels,
  type RestoreSettings,
  rowWriter,
  UNCHANGED,
} from "./restore.js";

type GridSettings = Pick<RestoreSettings, "shape" | "box" | "separateAxis" | "axes">;

/** Probabilities on the scan's voxels, class after class; the array is used again for the next class. */
export type ClassVolumes = () => Generator<Float32Array, void, undefined>;

function openClasses({ classes, shape, precision, planeOf }: ProbabilityPlanes, settings: GridSettings) {
  const axes = settings.axes ?? UNCHANGED;
  const newShape = permute(boxShape(settings.box) as [number, number, number], axes) as Shape3;
  const nearestAxis = nearestAxisOf(settings);
  const maker = new ClassProbabilities({ classes, shape, newShape, nearestAxis, precision, planeOf });
  return { maker, newShape };
}

/** Puts a volume of the box, in the source's axes, to its place in the scan. */
function pasteVolume(
  values: Float32Array | Uint16Array,
  newShape: Shape3,
  target: Float32Array | Uint8Array | Uint16Array,
  settings: GridSettings,
): void {
  const write = rowWriter(target, settings.shape, settings.box, settings.axes ?? UNCHANGED, newShape);
  const size = newShape[1] * newShape[2];
  for (let slice = 0; slice < newShape[0]; slice++) write(slice, 0, values.subarray(slice * size, (slice + 1) * size));
}

/**
 * Logits to labels and softmax on the scan's grid: resampled linearly in the source's axes, rounded to their precision,
 * softmax in float32, the first largest probability. Outside the box class 0 is 1.
 *
 * Memory: the logits, two float32 volumes of the box, the labels; one float32 volume of box and scan while classes are
 * taken.
 *
 * @throws NnprepError ABORTED
 */
export function restoreSoftmax<T extends LabelType>(
  source: ProbabilityPlanes,
  settings: RestoreSettings<T>,
): Omit<RestoredLabels<T>, "range"> & { readonly volumes: ClassVolumes } {
  const { maker, newShape } = openClasses(source, settings);
  const summary = maker.summarize((done) => {
    if (settings.signal?.aborted === true) {
      throw new NnprepError("ABORTED", `stopped after ${done} of ${newShape[0]} slices`);
    }
    settings.onProgress?.(done, newShape[0]);
  });
  const labels = labelArray(settings.labelType, voxelCount(settings.shape));
  pasteVolume(summary.labels, newShape, labels, settings);
  const make = (c: number, output: Float32Array) => maker.softmax(c, summary, output);
  const volumes = () => volumesOf(source.classes, newShape, settings, make, (c) => (c === 0 ? 1 : 0));
  return { labels: labels as LabelArrays[T], volumes };
}

/** Logits of regions as probabilities: the same with a sigmoid, 0 outside the box. */
export function restoreSigmoid(source: ProbabilityPlanes, settings: GridSettings): ClassVolumes {
  const { maker, newShape } = openClasses(source, settings);
  const make = (c: number, output: Float32Array) => maker.sigmoid(c, output);
  return () => volumesOf(source.classes, newShape, settings, make, () => 0);
}

function* volumesOf(
  classes: number,
  newShape: Shape3,
  settings: GridSettings,
  make: (classIndex: number, output: Float32Array) => void,
  outside: (classIndex: number) => number,
): Generator<Float32Array, void, undefined> {
  const inside = new Float32Array(voxelCount(newShape));
  const whole = new Float32Array(voxelCount(settings.shape));
  for (let c = 0; c < classes; c++) {
    make(c, inside);
    whole.fill(outside(c));
    pasteVolume(inside, newShape, whole, settings);
    yield whole;
  }
}

/** Bits of an infinite float16. */
const HALF_INFINITY = 0x7c00;

/** The range of logits. Of float16 the bits are compared, which order as the values do within a sign. */
export function rangeOf({ data }: ProbabilityArray): ValueRange {
  if (data instanceof Float32Array) {
    let [lowest, largest, finite] = [Number.POSITIVE_INFINITY, 0, true];
    for (let i = 0; i < data.length; i++) {
      const value = data[i];
      if (value < lowest) lowest = value;
      if (Math.abs(value) > largest) largest = Math.abs(value);
      if (value - value !== 0) finite = false;
    }
    return { lowest, largestMagnitude: largest, finite };
  }
  let [least, most, mostNegative] = [HALF_INFINITY, 0, -1];
  for (let i = 0; i < data.length; i++) {
    const bits = data[i];
    const magnitude = bits & 0x7fff;
    if (magnitude > most) most = magnitude;
    if (bits >= 0x8000) mostNegative = Math.max(mostNegative, magnitude);
    else if (bits < least) least = bits;
  }
  const lowest = mostNegative > 0 ? -halfValue(mostNegative) : halfValue(mostNegative === 0 ? 0 : least);
  return { lowest, largestMagnitude: halfValue(most), finite: most < HALF_INFINITY };
}

/** A float16 without sign. */
function halfValue(bits: number): number {
  const exponent = bits >> 10;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return fraction / (1 << 24);
  let value = (1024 + fraction) / (1 << 25);
  for (let e = 0; e < exponent; e++) value *= 2;
  return value;
}
