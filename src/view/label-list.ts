import type { Box3, Volume } from "../core/volume.js";
import { surveyLabels } from "../kernels/mesh/label-survey.js";

/** One label of a volume, measured. */
export interface MeasuredLabel {
  readonly label: number;
  readonly voxels: number;
  readonly volumeMl: number;
  /** The smallest box that holds it, in the array's axes. */
  readonly box: Box3;
}

/**
 * The labels above 0 of a volume, ascending.
 * @throws NnprepError SHAPE_MISMATCH; INVALID_VALUES when voxels are no labels (whole numbers from 0 to 65535)
 */
export function measureLabels({ data, shape, geometry }: Volume): MeasuredLabel[] {
  const [a, b, c] = geometry.spacingMm;
  return surveyLabels(data, shape).map(({ label, voxels, box }) => ({
    label,
    voxels,
    volumeMl: (voxels * a * b * c) / 1000,
    box,
  }));
}

/** A volume in mL for people: three digits where it is small, whole mL where it is large. */
export function formatMl(volumeMl: number): string {
  if (volumeMl >= 100) return volumeMl.toFixed(0);
  if (volumeMl >= 10) return volumeMl.toFixed(1);
  return volumeMl >= 0.01 || volumeMl === 0 ? volumeMl.toFixed(2) : "< 0.01";
}

/** Voxels of labels, numbered from 1 along x, y, z: x is the file's first axis, the array's last. */
export interface LabelCoordinates {
  readonly label: Uint16Array;
  readonly x: Uint32Array;
  readonly y: Uint32Array;
  readonly z: Uint32Array;
}

/** Where the voxels of the labels lie, label by label, each in the order of the file. */
export function labelCoordinates({ data, shape }: Volume, labels: readonly MeasuredLabel[]): LabelCoordinates {
  const count = labels.reduce((sum, { voxels }) => sum + voxels, 0);
  const [x, y, z] = [new Uint32Array(count), new Uint32Array(count), new Uint32Array(count)];
  const numbers = new Uint16Array(count);
  let to = 0;
  for (const { label, box } of labels) {
    for (let i = box[0][0]; i < box[0][1]; i++) {
      for (let j = box[1][0]; j < box[1][1]; j++) {
        const row = (i * shape[1] + j) * shape[2];
        for (let k = box[2][0]; k < box[2][1]; k++) {
          if (data[row + k] !== label) continue;
          numbers[to] = label;
          x[to] = k + 1;
          y[to] = j + 1;
          z[to++] = i + 1;
        }
      }
    }
  }
  return { label: numbers, x, y, z };
}
