import { beforeAll, expect, test } from "vitest";
import type { Shape3, Vec3 } from "../../../../src/core/volume.js";
import { voxelCount } from "../../../../src/core/volume.js";
import { readVolume } from "../../../../src/io/formats.js";
import { packageCommands } from "../../../../src/recipes/v1/find-best.js";
import { modelFolder } from "../../../../src/recipes/v1/layout.js";
import {
  type FindBestSettings,
  findBestConfiguration,
  type ResultsAccess,
} from "../../../../src/recipes/v1/stages/find-best.js";
import { LocalExecutor } from "../../../../src/runner/local-executor.js";
import { MemoryStore } from "../../../../src/runner/memory-store.js";
import type { Store } from "../../../../src/runner/store.js";
import { init } from "../../../../src/runtime/instantiate.js";
import goldens from "../../../golden/find-best/find-best.json";
import { countDifferences, decode, type GoldenArray } from "../../../golden.js";
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

const golden = goldens as unknown as FindBestGolden;
const { task, models, folds, shape, ensemble } = golden;

const results = new MemoryStore([], "results");
beforeAll(async () => {
  await init();
  for (const model of models) {
    await writeCrossValidation(results.below(modelFolder(model, task)), casesOf(model), [0, 1, 2], golden);
  }
});

async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await results.read(path));
}

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
    const probabilities = part<Uint16Array>(golden.probabilities[model], i);
    const prediction = Uint8Array.from({ length: voxels }, (_, voxel) => {
      const values = [0, 1, 2].map((c) => fromHalf(probabilities[c * voxels + voxel]));
      return values.indexOf(Math.max(...values));
    });
    const fold = golden.foldOfCase[i];
    return { identifier, fold, reference: part<Uint8Array>(golden.references, i), prediction, probabilities };
  });
}

function access(): ResultsAccess {
  const store = (path: string) => results.below(path);
  const executor = <F extends Readonly<Record<string, string>>>(folders: F) => {
    const stores = Object.fromEntries(Object.entries(folders).map(([name, path]) => [name, store(path)]));
    return new LocalExecutor(stores as unknown as { readonly [K in keyof F]: Store });
  };
  return { store, executor };
}

const settings: FindBestSettings = { task, models, folds };

test("as nnUNet_find_best_configuration: ranking, post-processing, commands, table", async () => {
  const { candidates, best, commands, packageCommands, files } = await findBestConfiguration(access(), settings);
  expect(Object.fromEntries(candidates.map(({ name, meanForegroundDice }) => [name, meanForegroundDice]))).toEqual(
    golden.dice,
  );
  expect(best.map(({ name }) => name)).toEqual([ensemble]);
  const here = `results/ensembles/${task}`;
  expect(commands).toBe(golden.commands.replaceAll(golden.ensemblesFolder, here));
  expect(packageCommands).toBe(
    `nnprep ensemble -f OUTPUT_FOLDER_MODEL1 OUTPUT_FOLDER_MODEL2 -o OUTPUT_FOLDER --export -pp ${here}/${ensemble}/postprocessing.json\n`,
  );
  expect(files).toEqual([`${here}/prediction_commands.txt`, `${here}/summary.csv`]);
  expect(await readText(`ensembles/${task}/prediction_commands.txt`)).toBe(commands);
  expect(await readText(`ensembles/${task}/summary.csv`)).toBe(golden.csv);
  for (const { name, folder, reused } of candidates) {
    expect(reused).toBe(false);
    expect(await readText(`${folder}/postprocessing.json`)).toBe(golden.postprocessing[name]);
  }
  for (const [i, identifier] of golden.identifiers.entries()) {
    const file = `ensembles/${task}/${ensemble}/ensembled_raw/${identifier}.nii.gz`;
    const { data } = await readVolume(file, await results.read(file));
    expect(countDifferences(data, part<Uint8Array>(golden.ensembled, i))).toBe(0);
  }
  const summary = JSON.parse(await readText(`summary_jsons/${task}__${ensemble}.json`));
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
  const folder = results.below(modelFolder("2d", task)).below("fold_1/validation_raw");
  const lost = golden.identifiers.find((_, i) => golden.foldOfCase[i] === 1) as string;
  await folder.remove(`${lost}.npz`);
  await expect(findBestConfiguration(access(), { ...settings, overwrite: true })).rejects.toMatchObject({
    code: "FILE_NOT_FOUND",
    message: expect.stringMatching(new RegExp(`${lost}\\.npz.*--npz`, "s")),
  });
  await folder.remove(`${lost}.nii.gz`);
  await expect(findBestConfiguration(access(), { ...settings, overwrite: true })).rejects.toMatchObject({
    code: "INVALID_DATASET",
    message: expect.stringContaining(`1 without a prediction: ${lost}`),
  });
  await expect(findBestConfiguration(access(), { ...settings, folds: [0, 7], overwrite: true })).rejects.toMatchObject({
    message: expect.stringContaining("fold_7"),
  });
  const elsewhere = golden.identifiers.find((_, i) => golden.foldOfCase[i] === 0) as string;
  await folder.write(`${elsewhere}.nii.gz`, new Uint8Array());
  await expect(findBestConfiguration(access(), { ...settings, overwrite: true })).rejects.toMatchObject({
    message: expect.stringContaining("one fold only"),
  });
});

test("commands quote what a shell would take apart", () => {
  const file = "/the results/o'clock/postprocessing.json";
  const quoted = "'/the results/o'\"'\"'clock/postprocessing.json'";
  expect(packageCommands({ isEnsemble: false }, file)).toBe(
    `nnprep apply-postprocessing -i OUTPUT_FOLDER_MODEL1 -o OUTPUT_FOLDER -pp ${quoted}\n`,
  );
  expect(packageCommands({ isEnsemble: true }, file)).toMatch(new RegExp(` --export -pp ${quoted}\n$`));
  expect(packageCommands({ isEnsemble: true }, null)).toMatch(/ -o OUTPUT_FOLDER --export\n$/);
  expect(packageCommands({ isEnsemble: false }, null)).toBe("");
});
