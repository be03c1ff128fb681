import { beforeAll, expect, test } from "vitest";
import type { Shape3 } from "../../../src/core/volume.js";
import type { NormalizationScheme } from "../../../src/recipes/v1/documents/plans.js";
import { type CtStatistics, normalizeChannels } from "../../../src/recipes/v1/normalization.js";
import { init } from "../../../src/runtime/instantiate.js";
import { countDifferences, decode, type GoldenArray, largestDifference } from "../../golden.js";
import { fromPython } from "../../statistics-cases.js";

interface NormalizationCase {
  readonly name: string;
  readonly shape: Shape3;
  readonly channel: GoldenArray;
  readonly label: GoldenArray;
  readonly scheme: NormalizationScheme;
  readonly useMask: boolean;
  readonly statistics: Record<string, number | string> | null;
  readonly normalized: GoldenArray;
}

const golden = import.meta.glob<{ cases: NormalizationCase[] }>("../../golden/statistics/normalization.json", {
  eager: true,
  import: "default",
});
const cases = Object.values(golden).flatMap((file) => file.cases);

beforeAll(() => init());

function prepare(c: NormalizationCase) {
  const arrays = { channels: [decode<Float32Array>(c.channel)], label: decode<Int16Array>(c.label), shape: c.shape };
  const statistics = Object.fromEntries(Object.entries(c.statistics ?? {}).map(([k, v]) => [k, fromPython(v)]));
  const properties = c.statistics === null ? null : [statistics as unknown as CtStatistics];
  return { arrays, properties, expected: decode<Float32Array>(c.normalized) };
}

test.each(cases.map((c) => [`${c.name}, ${c.scheme}${c.useMask ? ", mask" : ""}`, c] as const))(
  "equals the reference bit by bit: %s",
  (_, c) => {
    const { arrays, properties, expected } = prepare(c);
    const before = arrays.channels[0].slice();
    const result = normalizeChannels(arrays, [c.scheme], [c.useMask], properties);
    expect(countDifferences(result.channels[0], expected)).toBe(0);
    expect(countDifferences(arrays.channels[0], before)).toBe(0);
    expect(result.label).toBe(arrays.label);
    const inPlace = normalizeChannels(arrays, [c.scheme], [c.useMask], properties, arrays.channels);
    expect(inPlace.channels[0]).toBe(arrays.channels[0]);
    expect(countDifferences(inPlace.channels[0], expected)).toBe(0);
  },
);

test("float64 sums stay within 1e-6 of the reference", () => {
  for (const c of cases.filter(({ name }) => name === "noise")) {
    const { arrays, properties, expected } = prepare(c);
    const result = normalizeChannels(arrays, [c.scheme], [c.useMask], properties, undefined, "float64");
    expect(largestDifference(result.channels[0], expected)).toBeLessThan(1e-6);
  }
});

test("bad arguments are refused", () => {
  const arrays = { channels: [new Float32Array(6)], label: null, shape: [1, 2, 3] as const };
  const refused = (text: string) => expect.objectContaining({ message: expect.stringContaining(text) });
  expect(() => normalizeChannels(arrays, [], [false])).toThrow(
    refused("1 channels found, but 0 normalization schemes"),
  );
  expect(() => normalizeChannels(arrays, ["nonCT"], [])).toThrow(refused("0 mask flags"));
  expect(() => normalizeChannels(arrays, ["CT"], [false])).toThrow(refused("intensity statistics"));
  expect(() => normalizeChannels(arrays, ["nonCT"], [true])).toThrow(refused("no label"));
  expect(() => normalizeChannels({ ...arrays, shape: [1, 2, 4] }, ["nonCT"], [false])).toThrow(refused("channel 0"));
  expect(() => normalizeChannels({ ...arrays, label: new Int16Array(5) }, ["nonCT"], [true])).toThrow(refused("label"));
});
