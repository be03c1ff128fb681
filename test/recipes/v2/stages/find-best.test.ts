import { beforeAll, describe, expect, test } from "vitest";
import { NdArray } from "../../../../src/core/python.js";
import type { Shape3 } from "../../../../src/core/volume.js";
import { writeVolume } from "../../../../src/io/formats.js";
import { writeNpz } from "../../../../src/io/npz.js";
import { formatPickle } from "../../../../src/io/pickle.js";
import { propertiesToPython } from "../../../../src/recipes/v2/documents/properties.js";
import { modelNames } from "../../../../src/recipes/v2/find-best.js";
import {
  type FindBestSettings,
  findBestConfiguration,
  type ResultsAccess,
} from "../../../../src/recipes/v2/stages/find-best.js";
import { loadLabel } from "../../../../src/recipes/v2/stages/label-files.js";
import { LocalExecutor } from "../../../../src/runner/local-executor.js";
import { MemoryStore } from "../../../../src/runner/memory-store.js";
import { init } from "../../../../src/runtime/instantiate.js";
import goldens from "../../../golden/v2-find-best/find-best.json";
import { countDifferences, decode, type GoldenArray } from "../../../golden.js";

beforeAll(() => init());

const DATASET = "Dataset007_Tiny";
const GEOMETRY = {
  spacingMm: [2, 1.5, 0.75],
  originMm: [3.5, -4.25, 10],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
} as const;

interface Golden {
  readonly name: string;
  readonly dataset: string;
  readonly plans: string;
  readonly models: string[];
  readonly folds: number[];
  readonly cases: {
    readonly identifier: string;
    readonly fold: number;
    readonly reference: GoldenArray;
    readonly probabilities: Record<string, GoldenArray>;
    readonly predictions: Record<string, GoldenArray>;
  }[];
  readonly summaries: Record<string, string>;
  readonly best: string;
  readonly postprocessing: string;
  readonly ensembled: Record<string, GoldenArray>;
  readonly information: string;
  readonly instructions: string;
}

const all = goldens as unknown as Golden[];

async function saveLabel(store: MemoryStore, name: string, golden: GoldenArray): Promise<void> {
  const shape = golden.shape as unknown as Shape3;
  await store.write(name, await writeVolume(name, { data: decode<Uint8Array>(golden), shape, geometry: GEOMETRY }));
}

async function open(golden: Golden) {
  const root = new MemoryStore([], "ROOT");
  const encode = (text: string) => new TextEncoder().encode(text);
  const preprocessed = root.below(`preprocessed/${DATASET}`);
  const results = root.below(`results/${DATASET}`);
  await preprocessed.write("nnUNetPlans.json", encode(golden.plans));
  for (const one of golden.cases) {
    await saveLabel(preprocessed.below("gt_segmentations"), `${one.identifier}.nii.gz`, one.reference);
    for (const model of golden.models) {
      const folder = results.below(`nnUNetTrainer__nnUNetPlans__${model}`);
      await folder.write("plans.json", encode(golden.plans));
      await folder.write("dataset.json", encode(golden.dataset));
      const validation = folder.below(`fold_${one.fold}/validation`);
      await saveLabel(validation, `${one.identifier}.nii.gz`, one.predictions[model] as GoldenArray);
      const { shape, ...bytes } = one.probabilities[model] as GoldenArray;
      const values = Float32Array.from(decode<Uint8Array>({ shape, ...bytes }), (value) => value / 64);
      const npz = await writeNpz({ probabilities: new NdArray(values, shape) }, { compression: "fast" });
      await validation.write(`${one.identifier}.npz`, npz);
      const grid = shape.slice(1) as unknown as Shape3;
      const { originMm: origin, direction } = GEOMETRY;
      const properties = propertiesToPython({
        sitk: { spacing: [0.75, 1.5, 2], origin, direction },
        spacingMm: GEOMETRY.spacingMm,
        shapeBeforeCropping: grid,
        bbox: [
          [0, grid[0]],
          [0, grid[1]],
          [0, grid[2]],
        ],
        shapeAfterCropping: grid,
      });
      await validation.write(`${one.identifier}.pkl`, formatPickle(properties));
    }
  }
  const store = (path: string) =>
    path.startsWith("/") ? root.below(path.slice(1)) : path === "" ? results : results.below(path);
  const access: ResultsAccess = {
    store,
    executor: (folders) =>
      new LocalExecutor(
        Object.fromEntries(Object.entries(folders).map(([name, path]) => [name, store(path)])) as never,
      ),
  };
  const settings: FindBestSettings = {
    dataset: DATASET,
    models: modelNames(["nnUNetTrainer"], ["2d", "3d_fullres", "3d_lowres"], ["nnUNetPlans"]),
    folds: golden.folds,
    preprocessed: `/preprocessed/${DATASET}`,
  };
  return { access, settings, results };
}

describe("find_best_configuration", () => {
  test.each(all)("$name", async (golden) => {
    const { access, settings, results } = await open(golden);
    const text = async (path: string) => new TextDecoder().decode(await results.read(path));
    const { warnings, packageCommands } = await findBestConfiguration(access, settings);
    for (const [folder, summary] of Object.entries(golden.summaries)) {
      expect(await text(`${folder}/summary.json`)).toBe(summary);
    }
    expect(await text("inference_information.json")).toBe(golden.information);
    expect(await text("inference_instructions.txt")).toBe(golden.instructions);
    expect(await text(`${golden.best}/postprocessing.json`)).toBe(golden.postprocessing);
    expect(warnings).toEqual(["nnUNetPlans have no configuration 3d_lowres; it is left out"]);
    expect(packageCommands).toMatch(/^nnprep (ensemble|apply-postprocessing) -i .*\n/);
    const ensemble = Object.keys(golden.summaries).find((folder) => folder.startsWith("ensembles/"));
    for (const [identifier, expected] of Object.entries(golden.ensembled)) {
      const { label } = await loadLabel(results, `${ensemble}/${identifier}.nii.gz`, "SimpleITKIO");
      expect(countDifferences(label, decode(expected))).toBe(0);
    }
  });
});

test("what is missing, or there twice, is named", async () => {
  const golden = all[0] as Golden;
  const { access, settings, results } = await open(golden);
  await expect(findBestConfiguration(access, { ...settings, folds: [0, 7] })).rejects.toThrow(/fold_7.*-f/s);
  const models = modelNames(["nnUNetTrainer"], ["3d_fullres"], ["nnUNetPlans"]);
  await expect(
    findBestConfiguration(access, { ...settings, models: modelNames(["Other"], ["2d"], ["nnUNetPlans"]) }),
  ).rejects.toThrow(/Other__nnUNetPlans__2d.*no trained model/s);
  const first = golden.cases[0] as Golden["cases"][number];
  const validation = results.below("nnUNetTrainer__nnUNetPlans__3d_fullres/fold_0/validation");
  await validation.remove(`${first.identifier}.npz`);
  await expect(findBestConfiguration(access, settings)).rejects.toThrow(
    new RegExp(`no probabilities of ${first.identifier}`),
  );
  const { best } = await findBestConfiguration(access, { ...settings, disableEnsembling: true });
  expect(best.name).toBe("nnUNetTrainer__nnUNetPlans__3d_fullres");
  const other = golden.cases.find(({ fold }) => fold === 1) as Golden["cases"][number];
  await saveLabel(validation, `${other.identifier}.nii.gz`, other.reference);
  await expect(findBestConfiguration(access, { ...settings, models })).rejects.toThrow(/one fold only/);
});
