import { NnprepError } from "../core/errors.js";
import { interpolateOrderStatistics, percentilePosition } from "../core/numeric.js";
import { kernels } from "../runtime/instantiate.js";
import { forEachTile, TILE } from "./tile.js";

interface SelectExports {
  countUpper(values: number, count: number, tables: number): number;
  joinTables(tables: number): void;
  countLower(values: number, count: number, a: number, b: number, c: number, d: number, tables: number): void;
  takeIntervals(
    values: number,
    count: number,
    bounds: number,
    insideA: number,
    insideB: number,
    counts: number,
  ): number;
}

/** Values of 16 bits of a key. */
const BINS = 65536;
/** Bins that one reading of the voxels can look into. */
const BINS_PER_READ = 4;
const UNUSED = -1;

/**
 * The values that stand at the given 0-based ranks in ascending order, without sorting or copying the array. Ranks in two
 * places of a large array take one reading (`selectWithin`); else one reading counts the upper 16 bits of an
 * order-preserving key, another one per four bins that hold a rank counts the lower 16. -0 counts, and comes out, as 0. If any value is NaN all results are NaN, as in NumPy's `percentile` and
 * `median`.
 *
 * @throws NnprepError INVALID_ARGUMENT if a rank is no index of `values`
 */
export function orderStatistics(values: Float32Array, ranks: readonly number[]): Float32Array {
  for (const rank of ranks) {
    if (!Number.isInteger(rank) || rank < 0 || rank >= values.length) {
      throw new NnprepError(
        "INVALID_ARGUMENT",
        `rank ${rank} found; ${values.length} values have the ranks below that`,
        {
          found: rank,
          expected: values.length,
        },
      );
    }
  }
  if (ranks.length === 0) return new Float32Array(0);
  return selectWithin(values, ranks) ?? selectByRadix(values, ranks);
}

/** Values of a sample, and the number from which it is worth one. */
const SAMPLE = 8192;
const WORTH_A_SAMPLE = 32 * SAMPLE;
/** Intervals that one reading of the voxels looks into, and the largest share of them that may lie in one. */
const INTERVALS = 2;
const SHARE = 1 / 32;

/** Values between two bounds, and how many lie below. */
interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Order statistics by one reading: a sample tells two narrow intervals in which the wanted values should lie, and only
 * what is found there is sorted out. Null when the sample was wrong, or a great many values are equal.
 */
function selectWithin(values: Float32Array, ranks: readonly number[]): Float32Array | null {
  const intervals = values.length < WORTH_A_SAMPLE ? null : expectedIntervals(values, ranks);
  if (intervals === null) return null;
  const { exports, window } = kernels<SelectExports>();
  const [tile, bounds, insideA, insideB, counts] = window.reserve(4 * TILE, 16, 4 * TILE, 4 * TILE, 16);
  const view = window.f32(tile, TILE);
  const found = window.i32(counts, 4);
  const parts = [window.f32(insideA, TILE), window.f32(insideB, TILE)];
  window.f32(bounds, 4).set(intervals.flatMap(({ low, high }) => [low, high]));
  const below = intervals.map(() => 0);
  const lengths = intervals.map(() => 0);
  const inside = intervals.map(() => new Float32Array(Math.floor(values.length * SHARE)));
  for (let start = 0; start < values.length; start += TILE) {
    const part = values.subarray(start, start + TILE);
    view.set(part);
    if (exports.takeIntervals(tile, part.length, bounds, insideA, insideB, counts) !== 0) {
      return new Float32Array(ranks.length).fill(Number.NaN);
    }
    for (let i = 0; i < INTERVALS; i++) {
      below[i] = below[i] + found[i];
      const taken = found[INTERVALS + i];
      const all = inside[i] as Float32Array;
      const length = lengths[i];
      if (length + taken > all.length) return null;
      all.set(parts[i].subarray(0, taken), length);
      lengths[i] = length + taken;
    }
  }
  const result = new Float32Array(ranks.length);
  let missing = ranks.length;
  for (let i = 0; i < INTERVALS; i++) {
    const first = below[i];
    const length = lengths[i];
    const places = ranks.flatMap((rank, place) => (rank >= first && rank < first + length ? [place] : []));
    const own = places.map((place) => ranks[place] - first);
    const selected = selectByRadix((inside[i] as Float32Array).subarray(0, length), own);
    places.forEach((place, j) => {
      result[place] = selected[j];
    });
    missing -= places.length;
  }
  return missing === 0 ? result : null;
}

/** Two intervals that hold the wanted ranks with near certainty, apart from each other; null when two do not do. */
function expectedIntervals(values: Float32Array, ranks: readonly number[]): [Interval, Interval] | null {
  const sample = new Float32Array(SAMPLE);
  const stride = values.length / SAMPLE;
  for (let i = 0; i < SAMPLE; i++) sample[i] = values[Math.floor(i * stride)];
  sample.sort();
  const spans: { from: number; to: number }[] = [];
  for (const rank of [...ranks].sort((a, b) => a - b)) {
    const share = (rank + 0.5) / values.length;
    const margin = 5 * Math.sqrt(SAMPLE * share * (1 - share)) + 8;
    const from = Math.floor(SAMPLE * share - margin);
    const to = Math.ceil(SAMPLE * share + margin);
    const last = spans.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else spans.push({ from, to });
  }
  const [a, b = a, ...more] = spans.map(({ from, to }): Interval => {
    const low = from < 0 ? Number.NEGATIVE_INFINITY : sample[from];
    return { low, high: to >= SAMPLE ? Number.POSITIVE_INFINITY : sample[to] };
  });
  if (a === undefined || b === undefined || more.length > 0) return null;
  // Equal values may reach across: then one interval would take what is the other's, or more than there is room for.
  if (a !== b && a.high >= b.low) return null;
  const inside = ({ low, high }: Interval) => sample.reduce((n, x) => n + Number(x >= low && x <= high), 0);
  return Math.max(inside(a), inside(b)) > 0.75 * SHARE * SAMPLE ? null : [a, b];
}

/** Order statistics by radix, in two readings or more. */
function selectByRadix(values: Float32Array, ranks: readonly number[]): Float32Array {
  const result = new Float32Array(ranks.length);
  if (ranks.length === 0) return result;
  const { exports, window } = kernels<SelectExports>();
  const [tile, tables] = window.reserve(4 * TILE, 4 * BINS * BINS_PER_READ);
  const view = window.f32(tile, TILE);
  const counts = window.u32(tables, BINS * BINS_PER_READ);
  const read = (tableCount: number, count: (length: number) => void): void => {
    counts.fill(0, 0, tableCount * BINS);
    forEachTile(values.length, (start, length) => {
      view.set(values.subarray(start, start + length));
      count(length);
    });
  };

  let nan = false;
  read(BINS_PER_READ, (length) => {
    if (exports.countUpper(tile, length, tables) !== 0) nan = true;
  });
  if (nan) return result.fill(Number.NaN);
  const upper = counts.subarray(0, BINS);
  exports.joinTables(tables);
  const places = ranks.map((rank) => findRank(upper, rank));

  const bins = [...new Set(places.map((place) => place.bin))];
  for (let first = 0; first < bins.length; first += BINS_PER_READ) {
    const some = bins.slice(first, first + BINS_PER_READ);
    const [a, b = UNUSED, c = UNUSED, d = UNUSED] = some as [number];
    read(some.length, (length) => exports.countLower(tile, length, a, b, c, d, tables));
    places.forEach((place, i) => {
      const table = some.indexOf(place.bin);
      if (table < 0) return;
      const lower = findRank(counts.subarray(table * BINS, (table + 1) * BINS), place.rest);
      result[i] = valueOfKey(place.bin * BINS + lower.bin);
    });
  }
  return result;
}

/** The bin that holds a rank, and its rank within the bin. */
function findRank(counts: Uint32Array, rank: number): { bin: number; rest: number } {
  let rest = rank;
  let bin = 0;
  while (rest >= counts[bin]) rest -= counts[bin++];
  return { bin, rest };
}

const keyBits = new Uint32Array(1);
const keyValue = new Float32Array(keyBits.buffer);

/** The float32 whose order-preserving key this is. */
export function valueOfKey(key: number): number {
  keyBits[0] = key >= 0x80000000 ? key - 0x80000000 : ~key;
  return keyValue[0];
}

/**
 * `numpy.percentile(values, q)` for every `q` in 0 .. 100, method "linear", bit by bit: with "float32" as NumPy 2.4 has
 * it for a float32 array and Python floats, with "float64" for the array widened to float64. NaN if there are no values
 * or one of them is NaN.
 *
 * @throws NnprepError INVALID_ARGUMENT if a `q` lies outside 0 .. 100
 */
export function percentiles(
  values: Float32Array,
  qs: readonly number[],
  precision: "float32" | "float64" = "float32",
): number[] {
  for (const q of qs) {
    if (!(q >= 0 && q <= 100)) {
      throw new NnprepError("INVALID_ARGUMENT", `percentile ${q} found, expected one from 0 to 100`, { found: q });
    }
  }
  if (values.length === 0) return qs.map(() => Number.NaN);
  const positions = qs.map((q) => percentilePosition(values.length, q));
  const statistics = orderStatistics(
    values,
    positions.flatMap(({ low, high }) => [low, high]),
  );
  return positions.map(({ weight }, i) =>
    interpolateOrderStatistics(statistics[2 * i], statistics[2 * i + 1], weight, precision),
  );
}

/** `numpy.median` of a float32 array: the mean of the two middle values, in float32; NaN without values. */
export function medianFloat32(values: Float32Array): number {
  const count = values.length;
  if (count === 0) return Number.NaN;
  const [low, high] = orderStatistics(values, [Math.floor((count - 1) / 2), Math.floor(count / 2)]);
  if (count % 2 === 1) return low;
  return Math.fround(Math.fround(low + high) / 2);
}
