import { beforeAll, describe, expect, test } from "vitest";
import { accumulatePlane, dividePlane, type WindowPlane } from "../../src/kernels/accumulate-windows.js";
import { narrowToHalves, widenHalves } from "../../src/kernels/half.js";
import { init } from "../../src/runtime/instantiate.js";
import { countDifferences } from "../golden.js";

beforeAll(() => init());

/** Seeded values in [-size, size). */
function noise(count: number, seed: number, size = 8): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * size;
  });
}

const one = (value: number) => narrowToHalves(Float32Array.of(value))[0];
const wide = (bits: number) => widenHalves(Uint16Array.of(bits))[0];

/** The rule value by value. */
function slowSums(
  sums: Float32Array,
  values: Float32Array,
  weights: Float32Array,
  plane: WindowPlane,
  round: (x: number) => number,
): Float32Array {
  const result = sums.slice();
  const { rows, columns, sumRows, sumColumns } = plane;
  for (let c = 0; c < sums.length / (sumRows * sumColumns); c++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const at = (c * sumRows + plane.row + i) * sumColumns + plane.column + j;
        const product = Math.fround(values[(c * rows + i) * columns + j] * weights[i * columns + j]);
        result[at] = round(Math.fround(result[at] + product));
      }
    }
  }
  return result;
}

const widths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17];

describe.each(["float16", "float32"] as const)("sums in %s", (precision) => {
  const half = precision === "float16";
  const round = (x: number) => (half ? wide(one(x)) : x);

  test.each(widths.flatMap((columns) => [0, 1, 5].map((extra) => [columns, extra])))(
    "%i columns in rows of %i more are the rule's, and nothing beside them changes",
    (columns, extra) => {
      const plane = { rows: 3, columns, sumRows: 5, sumColumns: columns + extra, row: 1, column: extra > 0 ? 1 : 0 };
      const classes = 2;
      const start = Float32Array.from(noise(classes * 5 * (columns + extra), columns), round);
      const values = noise(classes * 3 * columns, columns + 100);
      const weights = noise(3 * columns, columns + 200);
      const sums = half ? narrowToHalves(start) : start.slice();
      accumulatePlane(sums, values, 0, 3 * columns, weights, plane);
      const found = sums instanceof Uint16Array ? widenHalves(sums) : sums;
      expect(countDifferences(found, slowSums(start, values, weights, plane, round))).toBe(0);
    },
  );

  test("planes above one tile", () => {
    const plane = { rows: 300, columns: 150, sumRows: 310, sumColumns: 160, row: 7, column: 9 };
    const start = Float32Array.from(noise(310 * 160, 3), round);
    const values = noise(300 * 150, 4);
    const weights = noise(300 * 150, 5);
    const sums = half ? narrowToHalves(start) : start.slice();
    accumulatePlane(sums, values, 0, values.length, weights, plane);
    const found = sums instanceof Uint16Array ? widenHalves(sums) : sums;
    expect(countDifferences(found, slowSums(start, values, weights, plane, round))).toBe(0);
  });

  test.each([1, 4, 8, 9, 40000])("division of %i voxels says which class is not finite", (voxels) => {
    const values = Float32Array.from(noise(3 * voxels, voxels), round);
    const divisors = Float32Array.from(noise(voxels, voxels + 1), (x) => round(Math.abs(x) + 0.1));
    const expected = values.map((x, i) => round(Math.fround(x / divisors[i % voxels])));
    const [sums, counts] = half ? [narrowToHalves(values), narrowToHalves(divisors)] : [values, divisors];
    const output = sums.slice();
    expect(dividePlane(sums, counts, output)).toBe(-1);
    expect(countDifferences(output instanceof Uint16Array ? widenHalves(output) : output, expected)).toBe(0);
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      values[2 * voxels - 1] = wrong;
      const broken = half ? narrowToHalves(values) : values;
      expect(dividePlane(broken, counts, output)).toBe(1);
    }
  });
});

test("float16 sums run over into infinity at 65520, as NumPy's do", () => {
  const plane = { rows: 1, columns: 2, sumRows: 1, sumColumns: 2, row: 0, column: 0 };
  const sums = narrowToHalves(Float32Array.of(65504, 65504));
  accumulatePlane(sums, Float32Array.of(15.9, 16), 0, 2, Float32Array.of(1, 1), plane);
  expect([...sums]).toEqual([0x7bff, 0x7c00]);
});
