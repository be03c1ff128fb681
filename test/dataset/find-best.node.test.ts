import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Shape3, Vec3 } from "../../src/core/volume.js";
import { voxelCount } from "../../src/core/volume.js";
import { type FindBestSettings, findBestConfiguration, type ResultsAccess } from "../../src/dataset/find-best.js";
import { FolderStore } from "../../src/dataset/folder-store.js";
import { LocalExecutor } from "../../src/dataset/local-executor.js";
import { readVolume } from "../../src/io/formats.js";
import { modelFolder } from "../../src/recipes/v1/results-layout.js";
import { init } from "../../src/runtime/instantiate.js";
import { countDifferences, decode, type GoldenArray } from "../golden.js";
import { type ValidatedCase, writeCrossValidation } from "./cross-validation-folder.js";

interface FindBestGolden {
  readonly task: string;
  readonly models: string[];
  readonly folds: number[];
  readonly shape: Shape3;
  readonly spacingMm: Vec3;
  readonly identifiers: string[];
  readonly foldOfCase: number[];
  readonly references: GoldenArray;
  readonly probabilities: Record<string, GoldenArray>;
  readonly ensemble: string;
  readonly ensembled: GoldenArray;
  readonly dice: Record<string, number>;
  readonly postprocessing: Record<string, string>;
  readonly ensemblesFolder: string;
  readonly commands: string;
  readonly csv: string;
}

const golden = JSON.parse(
  readFileSync(new URL("../golden/find-best/find-best.json", import.meta.url), "utf8"),
) as FindBestGolden;
const { task, models, folds, shape, ensemble } = golden;

let root: string;
beforeAll(async () => {
  await init();
  root = mkdtempSync(join(tmpdir(), "nnprep-find-best-"));
  for (const model of models) {
    await writeCrossValidation(join(root, modelFolder(model, task)), casesOf(model), [0, 1, 2], golden);
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function part<T extends Uint8Array | Uint16Array>(array: GoldenArray, i: number): T {
  const whole = decode<T>(array);
  const length = whole.length / golden.identifiers.length;
  return whole.slice(i * length, (i + 1) * length) as T;
}

/** Value of float16 bits that are positive and not above 1. */
function fromHalf(bits: number): number {
  const exponent = bits >> 10;
  return exponent === 0 ? (bits & 1023) * 2 ** -24 : (1 + (bits & 1023) / 1024) * 2 ** (exponent - 15);
}

function casesOf(model: string): ValidatedCase[] {
  const voxels = voxelCount(shape);
  return golden.identifiers.map((identifier, i) => {
    const probabilities = part<Uint16Array>(golden.probabilities[model] as GoldenArray, i);
    const prediction = Uint8Array.from({ length: voxels }, (_, voxel) => {
      const values = [0, 1, 2].map((c) => fromHalf(probabilities[c * voxels + voxel] as number));
      return values.indexOf(Math.max(...values));
    });
    const fold = golden.foldOfCase[i] as number;
    return { identifier, fold, reference: part<Uint8Array>(golden.references, i), prediction, probabilities };
  });
}

function access(): ResultsAccess {
  const store = (path: string) => new FolderStore(isAbsolute(path) ? path : join(root, path));
  const executor = (folders: Readonly<Record<string, string>>) =>
    new LocalExecutor(Object.fromEntries(Object.entries(folders).map(([name, path]) => [name, store(path)])));
  return { store, executor };
}

const settings: FindBestSettings = { task, models, folds };

test("as nnUNet_find_best_configuration: ranking, post-processing, commands, table", async () => {
  const { candidates, best, commands, files } = await findBestConfiguration(access(), settings);
  expect(Object.fromEntries(candidates.map(({ name, meanForegroundDice }) => [name, meanForegroundDice]))).toEqual(
    golden.dice,
  );
  expect(best.map(({ name }) => name)).toEqual([ensemble]);
  const here = join(root, "ensembles", task);
  expect(commands).toBe(golden.commands.replaceAll(golden.ensemblesFolder, here));
  expect(files).toEqual([join(here, "prediction_commands.txt"), join(here, "summary.csv")]);
  expect(readFileSync(files[0] as string, "utf8")).toBe(commands);
  expect(readFileSync(files[1] as string, "utf8")).toBe(golden.csv);
  for (const { name, folder, reused } of candidates) {
    expect(reused).toBe(false);
    expect(readFileSync(join(root, folder, "postprocessing.json"), "utf8")).toBe(golden.postprocessing[name]);
  }
  for (const [i, identifier] of golden.identifiers.entries()) {
    const file = join(here, ensemble, "ensembled_raw", `${identifier}.nii.gz`);
    const { data } = await readVolume(file, readFileSync(file));
    expect(countDifferences(data, part<Uint8Array>(golden.ensembled, i))).toBe(0);
  }
  const summary = JSON.parse(readFileSync(join(root, "summary_jsons", `${task}__${ensemble}.json`), "utf8"));
  expect(summary.experiment_name).toBe(ensemble);
  const again = await findBestConfiguration(access(), settings);
  expect(again.candidates.every(({ reused }) => reused)).toBe(true);
  expect(again.commands).toBe(commands);
});

test("single models, without post-processing", async () => {
  const { candidates, best, commands } = await findBestConfiguration(access(), {
    ...settings,
    disableEnsembling: true,
    disablePostprocessing: true,
    overwrite: true,
  });
  expect(candidates.map(({ name }) => name)).toEqual(models);
  expect(best.map(({ name, postprocessing }) => [name, postprocessing])).toEqual([["3d_fullres", null]]);
  expect(commands).toMatch(/^nnUNet_predict .* -m 3d_fullres .*\n$/);
});

test("what an ensemble lacks is named", async () => {
  const folder = join(root, modelFolder("2d", task), "fold_1", "validation_raw");
  rmSync(join(folder, "case_11.npz"));
  await expect(findBestConfiguration(access(), { ...settings, overwrite: true })).rejects.toMatchObject({
    code: "FILE_NOT_FOUND",
    message: expect.stringMatching(/case_11\.npz.*--npz/s),
  });
  rmSync(join(folder, "case_11.nii.gz"));
  await expect(findBestConfiguration(access(), { ...settings, overwrite: true })).rejects.toMatchObject({
    code: "INVALID_DATASET",
    message: expect.stringContaining("1 without a prediction: case_11"),
  });
  await expect(findBestConfiguration(access(), { ...settings, folds: [0, 7], overwrite: true })).rejects.toMatchObject({
    message: expect.stringContaining("fold_7"),
  });
  writeFileSync(join(folder, "case_00.nii.gz"), "");
  await expect(findBestConfiguration(access(), { ...settings, overwrite: true })).rejects.toMatchObject({
    message: expect.stringContaining("one fold only"),
  });
});
