import { beforeAll, expect, test } from "vitest";
import { RandomState } from "../../src/core/random.js";
import { Choices, type DrawOptions, type KeyCounts, measureDeviations, measureDraws } from "../../src/kernels/draws.js";
import { meanAndStdFloat32 } from "../../src/kernels/pairwise.js";
import { valueOfKey } from "../../src/kernels/select.js";
import { TILE } from "../../src/kernels/tile.js";
import { init } from "../../src/runtime/instantiate.js";

beforeAll(() => init());

const SEED = 1234;

test("chooses without replacement as RandomState does, time after time from one generator", () => {
  const [choices, random] = [new Choices(SEED), new RandomState(SEED)];
  for (const n of [5, 0, 1, 2, TILE, TILE + 1, 623, 3, 70000, 1]) {
    const count = Math.min(n, 100);
    expect([...choices.choose(n, count)]).toEqual([...random.choiceWithoutReplacement(n, count)]);
  }
});

/** Values that tell their index, some negative. */
function indexed(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (i % 3 === 0 ? -i : i + 0.5));
}

/** `RandomState.choice` of every channel in turn, by the generator whose numbers NumPy's fixtures hold. */
function choose(channels: readonly Float32Array[], count: number): Float32Array[] {
  const random = new RandomState(SEED);
  return channels.map((channel) => Float32Array.from(random.choice(channel.length, count), (i) => channel[i]));
}

function cut(count: number): DrawOptions {
  return { seed: SEED, pieces: [{ count, cut: true }], precision: "float32" };
}

function countsOf(keys: Iterable<number>): KeyCounts {
  const counts = new Map<number, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  const sorted = [...counts].sort(([a], [b]) => a - b);
  return { keys: Uint32Array.from(sorted, ([key]) => key), counts: Uint32Array.from(sorted, ([, n]) => n) };
}

/** The key of a float32: `valueOfKey` the other way round. */
function keyOf(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value + 0).buffer)[0];
  return (bits >= 0x80000000 ? ~bits : bits | 0x80000000) >>> 0;
}

test.each([1, 2, 3, 4, 5, 127, 128, 129, 1000, 65536, 65537])("draws from %i values", (size) => {
  for (const count of [0, 1, 2, 623, 624, 625, TILE]) {
    const channels = [indexed(size), indexed(size).reverse()];
    const found = measureDraws(channels, cut(count)).map((channel) => channel.cutValues);
    expect(found).toEqual(choose(channels, count));
  }
});

test("pieces follow each other, and the sums are NumPy's", () => {
  const channels = [indexed(500)];
  const pieces = [5, 7, 100, 3 * TILE + 1, 1].map((count, i) => ({ count, cut: i % 2 === 0 }));
  const all = choose(
    channels,
    pieces.reduce((n, piece) => n + piece.count, 0),
  )[0];
  const options: DrawOptions = { seed: SEED, pieces, precision: "float32" };
  const [drawn] = measureDraws(channels, options);
  const parts = pieces.map(({ count }, i) => {
    const start = pieces.slice(0, i).reduce((n, piece) => n + piece.count, 0);
    return all.subarray(start, start + count);
  });
  expect(drawn?.cutValues).toEqual(Float32Array.from([0, 2, 4].flatMap((i) => [...parts[i]])));
  const [seven, long] = [parts[1], parts[3]];
  // The mean of NumPy is the sum divided by the count, rounded.
  const means = [seven, long].map((part, i) => Math.fround(drawn?.sums[i] / part.length));
  expect(means).toEqual([seven, long].map((part) => meanAndStdFloat32(part).mean));
  expect(drawn?.upper).toEqual(countsOf(Array.from(all, (value) => keyOf(value) >>> 16)));

  const { mean, std } = meanAndStdFloat32(long);
  const bins = [...new Set(Array.from(all.subarray(0, 40), (value) => keyOf(value) >>> 16))].sort((a, b) => a - b);
  expect(bins.length).toBeGreaterThan(4);
  const [again] = measureDeviations(channels, [{ mean, bins }], options);
  expect(Math.fround(Math.sqrt(Math.fround(again?.sums[1] / long.length)))).toBe(std);
  const keys = Array.from(all, keyOf).filter((key) => bins.includes(key >>> 16));
  expect(again?.lower).toEqual(countsOf(keys));
});

test("sums in float64", () => {
  const channels = [indexed(300)];
  const options: DrawOptions = { seed: SEED, pieces: [{ count: 6, cut: false }], precision: "float64" };
  const values = choose(channels, 6)[0];
  expect(measureDraws(channels, options)[0]?.sums[0]).toBe(values.reduce((a, b) => a + b));
  const [again] = measureDeviations(channels, [{ mean: 0.1, bins: [] }], options);
  expect(again?.sums[0]).toBe(values.reduce((sum, x) => sum + (x - 0.1) * (x - 0.1), 0));
});

test("a key tells its value", () => {
  for (const value of [0, 1.5, -1.5, 3e38, -1e-40]) expect(valueOfKey(keyOf(value))).toBe(Math.fround(value));
});
