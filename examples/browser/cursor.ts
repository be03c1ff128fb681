import type { Picture } from "./protocol.js";

export type Point = readonly [number, number, number];

/** What a picture has at a place. */
export interface Cursor {
  /** Voxel along x, y and z of the file, the first one is 1; and how many there are. */
  readonly voxel: Point;
  readonly of: Point;
  readonly value: number;
  /** Label there; null without one. */
  readonly label: number | null;
}

/** The voxel of the picture at a place of the patient, slowest axis first; null outside. */
function voxelAt([right, front, head]: Point, { geometry, shape }: Picture): Point | null {
  const { spacingMm, originMm, direction: d } = geometry;
  // NiiVue counts towards right, front and head, ITK towards left, back and head.
  const [x, y, z] = [-right - originMm[0], -front - originMm[1], head - originMm[2]];
  const minor = (a: number, b: number, c: number, e: number) =>
    (d[a] as number) * (d[b] as number) - (d[c] as number) * (d[e] as number);
  const cofactors = [
    [minor(4, 8, 5, 7), minor(2, 7, 1, 8), minor(1, 5, 2, 4)],
    [minor(5, 6, 3, 8), minor(0, 8, 2, 6), minor(2, 3, 0, 5)],
    [minor(3, 7, 4, 6), minor(1, 6, 0, 7), minor(0, 4, 1, 3)],
  ];
  const [first] = cofactors as [number[]];
  const determinant = d[0] * (first[0] as number) + d[3] * (first[1] as number) + d[6] * (first[2] as number);
  // Columns of the direction are the axes fastest first.
  const [i2, i1, i0] = cofactors.map((row, axis) => {
    const [a, b, c] = row as [number, number, number];
    return Math.round((a * x + b * y + c * z) / determinant / (spacingMm[2 - axis] as number));
  }) as [number, number, number];
  const index = [i0, i1, i2] as const;
  return index.every((n, axis) => n >= 0 && n < (shape[axis] as number)) ? index : null;
}

export function cursorAt(place: Point, image: Picture, label: Picture | null): Cursor | null {
  const index = voxelAt(place, image);
  if (index === null) return null;
  const [i, j, k] = index;
  const at = (i * image.shape[1] + j) * image.shape[2] + k;
  const number = label === null ? null : (label.data[at] as number);
  const voxel = [k, j, i].map((n) => n * image.stride + 1) as unknown as Point;
  const of = [...image.shape].reverse().map((n) => n * image.stride) as unknown as Point;
  return {
    voxel,
    of,
    value: image.data[at] as number,
    label: number === null ? null : (label?.values?.[number] ?? number),
  };
}
