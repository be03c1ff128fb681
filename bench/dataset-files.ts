/** Writes the raw data of a dataset row, which the folder's name says the generation of: `node dataset-files.js FOLDER [--quick]` prints the number of voxels. */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { IDENTITY_GEOMETRY, type Shape3, type Vec3, voxelCount } from "../src/core/volume.js";
import { formatNifti } from "../src/io/nifti.js";
import * as v1 from "../src/recipes/v1/documents/dataset-json.js";
import * as v2 from "../src/recipes/v2/documents/dataset-json.js";
import { ctScan, labelMap } from "./data.js";
import { FULL, QUICK, type Scale } from "./row.js";

/** mm, slowest axis first: the median is 2 x 0.8 x 0.8, and no case lies on it in every axis. */
const SPACINGS: readonly Vec3[] = [
  [2, 0.7, 0.7],
  [2.5, 0.8, 0.8],
  [1.5, 0.8, 0.8],
  [2, 0.9, 0.9],
  [3, 0.75, 0.75],
  [2, 0.85, 0.85],
  [1.25, 0.8, 0.8],
  [2, 0.95, 0.95],
];
const LABELS = 3;

type Listed = { readonly image: string; readonly label: string };

function v1Document(names: readonly string[], training: Listed[]): string {
  const labels = new Map(names.map((name, i) => [i, name]));
  return v1.formatDatasetJson({ name: "Bench", modality: new Map([[0, "CT"]]), labels, training, test: [] });
}

function v2Document(names: readonly string[]): string {
  const labels = new Map(names.map((name, i) => [name, i]));
  const numTraining = SPACINGS.length;
  return v2.formatDatasetJson(v2.makeDatasetDocument({ channels: ["CT"], labels, numTraining, fileEnding: ".nii.gz" }));
}

async function writeRaw(folder: string, scale: Scale): Promise<number> {
  const shape: Shape3 = scale.shape([150, 512, 512]);
  for (const sub of ["imagesTr", "labelsTr"]) mkdirSync(join(folder, sub), { recursive: true });
  const training: Listed[] = [];
  for (const [index, spacingMm] of SPACINGS.entries()) {
    const identifier = `case_${String(index).padStart(3, "0")}`;
    const geometry = { ...IDENTITY_GEOMETRY, spacingMm };
    const image = { data: Int16Array.from(ctScan(shape, 100 + 10 * index)), shape, geometry };
    const label = { data: Uint8Array.from(labelMap(shape, LABELS, 200 + index)), shape, geometry };
    writeFileSync(join(folder, `imagesTr/${identifier}_0000.nii.gz`), await formatNifti(image, { gzip: true }));
    writeFileSync(join(folder, `labelsTr/${identifier}.nii.gz`), await formatNifti(label, { gzip: true }));
    training.push({ image: `./imagesTr/${identifier}.nii.gz`, label: `./labelsTr/${identifier}.nii.gz` });
  }
  const names = Array.from({ length: LABELS + 1 }, (_, i) => (i === 0 ? "background" : `organ ${i}`));
  writeFileSync(
    join(folder, "dataset.json"),
    basename(folder).startsWith("Dataset") ? v2Document(names) : v1Document(names, training),
  );
  return SPACINGS.length * voxelCount(shape);
}

const [folder, ...flags] = process.argv.slice(2);
process.stdout.write(`${await writeRaw(folder, flags.includes("--quick") ? QUICK : FULL)}\n`);
