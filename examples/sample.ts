/**
 * Generates two small tasks of phantoms in ./sample and runs the whole preparation on them: `npm start`.
 * The task that is written is what nnU-Net v1 expects; replace it by your own scans.
 */
import { spawnSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { FolderStore, formatDatasetJson, formatNifti } from "nnprep";
import { makeCt, makeMr, type Phantom, type PhantomGrid } from "./phantom.js";

interface SampleTask {
  readonly folder: string;
  readonly name: string;
  readonly modality: readonly string[];
  readonly labels: readonly string[];
  readonly make: (grid: PhantomGrid, seed: number) => Phantom;
  /** One per case: voxels and mm, slowest axis first. */
  readonly grids: readonly PhantomGrid[];
}

const TASKS: readonly SampleTask[] = [
  {
    folder: "Task501_PhantomCT",
    name: "PhantomCT",
    modality: ["CT"],
    labels: ["background", "organ", "lesion", "vessel"],
    make: makeCt,
    grids: [
      { shape: [56, 150, 150], spacingMm: [2.5, 1.3, 1.3] },
      { shape: [48, 160, 160], spacingMm: [3, 1.25, 1.25] },
      { shape: [64, 140, 144], spacingMm: [2.2, 1.4, 1.4] },
      { shape: [20, 168, 168], spacingMm: [7.5, 1.1, 1.1] },
      { shape: [50, 150, 140], spacingMm: [3, 1.3, 1.4] },
      { shape: [70, 150, 150], spacingMm: [2, 1.35, 1.35] },
    ],
  },
  {
    folder: "Task502_PhantomMR",
    name: "PhantomMR",
    modality: ["T1", "T1c", "T2", "FLAIR"],
    labels: ["background", "oedema", "tumour", "core"],
    make: makeMr,
    grids: [
      { shape: [64, 96, 96], spacingMm: [2, 2, 1.8] },
      { shape: [60, 100, 90], spacingMm: [2.2, 1.9, 1.9] },
      { shape: [70, 96, 88], spacingMm: [1.8, 2, 2] },
      { shape: [64, 104, 96], spacingMm: [2, 1.8, 1.8] },
    ],
  },
];

/** Writes one task as nnU-Net v1 expects it: imagesTr/ID_0000.nii.gz ..., labelsTr/ID.nii.gz, dataset.json. */
async function writeTask(rawFolder: string, task: SampleTask): Promise<void> {
  const store = new FolderStore(`${rawFolder}/${task.folder}`);
  const training = [];
  for (const [index, grid] of task.grids.entries()) {
    const identifier = `phantom_${String(index + 1).padStart(3, "0")}`;
    const { images, label } = task.make(grid, 1000 * (index + 1) + task.modality.length);
    for (const [channel, image] of images.entries()) {
      const name = `${identifier}_${String(channel).padStart(4, "0")}.nii.gz`;
      await store.write(`imagesTr/${name}`, await formatNifti(image, { gzip: true }));
    }
    await store.write(`labelsTr/${identifier}.nii.gz`, await formatNifti(label, { gzip: true }));
    training.push({ image: `./imagesTr/${identifier}.nii.gz`, label: `./labelsTr/${identifier}.nii.gz` });
  }
  const dataset = formatDatasetJson({
    name: task.name,
    modality: new Map(task.modality.entries()),
    labels: new Map(task.labels.entries()),
    training,
    test: [],
  });
  await store.write("dataset.json", new TextEncoder().encode(dataset));
}

const sample = process.argv[2] ?? "sample";
await rm(sample, { recursive: true, force: true });
for (const task of TASKS) await writeTask(`${sample}/nnUNet_raw_data`, task);

const parameters = [
  "plan-and-preprocess",
  ...TASKS.flatMap((task) => ["-t", String(Number(task.folder.slice(4, 7)))]),
  "--verify-dataset-integrity",
  ...["--raw", `${sample}/nnUNet_raw_data`, "--preprocessed", `${sample}/nnUNet_preprocessed`],
  ...["--workers", "2"],
];
process.stdout.write(`nnprep ${parameters.join(" ")}\n\n`);
const main = fileURLToPath(new URL("cli/main.js", import.meta.resolve("nnprep")));
process.exitCode = spawnSync(process.execPath, [main, ...parameters], { stdio: "inherit" }).status ?? 1;
