import { beforeAll, expect, test } from "vitest";
import { inverseAxes, permute, transpose } from "../../../src/core/axes.js";
import { type Axes3, type Box3, type Shape3, voxelCount } from "../../../src/core/volume.js";
import { readNpzArray, writeNpz } from "../../../src/io/npz.js";
import { predictNextStage, resampleToNextStage } from "../../../src/recipes/v1/cascade.js";
import { cascadeDataset } from "../../../src/recipes/v1/stages/cascade.js";
import { LocalExecutor } from "../../../src/runner/local-executor.js";
import { MemoryStore } from "../../../src/runner/memory-store.js";
import { init } from "../../../src/runtime/instantiate.js";
import type { ProbabilityArray } from "../../../src/steps/probabilities.js";
import cascade from "../../golden/export/cascade.json";
import previousStage from "../../golden/export/previous_stage.json";
import { countDifferences, decode, type GoldenArray } from "../../golden.js";

beforeAll(() => init());

function arrayOf(golden: GoldenArray): ProbabilityArray {
  const [classes, a0, a1, a2] = golden.shape as [number, number, number, number];
  return { classes, shape: [a0, a1, a2], data: decode<Float32Array>(golden) };
}

/** The same probabilities with the axes of the file, where `forward` led from it to the network. */
function toFileAxes({ classes, shape, data }: ProbabilityArray, forward: Axes3): ProbabilityArray {
  const back = inverseAxes(forward);
  const n = voxelCount(shape);
  const turned = new Float32Array(data.length);
  for (let c = 0; c < classes; c++) turned.set(transpose(data.subarray(c * n, (c + 1) * n), shape, back), c * n);
  return { classes, shape: permute(shape, back), data: turned };
}

test.each(cascade)("probabilities onto $target are resample_and_save's", async (golden) => {
  const shape = golden.target as unknown as Shape3;
  const network = arrayOf(golden.probabilities);
  const expected = decode<Uint8Array>(golden.expected);
  expect(countDifferences(await predictNextStage(network, { shape }), expected)).toBe(0);
  for (const transposeForward of [
    [1, 0, 2],
    [2, 0, 1],
  ] as const) {
    const labels = await predictNextStage(toFileAxes(network, transposeForward), { shape, transposeForward }, false);
    expect(countDifferences(labels, expected)).toBe(0);
  }
});

test.each(previousStage)("a segmentation onto $target, axes $axes", (golden) => {
  const shape = golden.segmentation.shape as unknown as Shape3;
  const segmentation = { shape, data: decode<Uint8Array>(golden.segmentation) };
  const properties = { original_size_of_raw_data: shape, crop_bbox: golden.box as unknown as Box3 };
  const grid = { shape: golden.target as unknown as Shape3, transposeForward: golden.axes as unknown as Axes3 };
  const cropped = resampleToNextStage(segmentation, properties, grid);
  expect(countDifferences(cropped, decode(golden.cropped))).toBe(0);
  const stretched = resampleToNextStage(segmentation, properties, grid, true);
  expect(countDifferences(stretched, decode(golden.uncropped))).toBe(0);
});

test("a segmentation of another scan, or one that is none, is refused", () => {
  const properties = { original_size_of_raw_data: [2, 2, 2] as const };
  const grid = { shape: [4, 4, 4] as const };
  const other = { shape: [2, 2, 1] as const, data: new Uint8Array(4) };
  expect(() => resampleToNextStage(other, properties, grid)).toThrow(/shape \(2, 2, 1\), the scan \(2, 2, 2\)/);
  const image = { shape: [2, 2, 2] as const, data: Float32Array.of(0, 0, 0.5, 0, 0, 0, 0, 0) };
  expect(() => resampleToNextStage(image, properties, grid)).toThrow(/value 0\.5 at voxel 2/);
});

test("a folder of low resolution probabilities becomes the next stage's files", async () => {
  const golden = cascade[0];
  const [input, nextStage, output] = [new MemoryStore(), new MemoryStore(), new MemoryStore()];
  const softmax = { chunks: [decode<Float32Array>(golden.probabilities)], shape: golden.probabilities.shape };
  const shape = [2, ...golden.target];
  const data = { chunks: [new Float32Array(shape.reduce((a, b) => a * b, 1))], shape };
  for (const id of ["a", "lost"]) await input.write(`${id}.npz`, await writeNpz({ softmax }, { compression: "fast" }));
  await nextStage.write("a.npz", await writeNpz({ data }, { compression: "fast" }));
  const stores = { input, nextStage, output };
  const outcomes = await cascadeDataset(new LocalExecutor({ ...stores }), stores);
  expect(outcomes).toMatchObject([
    { identifier: "a", ok: true, value: { shape: golden.target, source: "probabilities" } },
    { identifier: "lost", ok: false, error: { code: "FILE_NOT_FOUND" } },
  ]);
  expect(await output.list()).toEqual(["a_segFromPrevStage.npz"]);
  const written = await readNpzArray(await output.read("a_segFromPrevStage.npz"), "data");
  expect([...written.shape]).toEqual(golden.target);
  expect(countDifferences(written.data as Uint8Array, decode(golden.expected))).toBe(0);
});
