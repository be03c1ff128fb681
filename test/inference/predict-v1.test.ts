import { expect, test } from "vitest";
import { IDENTITY_GEOMETRY, type Shape3, type Vec3, type Volume } from "../../src/core/volume.js";
import { loadAnyModel, loadModel, loadModelV1 } from "../../src/inference/load-model.js";
import type { Network } from "../../src/inference/network.js";
import { readPostprocessing } from "../../src/inference/postprocessing.js";
import { predict, readerProperties } from "../../src/inference/predict.js";
import { predictCases } from "../../src/inference/predict-cases.js";
import { formatPickle, parsePickle } from "../../src/io/pickle.js";
import { scanFileFromBytes } from "../../src/io/scan-file.js";
import { type PlansV1, plansFromPython, plansToPython } from "../../src/recipes/v1/documents/plans.js";
import { exportSegmentation } from "../../src/recipes/v1/export.js";
import { loadProbabilities, loadProbabilityProperties } from "../../src/recipes/v1/stages/probability-files.js";
import { MemoryStore } from "../../src/runner/memory-store.js";
import pickles from "../golden/pickle/nnunet.json";
import goldenCases from "../golden/predictions-v1/cases.json";
import { countDifferences, decode, type GoldenArray } from "../golden.js";
import { text } from "./example-model.js";

interface Case {
  readonly name: string;
  readonly spacing: number[];
  readonly target: number[];
  readonly transpose: number[];
  readonly patch: number[];
  readonly mirror: boolean;
  readonly folds: number;
  readonly regions: number[] | null;
  readonly cascade: boolean;
  readonly scan: GoldenArray;
  readonly stage: GoldenArray;
  readonly labels: GoldenArray;
}
const cases = goldenCases as Case[];

const pickled = pickles.find(({ name }) => name === "plans")?.base64 ?? "";
const anyPlans = plansFromPython(parsePickle(Uint8Array.from(atob(pickled), (c) => c.charCodeAt(0))));

function plansOf({ target, transpose, patch }: Case): PlansV1 {
  const [stage] = anyPlans.plans_per_stage;
  return {
    ...anyPlans,
    num_stages: 1,
    num_modalities: 1,
    modalities: new Map([[0, "MR"]]),
    normalization_schemes: new Map([[0, "noNorm"]]),
    use_mask_for_norm: new Map([[0, false]]),
    num_classes: 1,
    all_classes: [1],
    transpose_forward: transpose as unknown as PlansV1["transpose_forward"],
    preprocessor_name: patch.length === 2 ? "PreprocessorFor2D" : "GenericPreprocessor",
    plans_per_stage: [{ ...stage, patch_size: patch, current_spacing: target as unknown as Vec3 }],
  };
}

function filesOf(one: Case, more: Record<string, Uint8Array> = {}) {
  const inference = {
    format: "nnunet-onnx",
    format_version: "1",
    generation: "v1",
    configuration: one.cascade ? "3d_cascade_fullres" : "3d_fullres",
    stage: 0,
    trainer: "nnUNetTrainerV2",
    inference_allowed_mirroring_axes: one.patch.map((_, axis) => axis),
    activation: one.regions === null ? "softmax" : "sigmoid",
    regions_class_order: one.regions,
  };
  const folds = Array.from(
    { length: one.folds },
    (_, fold) => [`fold_${fold}/model.onnx`, Uint8Array.of(fold)] as const,
  );
  const files = {
    "plans.pkl": formatPickle(plansToPython(plansOf(one))),
    "inference.json": text(inference),
    ...Object.fromEntries(folds),
    ...more,
  };
  return Object.entries(files).map(([path, bytes]) => scanFileFromBytes(`/x/nnUNetTrainerV2__plans/${path}`, bytes));
}

/** The formula of `test/oracle/predictions.py`. */
async function openNetwork([fold]: Uint8Array): Promise<Network> {
  const k = Math.fround(0.05 * (fold + 1));
  return {
    async run({ data, shape: [channels] }) {
      const voxels = data.length / channels;
      const logits = new Float32Array(2 * voxels);
      for (let i = 0; i < voxels; i++) {
        const value = data[i] + (channels > 1 ? 40 * data[voxels + i] : 0);
        logits[i] = k * (50 - value);
        logits[voxels + i] = k * (value - 50);
      }
      return logits;
    },
  };
}

const volumeOf = (golden: GoldenArray, spacing: number[]): Volume => ({
  data: decode<Int16Array | Uint8Array>(golden),
  shape: golden.shape as unknown as Shape3,
  geometry: { ...IDENTITY_GEOMETRY, spacingMm: spacing as unknown as Vec3 },
});

test.each(cases)("$name: labels are those of nnU-Net 1.7.1", async (one) => {
  const model = await loadModelV1(filesOf(one), "model", { openNetwork });
  const { segmentation, warnings } = await predict(model, [volumeOf(one.scan, one.spacing)], {
    mirroring: one.mirror,
    previousStage: one.cascade ? volumeOf(one.stage, one.spacing) : undefined,
  });
  expect(countDifferences(segmentation.data, decode<Uint8Array>(one.labels))).toBe(0);
  expect(segmentation.shape).toEqual(one.scan.shape);
  expect(warnings).toEqual([]);
});

test("either generation is told by its files", async () => {
  const [one] = cases;
  const model = await loadAnyModel(filesOf(one), "model", { openNetwork });
  expect(model).toMatchObject({ generation: "v1", name: "nnUNetTrainerV2__plans", channels: 1, classes: 2 });
  await expect(loadModel(filesOf(one), "model", { openNetwork })).rejects.toMatchObject({ code: "UNSUPPORTED" });
});

test("the fold of all cases is in a folder of its own name", async () => {
  const files = filesOf({ ...cases[0], folds: 0 }, { "all/model.onnx": Uint8Array.of(0) });
  expect((await loadModelV1(files, "model", { openNetwork })).folds.map(({ name }) => name)).toEqual(["all"]);
});

test("what is missing is named, with the tool that makes it", async () => {
  const without = (name: string) => filesOf(cases[0]).filter((file) => !file.name.endsWith(name));
  const load = (name: string) => loadModelV1(without(name), "model", { openNetwork });
  await expect(load("inference.json")).rejects.toThrow(/inference.json missing. Make it with tools\/export_onnx_v1.py/);
  const checkpoint = filesOf({ ...cases[0], folds: 0 }, { "fold_0/model_final_checkpoint.model": Uint8Array.of(0) });
  const loading = loadModelV1(checkpoint, "model", { openNetwork });
  await expect(loading).rejects.toThrow(/fold_0\/model.onnx missing. Make it with tools\/export_onnx_v1.py/);
});

/** 0.5 in float16. */
const HALF = 0x3800;

test.each(cases)("$name: saved probabilities decide as nnU-Net 1.7.1's labels", async (one) => {
  const model = await loadModelV1(filesOf(one), "model", { openNetwork });
  const input = {
    channels: [new Float32Array(decode<Int16Array>(one.scan))],
    shape: one.scan.shape as unknown as Shape3,
    properties: readerProperties(volumeOf(one.scan, one.spacing)),
    previousStage: one.cascade ? Int16Array.from(decode<Uint8Array>(one.stage)) : undefined,
    warnings: [],
    format: async () => [{ ending: ".nii.gz", bytes: Uint8Array.of(1) }],
  };
  const output = new MemoryStore();
  const [done] = await predictCases(model, [{ identifier: "a", read: async () => input }], output, {
    mirroring: one.mirror,
    probabilities: true,
  });
  expect(done).toMatchObject({ state: "done" });
  expect(await output.list()).toEqual(["a.nii.gz", "a.npz", "a.pkl"]);
  const saved = await loadProbabilities(output, "a");
  const properties = await loadProbabilityProperties(output, "a");
  expect(properties.regions_class_order ?? null).toEqual(one.regions);
  expect(saved.shape).toEqual(properties.size_after_cropping);
  const { segmentation } = await exportSegmentation(saved, properties);
  // float16 may round a probability to one half, where both classes are as good.
  const ties = saved.data.filter((bits) => bits === HALF).length;
  const differing = countDifferences(segmentation.data, decode<Uint8Array>(one.labels));
  expect(differing).toBeLessThanOrEqual(Math.min(ties, 1));
});

test("a cascade without its previous stage is refused", async () => {
  const cascade = cases.find(({ name }) => name === "cascade") as Case;
  const model = await loadModelV1(filesOf(cascade), "model", { openNetwork });
  const scan = volumeOf(cascade.scan, cascade.spacing);
  await expect(predict(model, [scan])).rejects.toThrow(/a cascade: it needs the labels that 3d_lowres predicted/);
});

test("postprocessing.json of the folder is applied", async () => {
  const decision = { for_which_classes: [1], min_valid_object_sizes: "None" };
  const files = filesOf(cases[0], { "postprocessing.json": text(decision) });
  const clean = await readPostprocessing(await loadModelV1(files, "model", { openNetwork }));
  const labels = Uint8Array.of(1, 1, 0, 1);
  clean(labels, [1, 1, 4], [1, 1, 1]);
  expect([...labels]).toEqual([1, 1, 0, 0]);
});
