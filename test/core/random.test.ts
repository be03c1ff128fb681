import { expect, test } from "vitest";
import { RandomState } from "../../src/core/random.js";
import { sha256OfInt32 } from "../hash.js";

interface Draws {
  seed: number;
  raw: number[];
  choice: [number, number[]][];
  without: [number, number, number[]][];
  shuffled: number[];
  after: number[];
  shuffled65537: string;
}

const [draws] = Object.values(
  import.meta.glob<Draws[]>("../golden/random/draws.json", { eager: true, import: "default" }),
);

test.each(draws!)("the same draws as numpy.random.RandomState($seed)", async (golden) => {
  const random = new RandomState(golden.seed);
  expect(golden.raw.map(() => random.uint32())).toEqual(golden.raw);
  for (const [n, expected] of golden.choice) expect([...random.choice(n, 8)]).toEqual(expected);
  for (const [n, k, expected] of golden.without) {
    expect([...random.choiceWithoutReplacement(n, k)]).toEqual(expected);
  }
  const ten = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  random.shuffle(ten);
  expect(ten).toEqual(golden.shuffled);
  expect(golden.after.map(() => random.uint32())).toEqual(golden.after);
  const many = Int32Array.from({ length: 65537 }, (_, i) => i);
  random.shuffle(many);
  expect(await sha256OfInt32(many)).toBe(golden.shuffled65537);
});

test.each([0, 1, 2, 3, 32, 33, 64, 1000])("choosing from %i is the head of a shuffle", (n) => {
  for (const count of [0, 1, 2, 3, 31, 32, 33, n].filter((count) => count <= n)) {
    const [choosing, shuffling] = [new RandomState(n + count), new RandomState(n + count)];
    const all = Int32Array.from({ length: n }, (_, i) => i);
    shuffling.shuffle(all);
    expect([...choosing.choiceWithoutReplacement(n, count)]).toEqual([...all.subarray(0, count)]);
    expect(choosing.uint32()).toBe(shuffling.uint32());
  }
});

test("a single value takes no draw", () => {
  const random = new RandomState(1234);
  expect([...random.choice(1, 3)]).toEqual([0, 0, 0]);
  random.shuffle([1]);
  random.shuffle([]);
  expect(random.uint32()).toBe(822569775);
});

test("impossible draws are refused", () => {
  const random = new RandomState(1);
  expect(() => random.choiceWithoutReplacement(2, 3)).toThrowError("cannot choose 3 different values out of 2");
  expect(() => random.choice(0, 1)).toThrowError("cannot choose from nothing");
  expect(() => new RandomState(-1)).toThrowError("seed -1");
  expect(() => new RandomState(0.5)).toThrowError("seed 0.5");
});
