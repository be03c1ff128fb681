import { NnprepError } from "../core/errors.js";
import { roundHalfEven } from "../core/numeric.js";
import { checkLength, formatShape, type Shape3, voxelCount } from "../core/volume.js";
import { accumulatePlane, addHalfSums, dividePlane } from "../kernels/accumulate-windows.js";
import { addToSums, divideSums, type FloatValues, narrowToHalves } from "../kernels/half.js";
import { init } from "../runtime/instantiate.js";
import type { ProbabilitySlabs } from "../steps/probabilities.js";
import { gaussianWeights } from "./gaussian.js";
import type { Network } from "./network.js";
import { addMirrored, cutPatch, type Flips, mirrorings, type NetworkInput } from "./patches.js";

export interface SlidingWindowSettings {
  /** Voxels of a window, slowest axis first: three axes, or two for a 2-D network that sees slice after slice. */
  readonly patch: readonly number[];
  /** Heads of the network. */
  readonly classes: number;
  /** Distance of windows as a share of the patch, in (0, 1]; default 0.5. */
  readonly stepSize?: number | undefined;
  /** Axes of the patch that are mirrored at inference; default none. */
  readonly mirrorAxes?: readonly number[] | null | undefined;
  /** False: all voxels of a window count alike. Default true. */
  readonly gaussian?: boolean | undefined;
  /** Of the sums: float16 (default), as in nnU-Net, or float32, which nnU-Net does not have. */
  readonly precision?: "float16" | "float32" | undefined;
  /** Called with the number of windows that are done and of all; a window counts once per network. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** nnU-Net's `value_scaling_factor`: the largest weight of a voxel in its window. */
const LARGEST_WEIGHT = 10;
const NO_FLIPS: Flips = [false, false, false];

/** First voxels of the windows along one axis: `compute_steps_for_sliding_window` of nnU-Net 2.8.1. */
export function windowStarts(size: number, patch: number, stepSize: number): number[] {
  const count = Math.ceil((size - patch) / (patch * stepSize)) + 1;
  const distance = count > 1 ? (size - patch) / (count - 1) : 0;
  return Array.from({ length: count }, (_, i) => roundHalfEven(distance * i));
}

/** Where windows lie on a grid that is padded so that it is at least as large as the patch. */
export interface WindowLayout {
  /** Voxels of a window; 1 along axis 0 for a 2-D network. */
  readonly size: Shape3;
  /** Voxels of the padded grid. */
  readonly padded: Shape3;
  /** Zeros in front of the image along each axis. */
  readonly before: Shape3;
  /** First voxels of the windows in the padded grid, per axis. */
  readonly starts: readonly [readonly number[], readonly number[], readonly number[]];
  /** Windows in all. */
  readonly count: number;
}

/** @throws NnprepError INVALID_ARGUMENT for a patch or step that makes no windows */
export function layOutWindows(shape: Shape3, patch: readonly number[], stepSize = 0.5): WindowLayout {
  if (!(stepSize > 0 && stepSize <= 1)) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `step size ${stepSize}: a share of the patch above 0, at most 1, is expected`,
      {
        found: stepSize,
      },
    );
  }
  if ((patch.length !== 2 && patch.length !== 3) || patch.some((n) => !Number.isInteger(n) || n < 1)) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `patch ${patch.join(" x ")}: two or three whole numbers of at least 1 are expected`,
      {
        found: [...patch],
      },
    );
  }
  const size = (patch.length === 2 ? [1, ...patch] : patch) as unknown as Shape3;
  const triple = (f: (axis: 0 | 1 | 2) => number): Shape3 => [f(0), f(1), f(2)];
  const padded = triple((axis) => Math.max(shape[axis], size[axis]));
  const before = triple((axis) => Math.floor((padded[axis] - shape[axis]) / 2));
  const along = (axis: 0 | 1 | 2) => windowStarts(padded[axis], size[axis], stepSize);
  const slices = Array.from({ length: shape[0] }, (_, i) => i);
  const starts = [patch.length === 2 ? slices : along(0), along(1), along(2)] as const;
  return { size, padded, before, starts, count: starts[0].length * starts[1].length * starts[2].length };
}

/**
 * Logits of a whole image from networks that see windows of it: `predict_logits_from_preprocessed_data` of nnU-Net
 * 2.8.1 on a CPU, the same bits where the networks give the same. The result is a stream of planes: a plane leaves as
 * soon as no later window touches it, so that only as many planes as a window is high are held. With several networks
 * (folds) the finished planes are added up in float16 in their order and divided, as nnU-Net does.
 *
 * The planes can be read once. Errors arrive while they are read.
 *
 * @throws NnprepError INVALID_ARGUMENT, SHAPE_MISMATCH (channels or classes do not fit), INVALID_VALUES (NaN or
 * infinite logits), ABORTED, and whatever a network throws
 */
export function predictLogits(
  networks: readonly Network[],
  image: NetworkInput,
  settings: SlidingWindowSettings,
): ProbabilitySlabs {
  const { classes, precision = "float16" } = settings;
  const layout = layOutWindows(image.shape, settings.patch, settings.stepSize);
  checkInput(networks, image, settings);
  const total = layout.count * networks.length;
  let done = 0;
  const finished = () => settings.onProgress?.(++done, total);
  let shared: Shared | undefined;
  // Folds take turns between windows, never within one, so what a window needs exists once.
  const share = async () => {
    await init();
    shared ??= sharedBy(image, layout, settings);
    return shared;
  };
  const folds = networks.map((network) => planesOf(network, image, layout, settings, share, finished));
  return { classes, shape: image.shape, precision, slabs: meanOf(folds, image.shape[1] * image.shape[2]) };
}

function checkInput(networks: readonly Network[], image: NetworkInput, settings: SlidingWindowSettings): void {
  const { classes, patch, mirrorAxes } = settings;
  if (networks.length === 0) throw new NnprepError("INVALID_ARGUMENT", "no network is given: one per fold is expected");
  for (const [c, channel] of image.channels.entries()) checkLength(`channel ${c}`, channel, image.shape);
  const wrongAxis = mirrorAxes?.find((axis) => !Number.isInteger(axis) || axis < 0 || axis >= patch.length);
  if (wrongAxis !== undefined) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `mirroring axis ${wrongAxis} of a patch with ${patch.length} axes: 0 to ${patch.length - 1} are expected`,
      { found: [...(mirrorAxes ?? [])] },
    );
  }
  for (const [fold, network] of networks.entries()) {
    const takes = network.patch;
    if (
      takes !== undefined &&
      (takes.length !== patch.length || takes.some((n, axis) => (n ?? patch[axis]) !== patch[axis]))
    ) {
      throw new NnprepError(
        "SHAPE_MISMATCH",
        `network ${fold + 1} of ${networks.length} takes patches of ${takes.map((n) => n ?? "any").join(" x ")}, but the plans have ${formatShape(patch)}: it belongs to another configuration`,
        { fold, found: [...takes], expected: [...patch] },
      );
    }
    const pairs = [
      ["input channels", network.channels, image.channels.length, "the preprocessed case"],
      ["output channels", network.classes, classes, "dataset.json"],
    ] as const;
    for (const [what, found, expected, source] of pairs) {
      if (found === undefined || found === expected) continue;
      throw new NnprepError(
        "SHAPE_MISMATCH",
        `network ${fold + 1} of ${networks.length} has ${found} ${what}, but ${source} has ${expected}: it does not belong to this model`,
        { fold, what, found, expected },
      );
    }
  }
}

/** Mean over folds, plane by plane. */
async function* meanOf(
  folds: readonly AsyncGenerator<FloatValues>[],
  perPlane: number,
): AsyncGenerator<FloatValues, void, undefined> {
  const [first, ...others] = folds as [AsyncGenerator<FloatValues>, ...AsyncGenerator<FloatValues>[]];
  try {
    for await (const plane of first) {
      for (const fold of others) {
        const { value } = (await fold.next()) as IteratorYieldResult<FloatValues>;
        if (plane instanceof Float32Array) addToSums(value, plane);
        else if (!addHalfSums(value as Uint16Array, plane)) throw notFinite("the sum of the folds", plane);
      }
      if (folds.length > 1) divideBy(folds.length, plane, perPlane);
      yield plane;
    }
  } finally {
    for (const fold of folds) await fold.return(undefined);
  }
}

function divideBy(divisor: number, plane: FloatValues, perPlane: number): void {
  if (plane instanceof Float32Array) {
    divideSums(plane, divisor);
    return;
  }
  dividePlane(plane, narrowToHalves(new Float32Array(perPlane).fill(divisor)), plane);
}

function notFinite(what: string, values: FloatValues): NnprepError {
  // float16 sums take NaN for infinity.
  const nan = values instanceof Float32Array && values.some(Number.isNaN);
  return new NnprepError(
    "INVALID_VALUES",
    nan
      ? `${what} holds NaN: the network gives no usable numbers for this case. Are there NaN in the scan, or was the model converted to a precision that it does not bear?`
      : `${what} is larger than float16 holds (65504), where nnU-Net stops too. Sums in float32 bear it`,
    { nan },
  );
}

/** What all folds work with, one after the other. */
interface Shared {
  /** Weights of a window's voxels. */
  readonly weights: Float32Array;
  /** As many ones as a plane of a window has voxels. */
  readonly ones: Float32Array;
  /** The patch that goes into the network. */
  readonly patch: Float32Array;
  /** Sum over mirrored versions; empty without mirroring. */
  readonly mirrored: Float32Array;
}

function sharedBy(image: NetworkInput, { size }: WindowLayout, settings: SlidingWindowSettings): Shared {
  const voxels = voxelCount(size);
  const mirrors = (settings.mirrorAxes ?? []).length > 0;
  return {
    weights:
      settings.gaussian === false
        ? new Float32Array(voxels).fill(1)
        : gaussianWeights(settings.patch, { largest: LARGEST_WEIGHT, precision: "float16" }),
    ones: new Float32Array(size[1] * size[2]).fill(1),
    patch: new Float32Array(image.channels.length * voxels),
    mirrored: new Float32Array(mirrors ? settings.classes * voxels : 0),
  };
}

/** The finished planes of one network, `(classes, a1, a2)` each, in ascending order. */
async function* planesOf(
  network: Network,
  image: NetworkInput,
  layout: WindowLayout,
  settings: SlidingWindowSettings,
  share: () => Promise<Shared>,
  finished: () => void,
): AsyncGenerator<FloatValues, void, undefined> {
  const shared = await share();
  const { weights, ones } = shared;
  const { classes, precision = "float16" } = settings;
  const { size, padded, before, starts } = layout;
  const [height, rows, columns] = size;
  const perPlane = padded[1] * padded[2];
  const empty = (length: number) => (precision === "float16" ? new Uint16Array(length) : new Float32Array(length));
  // Plane p of the padded grid is at p modulo the height of a window: the planes of one window never meet.
  const sums = Array.from({ length: height }, () => empty(classes * perPlane));
  const counts = Array.from({ length: height }, () => empty(perPlane));
  const predict = patchPredictor(network, image, layout, settings, shared);
  const place = (head: number, a: number) => `head ${head} of the prediction, plane ${a - before[0]},`;
  for (const [index, a0] of starts[0].entries()) {
    for (const a1 of starts[1]) {
      for (const a2 of starts[2]) {
        const logits = await predict([a0, a1, a2]);
        const plane = { rows, columns, sumRows: padded[1], sumColumns: padded[2], row: a1, column: a2 };
        for (let i = 0; i < height; i++) {
          const at = (a0 + i) % height;
          const weight = weights.subarray(i * rows * columns, (i + 1) * rows * columns);
          const from = i * rows * columns;
          const infinite = accumulatePlane(sums[at] as FloatValues, logits, from, voxelCount(size), weight, plane);
          if (infinite >= 0) {
            const start = infinite * voxelCount(size) + from;
            const found = logits.subarray(start, start + rows * columns);
            throw notFinite(place(infinite, a0 + i), found);
          }
          accumulatePlane(counts[at] as FloatValues, weight, 0, 0, ones, plane);
        }
        finished();
      }
    }
    const next = starts[0][index + 1] ?? padded[0];
    for (let a = a0; a < next; a++) {
      const sum = sums[a % height] as FloatValues;
      const count = counts[a % height] as FloatValues;
      const source = a - before[0];
      if (source >= 0 && source < image.shape[0]) {
        const infinite = dividePlane(sum, count, sum);
        if (infinite >= 0) {
          const found = sum.subarray(infinite * perPlane, (infinite + 1) * perPlane);
          throw notFinite(place(infinite, a), found);
        }
        yield cropPlane(sum, layout, image.shape);
      }
      sum.fill(0);
      count.fill(0);
    }
  }
}

/** A copy of a plane of all classes without the padding. */
function cropPlane(plane: FloatValues, layout: WindowLayout, shape: Shape3): FloatValues {
  const { padded, before } = layout;
  if (padded[1] === shape[1] && padded[2] === shape[2]) return plane.slice();
  const classes = plane.length / (padded[1] * padded[2]);
  const length = classes * shape[1] * shape[2];
  const result = plane instanceof Uint16Array ? new Uint16Array(length) : new Float32Array(length);
  for (let c = 0, to = 0; c < classes; c++) {
    for (let j = 0; j < shape[1]; j++, to += shape[2]) {
      const from = (c * padded[1] + before[1] + j) * padded[2] + before[2];
      result.set(plane.subarray(from, from + shape[2]), to);
    }
  }
  return result;
}

/** Logits of the window at a place of the padded grid: mean over the mirrored versions. */
function patchPredictor(
  network: Network,
  image: NetworkInput,
  layout: WindowLayout,
  settings: SlidingWindowSettings,
  shared: Shared,
): (start: Shape3) => Promise<Float32Array> {
  const { size, before } = layout;
  const { patch, classes, signal } = settings;
  const shape = [image.channels.length, ...patch];
  const { patch: data, mirrored: sums } = shared;
  const flips = mirrorings(settings.mirrorAxes ?? [], patch.length);
  const expected = classes * voxelCount(size);
  const run = async (start: Shape3, mirrored: Flips) => {
    if (signal?.aborted === true) throw new NnprepError("ABORTED", "stopped between two windows of the prediction");
    cutPatch(image, start, size, mirrored, data);
    const logits = await network.run({ data, shape });
    if (logits.length === expected) return logits;
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `the network returns ${logits.length} values for a patch of ${formatShape(shape)}, but ${classes} classes of ${formatShape(patch)} voxels are ${expected}: the model does not belong to this dataset.json and plans`,
      { found: logits.length, expected },
    );
  };
  return async (at) => {
    const start: Shape3 = [at[0] - before[0], at[1] - before[1], at[2] - before[2]];
    const first = await run(start, NO_FLIPS);
    if (flips.length === 0) return first;
    sums.set(first);
    for (const mirrored of flips) addMirrored(await run(start, mirrored), size, mirrored, sums);
    // The number of versions is a power of two, so this is exact.
    const share = 1 / (flips.length + 1);
    for (let i = 0; i < expected; i++) sums[i] *= share;
    return sums;
  };
}
