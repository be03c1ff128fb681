import { beforeAll, describe, expect, test } from "vitest";
import { IDENTITY_GEOMETRY, type Shape3, type Volume, voxelCount } from "../../src/core/volume.js";
import { type LoadedModel, loadModel } from "../../src/inference/load-model.js";
import type { Network } from "../../src/inference/network.js";
import { predict } from "../../src/inference/predict.js";
import {
  caseOfFiles,
  listPredictionCases,
  type PredictionCase,
  predictCases,
} from "../../src/inference/predict-cases.js";
import { readVolume } from "../../src/io/formats.js";
import { formatNifti } from "../../src/io/nifti-writer.js";
import { readNpzFloats } from "../../src/io/npz.js";
import { scanFileFromBytes } from "../../src/io/scan-file.js";
import { MemoryStore } from "../../src/runner/memory-store.js";
import { complete, dataset, inference, listed, plans, text } from "./example-model.js";

const SHAPE: Shape3 = [5, 7, 9];
const GEOMETRY = { ...IDENTITY_GEOMETRY, spacingMm: [2, 1, 1] as const, originMm: [-3, 4, 5] as const };

/** Logits are 0.5 for the background, and whatever `heads` makes of a voxel's channels for the labels. */
function voxelwise(
  heads: (...channels: number[]) => number[],
  seen: (count: number) => void = () => undefined,
): Network {
  return {
    async run({ data, shape: [channels, ...axes] }) {
      seen(channels);
      const voxels = axes.reduce((product, n) => product * n, 1);
      const logits = new Float32Array(3 * voxels).fill(0.5);
      for (let i = 0; i < voxels; i++) {
        const values = Array.from({ length: channels }, (_, c) => data[c * voxels + i]);
        for (const [head, value] of heads(...values).entries()) logits[(head + 1) * voxels + i] = value;
      }
      return logits;
    },
  };
}

async function modelOf(network: Network, files = {}): Promise<LoadedModel> {
  const source = listed({ ...complete(), ...files });
  return loadModel(source, "model", { folds: ["0"], openNetwork: async () => network });
}

function volumeOf(value: (index: number) => number, shape = SHAPE): Volume<Int16Array> {
  const data = Int16Array.from({ length: voxelCount(shape) }, (_, i) => value(i));
  return { data, shape, geometry: GEOMETRY };
}

/** Label 1 where channel 0 is 1, label 2 where channel 1 is 1, which is the larger. */
const twoChannels = voxelwise((t2, t1) => [t2, 2 * t1]);
const first = volumeOf((i) => Number(i % 3 === 0));
const second = volumeOf((i) => Number(i % 5 === 0));
const expected = Array.from(first.data, (x, i) => (second.data[i] === 1 ? 2 : x));

describe("predict", () => {
  test("labels lie on the scan's grid", async () => {
    const { segmentation, probabilities, properties, warnings } = await predict(await modelOf(twoChannels), [
      first,
      second,
    ]);
    expect(segmentation.geometry).toEqual(GEOMETRY);
    expect(segmentation.shape).toEqual(SHAPE);
    expect(segmentation.data).toBeInstanceOf(Uint8Array);
    expect([...segmentation.data]).toEqual(expected);
    expect(probabilities).toBeUndefined();
    expect(properties?.shapeBeforeCropping).toEqual(SHAPE);
    expect(warnings).toEqual([]);
  });

  test("axes are turned for the network and back", async () => {
    const turned = { ...plans, transpose_forward: [2, 0, 1], transpose_backward: [1, 2, 0] };
    turned.configurations = {
      ...plans.configurations,
      "3d_fullres": { ...plans.configurations["3d_fullres"], spacing: [1, 2, 1] },
    };
    const model = await modelOf(twoChannels, { "m/plans.json": text(turned) });
    expect([...(await predict(model, [first, second])).segmentation.data]).toEqual(expected);
  });

  test("probabilities are softmax of the logits", async () => {
    const { segmentation, probabilities } = await predict(await modelOf(twoChannels), [first, second], {
      probabilities: true,
    });
    expect([...segmentation.data]).toEqual(expected);
    const classes = Array.from(probabilities?.volumes() ?? [], (volume) => volume[15]);
    const logits = [0.5, 1, 2].map(Math.exp);
    const sum = logits.reduce((a, b) => a + b);
    classes.forEach((p, c) => {
      expect(p).toBeCloseTo(logits[c] / sum, 3);
    });
  });

  test("regions are decided one by one", async () => {
    const regions = {
      ...dataset,
      labels: { background: 0, whole: [1, 2], core: 2, rim: 3 },
      regions_class_order: [1, 2, 3],
    };
    const network: Network = {
      run: async ({ data, shape }) => {
        const voxels = data.length / shape[0];
        const logits = new Float32Array(3 * voxels).fill(-1);
        for (let i = 0; i < voxels; i++) {
          logits[i] = data[i] > 0 ? 1 : -1;
          logits[voxels + i] = data[voxels + i] > 0 ? 1 : -1;
        }
        return logits;
      },
    };
    const model = await modelOf(network, { "m/dataset.json": text(regions) });
    expect([...(await predict(model, [first, second])).segmentation.data]).toEqual(expected);
  });

  test("a cascade sees the previous stage's labels, one channel each", async () => {
    const cascade = { ...inference, configuration: "3d_cascade_fullres" };
    const counts = new Set<number>();
    const network = voxelwise(
      (_t2, _t1, one, two) => [one, two],
      (count) => counts.add(count),
    );
    const model = await modelOf(network, { "m/inference.json": text(cascade) });
    const previousStage = volumeOf((i) => i % 3);
    const { segmentation } = await predict(model, [first, second], { previousStage });
    expect([...counts]).toEqual([4]);
    expect([...segmentation.data]).toEqual([...previousStage.data]);
    await expect(predict(model, [first, second])).rejects.toThrow(/m is a cascade.*3d_lowres/);
  });

  test("progress ends with the last window, and says how long it will take", async () => {
    const seen: { done: number; total: number; secondsLeft: number | null }[] = [];
    await predict(await modelOf(twoChannels), [first, second], { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ done: 8, total: 8, secondsLeft: 0 });
    expect(seen[0]?.secondsLeft).toBeGreaterThan(0);
  });

  test("what does not fit is named before anything runs", async () => {
    let ran = false;
    const model = await modelOf(
      voxelwise(
        () => [0, 0],
        () => {
          ran = true;
        },
      ),
    );
    await expect(predict(model, [first])).rejects.toThrow(/1 images are given, but the model takes 2: T2, T1/);
    const small = volumeOf(() => 1, [5, 7, 8]);
    await expect(predict(model, [first, small])).rejects.toThrow(/image 1 \(T1\) has the shape \(5, 7, 8\)/);
    const spaced = { ...second, geometry: { ...GEOMETRY, spacingMm: [2, 1, 1.1] as const } };
    await expect(predict(model, [first, spaced])).rejects.toMatchObject({ code: "GEOMETRY_MISMATCH" });
    await expect(predict(model, [first, second], { memoryLimitBytes: 1000 })).rejects.toMatchObject({
      code: "OUT_OF_MEMORY",
    });
    const signal = AbortSignal.abort();
    await expect(predict(model, [first, second], { signal })).rejects.toMatchObject({ code: "ABORTED" });
    expect(ran).toBe(false);
  });

  test("another place of one channel is warned of, as nnU-Net does", async () => {
    const moved = { ...second, geometry: { ...GEOMETRY, originMm: [0, 0, 0] as const } };
    const { warnings } = await predict(await modelOf(twoChannels), [first, moved]);
    expect(warnings).toEqual([expect.stringMatching(/image 1 \(T1\) has the origin \(0, 0, 0\)/)]);
  });

  test("NaN from the network is an error, not a label", async () => {
    const network: Network = { run: async ({ data }) => new Float32Array((3 * data.length) / 2).fill(Number.NaN) };
    await expect(predict(await modelOf(network), [first, second])).rejects.toMatchObject({ code: "INVALID_VALUES" });
  });
});

describe("models", () => {
  test.each([
    [{ channels: 3 }, /3 input channels, but the plans and dataset.json ask for 2/],
    [{ classes: 9 }, /9 output channels, but .* ask for 3/],
    [{ patch: [4, 6] }, /patches of 4 x 6, but .* patches of 4 x 6 x 8/],
    [{ patch: [undefined, undefined, 9] }, /patches of any x any x 9/],
  ])("a network with %j is refused, and freed", async (facts, message) => {
    let disposed = 0;
    const network: Network = {
      run: async () => new Float32Array(0),
      ...facts,
      dispose: async () => {
        disposed++;
      },
    };
    await expect(modelOf(network)).rejects.toThrow(message);
    expect(disposed).toBe(1);
  });
});

describe("cases of a folder", () => {
  const cases: PredictionCase[] = [];
  beforeAll(async () => {
    const files = await Promise.all([first, second].map((volume) => formatNifti(volume, { gzip: false })));
    const images = files.map((bytes, c) => scanFileFromBytes(`x_000${c}.nii`, bytes));
    const model = await modelOf(twoChannels);
    cases.push(caseOfFiles(model, "a", { images }), caseOfFiles(model, "b", { images: images.slice(1) }));
    cases.push(caseOfFiles(model, "c", { images }));
  });

  test("one that fails does not stop the others", async () => {
    const output = new MemoryStore();
    const results = await predictCases(await modelOf(twoChannels), cases, output);
    expect(results.map(({ state }) => state)).toEqual(["done", "failed", "done"]);
    expect(await output.list()).toEqual(["a.nii.gz", "c.nii.gz"]);
    const { data, geometry } = await readVolume("a.nii.gz", await output.read("a.nii.gz"));
    expect([...data]).toEqual(expected);
    expect(geometry.originMm).toEqual([-3, 4, 5]);
    expect(results[0]).toMatchObject({ labels: [0, 1, 2], file: "memory/a.nii.gz" });
  });

  test("what is there is left out when the run goes on", async () => {
    const output = new MemoryStore([["a.nii.gz", text("old")]]);
    const results = await predictCases(await modelOf(twoChannels), cases, output, { overwrite: false });
    expect(results.map(({ state }) => state)).toEqual(["skipped", "failed", "done"]);
    expect(await output.read("a.nii.gz")).toEqual(text("old"));
    const again = await predictCases(await modelOf(twoChannels), cases, output, {
      overwrite: false,
      probabilities: true,
    });
    expect(again.map(({ state }) => state)).toEqual(["done", "failed", "done"]);
  });

  test("probabilities are written beside", async () => {
    const output = new MemoryStore();
    await predictCases(await modelOf(twoChannels), cases.slice(0, 1), output, { probabilities: true });
    expect(await output.list()).toEqual(["a.nii.gz", "a.npz", "a.pkl"]);
    const { data, shape, precision } = await readNpzFloats(await output.read("a.npz"), "probabilities");
    expect([precision, ...shape]).toEqual(["float32", 3, ...SHAPE]);
    const voxels = voxelCount(SHAPE);
    for (let i = 0; i < voxels; i += 7) {
      const sum = [0, 1, 2].reduce((total, c) => total + data[c * voxels + i], 0);
      expect(sum).toBeCloseTo(1, 5);
    }
  });

  test("a stop is no failure of a case", async () => {
    const controller = new AbortController();
    const options = { signal: controller.signal, onProgress: () => controller.abort() };
    const output = new MemoryStore();
    await expect(predictCases(await modelOf(twoChannels), cases, output, options)).rejects.toMatchObject({
      code: "ABORTED",
    });
    expect(await output.list()).toEqual([]);
  });

  test("files are found as nnU-Net finds them, every n-th case", () => {
    const files = ["b_0001.nii.gz", "b_0000.nii.gz", "a_0000.nii.gz", "c_0000.nii.gz", "x.txt"];
    expect(listPredictionCases(files, ".nii.gz")).toEqual([
      { identifier: "a", images: ["a_0000.nii.gz"] },
      { identifier: "b", images: ["b_0000.nii.gz", "b_0001.nii.gz"] },
      { identifier: "c", images: ["c_0000.nii.gz"] },
    ]);
    expect(listPredictionCases(files, ".nii.gz", { parts: 2, part: 1 }).map(({ identifier }) => identifier)).toEqual([
      "b",
    ]);
  });
});
