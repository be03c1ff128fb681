import { kernels } from "../runtime/instantiate.js";
import { blockCount, largestOfRange, type Range } from "./extent.js";
import { wordCount } from "./levels.js";
import { ENTRY, LANES, scratchBytes, storeTaps } from "./plane-pass.js";
import { blockOfSample, nearestSample, tolerancesOfLevels } from "./tolerance.js";

interface RoundedExports {
  cubicColumnsRounded(
    input: number,
    inputStride: number,
    groupBytes: number,
    n: number,
    lanes: number,
    table: number,
    m: number,
    scratch: number,
    output: number,
    outputStride: number,
    low: number,
    high: number,
    tolerances: number,
    blocks: number,
    blockOf: number,
    levels: number,
    planeOf: number,
    ofLevel: number,
    within: number,
    doubts: number,
    doubtValues: number,
  ): number;
}

/** Lanes that go through the last pass at once, and what is known of each. */
export interface RoundedTile {
  readonly input: number;
  /** Rows that many bytes apart; 0 for groups of 16 lanes as `PlanePass` leaves them. */
  readonly inputStride: number;
  /** Bytes from one group to the next; 0 for rows. */
  readonly groupBytes: number;
  readonly lanes: number;
  /** Tolerances: one per (group of 16 lanes, block of the axis). */
  readonly fillTolerances: (tolerances: Float64Array) => void;
  /** Levels of the source: a word per (four samples of the axis, lane). Null while they have not been worked out. */
  readonly fillLevels: ((levels: Int32Array) => void) | null;
  /** Labels of the result: one per (new sample, lane). Where they are negative nothing is in doubt. Null for none. */
  readonly fillWithin: ((labels: Int16Array) => void) | null;
}

/** More doubts than this in one tile mean tails of the spline, which only levels tell from rounding errors. */
const MANY = 256;

/** One number for each buffer of the pass. */
type RoundedBuffers = readonly [
  output: number,
  scratch: number,
  table: number,
  blockOf: number,
  tolerances: number,
  levels: number,
  planeOf: number,
  ofLevel: number,
  within: number,
  places: number,
  values: number,
];

/** The last pass of a cubic resampling: one axis of n samples to m, rounded to float32, doubts listed. */
export class RoundedPass {
  readonly #n: number;
  readonly #m: number;
  readonly #range: Range;
  readonly #addresses: RoundedBuffers;

  static byteLengths(n: number, m: number, lanes: number, within: boolean): RoundedBuffers {
    return [
      m * lanes * 4,
      scratchBytes(n),
      m * ENTRY,
      m * 4,
      (lanes / LANES) * blockCount(n) * 8,
      wordCount(n) * lanes * 4,
      m * 4,
      256 * 8,
      within ? m * lanes * 2 : 0,
      m * lanes * 8,
      m * lanes * 8,
    ];
  }

  constructor(n: number, m: number, range: Range, addresses: RoundedBuffers) {
    this.#n = n;
    this.#m = m;
    this.#range = range;
    this.#addresses = addresses;
    const { window } = kernels();
    const [, , table, blockOf, , , planeOf, ofLevel] = addresses;
    storeTaps(n, m, table);
    window.i32(blockOf, m).set(blockOfSample(n, m));
    window.i32(planeOf, m).set(nearestSample(n, m));
    window.f64(ofLevel, 256).set(tolerancesOfLevels(largestOfRange(range)));
  }

  /** Result of the last `run`: m rows of `lanes` float32. */
  result(lanes: number): Float32Array {
    return kernels().window.f32(this.#addresses[0], this.#m * lanes);
  }

  /** Returns the number of doubts, or -1 when there are so many that levels are needed first. */
  run(tile: RoundedTile): number {
    const [output, scratch, table, blockOf, tolerances, levels, planeOf, ofLevel, within, places, values] =
      this.#addresses;
    const { exports, window } = kernels<RoundedExports>();
    const blocks = blockCount(this.#n);
    const { lanes } = tile;
    tile.fillTolerances(window.f64(tolerances, (lanes / LANES) * blocks));
    const pass = (levelsAddress: number) =>
      exports.cubicColumnsRounded(
        tile.input,
        tile.inputStride,
        tile.groupBytes,
        this.#n,
        lanes,
        table,
        this.#m,
        scratch,
        output,
        lanes * 4,
        this.#range.low,
        this.#range.high,
        tolerances,
        blocks,
        blockOf,
        levelsAddress,
        planeOf,
        ofLevel,
        tile.fillWithin === null ? 0 : within,
        places,
        values,
      );
    tile.fillWithin?.(window.i16(within, this.#m * lanes));
    if (tile.fillLevels === null) {
      const count = pass(0);
      return count <= MANY ? count : -1;
    }
    tile.fillLevels(window.i32(levels, wordCount(this.#n) * lanes));
    return pass(levels);
  }

  /** Hands the doubts of the last `run` over: row along the axis, lane, float64 value. */
  forEachDoubt(count: number, use: (k: number, lane: number, value: number) => void): void {
    const { window } = kernels();
    const [places, values] = this.#addresses.slice(-2) as [number, number];
    const where = window.i32(places, count * 2);
    const what = window.f64(values, count);
    for (let i = 0; i < count; i++) use(where[2 * i] as number, where[2 * i + 1] as number, what[i] as number);
  }
}
