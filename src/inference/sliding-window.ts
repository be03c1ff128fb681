import { NnprepError } from "../core/errors.js";
import { roundHalfEven } from "../core/numeric.js";
import { checkLength, formatShape, type Shape3, voxelCount } from "../core/volume.js";
import { accumulatePlane, addHalfSums, dividePlane } from "../kernels/accumulate-windows.js";
import { addToSums, divideSums, type FloatValues, narrowToHalves } from "../kernels/half.js";
import { init } from "../runtime/instantiate.js";
import type { ProbabilitySlabs } from "../steps/probabilities.js";
import { gaussianWeights } from "./gaussian.js";
import type { Network } from "./network.js";
import type { NetworkInput } from "./patches.js";
import { type WindowBuffers, type WindowRun, windowBuffers, windowPredictor } from "./window-network.js";
import { LOGITS_V2, type WindowRules } from "./window-rules.js";

/** How windows go over a case. */
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
  /** Of which generation of nnU-Net; default those of v2, `LOGITS_V2`. */
  readonly rules?: WindowRules | undefined;
  /** Of the sums; default that of the rules. nnU-Net v2 does not have float32. */
  readonly precision?: "float16" | "float32" | undefined;
  /** Called with the number of windows that are done and of all; a window counts once per network. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The rules with the precision that is wanted. */
function rulesOf({ rules = LOGITS_V2, precision = rules.precision }: SlidingWindowSettings): WindowRules {
  return { ...rules, precision };
}

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
 * 2.8.1 on a CPU, or with `PROBABILITIES_V1` the probabilities of nnU-Net 1.7.1, the same bits where the networks give
 * the same. The result is a stream of planes: a plane leaves as soon as no later window touches it, so that only as many
 * planes as a window is high are held. With several networks (folds) the finished planes are added up in their order, in
 * the precision of the sums, and divided, as nnU-Net does.
 *
 * The planes can be read once; one that is given back (`release`) serves again, others are left to the engine. Errors arrive while they are read.
 *
 * @throws NnprepError INVALID_ARGUMENT, SHAPE_MISMATCH (channels or classes do not fit), INVALID_VALUES (NaN or
 * infinite logits), ABORTED, and whatever a network throws
 */
export function predictLogits(
  networks: readonly Network[],
  image: NetworkInput,
  settings: SlidingWindowSettings,
): ProbabilitySlabs {
  const { classes } = settings;
  const layout = layOutWindows(image.shape, settings.patch, settings.stepSize);
  checkInput(networks, image, settings);
  const rules = rulesOf(settings);
  const { precision } = rules;
  const run: WindowRun = {
    image,
    patch: settings.patch,
    size: layout.size,
    classes,
    mirrorAxes: settings.mirrorAxes ?? [],
    rules,
    signal: settings.signal,
  };
  const total = layout.count * networks.length;
  let done = 0;
  const finished = () => settings.onProgress?.(++done, total);
  let shared: Shared | undefined;
  // Folds take turns between windows, never within one, so what a window needs exists once.
  const share = async () => {
    await init();
    shared ??= allocate("a patch and its logits", () => ({
      ...windowWeights(layout, settings, rules),
      buffers: windowBuffers(run),
    }));
    return shared;
  };
  const spare = new SparePlanes(classes * image.shape[1] * image.shape[2], precision);
  const folds = networks.map((network) => planesOf(network, run, layout, spare, share, finished));
  const slabs = meanOf(folds, spare, image.shape[1] * image.shape[2]);
  return { classes, shape: image.shape, precision, slabs, release: (plane) => spare.give(plane) };
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
  spare: SparePlanes,
  perPlane: number,
): AsyncGenerator<FloatValues, void, undefined> {
  const [first, ...others] = folds as [AsyncGenerator<FloatValues>, ...AsyncGenerator<FloatValues>[]];
  try {
    for await (const plane of first) {
      for (const fold of others) {
        const { value } = (await fold.next()) as IteratorYieldResult<FloatValues>;
        if (plane instanceof Float32Array) addToSums(value, plane);
        else if (!addHalfSums(value as Uint16Array, plane)) throw notFinite("the sum of the folds", plane);
        spare.give(value);
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

/** Weights of a window's voxels, `(rows, columns)` for each plane. */
interface WindowWeights {
  /** Divided by the number of mirrored versions, which are added up: it is a power of two, so this is exact. */
  readonly weights: Float32Array;
  /** Once for each voxel of a plane: what makes them whole again. */
  readonly versions: Float32Array;
}

/** What all folds work with, one after the other. */
interface Shared extends WindowWeights {
  readonly buffers: WindowBuffers;
}

function windowWeights(layout: WindowLayout, settings: SlidingWindowSettings, rules: WindowRules): WindowWeights {
  const { size, starts } = layout;
  const versions = 1 << (settings.mirrorAxes ?? []).length;
  const inSlice = starts[1].length * starts[2].length;
  const single = (settings.patch.length === 2 ? inSlice : layout.count) === 1;
  const plain = settings.gaussian === false || (single && rules.plainSingleWindow);
  const weights = plain ? new Float32Array(voxelCount(size)).fill(1) : gaussianWeights(settings.patch, rules.gaussian);
  for (let i = 0; i < weights.length; i++) weights[i] /= versions;
  return { weights, versions: new Float32Array(size[1] * size[2]).fill(versions) };
}

/** Arrays for finished planes: without it the engine would hold tens of dropped ones before it collects them. */
class SparePlanes {
  readonly #length: number;
  readonly #precision: WindowRules["precision"];
  readonly #planes: FloatValues[] = [];

  constructor(length: number, precision: WindowRules["precision"]) {
    this.#length = length;
    this.#precision = precision;
  }

  /** An array of any content. */
  take(): FloatValues {
    return this.#planes.pop() ?? emptyPlanes(1, this.#length, this.#precision)[0];
  }

  give(plane: FloatValues): void {
    if (plane.length === this.#length) this.#planes.push(plane);
  }
}

function emptyPlanes(height: number, length: number, precision: WindowRules["precision"]): FloatValues[] {
  const empty = () => (precision === "float16" ? new Uint16Array(length) : new Float32Array(length));
  return allocate("the sums over windows", () => Array.from({ length: height }, empty));
}

/** @throws NnprepError OUT_OF_MEMORY where the engine refuses an array */
function allocate<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const reason = error.message;
    throw new NnprepError(
      "OUT_OF_MEMORY",
      `${what} do not fit into memory (${reason}). Use fewer folds, a machine with more memory, or a model of a coarser grid or with a smaller patch`,
      { reason },
    );
  }
}

/** The finished planes of one network, `(classes, a1, a2)` each, in ascending order. */
async function* planesOf(
  network: Network,
  run: WindowRun,
  layout: WindowLayout,
  spare: SparePlanes,
  share: () => Promise<Shared>,
  finished: () => void,
): AsyncGenerator<FloatValues, void, undefined> {
  const { weights, versions, buffers } = await share();
  const { image, classes } = run;
  const { precision } = run.rules;
  const { size, padded, before, starts } = layout;
  const [height, rows, columns] = size;
  const perPlane = padded[1] * padded[2];
  // Plane p of the padded grid is at p modulo the height of a window: the planes of one window never meet.
  const sums = emptyPlanes(height, classes * perPlane, precision);
  const counts = emptyPlanes(height, perPlane, precision);
  const predict = windowPredictor(network, run, buffers);
  const place = (head: number, a: number) => `head ${head} of the prediction, plane ${a - before[0]},`;
  for (const [index, a0] of starts[0].entries()) {
    for (const a1 of starts[1]) {
      for (const a2 of starts[2]) {
        const logits = await predict([a0 - before[0], a1 - before[1], a2 - before[2]]);
        const plane = { rows, columns, sumRows: padded[1], sumColumns: padded[2], row: a1, column: a2 };
        for (let i = 0; i < height; i++) {
          const at = (a0 + i) % height;
          const weight = weights.subarray(i * rows * columns, (i + 1) * rows * columns);
          const from = i * rows * columns;
          const infinite = accumulatePlane(sums[at], logits, from, voxelCount(size), weight, plane);
          if (infinite >= 0) {
            const start = infinite * voxelCount(size) + from;
            const found = logits.subarray(start, start + rows * columns);
            throw notFinite(place(infinite, a0 + i), found);
          }
          accumulatePlane(counts[at], weight, 0, 0, versions, plane);
        }
        finished();
      }
    }
    const next = starts[0][index + 1] ?? padded[0];
    for (let a = a0; a < next; a++) {
      const sum = sums[a % height];
      const count = counts[a % height];
      const source = a - before[0];
      if (source >= 0 && source < image.shape[0]) {
        const infinite = dividePlane(sum, count, sum);
        if (infinite >= 0) {
          const found = sum.subarray(infinite * perPlane, (infinite + 1) * perPlane);
          throw notFinite(place(infinite, a), found);
        }
        const plane = spare.take();
        cropPlane(sum, layout, image.shape, plane);
        yield plane;
      }
      sum.fill(0);
      count.fill(0);
    }
  }
}

/** Copies a plane of all classes without the padding. */
function cropPlane(plane: FloatValues, { padded, before }: WindowLayout, shape: Shape3, output: FloatValues): void {
  if (padded[1] === shape[1] && padded[2] === shape[2]) {
    output.set(plane);
    return;
  }
  const classes = plane.length / (padded[1] * padded[2]);
  for (let c = 0, to = 0; c < classes; c++) {
    for (let j = 0; j < shape[1]; j++, to += shape[2]) {
      const from = (c * padded[1] + before[1] + j) * padded[2] + before[2];
      output.set(plane.subarray(from, from + shape[2]), to);
    }
  }
}
