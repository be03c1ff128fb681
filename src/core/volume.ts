import { NnprepError } from "./errors.js";

/** Voxels per axis, slowest axis first. */
export type Shape3 = readonly [number, number, number];
/** One number per axis, slowest axis first unless the name says otherwise. */
export type Vec3 = readonly [number, number, number];
/** A permutation of the axes 0, 1, 2. */
export type Axes3 = readonly [number, number, number];
/** Half-open interval `[low, high)` per axis, slowest axis first. */
export type Box3 = readonly [readonly [number, number], readonly [number, number], readonly [number, number]];

/** The kinds of numbers that voxels can be. */
export type VoxelArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/** Where the voxel grid lies in the patient, in ITK's terms. */
export interface Geometry {
  /** Distance of neighbouring voxels in mm, slowest array axis first. */
  readonly spacingMm: Vec3;
  /** Centre of the first voxel in mm, in patient coordinates (towards left, posterior, superior). */
  readonly originMm: Vec3;
  /**
   * Row-major 3x3 direction cosines: rows are left, posterior, superior; columns are the array axes
   * *fastest first*, exactly ITK's `GetDirection()`.
   */
  readonly direction: readonly [number, number, number, number, number, number, number, number, number];
}

/**
 * How a NIfTI header says where its grid lies: both of its matrices, their codes, its units. Numbers as in the file,
 * axes fastest first, RAS.
 */
export interface NiftiForms {
  readonly qformCode: number;
  readonly sformCode: number;
  /** pixdim[0] to pixdim[3]. */
  readonly pixdim: readonly number[];
  readonly quatern: Vec3;
  readonly qoffset: Vec3;
  /** Three rows of four. */
  readonly srow: readonly number[];
  readonly xyztUnits: number;
}

/** A scan or a label: voxels in C order (last axis fastest) on a grid. */
export interface Volume<T extends VoxelArray = VoxelArray> {
  readonly data: T;
  readonly shape: Shape3;
  readonly geometry: Geometry;
  /**
   * What the NIfTI file said that `geometry` was made from. A file written on the same grid gets it back; it counts
   * for nothing once `geometry` is another.
   */
  readonly niftiForms?: NiftiForms | undefined;
}

/**
 * The arrays of one case on one grid, as every step takes and returns them.
 * nnU-Net stores them as one float32 array `(C + 1, a0, a1, a2)`, the label last.
 */
export interface CaseArrays {
  /** One array per channel, each of `shape`, C order. */
  readonly channels: readonly Float32Array[];
  /** Label of `shape`; after cropping -1 marks voxels outside the non-zero mask. */
  readonly label: Int16Array | null;
  readonly shape: Shape3;
}

/** Voxels of 1 mm at the origin, axes as the patient's (LPS). */
export const IDENTITY_GEOMETRY: Geometry = {
  spacingMm: [1, 1, 1],
  originMm: [0, 0, 0],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
};

/** Number of voxels of a grid. */
export function voxelCount(shape: Shape3): number {
  return shape[0] * shape[1] * shape[2];
}

export function sameShape(a: Shape3, b: Shape3): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}

export function formatShape(shape: readonly number[]): string {
  return `(${shape.join(", ")})`;
}

/** Throws unless `data` has exactly the voxels of `shape`. `name` is what the caller calls the array. */
export function checkLength(name: string, data: ArrayLike<number>, shape: Shape3): void {
  for (const n of shape) {
    if (!Number.isInteger(n) || n < 1) {
      throw new NnprepError(
        "INVALID_ARGUMENT",
        `${name}: shape ${formatShape(shape)} is not three whole numbers of at least 1`,
        { found: [...shape] },
      );
    }
  }
  if (data.length !== voxelCount(shape)) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `${name}: ${data.length} voxels found, but shape ${formatShape(shape)} has ${voxelCount(shape)}`,
      { found: data.length, expected: voxelCount(shape) },
    );
  }
}
