// node test/oracle/round-trip.mjs FOLDER
//
// Crops and resamples the labels of FOLDER/scans (made by round_trip.py) to the spacings of FOLDER/round-trips.json, and
// writes them as certain probabilities, ID.npz and ID.pkl, in the file's axes as nnU-Net's inference does.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { init } from "../../dist/node.js";
import { FolderStore, loadVolume } from "../../dist/public/dataset-node.js";
import { writeNpz } from "../../dist/public/io.js";
import { inverseAxes, permute, transpose } from "../../dist/public/steps.js";
import { cropCase, preprocessCase, saveProperties } from "../../dist/public/v1.js";

/** float16, half the memory, where there are many classes; float32 elsewhere: SciPy has no float16 for a separate axis. */
const MANY = 8;
const HALF_ONE = 0x3c00;
const folder = process.argv[2];
const output = new FolderStore(join(folder, "probabilities"));
mkdirSync(output.folder, { recursive: true });
await init();
for (const trip of JSON.parse(readFileSync(join(folder, "round-trips.json"), "utf8"))) {
  const { identifier, scan, channels, classes, target, axes } = trip;
  const store = new FolderStore(join(folder, "scans"));
  const images = [];
  for (let c = 0; c < channels; c++)
    images.push(await loadVolume(store, `${scan}_${String(c).padStart(4, "0")}.nii.gz`));
  const cropped = cropCase({ images, label: await loadVolume(store, `${scan}.nii.gz`) });
  const { arrays, properties } = await preprocessCase(cropped.arrays, cropped.properties, {
    targetSpacingMm: permute(target ?? cropped.properties.original_spacing, axes),
    transposeForward: axes,
    normalizationSchemes: images.map(() => "noNorm"),
    useMaskForNorm: images.map(() => false),
    intensityProperties: null,
    classes: Array.from({ length: classes - 1 }, (_, c) => c + 1),
    planar: false,
  });
  const back = inverseAxes(axes);
  const label = transpose(arrays.label, arrays.shape, back);
  const float16 = classes > MANY;
  const chunks = Array.from({ length: classes }, () => new (float16 ? Uint16Array : Float32Array)(label.length));
  for (let i = 0; i < label.length; i++) chunks[Math.max(0, label[i])][i] = float16 ? HALF_ONE : 1;
  const softmax = { chunks, shape: [classes, ...permute(arrays.shape, back)], float16 };
  writeFileSync(output.location(`${identifier}.npz`), await writeNpz({ softmax }, { compression: "fast" }));
  await saveProperties(output, identifier, properties);
}
