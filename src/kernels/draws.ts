import { pairwiseSum } from "../core/mean.js";
import { firstOfShuffled } from "../core/random.js";
import { kernels } from "../runtime/instantiate.js";
import { copierOf, TILE } from "./tile.js";

interface DrawExports {
  seedDraws(state: number, seed: number): void;
  drawPlaces(state: number, last: number, count: number, out: number): void;
  drawValues(state: number, values: number, last: number, count: number, out: number): void;
  pairwiseSum(values: number, count: number): number;
  pairwiseSquares(values: number, count: number, mean: number): number;
  countUpper(values: number, count: number, tables: number): number;
  joinTables(tables: number): void;
  countLower(values: number, count: number, a: number, b: number, c: number, d: number, tables: number): void;
}

/** u32 of the generator's state, see assembly/draws.ts. */
const STATE = 1256;
/** Values of 16 bits of a key. */
const BINS = 65536;
const BINS_PER_CALL = 4;
const UNUSED = -1;

/** A run of consecutive draws: with its sum, or, where it is `cut` out of a run that is summed elsewhere, as values. */
export interface Piece {
  readonly count: number;
  readonly cut: boolean;
}

/** How often each key was drawn; keys ascend, others were not drawn. */
export interface KeyCounts {
  readonly keys: Uint32Array;
  readonly counts: Uint32Array;
}

/** What a first reading of the draws tells of one channel. */
export interface DrawnChannel {
  /** Of the pieces that are not cut, in their order, in NumPy's pairwise order. */
  readonly sums: Float64Array;
  /** The draws of the pieces that are cut, in their order. */
  readonly cutValues: Float32Array;
  /** By the upper 16 bits of the key that orders float32, see `valueOfKey`. */
  readonly upper: KeyCounts;
}

/** What a second reading of the same draws tells of one channel. */
export interface DrawnDeviations {
  /** Sums of squared deviations from the mean, as the sums of the first reading. */
  readonly sums: Float64Array;
  /** Whole keys of the draws in the bins that were asked for. */
  readonly lower: KeyCounts;
}

/** What the second reading needs of the first one, over all that was pooled. */
export interface DeviationTask {
  readonly mean: number;
  /** Upper halves of keys whose draws are looked at closer, ascending. */
  readonly bins: readonly number[];
}

export interface DrawOptions {
  readonly seed: number;
  /** Draws per channel, in order. */
  readonly pieces: readonly Piece[];
  /** Of sums and deviations. */
  readonly precision: "float32" | "float64";
}

/** Sums `count` values by `sumTile` in NumPy's pairwise order; tiles come in the order of the values. */
function sumPairwise(count: number, round: (x: number) => number, sumTile: (count: number) => number): number {
  if (count <= TILE) return sumTile(count);
  let half = Math.floor(count / 2);
  half -= half % 8;
  return round(sumPairwise(half, round, sumTile) + sumPairwise(count - half, round, sumTile));
}

const same = (x: number): number => x;

/** The non-zero entries of a table. */
function sparse(table: Uint32Array, keyOf: (index: number) => number): KeyCounts {
  const used = table.reduce((n, count) => n + Number(count > 0), 0);
  const keys = new Uint32Array(used);
  const counts = new Uint32Array(used);
  let out = 0;
  table.forEach((count, index) => {
    if (count === 0) return;
    keys[out] = keyOf(index);
    counts[out++] = count;
  });
  return { keys, counts };
}

interface ChannelDraws {
  readonly exports: DrawExports;
  /** Puts the next draws, at most a tile, into the tile. */
  readonly draw: (count: number) => void;
  readonly tile: number;
  readonly view: Float32Array;
  readonly tables: number;
  /** The tables, all 0. */
  readonly counts: Uint32Array;
}

/**
 * `visit` gets the draws of one channel after the other: `RandomState(seed).choice(channel, n)` from one generator. They
 * are made tile by tile in the window and never held.
 */
function eachChannel<T>(
  channels: readonly Float32Array[],
  seed: number,
  tableCount: number,
  visit: (draws: ChannelDraws, channel: number) => T,
): T[] {
  const { exports, window } = kernels<DrawExports>();
  const longest = channels.reduce((n, channel) => Math.max(n, channel.length), 0);
  const reserved = window.reserve(4 * STATE, 4 * BINS * tableCount, 4 * TILE, 4 * longest);
  const [state, tables, tile, values] = reserved;
  exports.seedDraws(state, seed);
  return channels.map((channel, index) => {
    window.f32(values, channel.length).set(channel);
    const counts = window.u32(tables, BINS * tableCount).fill(0);
    const draw = (count: number) => exports.drawValues(state, values, channel.length - 1, count, tile);
    return visit({ exports, draw, tile, view: window.f32(tile, TILE), tables, counts }, index);
  });
}

/**
 * Draws values with replacement and says of each channel what can be pooled with the draws of other cases.
 * @param channels values without NaN, at least one per channel.
 */
export function measureDraws(channels: readonly Float32Array[], options: DrawOptions): DrawnChannel[] {
  const { pieces, precision } = options;
  const single = precision === "float32";
  const cutCount = pieces.reduce((n, piece) => n + (piece.cut ? piece.count : 0), 0);
  return eachChannel(channels, options.seed, BINS_PER_CALL, ({ exports, draw, tile, view, tables, counts }) => {
    const cutValues = new Float32Array(cutCount);
    let cut = 0;
    const next = (count: number) => {
      draw(count);
      exports.countUpper(tile, count, tables);
    };
    const sumTile = (count: number) => {
      next(count);
      return single ? exports.pairwiseSum(tile, count) : pairwiseSum(view, 0, count);
    };
    const sums = pieces.flatMap((piece) => {
      if (!piece.cut) return sumPairwise(piece.count, single ? Math.fround : same, sumTile);
      next(piece.count);
      cutValues.set(view.subarray(0, piece.count), cut);
      cut += piece.count;
      return [];
    });
    exports.joinTables(tables);
    return { sums: Float64Array.from(sums), cutValues, upper: sparse(counts.subarray(0, BINS), same) };
  });
}

/**
 * Makes the draws of `measureDraws` again and measures what needs to know all of the pool: deviations from its mean, and
 * the lower halves of keys in some bins.
 *
 * @param tasks one per channel.
 */
export function measureDeviations(
  channels: readonly Float32Array[],
  tasks: readonly DeviationTask[],
  options: DrawOptions,
): DrawnDeviations[] {
  const { pieces, precision } = options;
  const single = precision === "float32";
  const most = tasks.reduce((n, { bins }) => Math.max(n, bins.length), 0);
  const calls = Math.ceil(most / BINS_PER_CALL);
  const squares = new Float64Array(single ? 0 : TILE);
  return eachChannel(
    channels,
    options.seed,
    calls * BINS_PER_CALL,
    ({ exports, draw, tile, view, tables, counts }, c) => {
      const { mean, bins } = tasks[c];
      const next = (count: number) => {
        draw(count);
        for (let i = 0; i < bins.length; i += BINS_PER_CALL) {
          const [x, y = UNUSED, z = UNUSED, w = UNUSED] = bins.slice(i, i + BINS_PER_CALL) as [number];
          exports.countLower(tile, count, x, y, z, w, tables + 4 * BINS * i);
        }
      };
      const sumTile = (count: number) => {
        next(count);
        if (single) return exports.pairwiseSquares(tile, count, mean);
        for (let i = 0; i < count; i++) {
          const deviation = view[i] - mean;
          squares[i] = deviation * deviation;
        }
        return pairwiseSum(squares, 0, count);
      };
      const sums = pieces.flatMap((piece) => {
        if (!piece.cut) return sumPairwise(piece.count, single ? Math.fround : same, sumTile);
        // Its draws are known from the first reading.
        next(piece.count);
        return [];
      });
      const keyOf = (entry: number) => bins[Math.floor(entry / BINS)] * BINS + (entry % BINS);
      return { sums: Float64Array.from(sums), lower: sparse(counts.subarray(0, bins.length * BINS), keyOf) };
    },
  );
}

/**
 * Choices without replacement from one generator, the same as those of `RandomState(seed).choice(n, count, replace=False)`
 * one after the other.
 */
export class Choices {
  readonly #state = new Uint32Array(STATE);

  constructor(seed: number) {
    const { exports, window } = kernels<DrawExports>();
    const [state] = window.reserve(4 * STATE);
    exports.seedDraws(state, seed);
    this.#state.set(window.u32(state, STATE));
  }

  /** `count` different whole numbers below `n`. */
  choose(n: number, count: number): Uint32Array {
    const { exports, window } = kernels<DrawExports>();
    const [state, tile] = window.reserve(4 * STATE, 4 * TILE);
    const kept = window.u32(state, STATE);
    kept.set(this.#state);
    const copyOut = copierOf(window.u32(tile, TILE));
    const places = new Uint32Array(n);
    for (let end = n; end > 1; ) {
      const some = Math.min(end - 1, TILE);
      exports.drawPlaces(state, end - 1, some, tile);
      end -= some;
      copyOut(places, end, some);
    }
    this.#state.set(kept);
    return firstOfShuffled(places, count);
  }
}
