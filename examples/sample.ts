/**
 * Generates two small datasets of phantoms in ./sample and runs the whole preparation of both generations of nnU-Net on
 * them: `npm start`. What is written is what nnU-Net expects; replace it by your own scans.
 */
import { spawnSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { FolderStore } from "nnprep/dataset";
import { formatNifti } from "nnprep/io";
import { makeCt, makeMr, type Phantom, type PhantomGrid } from "./phantom.js";

interface Sample {
  readonly number: number;
  readonly name: string;
  readonly channels: readonly string[];
  readonly labels: readonly string[];
  readonly make: (grid: PhantomGrid, seed: number) => Phantom;
  /** One per case: voxels and mm, slowest axis first. */
  readonly grids: readonly PhantomGrid[];
}

const SAMPLES: readonly Sample[] = [
  {
    number: 501,
    name: "PhantomCT",
    channels: ["CT"],
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
    number: 502,
    name: "PhantomMR",
    channels: ["T1", "T1c", "T2", "FLAIR"],
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

function writeJson(store: FolderStore, path: string, value: unknown): Promise<void> {
  return store.write(path, new TextEncoder().encode(JSON.stringify(value, null, 4)));
}

/** Writes the scans of a dataset as both generations expect them: imagesTr/ID_0000.nii.gz ..., labelsTr/ID.nii.gz. */
async function writeScans(store: FolderStore, { grids, make, channels }: Sample): Promise<string[]> {
  const identifiers: string[] = [];
  for (const [index, grid] of grids.entries()) {
    const identifier = `phantom_${String(index + 1).padStart(3, "0")}`;
    const { images, label } = make(grid, 1000 * (index + 1) + channels.length);
    for (const [channel, image] of images.entries()) {
      const name = `${identifier}_${String(channel).padStart(4, "0")}.nii.gz`;
      await store.write(`imagesTr/${name}`, await formatNifti(image, { gzip: true }));
    }
    await store.write(`labelsTr/${identifier}.nii.gz`, await formatNifti(label, { gzip: true }));
    identifiers.push(identifier);
  }
  return identifiers;
}

/** What nnU-Net v2 asks of a raw dataset. */
async function writeDataset(folder: string, sample: Sample): Promise<void> {
  const store = new FolderStore(`${folder}/Dataset${sample.number}_${sample.name}`);
  const identifiers = await writeScans(store, sample);
  await writeJson(store, "dataset.json", {
    channel_names: { ...sample.channels },
    labels: Object.fromEntries(sample.labels.map((label, i) => [label, i])),
    numTraining: identifiers.length,
    file_ending: ".nii.gz",
  });
}

/** What nnU-Net v1 asks of a raw task. */
async function writeTask(folder: string, sample: Sample): Promise<void> {
  const store = new FolderStore(`${folder}/Task${sample.number}_${sample.name}`);
  const identifiers = await writeScans(store, sample);
  await writeJson(store, "dataset.json", {
    name: sample.name,
    modality: { ...sample.channels },
    labels: { ...sample.labels },
    numTraining: identifiers.length,
    numTest: 0,
    training: identifiers.map((id) => ({ image: `./imagesTr/${id}.nii.gz`, label: `./labelsTr/${id}.nii.gz` })),
    test: [],
  });
}

const main = fileURLToPath(new URL("program/main.js", import.meta.resolve("nnprep")));

/** Shows a command and runs it. */
function run(...parameters: string[]): void {
  process.stdout.write(`$ nnprep ${parameters.join(" ")}\n\n`);
  const { status } = spawnSync(process.execPath, [main, ...parameters], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const folder = process.argv[2] ?? "sample";
await rm(folder, { recursive: true, force: true });
for (const sample of SAMPLES) await writeDataset(`${folder}/nnUNet_raw`, sample);
for (const sample of SAMPLES) await writeTask(`${folder}/nnUNet_raw_data`, sample);

const whole = ["plan-and-preprocess", "--verify-dataset-integrity", "--workers", "2"];
const numbers = SAMPLES.map(({ number }) => String(number));
process.stdout.write("The second generation of nnU-Net:\n\n");
run(...whole, "-d", ...numbers, "--raw", `${folder}/nnUNet_raw`, "--preprocessed", `${folder}/nnUNet_preprocessed`);
process.stdout.write("The first:\n\n");
run(...whole, "-t", ...numbers, "--raw", `${folder}/nnUNet_raw_data`, "--preprocessed", `${folder}/preprocessed_v1`);
