import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import type { Box3, Shape3 } from "../../../src/core/volume.js";
import { halveLabels } from "../../../src/kernels/mesh/halve-labels.js";
import { compactLabels, countContacts, surveyLabels } from "../../../src/kernels/mesh/label-survey.js";
import { init } from "../../../src/runtime/instantiate.js";

beforeAll(() => init());

const KINDS = [Int8Array, Uint8Array, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array];

/** Rows of runs of all lengths around a vector's, labels 0 to 5; some zeros are negative where the type has them. */
const volumes = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 70 }), fc.nat())
  .map(([slices, rows, length, seed]) => {
    const shape: Shape3 = [slices, rows, length];
    const data = new Uint8Array(slices * rows * length);
    let state = seed;
    const next = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    for (let at = 0; at < data.length; ) {
      const end = at + 1 + next(next(2) === 0 ? 3 : 40);
      const label = next(3) === 0 ? 0 : next(6);
      while (at < end && at < data.length) data[at++] = label;
    }
    return { shape, data };
  });
const settings = { seed: 3, numRuns: 40 };

function eachVoxel([slices, rows, length]: Shape3, visit: (place: [number, number, number], at: number) => void): void {
  for (let at = 0; at < slices * rows * length; at++) {
    visit([Math.floor(at / (rows * length)), Math.floor(at / length) % rows, at % length], at);
  }
}

function naiveSurvey(data: Uint8Array, shape: Shape3) {
  const found = new Map<number, { voxels: number; box: [number, number][] }>();
  eachVoxel(shape, (place, at) => {
    const label = data[at];
    if (label === 0) return;
    const one = found.get(label) ?? { voxels: 0, box: place.map((i): [number, number] => [i, i + 1]) };
    one.voxels++;
    one.box = one.box.map(([low, high], axis) => {
      const i = place[axis];
      return [Math.min(low, i), Math.max(high, i + 1)];
    });
    found.set(label, one);
  });
  return [...found].sort(([a], [b]) => a - b).map(([label, one]) => ({ label, ...one }));
}

test("every type: the same labels, counts and boxes as voxel by voxel", () => {
  fc.assert(
    fc.property(volumes, ({ data, shape }) => {
      const expected = naiveSurvey(data, shape);
      for (const Kind of KINDS) expect(surveyLabels(Kind.from(data), shape)).toEqual(expected);
      const signed = Float32Array.from(data, (value, i) => (value === 0 && i % 3 === 0 ? -0 : value));
      expect(surveyLabels(signed, shape)).toEqual(expected);
    }),
    settings,
  );
});

test("what is no label is named with its place", () => {
  for (const [bad, at] of [
    [2.5, 37],
    [-2, 0],
    [Number.NaN, 41],
    [70000, 16],
  ] as const) {
    const data = new Float64Array(42);
    data.fill(3, 20);
    data[at] = bad;
    expect(() => surveyLabels(data, [1, 1, 42])).toThrow(`voxel ${at} is ${bad}`);
  }
});

test("cut to a box, numbered, turned round: as voxel by voxel", () => {
  const turns = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean());
  fc.assert(
    fc.property(volumes, turns, fc.constantFrom(...KINDS), ({ data, shape }, turned, Kind) => {
      const extents = surveyLabels(data, shape).filter(({ label }) => label !== 2);
      fc.pre(extents.length > 0);
      const box = [0, 1, 2].map((axis) => [
        Math.min(...extents.map((one) => one.box[axis as 0][0])),
        Math.max(...extents.map((one) => one.box[axis as 0][1])),
      ]) as unknown as Box3;
      const found = compactLabels(Kind.from(data), shape, extents, box, turned);
      const expected = new Uint8Array(found.bytes.length);
      const shares = found.shape.map((n) => new Float64Array(n));
      eachVoxel(found.shape, (place) => {
        const [z, y, x] = place.map((i, axis) => box[axis as 0][0] + i) as [number, number, number];
        const label = data[(z * shape[1] + y) * shape[2] + x];
        const number = 1 + extents.findIndex((one) => one.label === label);
        const [i, j, k] = place.map((at, axis) => (turned[axis] ? found.shape[axis] - 1 - at : at)) as [
          number,
          number,
          number,
        ];
        expected[(i * found.shape[1] + j) * found.shape[2] + k] = number;
        if (number === 0) return;
        const weight = 1 / Math.sqrt((extents[number - 1] as { voxels: number }).voxels);
        for (const [axis, at] of place.entries()) (shares[axis] as Float64Array)[at] += weight;
      });
      expect(found.bytes).toEqual(expected);
      for (const [axis, share] of shares.entries()) {
        for (const [at, value] of share.entries()) expect(found.shares[axis as 0][at]).toBeCloseTo(value, 9);
      }
    }),
    settings,
  );
});

test("faces between labels: as voxel by voxel", () => {
  fc.assert(
    fc.property(volumes, ({ data, shape }) => {
      const expected = new Uint32Array(65536);
      eachVoxel(shape, (place, at) => {
        for (const [axis, stride] of [shape[1] * shape[2], shape[2], 1].entries()) {
          if (place[axis] + 1 >= shape[axis]) continue;
          const [a, b] = [data[at], data[at + stride]];
          if (a === b) continue;
          expected[256 * a + b] += 1;
          expected[256 * b + a] += 1;
        }
      });
      const found = countContacts(data, shape);
      expect(found.every((faces, pair) => faces === expected[pair])).toBe(true);
    }),
    settings,
  );
});

test("halved: what most of the voxels are, two of eight being enough against background", () => {
  const halves = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean());
  fc.assert(
    fc.property(volumes, halves, ({ data, shape }, halved) => {
      const found = halveLabels(data, shape, halved);
      const steps = halved.map((half) => (half ? 2 : 1));
      expect(found.shape).toEqual(shape.map((n, axis) => Math.ceil(n / (steps[axis] as number))));
      const expected = new Uint8Array(found.bytes.length);
      eachVoxel(found.shape, (place, to) => {
        const votes = new Map<number, number>();
        for (let corner = 0; corner < 8; corner++) {
          // Beyond the border, and along axes that are kept, the first of the two counts twice.
          const [z, y, x] = place.map((i, axis) => {
            const first = i * (steps[axis] as number);
            const second = first + ((corner >> (2 - axis)) & 1);
            return halved[axis] && second < shape[axis] ? second : first;
          }) as [number, number, number];
          const label = data[(z * shape[1] + y) * shape[2] + x];
          votes.set(label, (votes.get(label) ?? 0) + (label === 0 ? 2 : 7));
        }
        let most = 0;
        for (const [label, vote] of votes) if (vote > most) [expected[to], most] = [label, vote];
      });
      expect(found.bytes).toEqual(expected);
    }),
    settings,
  );
});
