import type { GoldenArray } from "./golden.js";

/** One sample of test/golden/statistics/statistics.json. */
export interface StatisticsCase {
  readonly name: string;
  readonly values: GoldenArray;
  readonly percentiles32: (number | string)[];
  readonly percentiles64: (number | string)[];
  readonly statistics: Record<string, number | string>;
  readonly mean64: number | string;
  readonly std64: number | string;
}

const golden = import.meta.glob<{ qs: number[]; cases: StatisticsCase[] }>("./golden/statistics/statistics.json", {
  eager: true,
  import: "default",
});
const [file] = Object.values(golden);

export const qs = file?.qs ?? [];
export const statisticsCases = (file?.cases ?? []).map((c) => [c.name, c] as const);

/** A number as the fixtures store it: Python's `repr` where JSON has no number. */
export function fromPython(value: number | string): number {
  if (typeof value === "number") return value;
  return { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY }[value] as number;
}
