import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { NdArray } from "../../src/core/python.js";
import type { Shape3 } from "../../src/core/volume.js";
import { readB2nd } from "../../src/io/blosc2/read.js";
import { writeB2nd } from "../../src/io/blosc2/write.js";
import { writeVolume } from "../../src/io/formats.js";
import { parseNifti } from "../../src/io/nifti.js";
import { readNpzArray, writeNpz } from "../../src/io/npz.js";
import { formatPickle } from "../../src/io/pickle.js";
import { propertiesToPython } from "../../src/recipes/v2/documents/properties.js";
import { init } from "../../src/runtime/instantiate.js";
import goldens from "../golden/v2-find-best/find-best.json";
import { decode, type GoldenArray } from "../golden.js";
import { type CliResult, hashFolder, runCli } from "./run-cli.js";

// The second half of nnU-Net v2 by its commands, on the models that its own find_best_configuration was asked about.

// Every run starts processes.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const golden = goldens[0];
const DATASET = "Dataset007_Tiny";
const GEOMETRY = {
  spacingMm: [2, 1.5, 0.75],
  originMm: [3.5, -4.25, 10],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
} as const;
const FULLRES = `results/${DATASET}/nnUNetTrainer__nnUNetPlans__3d_fullres`;
const PLANAR = `results/${DATASET}/nnUNetTrainer__nnUNetPlans__2d`;
const TRUTH = `preprocessed/${DATASET}/gt_segmentations`;
const FOLDERS = ["raw", "preprocessed", "results"] as const;

let root: string;
const at = (...parts: string[]) => join(root, ...parts);
const read = (...parts: string[]) => readFileSync(at(...parts), "utf8");
const environment = () => Object.fromEntries(FOLDERS.map((name) => [`nnUNet_${name}`, at(name)]));
const run = (...parameters: string[]): Promise<CliResult> => runCli([...parameters, "--no-progress"], environment());

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(join(at(path), ".."), { recursive: true });
  writeFileSync(at(path), content);
}

async function writeLabel(path: string, { shape, ...array }: GoldenArray): Promise<void> {
  const data = decode<Uint8Array>({ shape, ...array });
  write(path, await writeVolume(path, { data, shape: shape as unknown as Shape3, geometry: GEOMETRY }));
}

async function labelsOf(...parts: string[]): Promise<number[]> {
  return [...(await parseNifti(new Uint8Array(readFileSync(at(...parts))))).data];
}

/** `ID.npz` with one array, and `ID.pkl`. */
async function writeArray(
  folder: string,
  identifier: string,
  key: string,
  array: GoldenArray,
  scale: (x: number) => number,
) {
  const { shape } = array;
  const values = Float32Array.from(decode<Uint8Array>(array), scale);
  write(`${folder}/${identifier}.npz`, await writeNpz({ [key]: new NdArray(values, shape) }, { compression: "fast" }));
  const grid = shape.slice(1) as unknown as Shape3;
  const { originMm: origin, direction, spacingMm } = GEOMETRY;
  const properties = propertiesToPython({
    sitk: { spacing: [0.75, 1.5, 2], origin, direction },
    spacingMm,
    shapeBeforeCropping: grid,
    bbox: [
      [0, grid[0]],
      [0, grid[1]],
      [0, grid[2]],
    ],
    shapeAfterCropping: grid,
  });
  write(`${folder}/${identifier}.pkl`, formatPickle(properties));
}

const { identifier: FIRST } = golden.cases[0];
const fullres = (one: (typeof golden.cases)[number]) => one.probabilities["3d_fullres"] as GoldenArray;

beforeAll(async () => {
  await init();
  root = mkdtempSync(join(tmpdir(), "nnprep-back-"));
  mkdirSync(at("raw"));
  write(`preprocessed/${DATASET}/nnUNetPlans.json`, golden.plans);
  for (const model of golden.models) {
    const folder = `results/${DATASET}/nnUNetTrainer__nnUNetPlans__${model}`;
    write(`${folder}/plans.json`, golden.plans);
    write(`${folder}/dataset.json`, golden.dataset);
    for (const { identifier, fold, predictions, probabilities: of } of golden.cases) {
      const validation = `${folder}/fold_${fold}/validation`;
      await writeLabel(`${validation}/${identifier}.nii.gz`, predictions[model as "2d"] as GoldenArray);
      await writeArray(validation, identifier, "probabilities", of[model as "2d"] as GoldenArray, (x) => x / 64);
    }
  }
  for (const one of golden.cases) {
    await writeLabel(`${TRUTH}/${one.identifier}.nii.gz`, one.reference);
    // Logits on the case's own grid: the order of the classes is that of the probabilities.
    await writeArray("logits", one.identifier, "logits", fullres(one), (x) => x / 8 - 4);
    await writeArray("old", one.identifier, "softmax", fullres(one), (x) => x / 64);
  }
  write("logits/plans.json", golden.plans);
  write("logits/dataset.json", golden.dataset);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** First largest class of each voxel. */
function argmax(array: GoldenArray): number[] {
  const values = decode<Uint8Array>(array);
  const count = values.length / (array.shape[0] as number);
  return Array.from({ length: count }, (_, i) => {
    let best = 0;
    for (let c = 1; c < (array.shape[0] as number); c++) {
      if ((values[c * count + i] as number) > (values[best * count + i] as number)) best = c;
    }
    return best;
  });
}

describe("export and ensemble", () => {
  test("logits to segmentations and probabilities, which an ensemble takes", async () => {
    const call = [
      "export",
      "-i",
      at("logits"),
      "-o",
      at("exported"),
      "-c",
      "3d_fullres",
      "--save_probabilities",
      "-w",
      "2",
    ];
    const { code, stdout, stderr } = await run(...call);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(new RegExp(`${FIRST} +4 +4 x 7 x 8 +4 x 7 x 8 +0 1 2 3`));
    const files = golden.cases.flatMap(({ identifier }) => [".nii.gz", ".npz", ".pkl"].map((end) => identifier + end));
    expect(readdirSync(at("exported")).sort()).toEqual([...files, "dataset.json", "plans.json"].sort());
    expect(await labelsOf("exported", `${FIRST}.nii.gz`)).toEqual(argmax(fullres(golden.cases[0])));

    symlinkSync(at("exported"), at("again"));
    const both = await run("ensemble", "-i", at("exported"), at("again"), "-o", at("both"), "--save_npz", "-np", "1");
    expect(both.code).toBe(0);
    const expected = await readNpzArray(readFileSync(at("exported", `${FIRST}.npz`)), "probabilities");
    const mean = await readNpzArray(readFileSync(at("both", `${FIRST}.npz`)), "probabilities");
    // Twice the same, halved: exact.
    expect(mean).toEqual(expected);
    expect(hashFolder(at("both"))).toMatchObject({
      [`${FIRST}.nii.gz`]: hashFolder(at("exported"))[`${FIRST}.nii.gz`],
      "plans.json": hashFolder(at("exported"))["plans.json"],
    });
  });

  test("plans and dataset.json that are named stand in for those of the folder, and go with the results", async () => {
    mkdirSync(at("bare"));
    for (const end of [".npz", ".pkl"]) copyFileSync(at("logits", FIRST + end), at("bare", FIRST + end));
    const documents = ["-plans_json", at("logits/plans.json"), "-dataset_json", at("logits/dataset.json")];
    const { code } = await run("export", "-i", at("bare"), "-o", at("from-bare"), "-c", "3d_fullres", ...documents);
    expect(code).toBe(0);
    expect(readdirSync(at("from-bare")).sort()).toEqual([`${FIRST}.nii.gz`, "dataset.json", "plans.json"]);
    expect(readFileSync(at("from-bare", `${FIRST}.nii.gz`))).toEqual(readFileSync(at("exported", `${FIRST}.nii.gz`)));
  });

  test("logits of another network, and probabilities instead of logits, are told", async () => {
    mkdirSync(at("wrong"));
    for (const name of ["plans.json", "dataset.json"]) copyFileSync(at("logits", name), at("wrong", name));
    await writeArray(
      "wrong",
      "other_grid",
      "logits",
      { ...fullres(golden.cases[0]), shape: [4, 8, 7, 4] },
      (x) => x / 8 - 4,
    );
    copyFileSync(at("logits", `${FIRST}.pkl`), at("wrong", "other_grid.pkl"));
    const two = decode<Uint8Array>(fullres(golden.cases[0])).subarray(0, 2 * 224);
    write(
      "wrong/two.npz",
      await writeNpz({ logits: new NdArray(Float32Array.from(two), [2, 4, 7, 8]) }, { compression: "fast" }),
    );
    copyFileSync(at("logits", `${FIRST}.pkl`), at("wrong", "two.pkl"));
    await writeArray("wrong", "unlike", "logits", fullres(golden.cases[0]), (x) => x / 64);
    const { code, stdout } = await run("export", "-i", at("wrong"), "-o", at("wrong-out"), "-c", "3d_fullres");
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /other_grid: .*logits of shape \(8, 7, 4\) found, but configuration "3d_fullres" makes \(4, 7, 8\)/,
    );
    expect(stdout).toMatch(/two: .*2 channels of logits found, but dataset\.json has 4 labels/);
    expect(stdout).toMatch(/warning: unlike: all values lie in \[0, 1\].*logits are expected/);
    expect(readdirSync(at("wrong-out")).sort()).toEqual(["dataset.json", "plans.json", "unlike.nii.gz"]);
  });
});

describe("evaluate", () => {
  const crossval = `${FULLRES}/crossval_results_folds_0_1_2`;
  const expected = () =>
    JSON.parse(golden.summaries["nnUNetTrainer__nnUNetPlans__3d_fullres/crossval_results_folds_0_1_2"]);

  test("as nnUNetv2_evaluate_folder: the same means, case by case", async () => {
    mkdirSync(at("predicted"));
    for (const one of golden.cases) {
      const name = `${one.identifier}.nii.gz`;
      copyFileSync(at(FULLRES, `fold_${one.fold}`, "validation", name), at("predicted", name));
    }
    for (const name of ["plans.json", "dataset.json"]) copyFileSync(at("logits", name), at("predicted", name));
    const call = ["evaluate", at(TRUTH), at("predicted"), "-djfile", at("logits/dataset.json"), "-np", "2"];
    const { code, stdout } = await run(...call, "-pfile", at("logits/plans.json"));
    expect([code, stdout]).toEqual([0, expect.stringMatching(/6 of 6 cases/)]);
    const text = read("predicted", "summary.json")
      .replaceAll(at("predicted"), `ROOT/${crossval}`)
      .replaceAll(root, "ROOT");
    expect(JSON.parse(text)).toEqual(expected());
  });

  test("as nnUNetv2_evaluate_simple, with labels and an ignore label", async () => {
    const call = [
      "evaluate",
      at(TRUTH),
      at("predicted"),
      "-l",
      "1",
      "2",
      "-il",
      "3",
      "-o",
      at("simple.json"),
      "--json",
    ];
    const { code, stdout } = await run(...call);
    expect(code).toBe(0);
    // Voxels of the ignored label count nowhere, so fewer of them are wrong.
    const { cases, mean } = JSON.parse(stdout);
    const whole = expected().metric_per_case[0].metrics["1"];
    const found = cases[0].metrics["1"];
    const ignored = decode<Uint8Array>(
      golden.cases.find(({ identifier }) => identifier === cases[0].identifier)?.reference as GoldenArray,
    );
    const total = (of: typeof found) => of.TP + of.FP + of.FN + of.TN;
    expect([total(whole), total(found)]).toEqual([224, 224 - ignored.filter((x) => x === 3).length]);
    expect([Object.keys(mean), cases[0].unexpectedLabels.reference]).toEqual([["1", "2"], []]);
    const open = await run(...call.filter((x) => !["-il", "3", "--json"].includes(x)));
    expect(open.stderr).toMatch(/warning: .*the reference has labels that were not asked for \(3\)/);
  });

  test("a reference without a prediction fails, unless --chill", async () => {
    mkdirSync(at("partly"));
    copyFileSync(at("predicted", `${FIRST}.nii.gz`), at("partly", `${FIRST}.nii.gz`));
    const call = ["evaluate", at(TRUTH), at("partly"), "-djfile", at("logits/dataset.json")];
    const { code, stdout } = await run(...call);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/has a reference but no prediction/)]);
    expect((await run(...call, "--chill")).code).toBe(0);
  });
});

describe("post-processing", () => {
  test("determined, applied by its pkl, or by classes", async () => {
    const call = ["determine-postprocessing", "-i", at("predicted"), "-ref", at(TRUTH), "--remove_postprocessed"];
    const { code, stdout } = await run(...call);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/largest component of/)]);
    expect(readdirSync(at("predicted"))).toEqual(expect.arrayContaining(["postprocessing.json", "postprocessing.pkl"]));
    const apply = ["apply-postprocessing", "-i", at("predicted"), "-np", "2"];
    expect((await run(...apply, "-o", at("final"), "-pp_pkl_file", at("predicted/postprocessing.pkl"))).code).toBe(0);
    expect(readdirSync(at("final")).sort()).toEqual(
      golden.cases.map(({ identifier }) => `${identifier}.nii.gz`).sort(),
    );
    const one = await run(...apply, "-o", at("largest"), "-c", "1", "2+3", "--json");
    expect(JSON.parse(one.stdout)).toMatchObject({ ok: true, folder: at("largest") });
    const kept = (await labelsOf("largest", `${FIRST}.nii.gz`)).filter((x) => x === 1).length;
    const before = (await labelsOf("predicted", `${FIRST}.nii.gz`)).filter((x) => x === 1).length;
    expect(kept).toBeLessThan(before);
  });

  test("a pkl that names anything else is refused by that name, and nothing is run", async () => {
    // (lists of) builtins.eval with "1", as pickle writes it.
    write("evil.pkl", "(lp0\ncbuiltins\neval\np1\na(lp2\n(dp3\na\x86.");
    const { code, stderr, stdout } = await run(
      "apply-postprocessing",
      "-i",
      at("predicted"),
      "-o",
      at("evil"),
      "-pp",
      at("evil.pkl"),
    );
    expect(code).toBe(1);
    expect(stderr + stdout).toMatch(/evil\.pkl: .*builtins\.eval/);
  });
});

describe("find-best", () => {
  const call = ["find-best", DATASET, "-c", "2d", "3d_fullres", "3d_lowres", "-f", "0", "1", "2"];
  const rooted = (text: string) => text.replaceAll(root, "ROOT");

  test("the same choice, information and instructions as nnU-Net; its commands for this package work", async () => {
    const { code, stdout, stderr } = await run(...call, "-p", "nnUNetPlans", "-tr", "nnUNetTrainer");
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: nnUNetPlans have no configuration 3d_lowres/);
    expect(rooted(read(`results/${DATASET}/inference_information.json`))).toBe(golden.information);
    expect(rooted(read(`results/${DATASET}/inference_instructions.txt`))).toBe(golden.instructions);
    expect(rooted(read(`results/${DATASET}`, golden.best, "postprocessing.json"))).toBe(golden.postprocessing);

    // What the networks would predict for the commands.
    for (const [i, folder] of [PLANAR, FULLRES].entries()) {
      const target = `work/OUTPUT_FOLDER_MODEL_${i + 1}`;
      mkdirSync(at(target), { recursive: true });
      for (const name of ["plans.json", "dataset.json"]) copyFileSync(at(folder, name), at(target, name));
      for (const { identifier, fold } of golden.cases) {
        for (const end of [".npz", ".pkl"]) {
          copyFileSync(at(folder, `fold_${fold}/validation`, identifier + end), at(target, identifier + end));
        }
      }
    }
    const commands = stdout.split("\n").filter((line) => line.startsWith("nnprep "));
    expect(commands.map((line) => line.split(" ")[1])).toEqual(["ensemble", "apply-postprocessing"]);
    for (const command of commands) {
      const { code: ended } = await runCli(command.split(" ").slice(1), environment(), at("work"));
      expect(ended).toBe(0);
    }
    for (const [identifier, ensembled] of Object.entries(golden.ensembled)) {
      expect(await labelsOf("work/OUTPUT_FOLDER", `${identifier}.nii.gz`)).toEqual([
        ...decode<Uint8Array>(ensembled as GoldenArray),
      ]);
      const postprocessed = at(`results/${DATASET}`, golden.best, "postprocessed", `${identifier}.nii.gz`);
      expect(readFileSync(at("work/OUTPUT_FOLDER_PP", `${identifier}.nii.gz`))).toEqual(readFileSync(postprocessed));
    }
  });

  test("--disable_ensembling, several trainers, --no_overwrite", async () => {
    symlinkSync(at(FULLRES), at(`results/${DATASET}/Second__nnUNetPlans__3d_fullres`));
    const single = ["find-best", "-d", "7", "-c", "3d_fullres", "-tr", "nnUNetTrainer", "Second", "-f", "0", "1", "2"];
    const { code, stdout } = await run(...single, "--disable_ensembling", "--json");
    expect(code).toBe(0);
    const { candidates, best } = JSON.parse(stdout);
    expect([candidates.map(({ name }: { name: string }) => name), best]).toEqual([
      ["nnUNetTrainer__nnUNetPlans__3d_fullres", "Second__nnUNetPlans__3d_fullres"],
      "nnUNetTrainer__nnUNetPlans__3d_fullres",
    ]);
    // What lies there stays with --no_overwrite, and is evaluated.
    const gathered = join(FULLRES, "crossval_results_folds_0_1_2");
    for (const { identifier } of golden.cases) {
      copyFileSync(at(TRUTH, `${identifier}.nii.gz`), at(gathered, `${identifier}.nii.gz`));
    }
    const one = ["find-best", "7", "-c", "3d_fullres", "-f", "0", "1", "2", "--disable_ensembling"];
    const kept = await run(...one, "--no_overwrite", "--json");
    expect(JSON.parse(kept.stdout).candidates[0].foregroundDice).toBe(1);
    const anew = await run(...one, "--json");
    expect(JSON.parse(anew.stdout).candidates[0].foregroundDice).toBe(candidates[0].foregroundDice);
  });

  test("folds and models that are not there are named", async () => {
    const folds = await run("find-best", "7", "-c", "3d_fullres", "-f", "0", "4");
    expect([folds.code, folds.stderr]).toEqual([1, expect.stringMatching(/fold_4.*no predictions.*-f/)]);
    const trainer = await run("find-best", "7", "-c", "3d_fullres", "-tr", "Other", "-f", "0");
    expect([trainer.code, trainer.stderr]).toEqual([
      1,
      expect.stringMatching(/Other__nnUNetPlans__3d_fullres.*no trained model/),
    ]);
  });
});

test("cascade: labels for the next stage, in the form of its preprocessed cases", async () => {
  const next = `preprocessed/${DATASET}/nnUNetPlans_3d_fullres`;
  write(`preprocessed/${DATASET}/dataset_fingerprint.json`, "{}");
  const image = new NdArray(new Float32Array(6 * 9 * 10), [1, 6, 9, 10]);
  for (const piece of [await writeB2nd(image, { patchSize: [8, 8, 8] })])
    write(`${next}/${FIRST}.b2nd`, Buffer.concat(piece));
  copyFileSync(at("logits", `${FIRST}.pkl`), at(next, `${FIRST}.pkl`));
  const call = ["cascade", "-i", at("logits"), "-p", at(next), "-o", at("next")];
  const { code, stdout } = await run(...call, "-c", "3d_fullres");
  expect([code, stdout]).toEqual([1, expect.stringMatching(/preprocess the case for the next stage/)]);
  expect(readdirSync(at("next"))).toEqual([`${FIRST}.b2nd`]);
  expect((await readB2nd(readFileSync(at("next", `${FIRST}.b2nd`)))).shape).toEqual([6, 9, 10]);
  const unnamed = await run(...call);
  expect([unnamed.code, unnamed.stderr]).toEqual([2, expect.stringMatching(/-c, one of 2d, 3d_fullres/)]);
  const mixed = await run("cascade", "-i", at("old"), "-p", at(next), "-o", at("next"));
  expect([mixed.code, mixed.stderr]).toEqual([
    2,
    expect.stringMatching(/old has predictions of nnU-Net v1, .*nnUNetPlans_3d_fullres cases preprocessed by v2/),
  ]);
});
