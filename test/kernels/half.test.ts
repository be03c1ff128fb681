import { beforeAll, expect, test } from "vitest";
import { addToSums, divideSums, narrowToHalves, widenHalves } from "../../src/kernels/half.js";
import { init } from "../../src/runtime/instantiate.js";
import ensembles from "../golden/export/ensembles.json";
import halves from "../golden/export/halves.json";
import { countDifferences, decode } from "../golden.js";

beforeAll(() => init());

test("narrowing is NumPy's astype(float16)", () => {
  const values = decode<Float32Array>(halves.values);
  expect(countDifferences(narrowToHalves(values), decode<Uint16Array>(halves.halves))).toBe(0);
});

test("every half survives widening and narrowing", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const wide = widenHalves(all);
  expect([wide[0x3c00], wide[0x3555], wide[1], wide[0x8400], wide[0x7bff]]).toEqual([
    1,
    0.333251953125,
    2 ** -24,
    -(2 ** -14),
    65504,
  ]);
  expect([wide[0x7c00], wide[0xfc00], wide[0x7e00]]).toEqual([Infinity, -Infinity, Number.NaN]);
  const back = narrowToHalves(wide);
  const isNaN16 = (bits: number) => (bits & 0x7fff) > 0x7c00;
  expect(all.filter((bits) => !isNaN16(bits) && back[bits] !== bits).length).toBe(0);
  expect(all.filter((bits) => isNaN16(bits) && (back[bits] & 0x7fff) !== 0x7e00).length).toBe(0);
});

test.each([0, 1, 7, 8, 9, 32767, 32768, 32769])("%i values", (count) => {
  const values = Float32Array.from({ length: count }, (_, i) => i / 7);
  const bits = narrowToHalves(values);
  expect(bits.length).toBe(count);
  expect(widenHalves(bits).every((x, i) => Math.abs(x - values[i]) <= values[i] * 2 ** -11)).toBe(true);
});

test("sums and quotients are numpy.mean of stacked float16", () => {
  for (const golden of ensembles) {
    const members = golden.members.map((member) => decode<Uint16Array>(member));
    const sums = widenHalves(members[0]);
    for (const member of members.slice(1)) addToSums(member, sums);
    const mean = new Uint16Array(sums.length);
    divideSums(sums, members.length, mean);
    expect(countDifferences(mean, decode<Uint16Array>(golden.mean))).toBe(0);
  }
});
