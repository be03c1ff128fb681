import { NnprepError, type Probabilities, type Shape3, type VoxelArray } from "nnprep";
import { readVolume } from "nnprep/io";
import type { OnShare, Prepared, Restored } from "./prepared.js";
import type { PathFile } from "./protocol.js";

/** A label as probabilities of 0 and 1, made plane by plane; also the value that each class stands for. */
function asProbabilities(label: VoxelArray, shape: Shape3): { probabilities: Probabilities; values: number[] } {
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

async function restore(label: VoxelArray, prepared: Prepared, onShare: OnShare): Promise<Restored> {
  const { probabilities, values } = asProbabilities(label, prepared.shape);
  const result = await prepared.restore(probabilities, onShare);
  const { data } = result.segmentation;
  for (let i = 0; i < data.length; i++) data[i] = values[data[i] as number] as number;
  // The values are probabilities: that they look like some is no news.
  return { ...result, warnings: [] };
}

function checkShape(found: readonly number[], expected: readonly number[]): void {
  if (found.every((n, i) => n === expected[i])) return;
  throw new NnprepError(
    "SHAPE_MISMATCH",
    `shape (${found.join(", ")}) found, but the prepared scan has (${expected.join(", ")}); choose a segmentation of the prepared scan`,
    { found: [...found], expected: [...expected] },
  );
}

/** A segmentation of the prepared scan back on the grid of the scan; null takes the label of the case itself. */
export async function restoreLabel(given: PathFile | null, prepared: Prepared, onShare: OnShare): Promise<Restored> {
  if (given === null) return restore(prepared.label as Int16Array, prepared, onShare);
  const { name } = given.file;
  const bytes = new Uint8Array(await given.file.arrayBuffer());
  try {
    if (/\.npz$/i.test(name)) return await prepared.restoreFile(name, bytes, onShare);
    const volume = await readVolume(name, bytes);
    checkShape(volume.shape, prepared.shape);
    return await restore(volume.data, prepared, onShare);
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(name) : error;
  }
}
