import { pairwiseSum } from "../core/mean.js";
import { percentilePosition } from "../core/numeric.js";
import type { DrawnChannel, DrawnDeviations, Piece } from "../kernels/draws.js";
import { valueOfKey } from "../kernels/select.js";

/**
 * Mean, standard deviation and order statistics of values that lie in several places, with the bits that NumPy gets for
 * all of them in one array: its pairwise sum is a tree whose shape depends on the number of values alone, so that each
 * place can sum the subtrees that it has whole.
 */

/** Where a place's values stand in the pool: half open. */
export interface PoolRange {
  readonly start: number;
  readonly end: number;
}

export type Precision = "float32" | "float64";

/** Values that NumPy adds up with eight accumulators before it halves. */
const LEAF = 128;
const BINS = 65536;

function halfOf(count: number): number {
  const half = Math.floor(count / 2);
  return half - (half % 8);
}

/** The pieces of the tree over `total` values that cover `range`, in the order of the values. */
export function piecesOf(total: number, range: PoolRange): Piece[] {
  const pieces: Piece[] = [];
  const visit = (start: number, count: number): void => {
    const end = start + count;
    if (end <= range.start || start >= range.end) return;
    if (start >= range.start && end <= range.end) pieces.push({ count, cut: false });
    else if (count <= LEAF) {
      pieces.push({ count: Math.min(end, range.end) - Math.max(start, range.start), cut: true });
    } else {
      visit(start, halfOf(count));
      visit(start + halfOf(count), count - halfOf(count));
    }
  };
  visit(0, total);
  return pieces;
}

/** `numpy.sum` of up to 128 values in float32. */
function sumLeaf(values: readonly number[]): number {
  const add = (a: number, b: number) => Math.fround(a + b);
  if (values.length < 8) return values.reduce(add, -0);
  const whole = values.length - (values.length % 8);
  const r = values.slice(0, 8);
  for (let i = 8; i < whole; i++) r[i % 8] = add(r[i % 8], values[i]);
  const [a, b, c, d, e, f, g, h] = r as [number, number, number, number, number, number, number, number];
  const sum = add(add(add(a, b), add(c, d)), add(add(e, f), add(g, h)));
  return values.slice(whole).reduce(add, sum);
}

/** What one place has of the pool: sums of its pieces, and the values of those that are cut. */
interface Part {
  readonly range: PoolRange;
  readonly sums: ArrayLike<number>;
  readonly cutValues: ArrayLike<number>;
}

/** Sum over the whole pool. Parts in the order of the pool, without gaps. */
function joinSums(parts: readonly Part[], precision: Precision): number {
  const total = parts.at(-1)?.range.end ?? 0;
  const sumsUsed = parts.map(() => 0);
  const cutUsed = parts.map(() => 0);
  let at = 0;
  const take = (position: number): number => {
    while (position >= parts[at].range.end) at++;
    return at;
  };
  const round = precision === "float32" ? Math.fround : (x: number) => x;
  const visit = (start: number, count: number): number => {
    const part = take(start);
    const { range, sums } = parts[part];
    if (start >= range.start && start + count <= range.end) return sums[sumsUsed[part]++];
    if (count > LEAF) {
      const half = halfOf(count);
      const left = visit(start, half);
      return round(left + visit(start + half, count - half));
    }
    const values = Array.from({ length: count }, (_, i) => {
      const from = take(start + i);
      return parts[from].cutValues[cutUsed[from]++];
    });
    return precision === "float32" ? sumLeaf(values) : pairwiseSum(values);
  };
  return visit(0, total);
}

function divide(sum: number, count: number, precision: Precision): number {
  return precision === "float32" ? Math.fround(sum / count) : sum / count;
}

/** One place's first reading of one channel. */
export interface MeasuredPart extends DrawnChannel {
  readonly range: PoolRange;
}

/** What is known of a pooled channel after the first reading. */
export interface PooledChannel {
  readonly count: number;
  readonly precision: Precision;
  readonly mean: number;
  /** Upper halves of the keys of all order statistics that are wanted, ascending. */
  readonly bins: readonly number[];
  /** Rank within its bin, per wanted rank. */
  readonly places: readonly { readonly bin: number; readonly rest: number }[];
}

/** Percentiles of the pool: 0 and 100 are the extremes. */
const PERCENTILES = [0, 0.5, 50, 99.5, 100] as const;

function ranksOf(count: number): number[] {
  return PERCENTILES.flatMap((q) => {
    const { low, high } = percentilePosition(count, q);
    return [low, high];
  });
}

/** Statistics of a pooled channel. */
export interface PooledStatistics {
  readonly min: number;
  readonly percentile005: number;
  readonly median: number;
  readonly percentile995: number;
  readonly max: number;
  readonly mean: number;
  /** Population standard deviation. */
  readonly std: number;
}

/**
 * One channel of a pool, joined as its places are read, in any order. Counts are added up at once: what stays of a place
 * are its sums and the few values that are cut, so that ten thousand places need a few MiB.
 */
export class ChannelPool {
  readonly #precision: Precision;
  readonly #upper = new Uint32Array(BINS);
  readonly #lower = new Map<number, number>();
  /** In the order of the pool. */
  readonly #parts: { readonly range: PoolRange; sums: ArrayLike<number>; readonly cutValues: Float32Array }[];

  constructor(precision: Precision, places: number) {
    this.#precision = precision;
    this.#parts = new Array(places);
  }

  /** First reading of a place. */
  addMeasured(place: number, { range, sums, cutValues, upper }: MeasuredPart): void {
    upper.keys.forEach((key, i) => {
      this.#upper[key] += upper.counts[i];
    });
    // Copies: arrays of a worker's message are views that keep the whole of it.
    this.#parts[place] = { range, sums: Array.from(sums), cutValues: cutValues.slice() };
  }

  /** When all places have been read once. */
  pool(): PooledChannel {
    const count = this.#parts.at(-1)?.range.end ?? 0;
    const places = ranksOf(count).map((rank) => {
      let rest = rank;
      let bin = 0;
      while (rest >= this.#upper[bin]) rest -= this.#upper[bin++];
      return { bin, rest };
    });
    const bins = [...new Set(places.map(({ bin }) => bin))].sort((a, b) => a - b);
    const mean = divide(joinSums(this.#parts, this.#precision), count, this.#precision);
    return { count, precision: this.#precision, mean, bins, places };
  }

  /** Second reading of a place, with what `pool` gave. Its sums take the place of those of the first. */
  addDeviations(place: number, { sums, lower }: DrawnDeviations): void {
    lower.keys.forEach((key, i) => {
      this.#lower.set(key, (this.#lower.get(key) ?? 0) + lower.counts[i]);
    });
    this.#parts[place].sums = Array.from(sums);
  }

  /**
   * When all places have been read twice. `numpy.percentile` with an array of percentiles interpolates in float64; the
   * difference of the two order statistics has the precision of the values.
   */
  statistics(pooled: PooledChannel): PooledStatistics {
    const { count, precision, mean } = pooled;
    const round = precision === "float32" ? Math.fround : (x: number) => x;
    const squares = (x: number) => {
      const deviation = round(x - mean);
      return round(deviation * deviation);
    };
    const parts = this.#parts.map(({ range, sums, cutValues }) => ({
      range,
      sums,
      cutValues: Float64Array.from(cutValues, squares),
    }));
    const std = round(Math.sqrt(divide(joinSums(parts, precision), count, precision)));
    const values = selectValues(pooled, this.#lower);
    const [min, percentile005, median, percentile995, max] = PERCENTILES.map((q, i) => {
      const [low, high] = [values[2 * i], values[2 * i + 1]];
      const { weight } = percentilePosition(count, q);
      const difference = round(high - low);
      return weight < 0.5 ? low + difference * weight : high - difference * (1 - weight);
    }) as [number, number, number, number, number];
    return { min, percentile005, median, percentile995, max, mean, std };
  }
}

/** The values at the places of `pooled`. */
function selectValues({ places }: PooledChannel, counts: ReadonlyMap<number, number>): number[] {
  const byKey = [...counts].sort(([a], [b]) => a - b);
  return places.map(({ bin, rest }) => {
    let left = rest;
    for (const [key, count] of byKey) {
      if (Math.floor(key / BINS) !== bin) continue;
      if (left < count) return valueOfKey(key);
      left -= count;
    }
    return Number.NaN;
  });
}
