import type { Shape3 } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import type { Lanes } from "./doubts.js";
import { nearestSample } from "./tolerance.js";

interface LevelExports {
  levelsOfSlice(slice: number, rows: number, columns: number, exponent: number, levels: number): void;
  spreadLevels(from: number, to: number, count: number): void;
}

/** Biased exponent of a float32. */
function exponentOf(value: number): number {
  return (new Uint32Array(Float32Array.of(value).buffer)[0] as number) >>> 23;
}

/** Makes slices' levels (assembly/levels.ts): at most `largest * DECAY^level` of the source reaches a voxel. */
class SliceLevels {
  readonly levels: Uint8Array;
  readonly #source: Float32Array;
  readonly #before: Uint8Array;
  readonly #run: (first: boolean) => void;

  constructor(rows: number, columns: number, largest: number) {
    const plane = rows * columns;
    const { exports, window } = kernels<LevelExports>();
    const [slice, here, there] = window.reserve(plane * 4, plane, plane) as [number, number, number];
    this.#source = window.f32(slice, plane);
    this.levels = window.u8(here, plane);
    this.#before = window.u8(there, plane);
    const exponent = exponentOf(largest);
    this.#run = (first) => {
      exports.levelsOfSlice(slice, rows, columns, exponent, here);
      if (!first) exports.spreadLevels(there, here, plane);
    };
  }

  /** Levels of a slice from the slice itself and, unless it is the first, from the slices before it. */
  make(slice: Float32Array, first: boolean): Uint8Array {
    this.#source.set(slice);
    if (!first) this.#before.set(this.levels);
    this.#run(first);
    return this.levels;
  }
}

/**
 * Levels of every voxel of one slice that is resampled on its own. Uses and overwrites the scratch window.
 *
 * @param largest largest magnitude in `slice`
 */
export function levelsOfPlane(slice: Float32Array, rows: number, columns: number, largest: number): Uint8Array {
  return new SliceLevels(rows, columns, largest).make(slice, true).slice();
}

/** Levels that a word of the output holds: those of four slices of the source. */
const PER_WORD = 4;
type FourSlices = readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];

/**
 * Levels of the source voxels nearest to the output's, for the last pass along the first axis. They are kept where the
 * output will be, four slices in the word of a column: a tile reads its own before it is written.
 */
export class OutputLevels {
  readonly #words: Int32Array;
  readonly #slices: number;
  readonly #newShape: Shape3;
  readonly #width: number;

  /** Uses and overwrites the scratch window, and the output of the pending lanes. */
  constructor(
    data: Float32Array,
    shape: Shape3,
    largest: number,
    newShape: Shape3,
    output: Float32Array,
    pending: Lanes,
  ) {
    const [n0, n1, n2] = shape;
    const [m0, m1, m2] = newShape;
    const groups = Math.ceil(n0 / PER_WORD);
    const length = groups * m1 * m2;
    this.#words = groups <= m0 ? new Int32Array(output.buffer, output.byteOffset, length) : new Int32Array(length);
    this.#slices = n0;
    this.#newShape = newShape;
    this.#width = pending.width;
    const plane = n1 * n2;
    const { places, sources } = pendingPlaces(shape, newShape, pending);
    const maker = new SliceLevels(n1, n2, largest);
    const four = [new Uint8Array(plane), new Uint8Array(plane), new Uint8Array(plane), new Uint8Array(plane)] as const;
    for (let group = 0; group < groups; group++) {
      for (let i = 0; i < PER_WORD; i++) {
        const i0 = group * PER_WORD + i;
        const levels = four[i] as Uint8Array;
        if (i0 < n0) levels.set(maker.make(data.subarray(i0 * plane, (i0 + 1) * plane), i0 === 0));
        else levels.fill(255);
      }
      this.#gather(group * m1 * m2, four, places, sources);
    }
    this.#spreadBack(groups, places);
  }

  #gather(first: number, [a, b, c, d]: FourSlices, places: Int32Array, sources: Int32Array): void {
    const words = this.#words;
    for (let j = 0; j < places.length; j++) {
      const at = sources[j] as number;
      words[first + (places[j] as number)] =
        (a[at] as number) | ((b[at] as number) << 8) | ((c[at] as number) << 16) | ((d[at] as number) << 24);
    }
  }

  /** From the last slice to the first: no slice is more than one level above the next. */
  #spreadBack(groups: number, places: Int32Array): void {
    const words = this.#words;
    const [, m1, m2] = this.#newShape;
    const next = new Uint8Array(places.length).fill(255);
    for (let group = groups - 1; group >= 0; group--) {
      const first = group * m1 * m2;
      for (let j = 0; j < places.length; j++) {
        const at = first + (places[j] as number);
        const word = words[at] as number;
        const d = Math.min(word >>> 24, (next[j] as number) + 1);
        const c = Math.min((word >>> 16) & 255, d + 1);
        const b = Math.min((word >>> 8) & 255, c + 1);
        const a = Math.min(word & 255, b + 1);
        words[at] = a | (b << 8) | (c << 16) | (d << 24);
        next[j] = a;
      }
    }
  }

  /** Levels of the lanes of a tile: one per (slice of the source, lane). */
  fill(lane: number, lanes: number, values: Uint8Array): void {
    const [, m1, m2] = this.#newShape;
    const width = this.#width;
    for (let i0 = 0; i0 < this.#slices; i0++) {
      const plane = Math.floor(i0 / PER_WORD) * m1 * m2;
      const shift = 8 * (i0 % PER_WORD);
      const to = i0 * lanes;
      for (let at = 0; at < lanes; ) {
        const k1 = Math.floor((lane + at) / width);
        const k2 = lane + at - k1 * width;
        const count = Math.min(lanes - at, width - k2);
        const row = plane + k1 * m2;
        const valid = Math.min(count, m2 - k2);
        for (let j = 0; j < valid; j++) values[to + at + j] = ((this.#words[row + k2 + j] as number) >>> shift) & 255;
        // Nothing that padding lanes hold is ever in doubt.
        values.fill(255, to + at + Math.max(valid, 0), to + at + count);
        at += count;
      }
    }
  }
}

/** Output places of the pending lanes within a plane, and the source voxels nearest to them within a slice. */
function pendingPlaces(
  [, n1, n2]: Shape3,
  [, m1, m2]: Shape3,
  { from, to, width }: Lanes,
): { places: Int32Array; sources: Int32Array } {
  const nearest1 = nearestSample(n1, m1);
  const nearest2 = nearestSample(n2, m2);
  const places = new Int32Array(to - from);
  const sources = new Int32Array(to - from);
  let count = 0;
  for (let lane = from; lane < to; lane++) {
    const k1 = Math.floor(lane / width);
    const k2 = lane - k1 * width;
    if (k2 >= m2) continue;
    places[count] = k1 * m2 + k2;
    sources[count++] = (nearest1[k1] as number) * n2 + (nearest2[k2] as number);
  }
  return { places: places.subarray(0, count), sources: sources.subarray(0, count) };
}
