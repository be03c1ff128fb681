import { type Shape3, voxelCount } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import type { FloatValues } from "./half.js";
import { axisTaps, LINEAR_ENTRY, type LinearTaps, type RowRun, rowRuns, storeLinearTaps } from "./taps.js";

interface ClassProbabilitiesExports {
  widenHalves(input: number, count: number, output: number): void;
  interpolateRows(
    lower: number,
    upper: number,
    weights: number,
    columns: number,
    rowTable: number,
    rows: number,
    columnTable: number,
    m: number,
    half: number,
    output: number,
  ): void;
  summarizeClasses(
    values: number,
    classBytes: number,
    classes: number,
    count: number,
    largest: number,
    sums: number,
    labels: number,
  ): void;
  softmaxOf(values: number, count: number, largest: number, sums: number): void;
  sigmoidOf(values: number, count: number): void;
  divideFloatsBy(values: number, divisors: number, count: number, output: number): number;
}

/** Logits in memory, and the grid that their probabilities are wanted on. Axes slowest first, in one frame. */
export interface ClassProbabilityPlan {
  readonly classes: number;
  readonly shape: Shape3;
  readonly newShape: Shape3;
  /** Axis that takes the nearest slice while the two others are interpolated in plane, or null. */
  readonly nearestAxis: number | null;
  /** Precision that interpolated logits are rounded to. */
  readonly precision: "float32" | "float16";
  /** All voxels of one class at one index of axis 0. */
  readonly planeOf: (classIndex: number, plane: number) => FloatValues;
}

/** What all classes of each voxel of the new grid have in common. */
export interface ClassSummary {
  readonly largest: Float32Array;
  /** Of e^(logit - largest). */
  readonly sums: Float32Array;
  /** First class with the largest probability. */
  readonly labels: Uint16Array;
}

/** Bytes of window for the interpolated values of all classes. */
const VALUE_BYTES = 16 << 20;
/** Bytes of window for the rows of a source plane. */
const PLANE_BYTES = 8 << 20;

/** Softmax and sigmoid of resampled logits, one class after the other: the resampled logits never exist all at once. */
export class ClassProbabilities {
  readonly #plan: ClassProbabilityPlan;
  readonly #taps: readonly [LinearTaps, LinearTaps, LinearTaps];
  readonly #tiles: readonly RowRun[];

  constructor(plan: ClassProbabilityPlan) {
    const { shape, newShape, classes, nearestAxis } = plan;
    this.#plan = plan;
    const identity = shape.every((n, axis) => n === newShape[axis]);
    const kind = (axis: number) => (identity ? "itself" : nearestAxis === axis ? "nearest" : "linear");
    const taps = (axis: 0 | 1 | 2) => axisTaps(shape[axis], newShape[axis], kind(axis));
    this.#taps = [taps(0), taps(1), taps(2)];
    const mostRows = Math.max(2, Math.floor(PLANE_BYTES / (4 * shape[2])));
    this.#tiles = rowRuns(this.#taps[1], mostRows, Math.max(1, Math.floor(VALUE_BYTES / (4 * classes * newShape[2]))));
  }

  /**
   * What softmax needs to know of all classes before any of them can be finished.
   * @param onSlice called with the number of finished slices; what it throws ends the work
   */
  summarize(onSlice: (done: number) => void = () => undefined): ClassSummary {
    const { classes, newShape } = this.#plan;
    const count = voxelCount(newShape);
    const [largest, sums] = [new Float32Array(count), new Float32Array(count)];
    const labels = new Uint16Array(count);
    const { exports, window } = kernels<ClassProbabilitiesExports>();
    const tile = this.#reserve(classes);
    const [most, sum, label] = tile.more;
    tile.forEach((from, voxels, interpolate) => {
      for (let c = 0; c < classes; c++) interpolate(c, tile.values + c * tile.classBytes);
      exports.summarizeClasses(tile.values, tile.classBytes, classes, voxels, most, sum, label);
      largest.set(window.f32(most, voxels), from);
      sums.set(window.f32(sum, voxels), from);
      labels.set(window.u16(label, voxels), from);
      const end = (from + voxels) / (newShape[1] * newShape[2]);
      if (Number.isInteger(end)) onSlice(end);
    });
    return { largest, sums, labels };
  }

  /** Softmax of one class on the new grid. */
  softmax(classIndex: number, { largest, sums }: ClassSummary, output: Float32Array): void {
    const { exports, window } = kernels<ClassProbabilitiesExports>();
    const tile = this.#reserve(1);
    const [most, sum] = tile.more;
    tile.forEach((from, voxels, interpolate) => {
      interpolate(classIndex, tile.values);
      window.f32(most, voxels).set(largest.subarray(from, from + voxels));
      window.f32(sum, voxels).set(sums.subarray(from, from + voxels));
      exports.softmaxOf(tile.values, voxels, most, sum);
      output.set(window.f32(tile.values, voxels), from);
    });
  }

  /** Sigmoid of one class on the new grid. */
  sigmoid(classIndex: number, output: Float32Array): void {
    const { exports, window } = kernels<ClassProbabilitiesExports>();
    const tile = this.#reserve(1);
    tile.forEach((from, voxels, interpolate) => {
      interpolate(classIndex, tile.values);
      exports.sigmoidOf(tile.values, voxels);
      output.set(window.f32(tile.values, voxels), from);
    });
  }

  /** Reserves the window for tiles of some classes; whatever else uses it in between ends the tiles' life. */
  #reserve(classes: number) {
    const { shape, newShape } = this.#plan;
    const most = (pick: (tile: RowRun) => readonly [number, number]) =>
      this.#tiles.reduce((largest, tile) => Math.max(largest, pick(tile)[1] - pick(tile)[0]), 0);
    // Kernels work in whole vectors, so each class begins at one.
    const classBytes = (most((tile) => tile.rows) * newShape[2] * 4 + 15) & ~15;
    const sourceValues = most((tile) => tile.source) * shape[2];
    const { window } = kernels();
    const [rowTable, columnTable, weights, halves, lower, upper, values, ...more] = window.reserve(
      newShape[1] * LINEAR_ENTRY,
      newShape[2] * LINEAR_ENTRY,
      16,
      sourceValues * 2,
      sourceValues * 4,
      sourceValues * 4,
      classBytes * classes,
      classBytes,
      classBytes,
      classBytes,
    );
    storeLinearTaps(this.#taps[1], window.f64(rowTable, newShape[1] * 3), window.i32(rowTable, newShape[1] * 6));
    storeLinearTaps(this.#taps[2], window.f64(columnTable, newShape[2] * 3), window.i32(columnTable, newShape[2] * 6));
    const addresses = { rowTable, columnTable, weights, halves, lower, upper };
    const forEach = (visit: TileVisitor) => this.#forEachTile(addresses, visit);
    return { values, classBytes, more: more, forEach };
  }

  #forEachTile(addresses: Addresses, visit: TileVisitor): void {
    const { shape, newShape, precision } = this.#plan;
    const { rowTable, columnTable, weights, lower, upper } = addresses;
    const { exports, window } = kernels<ClassProbabilitiesExports>();
    const [taps] = this.#taps;
    for (let slice = 0; slice < newShape[0]; slice++) {
      window.f64(weights, 2).set(taps.weights.subarray(2 * slice, 2 * slice + 2));
      const below = taps.low[slice];
      const above = taps.high[slice];
      for (const tile of this.#tiles) {
        const rows = tile.rows[1] - tile.rows[0];
        // Where row 0 would be: tables count rows from the plane's first one.
        const missing = tile.source[0] * shape[2] * 4;
        const interpolate = (classIndex: number, output: number) => {
          this.#load(classIndex, below, tile, addresses.halves, lower);
          if (above !== below) this.#load(classIndex, above, tile, addresses.halves, upper);
          exports.interpolateRows(
            lower - missing,
            (above === below ? lower : upper) - missing,
            weights,
            shape[2],
            rowTable + tile.rows[0] * LINEAR_ENTRY,
            rows,
            columnTable,
            newShape[2],
            precision === "float16" ? 1 : 0,
            output,
          );
        };
        visit((slice * newShape[1] + tile.rows[0]) * newShape[2], rows * newShape[2], interpolate);
      }
    }
  }

  /** The rows of a source plane that a tile needs, as float32. */
  #load(classIndex: number, plane: number, { source }: RowRun, halves: number, address: number): void {
    const { shape, planeOf } = this.#plan;
    const { exports, window } = kernels<ClassProbabilitiesExports>();
    const values = planeOf(classIndex, plane).subarray(source[0] * shape[2], source[1] * shape[2]);
    if (values instanceof Uint16Array) {
      window.u16(halves, values.length).set(values);
      exports.widenHalves(halves, values.length, address);
    } else {
      window.f32(address, values.length).set(values);
    }
  }
}

type Addresses = Record<"rowTable" | "columnTable" | "weights" | "halves" | "lower" | "upper", number>;

/** Gets the place of a tile in the new grid, its voxels, and what interpolates one class of it to an address. */
type TileVisitor = (from: number, voxels: number, interpolate: (classIndex: number, output: number) => void) => void;

/** Bytes of window for a tile of all classes. */
const TILE_BYTES = 1 << 20;

/** Softmax over classes of `(classes, voxels)` logits, as PyTorch in float32. */
export function softmaxInPlace(logits: Float32Array, classes: number): void {
  const { exports, window } = kernels<ClassProbabilitiesExports>();
  const voxels = logits.length / classes;
  const inTile = Math.max(4, Math.floor(TILE_BYTES / (16 * classes)) * 4);
  const bytes = inTile * 4;
  const [values, largest, sums, labels] = window.reserve(classes * bytes, bytes, bytes, bytes);
  for (let from = 0; from < voxels; from += inTile) {
    const count = Math.min(inTile, voxels - from);
    const tile = (c: number) => window.f32(values + c * bytes, count);
    for (let c = 0; c < classes; c++) {
      tile(c).set(logits.subarray(c * voxels + from, c * voxels + from + count));
    }
    // Leaves e^(logit - largest) behind.
    exports.summarizeClasses(values, bytes, classes, count, largest, sums, labels);
    for (let c = 0; c < classes; c++) {
      exports.divideFloatsBy(values + c * bytes, sums, count, values + c * bytes);
      logits.set(tile(c), c * voxels + from);
    }
  }
}

/** Sigmoid of each value, as PyTorch in float32. */
export function sigmoidInPlace(values: Float32Array): void {
  const { exports, window } = kernels<ClassProbabilitiesExports>();
  const inTile = TILE_BYTES / 4;
  const [address] = window.reserve(TILE_BYTES);
  for (let from = 0; from < values.length; from += inTile) {
    const count = Math.min(inTile, values.length - from);
    const tile = window.f32(address, count);
    tile.set(values.subarray(from, from + count));
    exports.sigmoidOf(address, count);
    values.set(tile, from);
  }
}
