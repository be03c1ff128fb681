import { beforeAll, expect, test } from "vitest";
import { meanAndStdFloat32 } from "../../src/kernels/pairwise.js";
import { TILE } from "../../src/kernels/tile.js";
import { init } from "../../src/runtime/instantiate.js";
import { decode } from "../golden.js";
import { fromPython, statisticsCases } from "../statistics-cases.js";

beforeAll(() => init());

test.each(statisticsCases)("equals NumPy bit by bit: %s", (_, c) => {
  const { mean, std } = meanAndStdFloat32(decode(c.values));
  expect(mean).toBe(fromPython(c.statistics.mean));
  expect(std).toBe(fromPython(c.statistics.sd));
});

/** NumPy's order written as plainly as possible. */
function pairwise(x: Float32Array): number {
  const n = x.length;
  if (n > 128) {
    let half = n >> 1;
    half -= half % 8;
    return Math.fround(pairwise(x.subarray(0, half)) + pairwise(x.subarray(half)));
  }
  let sum = 0;
  const whole = n < 8 ? 0 : n - (n % 8);
  if (whole > 0) {
    const lanes = x.slice(0, 8);
    for (let i = 8; i < whole; i++) lanes[i % 8] = lanes[i % 8] + x[i];
    const [a, b, c, d, e, f, g, h] = lanes as unknown as number[];
    const r = Math.fround;
    sum = r(r(r(a! + b!) + r(c! + d!)) + r(r(e! + f!) + r(g! + h!)));
  }
  for (let i = whole; i < n; i++) sum = Math.fround(sum + x[i]);
  return sum;
}

test("the order of summation crosses tiles unchanged", () => {
  for (const n of [TILE - 1, TILE, TILE + 1, 2 * TILE + 17, 5 * TILE + 129]) {
    const values = Float32Array.from({ length: n }, (_, i) => ((i * 7919) % 10007) / 3);
    expect(meanAndStdFloat32(values).mean).toBe(Math.fround(pairwise(values) / n));
  }
});

test("leaves of every length, alone and side by side", () => {
  const most = Float32Array.from({ length: 540 }, (_, i) => ((i * 7919) % 10007) / 3);
  for (let n = 1; n <= most.length; n++) {
    const values = most.subarray(0, n);
    const mean = Math.fround(pairwise(values) / n);
    const squares = values.map((value) => Math.fround(value - mean) ** 2);
    const std = Math.fround(Math.sqrt(Math.fround(pairwise(squares) / n)));
    expect(meanAndStdFloat32(values), `${n} values`).toEqual({ mean, std });
  }
});

test("no values give NaN", () => {
  expect(meanAndStdFloat32(new Float32Array(0))).toEqual({ mean: Number.NaN, std: Number.NaN });
});
