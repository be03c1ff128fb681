import { NnprepError, type Probabilities, type VoxelArray } from "nnprep";
import { MemoryStore } from "nnprep/dataset";
import { readVolume } from "nnprep/io";
import { type ExportedSegmentation, exportSegmentation, loadProbabilities } from "nnprep/v1";
import type { PreparedArrays } from "./prepare-case.js";

/** A label as probabilities of 0 and 1, made plane by plane; also the value that each class stands for. */
function asProbabilities(
  label: VoxelArray,
  shape: PreparedArrays["shape"],
): { probabilities: Probabilities; values: number[] } {
  const found = new Set<number>([0]);
  let last = 0;
  for (let i = 0; i < label.length; i++) {
    const value = label[i] as number;
    if (value === last) continue;
    last = value;
    if (value > 0) found.add(value);
  }
  const values = [...found].sort((a, b) => a - b);
  const unfit = values.find((value) => !Number.isInteger(value) || value > 255);
  if (unfit !== undefined) {
    throw new NnprepError(
      "INVALID_VALUES",
      `the label has the value ${unfit}; whole numbers from 0 to 255 are expected. Is it an image?`,
      { found: unfit, expected: "0 to 255" },
    );
  }
  const size = shape[1] * shape[2];
  const plane = new Float32Array(size);
  const read = (c: number, a: number): Float32Array => {
    for (let i = 0; i < size; i++) {
      // Voxels outside the mask have the label -1: background.
      plane[i] = Math.max(0, label[a * size + i] as number) === values[c] ? 1 : 0;
    }
    return plane;
  };
  return { probabilities: { classes: values.length, shape, precision: "float32", read }, values };
}

async function restore(
  label: VoxelArray,
  prepared: PreparedArrays,
  onProgress: (share: number) => void,
): Promise<ExportedSegmentation> {
  const { probabilities, values } = asProbabilities(label, prepared.shape);
  const result = await exportSegmentation(probabilities, prepared.properties, {
    transposed: true,
    transposeForward: prepared.axes,
    onProgress: (done, total) => onProgress(done / total),
  });
  const { data } = result.segmentation;
  for (let i = 0; i < data.length; i++) data[i] = values[data[i] as number] as number;
  return result;
}

function checkShape(found: readonly number[], expected: readonly number[]): void {
  if (found.every((n, i) => n === expected[i])) return;
  throw new NnprepError(
    "SHAPE_MISMATCH",
    `shape (${found.join(", ")}) found, but the prepared scan has (${expected.join(", ")}); choose a segmentation of the prepared scan`,
    { found: [...found], expected: [...expected] },
  );
}

/** nnU-Net's `softmax` of a case, float16 or float32: (classes, a0, a1, a2) in the file's axes. */
async function restoreNpz(
  name: string,
  bytes: Uint8Array,
  prepared: PreparedArrays,
  onProgress: (share: number) => void,
) {
  const identifier = name.replace(/\.npz$/i, "");
  const store = new MemoryStore();
  await store.write(`${identifier}.npz`, bytes);
  return exportSegmentation(await loadProbabilities(store, identifier), prepared.properties, {
    transposeForward: prepared.axes,
    onProgress: (done, total) => onProgress(done / total),
  });
}

/** A segmentation of the prepared scan back on the grid of the scan; null takes the label of the case itself. */
export async function restoreLabel(
  file: File | null,
  prepared: PreparedArrays,
  onProgress: (share: number) => void,
): Promise<ExportedSegmentation> {
  if (file === null) return restore(prepared.label, prepared, onProgress);
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    if (/\.npz$/i.test(file.name)) return await restoreNpz(file.name, bytes, prepared, onProgress);
    const volume = await readVolume(file.name, bytes);
    checkShape(volume.shape, prepared.shape);
    return await restore(volume.data, prepared, onProgress);
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(file.name) : error;
  }
}
