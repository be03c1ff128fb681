import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Shape3, voxelCount } from "../src/core/volume.js";
import { formatNifti } from "../src/io/nifti.js";
import { evaluateFolder, summarizeOutcomes } from "../src/recipes/v2/stages/evaluate.js";
import { FolderStore } from "../src/runner/folder-store.js";
import { LocalExecutor } from "../src/runner/local-executor.js";
import { exactAnd, type Row, type Scale, sizeText } from "./row.js";

const LABELS = Array.from({ length: 60 }, (_, i) => i + 1);
/** Blocks of one organ along each axis, and by how many voxels prediction and reference are apart. */
const BLOCKS = [5, 4, 3] as const;
const SHIFT = 2;

/** Organs side by side in an ellipsoid, with walls that wave; `shift` moves all of them. */
function organs(shape: Shape3, shift: number): Uint8Array {
  const [n0, n1, n2] = shape;
  const labels = new Uint8Array(voxelCount(shape));
  let i = 0;
  for (let z = 0; z < n0; z++) {
    for (let y = 0; y < n1; y++) {
      for (let x = 0; x < n2; x++, i++) {
        const wave = ((x >> 3) + (y >> 3) + (z >> 1)) % 5;
        const [a, b, c] = [(z + shift) / n0, (y + shift + wave) / n1, (x + shift) / n2];
        const distance = (a - 0.5) * (a - 0.5) + (b - 0.5) * (b - 0.5) + (c - 0.5) * (c - 0.5);
        if (distance > 0.2) continue;
        const block = [a, b, c].map((t, axis) => Math.min(BLOCKS[axis] - 1, Math.max(0, Math.floor(t * BLOCKS[axis]))));
        labels[i] = 1 + (block[0] * BLOCKS[1] + block[1]) * BLOCKS[2] + block[2];
      }
    }
  }
  return labels;
}

/**
 * One case of `nnUNetv2_evaluate_folder`, from two files to the counts of all labels: what a folder takes is that by the
 * number of its cases, on both sides.
 */
export function v2EvaluateRows(scale: Scale): Row[] {
  const shape = scale.shape([150, 512, 512]);
  const input = (name: string, shift: number) => ({ file: `organs-${name}`, shape, make: () => organs(shape, shift) });
  return [
    {
      name: "v2-evaluate",
      size: `one case ${sizeText(shape)}, ${LABELS.length} labels, two .nii.gz`,
      operation: "v2-evaluate",
      reference: "nnunetv2 compute_metrics, SimpleITKIO",
      inputs: { prediction: input("prediction", SHIFT), reference: input("reference", 0) },
      parameters: { labels: LABELS },
      voxels: voxelCount(shape),
      target: exactAnd(20),
      prepare: (arrays) => {
        const folder = mkdtempSync(join(tmpdir(), "nnprep-bench-evaluate-"));
        process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
        const store = (name: string) => new FolderStore(join(folder, name));
        const stores = { prediction: store("prediction"), reference: store("reference") };
        const geometry = { spacingMm: [2, 1, 1], originMm: [0, 0, 0], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] } as const;
        const write = async (name: "prediction" | "reference") => {
          const volume = { data: arrays[name] as Uint8Array, shape, geometry };
          await stores[name].write("case.nii.gz", await formatNifti(volume, { gzip: true }));
        };
        let written: Promise<unknown> | undefined;
        let counts = new Float64Array(0);
        return {
          run: async () => {
            written ??= Promise.all([write("prediction"), write("reference")]);
            await written;
            const settings = { regions: LABELS, fileEnding: ".nii.gz", readerName: "SimpleITKIO" };
            const outcomes = await evaluateFolder({ stores, executor: new LocalExecutor(stores) }, settings);
            const [{ regions }] = summarizeOutcomes(outcomes).cases;
            const metrics = ["TP", "FP", "FN", "TN"];
            counts = Float64Array.from(
              [...regions.values()].flatMap((of) => metrics.map((name) => of.get(name) as number)),
            );
            return counts[0];
          },
          outputs: () => ({ counts }),
        };
      },
    },
  ];
}
