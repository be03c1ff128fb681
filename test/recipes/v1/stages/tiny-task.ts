import type { Geometry, Shape3, Vec3, Volume } from "../../../../src/core/volume.js";
import { formatNifti } from "../../../../src/io/nifti.js";
import { formatDatasetJson } from "../../../../src/recipes/v1/documents/dataset-json.js";

/** A grid of test data, slowest axis first. */
export interface TinyGrid {
  readonly shape: Shape3;
  readonly spacingMm: Vec3;
}

export interface TinyTask {
  readonly name: string;
  readonly modality: readonly string[];
  /** Case identifier to its grid. */
  readonly cases: Readonly<Record<string, TinyGrid>>;
}

export const CT_TASK: TinyTask = {
  name: "Task001_TinyCT",
  modality: ["CT"],
  cases: {
    ct_1: { shape: [14, 22, 20], spacingMm: [2, 1, 1] },
    ct_2: { shape: [6, 24, 22], spacingMm: [5, 0.9, 0.95] },
    ct_3: { shape: [12, 20, 24], spacingMm: [2.5, 1.1, 1] },
  },
};

export const MR_TASK: TinyTask = {
  name: "Task002_TinyMR",
  modality: ["T1", "T2"],
  cases: {
    mr_1: { shape: [16, 20, 18], spacingMm: [1.5, 1, 1] },
    mr_2: { shape: [15, 18, 22], spacingMm: [1.6, 1.1, 1] },
    mr_3: { shape: [14, 21, 19], spacingMm: [1.4, 1, 1.2] },
  },
};

export function geometryOf(spacingMm: Vec3): Geometry {
  return { spacingMm, originMm: [-10, 5, 30], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] };
}

/** Different for every case and channel, without a pattern that resampling would hide. */
function texture(index: number, seed: number): number {
  const x = Math.imul(index + 1, 2654435761) ^ Math.imul(seed + 7, 40503);
  return ((x >>> 8) & 0xff) - 128;
}

/** A box of labels 1 and 2 inside a box of tissue; MR is 0 outside the tissue, CT is air. */
export function tinyCase(grid: TinyGrid, channels: number, seed: number): { images: Volume[]; label: Volume } {
  const [n0, n1, n2] = grid.shape;
  const geometry = geometryOf(grid.spacingMm);
  const label = new Uint8Array(n0 * n1 * n2);
  const images = Array.from({ length: channels }, () => new Int16Array(label.length));
  const inside = (i: number, n: number, part: number) => Math.abs(i + 0.5 - n / 2) < part * n;
  for (let i = 0, index = 0; i < n0; i++) {
    for (let j = 0; j < n1; j++) {
      for (let k = 0; k < n2; k++, index++) {
        const within = (part: number) => inside(i, n0, part) && inside(j, n1, part) && inside(k, n2, part);
        if (within(0.25)) label[index] = k < n2 / 2 ? 1 : 2;
        for (const [c, image] of images.entries()) {
          const tissue = 400 + 100 * c + texture(index, seed + c);
          image[index] = within(0.38) ? tissue : channels === 1 ? -1000 + (texture(index, seed) >> 4) : 0;
        }
      }
    }
  }
  return {
    images: images.map((data) => ({ data, shape: grid.shape, geometry })),
    label: { data: label, shape: grid.shape, geometry },
  };
}

/** The files of the task in nnU-Net's layout, by path inside the task's folder. */
export async function taskFiles(task: TinyTask): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const identifiers = Object.keys(task.cases);
  for (const [seed, identifier] of identifiers.entries()) {
    const { images, label } = tinyCase(task.cases[identifier], task.modality.length, 10 * seed);
    for (const [c, image] of images.entries()) {
      files.set(`imagesTr/${identifier}_000${c}.nii.gz`, await formatNifti(image, { gzip: true }));
    }
    files.set(`labelsTr/${identifier}.nii.gz`, await formatNifti(label, { gzip: true }));
  }
  return files.set("dataset.json", new TextEncoder().encode(datasetText(task, identifiers)));
}

/** A dataset.json with two classes unless others are given. */
export function datasetText(
  task: TinyTask,
  identifiers: readonly string[],
  labels: readonly (readonly [number, string])[] = [
    [0, "background"],
    [1, "left"],
    [2, "right"],
  ],
): string {
  return formatDatasetJson({
    name: task.name,
    modality: new Map(task.modality.entries()),
    labels: new Map(labels),
    training: identifiers.map((id) => ({ image: `./imagesTr/${id}.nii.gz`, label: `./labelsTr/${id}.nii.gz` })),
    test: [],
  });
}
