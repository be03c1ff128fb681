// npm run conformance:predict [-- MODELS [--python PYTHON]]
//
// Predicts the scans of MODELS (default ../shared/models, no part of this repository) with its trained models and compares
// with what nnU-Net 2.8.1 made of them: input of the network, logits, labels. With --python, a Python that has nnU-Net
// 2.8.1 and onnxruntime, it also says of labels that differ how close to a tie they were, and how many differ from what
// nnU-Net's own code makes around the same ONNX files.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { predictCase } from "../../dist/inference/predict.js";
import { readNpzFloats } from "../../dist/io/npz.js";
import { scanFileFromPath, scanFilesInFolder } from "../../dist/io/scan-path.js";
import { widenHalves } from "../../dist/kernels/half.js";
import { init, loadModel } from "../../dist/node.js";
import { openOnnxNetwork, predictLogits } from "../../dist/public/inference.js";
import { parseNifti } from "../../dist/public/io.js";
import { preprocessCase, preprocessSettings } from "../../dist/recipes/v2/preprocess.js";
import { readerFor } from "../../dist/recipes/v2/readers/registry.js";
import { gatherProbabilities } from "../../dist/steps/probabilities.js";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: "string" } },
});
/** Voxels whose logits are this close may fall to either class. */
const TIE = 1e-4;
/** And those of which a sum over windows and a mean over folds were rounded to the other neighbour. */
const STEPS = 2;
const home = resolve(positionals[0] ?? "../shared/models");
const output = resolve(".cache/predict");
mkdirSync(output, { recursive: true });
await init();

const trunk = "Dataset901_TrunkCT/nnUNetTrainer__nnUNetPlans__3d_fullres";
const cord = "Dataset903_CordThick/nnUNetTrainer__nnUNetPlans__3d_fullres";
const resenc = "Dataset902_Stroke/nnUNetTrainer__nnUNetResEncUNetMPlans__3d_fullres";
const planar = "Dataset902_Stroke/nnUNetTrainer__nnUNetPlans__2d";
const predictions = [
  { name: "cord_fold0", model: cord, scans: "cord", cases: ["mr12"], folds: ["0"] },
  { name: "trunk_fold0", model: trunk, scans: "trunk", cases: ["ct01", "ct04"], folds: ["0"] },
  { name: "trunk_fold0_notta", model: trunk, scans: "trunk", cases: ["ct01", "ct04"], folds: ["0"], mirroring: false },
  { name: "trunk_folds01", model: trunk, scans: "trunk", cases: ["ct01", "ct04"], folds: ["0", "1"] },
  { name: "stroke_resenc", model: resenc, scans: "stroke", cases: ["mr01"], folds: ["0"] },
  { name: "stroke_2d", model: planar, scans: "stroke", cases: ["mr01"], folds: ["0"] },
];

const countDifferent = (a, b) => a.reduce((count, x, i) => count + (x === b[i] ? 0 : 1), 0);

/** nnU-Net's own input of the network through the windows, to its logits. */
async function compareLogits(label, file, networks, settings) {
  const bytes = readFileSync(file);
  const data = await readNpzFloats(bytes, "data");
  const expected = await readNpzFloats(bytes, "logits");
  const [count, ...shape] = data.shape;
  const voxels = data.data.length / count;
  const channels = Array.from({ length: count }, (_, c) => data.data.subarray(c * voxels, (c + 1) * voxels));
  const found = await gatherProbabilities(predictLogits(networks, { channels, shape }, settings));
  const [a, b] = [widenHalves(found.data), widenHalves(expected.data)];
  const largest = a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);
  console.log(`${label}: ${countDifferent(a, b)} of ${a.length} float16 logits differ, by up to ${largest}`);
  return { channels };
}

async function exactNetwork() {
  for (const [name, folds, mirrorAxes] of [
    ["mirrored", [0], [0, 1, 2]],
    ["not_mirrored", [0], null],
    ["mirrored_two_folds", [0, 1], [0, 1, 2]],
  ]) {
    const networks = [];
    for (const fold of folds)
      networks.push(await openOnnxNetwork(readFileSync(join(home, `exact/fold_${fold}/model.onnx`))));
    const settings = { patch: [16, 48, 40], classes: 2, mirrorAxes };
    await compareLogits(`exact network, ${name}`, join(home, `exact/expected_${name}.npz`), networks, settings);
  }
}

async function readCase(model, folder, identifier) {
  const names = readdirSync(folder).filter((name) => name.startsWith(`${identifier}_`));
  const images = await Promise.all(names.sort().map((name) => scanFileFromPath(join(folder, name))));
  return { images, read: async () => (await readerFor(model.plans.readerName)).readImages(images) };
}

function explain(prediction, folder, identifier, labels, reading) {
  const file = join(output, `${prediction.name}_${identifier}.nii.gz`);
  writeFileSync(file, labels);
  const mirroring = prediction.mirroring === false ? "0" : "1";
  const call = ["test/oracle/v2_predictions.py", folder, prediction.folds.join(","), file, mirroring];
  const paths = reading.images.map(({ name }) => name);
  const { stdout, stderr, status } = spawnSync(options.python, [...call, ...paths], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  const { differ, margins, units, sameNetwork } = JSON.parse(stdout.trim().split("\n").at(-1));
  const close = margins.filter((margin) => margin <= TIE).length;
  console.log(
    `    nnU-Net with PyTorch: ${differ} differ, ${close} of them within ${TIE} of a tie in its own logits, the others up to ${Math.max(0, ...margins)}, which is ${Math.max(0, ...units)} steps of float16; nnU-Net around the same ONNX files: ${sameNetwork} differ`,
  );
  // What the network's rounding can do: the logits that are compared are float16 numbers.
  if (sameNetwork > 0 || units.some((unit) => unit > STEPS)) process.exitCode = 1;
}

async function compareCase(prediction, folder, model, identifier) {
  const reading = await readCase(model, join(home, "scans", prediction.scans), identifier);
  const reader = await readerFor(model.plans.readerName);
  const intermediate = join(home, "expected", prediction.name, `${identifier}_intermediate.npz`);
  if (readdirSync(join(home, "expected", prediction.name)).includes(`${identifier}_intermediate.npz`)) {
    const settings = { patch: model.configuration.patchSize, classes: model.classes, mirrorAxes: model.mirrorAxes };
    const { channels } = await compareLogits(
      `${prediction.name} ${identifier}`,
      intermediate,
      model.networks,
      settings,
    );
    const rules = preprocessSettings(model.plans, model.configuration.name, model.dataset.labels);
    const { properties, ...arrays } = await reading.read();
    const prepared = await preprocessCase({ ...arrays, label: null }, properties, rules);
    const largest = prepared.channels.map((channel, c) =>
      channel.reduce((most, x, i) => Math.max(most, Math.abs(x - channels[c][i])), 0),
    );
    console.log(`    input of the network differs by up to ${Math.max(...largest)}`);
  }
  const start = performance.now();
  const { labels, shape, properties } = await predictCase(model, await reading.read(), prediction);
  const seconds = (performance.now() - start) / 1000;
  const [file] = await reader.formatSegmentation(labels, shape, properties, ".nii.gz");
  const expected = await parseNifti(readFileSync(join(home, "expected", prediction.name, `${identifier}.nii.gz`)));
  const differ = countDifferent(labels, expected.data);
  console.log(
    `${prediction.name} ${identifier}: ${differ} of ${labels.length} labels differ (${seconds.toFixed(1)} s)`,
  );
  if (differ > 0 && options.python !== undefined) explain(prediction, folder, identifier, file.bytes, reading);
}

await exactNetwork();
for (const prediction of predictions) {
  const folder = join(home, "models", prediction.model);
  const model = await loadModel(await scanFilesInFolder(folder), folder, { folds: prediction.folds });
  for (const identifier of prediction.cases) await compareCase(prediction, folder, model, identifier);
  await model.dispose();
}
