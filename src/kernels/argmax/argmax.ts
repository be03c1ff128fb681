import { NnprepError } from "../../core/errors.js";
import type { Axes3, Shape3 } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";
import type { FloatValues } from "../half.js";
import { axisTaps, type LinearTaps, type RowRun, rowRuns } from "../taps.js";
import * as field from "./argmax-job.js";

interface ArgmaxExports {
  widenHalves(input: number, count: number, output: number): void;
  interleaveClasses(
    input: number,
    classBytes: number,
    count: number,
    output: number,
    groups: number,
    lastLanes: number,
    range: number,
  ): void;
  markVoxels(job: number, plane: number, rows: number, tolerance: number, marks: number): void;
  decideRows(job: number): void;
}

/** Labels that a segmentation is written with. */
export type LabelValues = Uint8Array | Uint16Array;

/** How the class of each voxel of a resampled grid is found. Axes are those of the source array, slowest first. */
export interface DecisionPlan {
  readonly classes: number;
  readonly shape: Shape3;
  readonly newShape: Shape3;
  /** `order[i]` is the source axis that the reference sums over as its axis i. */
  readonly order: Axes3;
  /** Source axis that takes the nearest slice while the two others are interpolated in plane, or null. */
  readonly nearestAxis: number | null;
  /** Precision that interpolated values are rounded to before they are compared. */
  readonly precision: "float32" | "float16";
  /** The last class above this wins; null: the largest class. A float32. */
  readonly threshold: number | null;
  /** Label of each decision: of each class, or of "no region" followed by each region. Its type is that of the result. */
  readonly labels: LabelValues;
}

/** Source of planes: all voxels of one class at one index of the slowest axis. */
export type PlaneOf = (classIndex: number, plane: number) => FloatValues;

/** Consecutive output slices that lie between the same two source planes. */
export interface SliceRun {
  readonly lower: number;
  readonly upper: number;
  readonly slices: readonly [number, number];
}

/** What all values that were read have in common. */
export interface ValueRange {
  lowest: number;
  largestMagnitude: number;
  finite: boolean;
}

const ENTRY = 32;
/** Bits of a float32 infinity. */
const INFINITY_BITS = 0x7f800000;
/** Voxels whose classes are interleaved at a time, so that they stay in the cache. */
const CHUNK = 2048;
const UNCLEAR = 0xffff;
/** Largest window of one interleaved source plane; larger planes are worked on in runs of rows. */
const PLANE_BYTES = 16 << 20;
const OUTPUT_BYTES = 4 << 20;
/** float32 unit of rounding. */
const UNIT = 2 ** -24;
/** Above this float32 sums might overflow. */
const HUGE = 1e29;

interface Slot {
  readonly plane: number;
  readonly marks: number;
  /** Source plane it holds, or -1. */
  holds: number;
  tolerance: number;
  exactOnly: boolean;
}

/** Decides output slices one after the other out of source planes that pass through the window. */
export class SliceDecider {
  readonly runs: readonly SliceRun[];
  readonly range: ValueRange = { lowest: Number.POSITIVE_INFINITY, largestMagnitude: 0, finite: true };
  readonly #plan: DecisionPlan;
  readonly #taps: readonly [LinearTaps, LinearTaps, LinearTaps];
  readonly #tiles: readonly RowRun[];
  readonly #identity: boolean;
  readonly #groups: number;
  readonly #padded: number;
  #addresses: Record<"job" | "range" | "halves" | "staging" | "output", number> | null = null;
  #slots: [Slot, Slot] | null = null;

  constructor(plan: DecisionPlan) {
    const { shape, newShape, classes, labels } = plan;
    if (classes < 1 || classes >= UNCLEAR || labels.length !== classes + (plan.threshold === null ? 0 : 1)) {
      throw new NnprepError("INVALID_ARGUMENT", `${classes} classes with ${labels.length} labels`, { classes });
    }
    this.#plan = plan;
    this.#identity = shape.every((n, axis) => n === newShape[axis]);
    const kind = (axis: number) => (this.#identity ? "itself" : plan.nearestAxis === axis ? "nearest" : "linear");
    const taps = [0, 1, 2].map((axis) => axisTaps(shape[axis], newShape[axis], kind(axis)));
    this.#taps = taps as unknown as [LinearTaps, LinearTaps, LinearTaps];
    this.#groups = (classes + 3) >> 2;
    this.#padded = (shape[2] + 7) & ~7;
    const mostRows = Math.max(2, Math.floor(PLANE_BYTES / (shape[2] * this.#groups * 16)));
    this.#tiles = rowRuns(this.#taps[1], mostRows, Math.max(1, Math.floor(OUTPUT_BYTES / newShape[2])));
    this.runs = sliceRuns(this.#taps[0]);
  }

  /** To be called when another operation may have used the window: planes are then loaded anew. */
  forget(): void {
    this.#addresses = null;
    this.#slots = null;
  }

  /** Decides the slices of one run. `emit` gets the labels of consecutive rows; they are valid until it returns. */
  decide(run: SliceRun, planeOf: PlaneOf, emit: (slice: number, firstRow: number, labels: LabelValues) => void): void {
    if (this.#addresses === null || this.#slots === null) this.#reserve();
    const slots = this.#slots as [Slot, Slot];
    const { job, output } = this.#addresses as { job: number; output: number };
    const { exports, window } = kernels<ArgmaxExports>();
    const m2 = this.#plan.newShape[2];
    const wide = this.#plan.labels instanceof Uint16Array;
    for (const tile of this.#tiles) {
      if (this.#tiles.length > 1) for (const slot of slots) slot.holds = -1;
      const lower = this.#load(run.lower, tile, planeOf, run.upper);
      const upper = run.upper === run.lower ? lower : this.#load(run.upper, tile, planeOf, run.lower);
      this.#storeTile(tile, lower, upper);
      for (let slice = run.slices[0]; slice < run.slices[1]; slice++) {
        window.f64(job + field.WEIGHT0, 2).set(this.#taps[0].weights.subarray(2 * slice, 2 * slice + 2));
        exports.decideRows(job);
        const count = (tile.rows[1] - tile.rows[0]) * m2;
        emit(slice, tile.rows[0], wide ? window.u16(output, count) : window.u8(output, count));
      }
    }
  }

  #reserve(): void {
    const { shape, newShape, classes, labels, threshold, precision } = this.#plan;
    const most = (pick: (tile: RowRun) => readonly [number, number]) =>
      this.#tiles.reduce((largest, tile) => Math.max(largest, pick(tile)[1] - pick(tile)[0]), 0);
    const sourceRows = most((tile) => tile.source);
    const voxels = sourceRows * shape[2];
    const voxelBytes = this.#groups * 16;
    const { window } = kernels();
    const [
      job,
      range,
      rowTable,
      columnTable,
      halves,
      staging,
      labelTable,
      output,
      lowerPlane,
      upperPlane,
      lowerMarks,
      upperMarks,
      cells,
      combined,
      stamps,
      values,
      until,
    ] = window.reserve(
      field.JOB_BYTES,
      48,
      newShape[1] * ENTRY,
      newShape[2] * ENTRY,
      CHUNK * 2,
      CHUNK * voxelBytes,
      labels.length * 2,
      most((tile) => tile.rows) * newShape[2] * labels.BYTES_PER_ELEMENT,
      voxels * voxelBytes,
      voxels * voxelBytes,
      sourceRows * this.#padded * 2,
      sourceRows * this.#padded * 2,
      this.#padded * 2,
      shape[2] * voxelBytes,
      shape[2] * 4,
      voxelBytes + 16,
      shape[2] * 4 + 4,
    );
    this.#addresses = { job, range, halves, staging, output };
    const slot = (plane: number, marks: number): Slot => ({
      plane,
      marks,
      holds: -1,
      tolerance: 0,
      exactOnly: false,
    });
    this.#slots = [slot(lowerPlane, lowerMarks), slot(upperPlane, upperMarks)];
    this.#storeTable(this.#taps[1], rowTable);
    this.#storeTable(this.#taps[2], columnTable);
    this.#storeUntil(until);
    window.u16(labelTable, labels.length).set(labels);
    storeFields(job, [
      [field.COLUMNS, shape[2]],
      [field.PADDED_COLUMNS, this.#padded],
      [field.GROUPS, this.#groups],
      [field.LAST_CLASS, classes - 1],
      [field.ROW_TABLE, rowTable],
      [field.COLUMN_TABLE, columnTable],
      [field.OUTPUT_COLUMNS, newShape[2]],
      [field.REGIONS, threshold === null ? 0 : 1],
      [field.HALF, precision === "float16" ? 1 : 0],
      [field.CELLS, cells],
      [field.COMBINED, combined],
      [field.STAMPS, stamps],
      [field.VALUES, values],
      [field.UNTIL, until],
      [field.LABELS, labelTable],
      [field.OUTPUT, output],
      [field.LABEL_BYTES, labels.BYTES_PER_ELEMENT],
    ]);
    window.f32(job + field.THRESHOLD, 1)[0] = threshold ?? 0;
    this.#storeTapBlocks(job);
  }

  #storeTable(taps: LinearTaps, address: number): void {
    const { window } = kernels();
    const m = taps.low.length;
    const f64 = window.f64(address, 4 * m);
    const i32 = window.i32(address, 8 * m);
    for (let k = 0; k < m; k++) {
      const upperWeight = taps.weights[2 * k + 1];
      f64[4 * k] = taps.weights[2 * k];
      f64[4 * k + 1] = upperWeight;
      i32[8 * k + 4] = taps.low[k];
      i32[8 * k + 5] = taps.high[k];
      // What has no weight has no say in whether a cell is of one class.
      i32[8 * k + 6] = upperWeight === 0 ? taps.low[k] : taps.high[k];
    }
  }

  #storeUntil(address: number): void {
    const { low, high, weights } = this.#taps[2];
    const columns = this.#plan.shape[2];
    const until = kernels().window.i32(address, columns + 1);
    let k = 0;
    for (let column = 0; column <= columns; column++) {
      const last = () => (weights[2 * k + 1] === 0 ? low[k] : high[k]);
      while (k < low.length && last() < column) k++;
      until[column] = k;
    }
  }

  /** The blocks of taps in the reference's order of axes, with one tap where an axis is not interpolated. */
  #storeTapBlocks(job: number): void {
    this.#plan.order.forEach((axis, place) => {
      const single = this.#identity || this.#plan.nearestAxis === axis;
      const block = field.TAPS + field.TAP_BLOCK_BYTES * place;
      storeFields(job, [
        [block + field.TAP_COUNT, single ? 1 : 2],
        [field.TAP_BLOCKS + 4 * axis, job + block],
      ]);
    });
  }

  #storeTile(tile: RowRun, lower: Slot, upper: Slot): void {
    const { job } = this.#addresses as { job: number };
    storeFields(job, [
      [field.LOWER_PLANE, lower.plane],
      [field.UPPER_PLANE, upper.plane],
      [field.LOWER_MARKS, lower.marks],
      [field.UPPER_MARKS, upper.marks],
      [field.FIRST_ROW, tile.source[0]],
      [field.FROM_ROW, tile.rows[0]],
      [field.TO_ROW, tile.rows[1]],
      [field.EXACT_ONLY, lower.exactOnly || upper.exactOnly ? 1 : 0],
    ]);
    kernels().window.f32(job + field.TOLERANCE, 1)[0] = Math.max(lower.tolerance, upper.tolerance);
  }

  /** The slot that holds the rows of a source plane, loaded if need be into the slot that `keep` is not in. */
  #load(plane: number, tile: RowRun, planeOf: PlaneOf, keep: number): Slot {
    const slots = this.#slots as [Slot, Slot];
    const held = slots.find((slot) => slot.holds === plane);
    if (held !== undefined) return held;
    const slot = slots[0].holds === keep ? slots[1] : slots[0];
    const { exports, window } = kernels<ArgmaxExports>();
    const { job, range } = this.#addresses as { job: number; range: number };
    window.i32(range, 4).fill(0);
    window.f32(range + 16, 4).fill(Number.POSITIVE_INFINITY);
    this.#interleave(plane, tile, planeOf, slot.plane);
    const finite = window.i32(range, 4).every((bits) => bits < INFINITY_BITS);
    const magnitude = Math.max(...window.f32(range, 4));
    this.range.lowest = Math.min(this.range.lowest, ...window.f32(range + 16, 4));
    this.range.largestMagnitude = Math.max(this.range.largestMagnitude, magnitude);
    this.range.finite &&= finite;
    slot.holds = plane;
    slot.exactOnly = !finite || magnitude > HUGE;
    slot.tolerance = this.#tolerance(magnitude);
    const rows = tile.source[1] - tile.source[0];
    if (slot.exactOnly) window.u16(slot.marks, rows * this.#padded).fill(UNCLEAR);
    else exports.markVoxels(job, slot.plane, rows, slot.tolerance, slot.marks);
    return slot;
  }

  #interleave(plane: number, tile: RowRun, planeOf: PlaneOf, target: number): void {
    const { exports, window } = kernels<ArgmaxExports>();
    const { range, halves, staging } = this.#addresses as { range: number; halves: number; staging: number };
    const { shape, classes } = this.#plan;
    const to = tile.source[1] * shape[2];
    const lastLanes = classes - 4 * (this.#groups - 1);
    let output = target;
    for (let from = tile.source[0] * shape[2]; from < to; from += CHUNK) {
      const count = Math.min(CHUNK, to - from);
      for (let c = 0; c < classes; c++) {
        const values = planeOf(c, plane).subarray(from, from + count);
        const address = staging + c * CHUNK * 4;
        if (values instanceof Uint16Array) {
          window.u16(halves, count).set(values);
          exports.widenHalves(halves, count, address);
        } else {
          window.f32(address, count).set(values);
        }
      }
      exports.interleaveClasses(staging, CHUNK * 4, count, output, this.#groups, lastLanes, range);
      output += count * this.#groups * 16;
    }
  }

  /**
   * By how much one value must lead another in float32 so that it leads in the reference too. Of values up to M the
   * float32 path is off by at most 9 units of M (three weights, three products, five sums), the reference's final
   * rounding by half a unit in the last place, that is 2^-24 M or 2^-11 M; both values err; the rest is reserve.
   */
  #tolerance(magnitude: number): number {
    if (this.#identity) return 0;
    const rounding = this.#plan.precision === "float16" ? 2 ** -10 * magnitude + 2 ** -23 : 2 ** -147;
    return Math.fround((32 * UNIT * magnitude + rounding) * (1 + 2 ** -20));
  }
}

/** Writes whole numbers into fields of a job. */
function storeFields(job: number, fields: readonly (readonly [offset: number, value: number])[]): void {
  const i32 = kernels().window.i32(job, field.JOB_BYTES / 4);
  for (const [offset, value] of fields) i32[offset / 4] = value;
}

function sliceRuns(taps: LinearTaps): SliceRun[] {
  const runs: SliceRun[] = [];
  const m = taps.low.length;
  for (let first = 0; first < m; ) {
    const lower = taps.low[first];
    const upper = taps.high[first];
    let last = first + 1;
    while (last < m && taps.low[last] === lower && taps.high[last] === upper) last++;
    runs.push({ lower, upper, slices: [first, last] });
    first = last;
  }
  return runs;
}
