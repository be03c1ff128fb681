import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { zipSync } from "fflate";
import { loadModel, predict, scanFileFromBytes, type Volume } from "nnprep";
import { formatPickle, parsePickle, readVolume } from "nnprep/io";
import { loadModelV1, type PlansV1, plansFromPython, plansToPython } from "nnprep/v1";
import type { Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import models from "../golden/networks/models.json" with { type: "json" };
import goldenPickles from "../golden/pickle/nnunet.json" with { type: "json" };
import { decode } from "../golden.js";
import { dataset, inference, plans, text } from "../inference/example-model.js";
import {
  drop,
  type ExamplePage,
  type GivenFile,
  nifti,
  openPage,
  pictures,
  saved,
  startExample,
  waitFor,
} from "./example-page.js";

/** The whole way in the page: a model and a scan in, the label that Node predicts out. */

const SMALL = { width: 640, height: 480 };

let example: ExamplePage;

beforeAll(async () => {
  example = await startExample("browser-predict");
});

afterAll(() => example?.close());

const network = decode<Uint8Array>(models["three axes"]);
const fullres = plans.configurations["3d_fullres"];

/** A model of two networks, on a grid of its own. */
function modelFiles(
  change: { readonly spacing?: number[]; readonly onnx?: Uint8Array } = {},
): Record<string, Uint8Array> {
  const configurations = {
    ...plans.configurations,
    "3d_fullres": { ...fullres, spacing: change.spacing ?? [2, 1.5, 1.25] },
  };
  const onnx = change.onnx ?? network;
  return {
    "tiny/plans.json": text({ ...plans, configurations }),
    "tiny/dataset.json": text(dataset),
    "tiny/inference.json": text(inference),
    "tiny/fold_0/model.onnx": onnx,
    "tiny/fold_1/model.onnx": onnx,
  };
}

const zipped = (files: Record<string, Uint8Array>): GivenFile => ({ name: "tiny.zip", bytes: zipSync(files) });

/** Heads are multiples of channel 0: label 2 where it is above 0, background below, rounding decides at 0. */
async function scanFiles(): Promise<{ volumes: Volume[]; files: GivenFile[] }> {
  const shape = [9, 14, 12] as const;
  const geometry = { spacingMm: [2, 1, 1], originMm: [5, -3, 8], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] } as const;
  const first = Int16Array.from({ length: 9 * 14 * 12 }, (_, i) => ((i * 37) % 23) - 9);
  const volumes = [first, first.map((value) => value + 100)].map((data) => ({ data, shape, geometry }));
  const files = await Promise.all(volumes.map((volume, c) => nifti(`case_000${c}.nii.gz`, volume)));
  return { volumes, files };
}

async function predictInNode(volumes: Volume[], mirroring: boolean): Promise<Buffer> {
  const files = Object.entries(modelFiles()).map(([name, bytes]) => scanFileFromBytes(name, bytes));
  const model = await loadModel(files, "tiny", { threads: 1 });
  try {
    return Buffer.from((await predict(model, volumes, { mirroring })).segmentation.data);
  } finally {
    await model.dispose();
  }
}

async function savedLabel(page: Page): Promise<Volume> {
  const { name, bytes } = await saved(page, "#save-prediction");
  expect(name).toBe("case_segmentation.nii.gz");
  return readVolume(name, bytes);
}

test("a model folder as zip and a scan: the label that Node predicts, without isolation", async () => {
  const { page, complaints } = await openPage(example, example.plain, SMALL);
  const { volumes, files } = await scanFiles();
  await drop(page, "scan", files);
  await waitFor(page, /^Read and checked/);
  expect(await page.isVisible("#predict")).toBe(false);
  await drop(page, "plans", [zipped(modelFiles())]);
  await waitFor(page, "The model is read.");
  expect(await page.textContent("#plans-name")).toBe("tiny: nnU-Net v2");
  expect(await page.locator("#folds option").allTextContents()).toEqual([
    "mean of all 2",
    "fold 0 alone",
    "fold 1 alone",
  ]);
  await page.click("#predict");
  await waitFor(page, /^Predicted in \d+ s\.$/);
  const label = await savedLabel(page);
  expect(label.shape).toEqual(volumes[0].shape);
  expect(label.geometry).toEqual(volumes[0].geometry);
  const expected = await predictInNode(volumes, true);
  expect(new Set(expected)).toEqual(new Set([0, 1, 2]));
  expect(Buffer.from(label.data as Uint8Array).equals(expected)).toBe(true);
  expect(await page.textContent("#prediction-body")).toMatch(/2 b[\d.]+ mL/);
  await page.screenshot({ path: join(pictures, "predict.png"), fullPage: true });

  // The same model prepares, and a scan of one channel is refused.
  await page.click("#prepare");
  await waitFor(page, "Prepared.");
  expect(await page.isVisible("#prediction")).toBe(false);
  await drop(page, "scan", files.slice(0, 1));
  await waitFor(page, /^Read and checked/);
  await page.click("#predict");
  await waitFor(page, /did not work/);
  expect(await page.getByRole("alert").textContent()).toMatch(/1 channels, but the model takes 2: T2, T1/);
  expect(complaints).toEqual({ errors: [], foreign: [] });
  await page.close();
});

test("a model of nnU-Net v1", async () => {
  const { page } = await openPage(example, example.plain, SMALL);
  const pickle = goldenPickles.find(({ name }) => name === "plans")?.base64 ?? "";
  const plansV1 = plansFromPython(parsePickle(Uint8Array.from(Buffer.from(pickle, "base64"))));
  const [stage] = plansV1.plans_per_stage;
  const changed: PlansV1 = {
    ...plansV1,
    num_stages: 1,
    num_classes: 2,
    all_classes: [1, 2],
    normalization_schemes: new Map([
      [0, "noNorm"],
      [1, "noNorm"],
    ]),
    transpose_forward: [0, 1, 2],
    plans_per_stage: [{ ...stage, patch_size: [4, 6, 8], current_spacing: [2, 1.5, 1.25] }],
  };
  const files = {
    "old/plans.pkl": formatPickle(plansToPython(changed)),
    "old/inference.json": text({
      ...inference,
      generation: "v1",
      stage: 0,
      trainer: "nnUNetTrainerV2",
      activation: "softmax",
      regions_class_order: null,
    }),
    "old/fold_0/model.onnx": network,
  };
  const { volumes, files: scans } = await scanFiles();
  await drop(page, "scan", scans);
  await waitFor(page, /^Read and checked/);
  await drop(page, "plans", [{ name: "old.zip", bytes: zipSync(files) }]);
  await waitFor(page, "The model is read.");
  expect(await page.textContent("#plans-name")).toBe("old: nnU-Net v1");
  expect(await page.textContent("#choice")).toBe("0: 1.25 × 1.5 × 2 mm");
  await page.click("#predict");
  await waitFor(page, /^Predicted in/);
  const source = Object.entries(files).map(([name, bytes]) => scanFileFromBytes(name, bytes));
  const model = await loadModelV1(source, "old", { threads: 1 });
  const { segmentation } = await predict(model, volumes);
  await model.dispose();
  const { data } = await savedLabel(page);
  expect(Buffer.from(data as Uint8Array).equals(Buffer.from(segmentation.data))).toBe(true);
  await page.close();
});

test("a model folder from the dialog, with threads and without mirroring", async () => {
  const { page, complaints } = await openPage(example, example.isolated, SMALL);
  const { volumes, files } = await scanFiles();
  const folder = await mkdtemp(join(tmpdir(), "model-"));
  try {
    for (const [name, bytes] of Object.entries(modelFiles())) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), bytes);
    }
    await page.setInputFiles("#plans-folder", join(folder, "tiny"));
    await waitFor(page, "The model is read.");
    await drop(page, "scan", files);
    await waitFor(page, /^Read and checked/);
    await page.uncheck("#mirroring");
    await page.click("#predict");
    await waitFor(page, /^Predicted in/);
    const { data } = await savedLabel(page);
    expect(Buffer.from(data as Uint8Array).equals(await predictInNode(volumes, false))).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
  expect(complaints).toEqual({ errors: [], foreign: [] });
  await page.close();
});

test("what cannot be predicted is refused before it starts, in words; a prediction can be cancelled", async () => {
  const { page } = await openPage(example, example.plain, SMALL);
  const alert = page.getByRole("alert");
  const refuse = async (files: readonly GivenFile[], message: RegExp) => {
    await drop(page, "plans", files);
    await waitFor(page, /did not work/);
    expect(await alert.textContent()).toMatch(message);
  };
  const { "tiny/fold_0/model.onnx": _, "tiny/fold_1/model.onnx": __, ...documents } = modelFiles();
  await refuse([zipped({ ...documents, "tiny/fold_0/checkpoint_final.pth": text(0) })], /fold_0\/model\.onnx missing/);
  await refuse(
    [zipped({ "old/plans.pkl": text(0), "old/fold_0/model_final_checkpoint.model": text(0) })],
    /inference\.json.*missing/,
  );
  const { files } = await scanFiles();
  await drop(page, "scan", files);
  await waitFor(page, /^Read and checked/);
  const predicting = async (model: Record<string, Uint8Array>, message: RegExp) => {
    await drop(page, "plans", [zipped(model)]);
    await waitFor(page, "The model is read.");
    await page.click("#predict");
    await waitFor(page, /did not work/);
    expect(await alert.textContent()).toMatch(message);
  };
  // 36 x 2 x 2 um: 4.3 billion voxels.
  await predicting(
    modelFiles({ spacing: [0.0018, 0.014, 0.012] }),
    /Not enough memory.*tiny needs about \d+ GB for this scan, but the limit is [\d.]+ GB.*Use fewer folds/,
  );
  await predicting(modelFiles({ onnx: decode<Uint8Array>(models["unknown operator"]) }), /operator Frobnicate/);
  await predicting(modelFiles({ onnx: decode<Uint8Array>(models["fails at run"]) }), /2 output channels.*ask for 3/);

  // So fine a grid has many windows; there is time to stop.
  await drop(page, "plans", [zipped(modelFiles({ spacing: [0.2, 0.2, 0.2] }))]);
  await waitFor(page, "The model is read.");
  await page.click("#predict");
  await expect.poll(() => page.textContent("#status"), { timeout: 30_000 }).toMatch(/window \d+ of \d+, about .* left/);
  await page.click("#cancel");
  await waitFor(page, "Cancelled.");
  expect(await page.isVisible("#prediction")).toBe(false);
  expect(await page.isEnabled("#predict")).toBe(true);
  await page.close();
});
