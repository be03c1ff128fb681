import type { Shape3 } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";
import { LEVELS_PER_BIT } from "./error-bound.js";
import { type CubicJob, loadVoxels } from "./job.js";
import { padToLanes } from "./lanes.js";
import { nearestSample } from "./taps.js";
import type { Lanes } from "./uncertain-voxels.js";

interface LevelExports {
  levelsOfSlice(
    slice: number,
    rows: number,
    columns: number,
    exponent: number,
    levelsPerBit: number,
    levels: number,
  ): void;
  spreadLevels(from: number, to: number, count: number): void;
  gatherLevels(row: number, stride: number, columns: number, count: number, words: number): void;
  spreadBack(words: number, next: number, count: number): void;
}

/** Slices of the source whose levels a word holds. */
const PER_WORD = 4;
/** Words that are gathered or spread at once. */
const CHUNK = 1 << 18;
/** No level: nothing reaches a voxel. */
const NOTHING = -1;

/** Biased exponent of a float32. */
function exponentOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] >>> 23;
}

/** Words that hold the levels of n slices, or of n rows of a slice on its own. */
export function wordCount(n: number): number {
  return Math.ceil(n / PER_WORD);
}

/**
 * Levels (assembly/cubic/influence-levels.ts: at most `largest * DECAY^level` of the source reaches a voxel) of one slice that is
 * resampled on its own to `width` columns. Uses and overwrites the scratch window.
 *
 * @param largest largest magnitude in `slice`
 * @returns for every four rows of the source a row of words, one for each column
 */
export function levelsOfPlane(
  data: Float32Array,
  rows: number,
  columns: number,
  largest: number,
  newColumns: number,
  width: number,
): Int32Array {
  const { exports, window } = kernels<LevelExports>();
  const groups = wordCount(rows);
  const padded = groups * PER_WORD * columns;
  const [slice, levels, nearest, words] = window.reserve(data.length * 4, padded, newColumns * 4, newColumns * 4);
  window.f32(slice, data.length).set(data);
  window.i32(nearest, newColumns).set(nearestSample(columns, newColumns));
  window.u8(levels, padded).fill(255);
  exports.levelsOfSlice(slice, rows, columns, exponentOf(largest), LEVELS_PER_BIT, levels);
  const result = new Int32Array(groups * width).fill(NOTHING);
  for (let group = 0; group < groups; group++) {
    exports.gatherLevels(levels + group * PER_WORD * columns, columns, nearest, newColumns, words);
    result.set(window.i32(words, newColumns), group * width);
  }
  return result;
}

/**
 * Levels of the source voxels nearest to the output's, for the last pass along the first axis: four slices in the word of
 * a column.
 */
export class InfluenceLevels {
  readonly #words: Int32Array;
  readonly #groups: number;
  readonly #newShape: Shape3;
  readonly #width: number;

  /** @param words of shape (wordCount(n0), newShape[1], newShape[2]) */
  constructor(words: Int32Array, n0: number, newShape: Shape3) {
    this.#words = words;
    this.#groups = wordCount(n0);
    this.#newShape = newShape;
    this.#width = padToLanes(newShape[2]);
  }

  /**
   * Works them out for the pending lanes. Uses and overwrites the scratch window, and the output of these lanes, where
   * they are kept: a tile reads its own before it is written. With no output they have memory of their own.
   */
  static find(
    job: Pick<CubicJob, "data" | "scaling" | "shape" | "newShape">,
    largest: number,
    output: Float32Array | null,
    pending: Lanes,
  ): InfluenceLevels {
    const { shape, newShape } = job;
    const [m0, m1, m2] = newShape;
    const length = wordCount(shape[0]) * m1 * m2;
    const words =
      output !== null && wordCount(shape[0]) <= m0
        ? new Int32Array(output.buffer, output.byteOffset, length)
        : new Int32Array(length);
    const levels = new InfluenceLevels(words, shape[0], newShape);
    levels.#gather(job, largest, pending);
    levels.#spreadBack(pending);
    return levels;
  }

  /** The words of some rows of the output. */
  wordsOfRows([from, to]: readonly [number, number]): Int32Array {
    const [, m1, m2] = this.#newShape;
    const length = (to - from) * m2;
    const words = new Int32Array(this.#groups * length);
    for (let group = 0; group < this.#groups; group++) {
      const at = (group * m1 + from) * m2;
      words.set(this.#words.subarray(at, at + length), group * length);
    }
    return words;
  }

  /** Pending columns [from, to) of row k1 of the output. */
  #columnsOf(k1: number, { from, to, width }: Lanes): [number, number] {
    const m2 = this.#newShape[2];
    return [Math.min(Math.max(from - k1 * width, 0), m2), Math.min(Math.max(to - k1 * width, 0), m2)];
  }

  #gather(job: Pick<CubicJob, "data" | "scaling" | "shape">, largest: number, pending: Lanes): void {
    const [n0, n1, n2] = job.shape;
    const { exports, window } = kernels<LevelExports>();
    const [, m1, m2] = this.#newShape;
    const plane = n1 * n2;
    const [slice, levels, nearest, words] = window.reserve(plane * 4, PER_WORD * plane, m2 * 4, m2 * 4);
    const nearest1 = nearestSample(n1, m1);
    window.i32(nearest, m2).set(nearestSample(n2, m2));
    const exponent = exponentOf(largest);
    for (let group = 0; group < this.#groups; group++) {
      for (let i = 0; i < PER_WORD; i++) {
        const i0 = group * PER_WORD + i;
        const here = levels + i * plane;
        if (i0 >= n0) {
          window.u8(here, plane).fill(255);
          continue;
        }
        loadVoxels(job, i0 * plane, plane, slice);
        exports.levelsOfSlice(slice, n1, n2, exponent, LEVELS_PER_BIT, here);
        if (i0 > 0) exports.spreadLevels(levels + ((i + PER_WORD - 1) % PER_WORD) * plane, here, plane);
      }
      for (let k1 = Math.floor(pending.from / this.#width); k1 * this.#width < pending.to; k1++) {
        const [first, end] = this.#columnsOf(k1, pending);
        if (first >= end) continue;
        const row = levels + nearest1[k1] * n2;
        exports.gatherLevels(row, plane, nearest + 4 * first, end - first, words);
        this.#words.set(window.i32(words, end - first), (group * m1 + k1) * m2 + first);
      }
    }
  }

  /** From the last slices to the first. */
  #spreadBack(pending: Lanes): void {
    const { exports, window } = kernels<LevelExports>();
    const [, m1, m2] = this.#newShape;
    const rows: [number, number] = [Math.floor(pending.from / this.#width), Math.ceil(pending.to / this.#width)];
    const begin = rows[0] * m2 + this.#columnsOf(rows[0], pending)[0];
    const last = Math.max(rows[0], rows[1] - 1);
    const end = last * m2 + this.#columnsOf(last, pending)[1];
    const [here, next] = window.reserve(CHUNK * 4, CHUNK * 4);
    for (let at = begin; at < end; at += CHUNK) {
      const count = Math.min(CHUNK, end - at);
      const words = window.i32(here, count);
      window.i32(next, count).fill(NOTHING);
      for (let group = this.#groups - 1; group >= 0; group--) {
        const place = group * m1 * m2 + at;
        words.set(this.#words.subarray(place, place + count));
        exports.spreadBack(here, next, count);
        this.#words.set(words, place);
      }
    }
  }

  /** Levels of the lanes of a tile: for every four slices of the source a row of words, one for each lane. */
  fill(lane: number, lanes: number, values: Int32Array): void {
    const [, m1, m2] = this.#newShape;
    const width = this.#width;
    values.fill(NOTHING);
    for (let group = 0; group < this.#groups; group++) {
      for (let at = 0; at < lanes; ) {
        const k1 = Math.floor((lane + at) / width);
        const k2 = lane + at - k1 * width;
        const count = Math.min(lanes - at, width - k2);
        const from = (group * m1 + k1) * m2 + k2;
        const valid = Math.min(count, m2 - k2);
        if (valid > 0) values.set(this.#words.subarray(from, from + valid), group * lanes + at);
        at += count;
      }
    }
  }
}
