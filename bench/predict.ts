/**
 * Prediction beside nnU-Net: `npm run bench:predict -- [MODELS] [--python PYTHON] [--quick]`.
 *
 * MODELS (default ../shared/models, no part of this repository) holds trained models, scans and their layout as
 * `npm run conformance:predict` has them. One thread on both sides, processor time instead of time on the clock, so that
 * other work on the machine does not count. Three minutes without --python, eight with it; --quick only the smallest.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Shape3, voxelCount } from "../src/core/volume.js";
import { loadModel } from "../src/inference/load-model.js";
import { estimateWindowMemory } from "../src/inference/memory.js";
import type { Network } from "../src/inference/network.js";
import { predictCase } from "../src/inference/predict.js";
import { predictLogits } from "../src/inference/sliding-window.js";
import { scanFileFromPath, scanFilesInFolder } from "../src/io/scan-path.js";
import { readerFor } from "../src/recipes/v2/readers/registry.js";
import { init } from "../src/runtime/instantiate.js";
import { REPOSITORY } from "./places.js";
import { digits, table } from "./results-file.js";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: "string" }, quick: { type: "boolean", default: false } },
});
const home = resolve(positionals[0] ?? "../shared/models");
const CORD = "Dataset903_CordThick/nnUNetTrainer__nnUNetPlans__3d_fullres";
const TRUNK = "Dataset901_TrunkCT/nnUNetTrainer__nnUNetPlans__3d_fullres";
const PLANAR = "Dataset902_Stroke/nnUNetTrainer__nnUNetPlans__2d";
const RESIDUAL = "Dataset902_Stroke/nnUNetTrainer__nnUNetResEncUNetMPlans__3d_fullres";
const rows = [
  { name: "predict-cord", model: CORD, scans: "cord", identifier: "mr12" },
  { name: "predict-trunk", model: TRUNK, scans: "trunk", identifier: "ct01" },
  { name: "predict-stroke-2d", model: PLANAR, scans: "stroke", identifier: "mr01" },
];

const processorSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** The network, and the processor time that it has taken. */
function timed(network: Network): { readonly network: Network; readonly seconds: () => number } {
  let sum = 0;
  const run: Network["run"] = async (patch) => {
    const start = processorSeconds();
    const logits = await network.run(patch);
    sum += processorSeconds() - start;
    return logits;
  };
  return { network: { ...network, run }, seconds: () => sum };
}

function imagesOf(scans: string, identifier: string): string[] {
  const images = readdirSync(join(home, "scans", scans)).filter((file) => file.startsWith(`${identifier}_`));
  return images.sort().map((file) => join(home, "scans", scans, file));
}

async function measure({ name, model: folder, scans, identifier }: (typeof rows)[number]): Promise<string[]> {
  const path = join(home, "models", folder);
  const opened = await loadModel(await scanFilesInFolder(path), path, { folds: ["0"], threads: 1 });
  const { network, seconds: ofNetwork } = timed(opened.networks[0]);
  const model = { ...opened, networks: [network] };
  const paths = imagesOf(scans, identifier);
  const run = async () => {
    const start = processorSeconds();
    const networkStart = ofNetwork();
    const reader = await readerFor(model.readerName);
    const input = await reader.readImages(await Promise.all(paths.map((file) => scanFileFromPath(file))));
    const { labels, shape } = await predictCase(model, input, { inPlace: true });
    await reader.formatSegmentation(labels, shape, input.properties, ".nii.gz");
    return { all: processorSeconds() - start, network: ofNetwork() - networkStart };
  };
  await run();
  const { all, network: inside } = await run();
  await opened.dispose();
  const reference = options.python === undefined ? null : referenceSeconds(path, paths);
  const outside = (all - inside) / inside;
  return [
    `\`${name}\``,
    `${digits(all)} s`,
    `${digits(inside)} s`,
    `${digits(100 * outside)} %`,
    outside <= 0.1 ? "yes" : "**no**",
    reference === null ? "-" : `${digits(reference)} s`,
    reference === null ? "-" : `${digits(all / reference)}x`,
    reference === null ? "-" : all <= 1.1 * reference ? "yes" : "**no**",
  ];
}

/** Processor time of nnU-Net's own command for one case without loading the model, one thread. */
function referenceSeconds(model: string, paths: readonly string[]): number {
  const script = join(REPOSITORY, "bench/predict_reference.py");
  const environment = { ...process.env, OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1" };
  const { stdout, stderr, status } = spawnSync(options.python as string, [script, model, ...paths], {
    env: environment,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout.trim().split("\n").at(-1));
}

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

/** Peak of a whole prediction in a process of its own, beside the estimate. */
function measurePeak(name: string, model: string, folds: string, images: readonly string[]): string[] {
  const script = join(REPOSITORY, "build/bench/bench/predict-memory.js");
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [script, join(home, "models", model), folds, ...images],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(stderr);
  const { peak, estimate } = JSON.parse(stdout) as { peak: number; estimate: number };
  const share = `${Math.round(100 * (estimate / peak - 1))} %`;
  return [name, mebibytes(peak), mebibytes(estimate), share, peak <= estimate ? "yes" : "**no**"];
}

/** Peak of the window loop around a network that holds nothing, beside the estimate. */
async function measureMemory(
  name: string,
  shape: Shape3,
  patch: readonly number[],
  classes: number,
): Promise<string[]> {
  // Filled, or their pages would not be there yet.
  const logits = new Float32Array(classes * patch.reduce((product, n) => product * n, 1)).fill(1);
  const image = { channels: [new Float32Array(voxelCount(shape)).fill(1)], shape };
  const network: Network = {
    run: async ({ data }) => {
      for (let c = 0; c < classes; c++) logits.set(data, c * data.length);
      return logits;
    },
  };
  const settings = { patch, classes, precision: "float32" } as const;
  const { totalBytes } = estimateWindowMemory(shape, 1, 1, settings);
  // Case and logits are here already, and part of the estimate.
  const here = image.channels[0].byteLength + logits.byteLength;
  const before = process.memoryUsage().rss - here;
  let peak = 0;
  let sum = 0;
  const { slabs, release } = predictLogits([network], image, settings);
  for await (const plane of slabs) {
    peak = Math.max(peak, process.memoryUsage().rss - before);
    sum += plane[0];
    release?.(plane);
  }
  if (!Number.isFinite(sum)) throw new Error(`${name}: the planes hold no numbers`);
  return [
    name,
    `${classes} classes, ${shape.join("x")}, windows of ${patch.join("x")}`,
    mebibytes(peak),
    mebibytes(totalBytes),
    peak <= totalBytes ? "yes" : "**no**",
  ];
}

await init();
const chosen = options.quick ? rows.slice(0, 1) : rows;
const measured: string[][] = [];
for (const row of chosen) measured.push(await measure(row));
const head = ["name", "all", "network", "outside", "<= 10 %", "nnU-Net", "of nnU-Net", "<= 1.1x"];
console.log(`Processor time, one thread.\n\n${table(head, measured)}\n`);
const peaks = [
  { name: "cord", model: CORD, scans: "cord", identifier: "mr12", folds: "0" },
  { name: "trunk, ct01", model: TRUNK, scans: "trunk", identifier: "ct01", folds: "0" },
  { name: "trunk, ct04, two folds", model: TRUNK, scans: "trunk", identifier: "ct04", folds: "0,1" },
  { name: "stroke, 2-D", model: PLANAR, scans: "stroke", identifier: "mr01", folds: "0" },
  { name: "stroke, residual", model: RESIDUAL, scans: "stroke", identifier: "mr01", folds: "0" },
];
const measuredPeaks = peaks
  .slice(0, options.quick ? 1 : undefined)
  .map(({ name, model, scans, identifier, folds }) => measurePeak(name, model, folds, imagesOf(scans, identifier)));
console.log(`${table(["prediction", "peak", "estimate", "above it", "peak <= estimate"], measuredPeaks)}\n`);
const memory = [await measureMemory("few classes", [96, 160, 160], [64, 96, 96], 5)];
if (!options.quick) memory.push(await measureMemory("118 classes", [267, 239, 239], [64, 128, 128], 119));
console.log(table(["windows in float32", "size", "peak", "estimate", "peak <= estimate"], memory));
