import { beforeAll, describe, expect, test } from "vitest";
import type { NnprepError } from "../../src/core/errors.js";
import { roundedExp } from "../../src/core/exp.js";
import type { Shape3 } from "../../src/core/volume.js";
import { gaussianWeights } from "../../src/inference/gaussian.js";
import type { Network } from "../../src/inference/network.js";
import type { NetworkInput } from "../../src/inference/patches.js";
import { predictLogits, type SlidingWindowSettings, windowStarts } from "../../src/inference/sliding-window.js";
import { PROBABILITIES_V1 } from "../../src/inference/window-rules.js";
import { narrowToHalves, widenHalves } from "../../src/kernels/half.js";
import { init } from "../../src/runtime/instantiate.js";
import { type FloatValues, gatherProbabilities } from "../../src/steps/probabilities.js";
import exponentials from "../golden/sliding-window/exponentials.json";
import gaussians from "../golden/sliding-window/gaussians.json";
import steps from "../golden/sliding-window/steps.json";
import windows from "../golden/sliding-window/windows.json";
import windowsV1 from "../golden/sliding-window/windows-v1.json";
import { countDifferences, decode, type GoldenArray } from "../golden.js";

beforeAll(() => init());

/** The network of `test/oracle/v2_sliding_window.py`: sums of shifted inputs, whose float32 arithmetic is exact. */
function shifts(classes: number, gain: number): Network {
  return {
    classes,
    async run({ data, shape: [channels, ...axes] }) {
      const voxels = axes.reduce((product, n) => product * n, 1);
      const image = new Float32Array(voxels);
      for (let c = 0; c < channels; c++) {
        for (let i = 0; i < voxels; i++) image[i] += data[c * voxels + i] * (1 << c);
      }
      const logits = new Float32Array(classes * voxels);
      for (let head = 0; head < classes; head++) {
        const axis = head % axes.length;
        const stride = axes.slice(axis + 1).reduce((product, n) => product * n, 1);
        for (let i = 0; i < voxels; i++) {
          const first = Math.floor(i / stride) % axes[axis] === 0;
          const back = first ? 0 : image[i - stride];
          logits[head * voxels + i] = gain * ((head + 1) * image[i] - (head + 2) * back);
        }
      }
      return logits;
    },
  };
}

interface Case {
  readonly name: string;
  readonly patch: number[];
  readonly quarters: GoldenArray;
  readonly mirror: number[] | null;
  readonly folds: number;
  readonly heads: number;
  readonly step: number;
  readonly gaussian: boolean;
  readonly gain: number;
  readonly logits?: GoldenArray;
  readonly error?: string;
}

const cases = windows as Case[];

function inputOf(quarters: GoldenArray): NetworkInput {
  const [channels, ...shape] = quarters.shape as [number, number, number, number];
  const data = Float32Array.from(decode<Int8Array>(quarters), (x) => x / 4);
  const voxels = data.length / channels;
  return { channels: Array.from({ length: channels }, (_, c) => data.subarray(c * voxels, (c + 1) * voxels)), shape };
}

function predict(one: Case, extra: Partial<SlidingWindowSettings> = {}) {
  const networks = Array.from({ length: one.folds }, (_, fold) => shifts(one.heads, one.gain * (fold + 1)));
  return predictLogits(networks, inputOf(one.quarters), {
    patch: one.patch,
    classes: one.heads,
    mirrorAxes: one.mirror,
    stepSize: one.step,
    gaussian: one.gaussian,
    ...extra,
  });
}

/** Values of float16 bits; 0 and -0 alike, because libraries sum zeros in different orders. */
const valuesOf = (bits: Uint16Array) => widenHalves(bits).map((x) => x + 0);

describe("windows of nnU-Net 2.8.1", () => {
  test.each(cases.filter((one) => one.logits !== undefined))("$name: every float16 logit is equal", async (one) => {
    const { data, shape } = await gatherProbabilities(predict(one));
    const expected = decode<Uint16Array>(one.logits as GoldenArray);
    expect(shape).toEqual(one.quarters.shape.slice(1));
    expect(data).toBeInstanceOf(Uint16Array);
    expect(countDifferences(valuesOf(data as Uint16Array), valuesOf(expected))).toBe(0);
  });

  test.each(cases.filter((one) => one.error !== undefined))("$name: refused, as nnU-Net does", async (one) => {
    await expect(gatherProbabilities(predict(one))).rejects.toMatchObject({ code: "INVALID_VALUES" });
    const { data } = await gatherProbabilities(predict(one, { precision: "float32" }));
    expect(data.every(Number.isFinite)).toBe(true);
  });

  test.each(steps as [number, number, number, number[]][])("starts of %i, %i, %f", (size, patch, step, expected) => {
    expect(windowStarts(size, patch, step)).toEqual(expected);
  });

  test("float32 sums differ from float16 sums by rounding only", async () => {
    const one = cases.find(({ name }) => name === "five folds") as Case;
    const { data } = await gatherProbabilities(predict(one, { precision: "float32" }));
    const expected = widenHalves(decode<Uint16Array>(one.logits as GoldenArray));
    const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const off = Float32Array.from(data).reduce((most, x, i) => Math.max(most, Math.abs(x - expected[i])), 0);
    expect(off).toBeLessThan(largest * 2 ** -8);
  });
});

describe("windows of nnU-Net 1.7.1", () => {
  const older = windowsV1 as (Omit<Case, "gaussian" | "gain" | "logits"> & { readonly sums: GoldenArray })[];

  test.each(older)("$name: every float32 sum is equal", async (one) => {
    const rules = { ...PROBABILITIES_V1, activation: null };
    const { data } = await gatherProbabilities(predict({ ...one, gaussian: true, gain: 1 }, { rules }));
    const expected = decode<Float32Array>(one.sums);
    expect(data).toBeInstanceOf(Float32Array);
    // 0 and -0 alike.
    expect(
      countDifferences(
        (data as Float32Array).map((x) => x + 0),
        expected.map((x) => x + 0),
      ),
    ).toBe(0);
  });

  test("what is averaged are probabilities", async () => {
    const network: Network = {
      run: async ({ data }) => Float32Array.from([...data, ...data.map((x) => -x)], (x) => x * 0.1),
    };
    const input: NetworkInput = {
      channels: [Float32Array.from({ length: 5 * 6 * 9 }, (_, i) => (i % 50) - 25)],
      shape: [5, 6, 9],
    };
    const settings = { patch: [4, 6, 8], classes: 2, mirrorAxes: [0, 1, 2] };
    for (const [activation, factor] of [
      ["softmax", 0.2],
      ["sigmoid", 0.1],
    ] as const) {
      const rules = { ...PROBABILITIES_V1, activation };
      const { data } = await gatherProbabilities(predictLogits([network], input, { ...settings, rules }));
      const first = Float32Array.from(
        data.subarray(0, 54),
        (p, i) => p - 1 / (1 + Math.exp(-factor * ((i % 50) - 25))),
      );
      expect(Math.max(...first.map(Math.abs))).toBeLessThan(1e-6);
    }
  });
});

describe("Gaussian map", () => {
  test.each(gaussians as [number[], string][])("%j is nnU-Net's in every bit", async (patch, hash) => {
    const bits = narrowToHalves(gaussianWeights(patch, { largest: 10, precision: "float16" }));
    const digest = await crypto.subtle.digest("SHA-256", bits as Uint16Array<ArrayBuffer>);
    expect(Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")).toBe(hash);
  });

  test("e^x is rounded correctly", () => {
    const found = decode<Float64Array>(exponentials.arguments).map(roundedExp);
    expect(countDifferences(found, decode<Float64Array>(exponentials.values))).toBe(0);
  });
});

describe("stream", () => {
  const image = (shape: Shape3): NetworkInput => ({
    channels: [new Float32Array(shape[0] * shape[1] * shape[2]).fill(1)],
    shape,
  });
  const settings = { patch: [4, 4, 4], classes: 1 };

  test("planes leave before the last window has run", async () => {
    let runs = 0;
    const network: Network = {
      run: async ({ data }) => {
        runs++;
        return data.slice();
      },
    };
    const { slabs } = predictLogits([network], image([12, 4, 4]), settings);
    const seen: number[] = [];
    for await (const plane of slabs) {
      expect(plane.length).toBe(16);
      seen.push(runs);
    }
    // Windows start at 0, 2, 4, 6 and 8: each leaves two planes behind.
    expect(seen).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5]);
  });

  test("planes that are given back serve again, and hold the same values", async () => {
    const volume = image([12, 4, 4]);
    for (let i = 0; i < 192; i++) volume.channels[0][i] = i % 13;
    const networks = () => [shifts(2, 1), shifts(2, 1)];
    const twice = { ...settings, classes: 2 };
    const kept: FloatValues[] = [];
    for await (const plane of predictLogits(networks(), volume, twice).slabs) kept.push(plane);
    expect(new Set(kept).size).toBe(12);
    const { slabs, release } = predictLogits(networks(), volume, twice);
    const seen = new Set<FloatValues>();
    let at = 0;
    for await (const plane of slabs) {
      expect(plane).toEqual(kept[at++]);
      seen.add(plane);
      release?.(plane);
    }
    expect(seen.size).toBeLessThanOrEqual(2);
  });

  test("windows of all folds are counted", async () => {
    const seen: [number, number][] = [];
    const networks = [shifts(1, 1), shifts(1, 1)];
    const onProgress = (done: number, total: number) => seen.push([done, total]);
    await gatherProbabilities(predictLogits(networks, image([8, 4, 4]), { ...settings, onProgress }));
    expect(seen).toEqual([1, 2, 3, 4, 5, 6].map((done) => [done, 6]));
  });

  test("a signal stops between two windows", async () => {
    const controller = new AbortController();
    const onProgress = (done: number) => done === 2 && controller.abort();
    const stream = predictLogits([shifts(1, 1)], image([40, 4, 4]), {
      ...settings,
      onProgress,
      signal: controller.signal,
    });
    await expect(gatherProbabilities(stream)).rejects.toMatchObject({ code: "ABORTED" });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("%f from the network is refused with its place", async (wrong) => {
    const network: Network = {
      run: async ({ data }) => {
        const logits = data.slice();
        logits[5] = wrong;
        return logits;
      },
    };
    const error = await gatherProbabilities(predictLogits([network], image([4, 4, 4]), settings)).catch((e) => e);
    expect((error as NnprepError).code).toBe("INVALID_VALUES");
    expect((error as NnprepError).message).toMatch(/head 0 .* plane 0/);
    expect((error as NnprepError).detail.nan).toBe(Number.isNaN(wrong));
  });

  test("a patch that is larger than memory is told, with what it needs", async () => {
    const run = async () => new Float32Array(0);
    const huge = { patch: [4, 2 ** 17, 2 ** 17], classes: 4, gaussian: false };
    const stream = predictLogits([{ run }], image([4, 4, 4]), huge);
    await expect(gatherProbabilities(stream)).rejects.toMatchObject({ code: "OUT_OF_MEMORY" });
  });

  test("what does not fit is named", async () => {
    const run = async () => new Float32Array(3);
    const open = (network: Partial<Network>, more = {}) => {
      return () => predictLogits([{ run, ...network }], image([4, 4, 4]), { ...settings, ...more });
    };
    expect(open({ channels: 2 })).toThrow(/2 input channels, but the preprocessed case has 1/);
    expect(open({ classes: 7 })).toThrow(/7 output channels, but dataset.json has 1/);
    expect(open({ patch: [4, 4] })).toThrow(/patches of 4 x 4/);
    expect(open({ patch: [undefined, 8, undefined] })).toThrow(/patches of any x 8 x any/);
    expect(open({}, { stepSize: 0 })).toThrow(/step size 0/);
    expect(open({}, { stepSize: 1.5 })).toThrow(/step size 1.5/);
    expect(open({}, { patch: [4] })).toThrow(/patch 4/);
    expect(open({}, { mirrorAxes: [3] })).toThrow(/mirroring axis 3/);
    expect(() => predictLogits([], image([4, 4, 4]), settings)).toThrow(/no network/);
    await expect(gatherProbabilities(open({})())).rejects.toThrow(/returns 3 values .* are 64/);
  });
});
