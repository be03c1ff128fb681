import { kernels } from "../../runtime/instantiate.js";
import { argumentBytes } from "../../runtime/window.js";
import { MANY_IN_A_TILE, tolerancesOfLevels } from "./error-bound.js";
import { blockCount, largestOfRange, type Range } from "./extent.js";
import { wordCount } from "./influence-levels.js";
import { ENTRY, LANES, scratchBytes, storeTaps } from "./lanes.js";
import { RoundedArgument } from "./rounded-arguments.js";
import { blockOfSample, nearestSample } from "./taps.js";

interface RoundedExports {
  cubicColumnsRounded(structure: number): number;
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
  /** Labels of the result: one per (new sample, lane). Where they are negative nothing is uncertain. Null for none. */
  readonly fillWithin: ((labels: Int16Array) => void) | null;
}

/** One number for each buffer of the pass. */
type RoundedBuffers = readonly [
  structure: number,
  output: number,
  scratch: number,
  table: number,
  blockOf: number,
  tolerances: number,
  levels: number,
  sampleOf: number,
  ofLevels: number,
  within: number,
  places: number,
  values: number,
];

/** The last pass of a cubic resampling: one axis of n samples to m, rounded to float32, uncertain voxels listed. */
export class RoundedPass {
  readonly #n: number;
  readonly #m: number;
  readonly #range: Range;
  readonly #addresses: RoundedBuffers;

  static byteLengths(n: number, m: number, lanes: number, within: boolean): RoundedBuffers {
    return [
      argumentBytes(RoundedArgument),
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
    const [, , , table, blockOf, , , sampleOf, ofLevels] = addresses;
    storeTaps(n, m, table);
    window.i32(blockOf, m).set(blockOfSample(n, m));
    window.i32(sampleOf, m).set(nearestSample(n, m));
    window.f64(ofLevels, 256).set(tolerancesOfLevels(largestOfRange(range)));
  }

  /** Result of the last `run`: m rows of `lanes` float32. */
  result(lanes: number): Float32Array {
    return kernels().window.f32(this.#addresses[1], this.#m * lanes);
  }

  /** Returns the number of uncertain voxels, or -1 when there are so many that levels are needed first. */
  run(tile: RoundedTile): number {
    const [structure, output, scratch, table, blockOf, tolerances, levels, sampleOf, ofLevels, within, places, values] =
      this.#addresses;
    const { exports, window } = kernels<RoundedExports>();
    const blocks = blockCount(this.#n);
    const { lanes } = tile;
    tile.fillTolerances(window.f64(tolerances, (lanes / LANES) * blocks));
    tile.fillWithin?.(window.i16(within, this.#m * lanes));
    tile.fillLevels?.(window.i32(levels, wordCount(this.#n) * lanes));
    window.storeArguments<RoundedArgument>(structure, {
      [RoundedArgument.input]: tile.input,
      [RoundedArgument.inputStride]: tile.inputStride,
      [RoundedArgument.groupBytes]: tile.groupBytes,
      [RoundedArgument.n]: this.#n,
      [RoundedArgument.lanes]: lanes,
      [RoundedArgument.table]: table,
      [RoundedArgument.m]: this.#m,
      [RoundedArgument.scratch]: scratch,
      [RoundedArgument.output]: output,
      [RoundedArgument.outputStride]: lanes * 4,
      [RoundedArgument.low]: this.#range.low,
      [RoundedArgument.high]: this.#range.high,
      [RoundedArgument.tolerances]: tolerances,
      [RoundedArgument.blocks]: blocks,
      [RoundedArgument.blockOf]: blockOf,
      [RoundedArgument.levels]: tile.fillLevels === null ? 0 : levels,
      [RoundedArgument.sampleOf]: sampleOf,
      [RoundedArgument.tolerancesOfLevels]: ofLevels,
      [RoundedArgument.within]: tile.fillWithin === null ? 0 : within,
      [RoundedArgument.places]: places,
      [RoundedArgument.values]: values,
    });
    const count = exports.cubicColumnsRounded(structure);
    return tile.fillLevels === null && count > MANY_IN_A_TILE ? -1 : count;
  }

  /** Hands the uncertain voxels of the last `run` over: row along the axis, lane, float64 value. */
  forEachUncertain(count: number, use: (k: number, lane: number, value: number) => void): void {
    const { window } = kernels();
    const [places, values] = this.#addresses.slice(-2) as [number, number];
    const where = window.i32(places, count * 2);
    const what = window.f64(values, count);
    for (let i = 0; i < count; i++) use(where[2 * i], where[2 * i + 1], what[i]);
  }
}
