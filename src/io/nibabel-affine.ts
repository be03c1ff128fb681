import type { Shape3 } from "../core/volume.js";
import type { NiftiFields } from "./nifti-fields.js";
import { corrupt } from "./nifti-fields.js";

/*
 * Where a NIfTI file lies for nibabel 5.4. Affines are row-major 4x4 matrices from voxels (x, y, z) to RAS in mm.
 */

/** nibabel's check of a header when it loads it: steps that are 0 count as 1, negative ones as positive. */
export function nibabelZooms({ pixdim }: NiftiFields): [number, number, number] {
  const mend = (step: number) => (step === 0 ? 1 : Math.abs(step));
  return [mend(pixdim[1]), mend(pixdim[2]), mend(pixdim[3])];
}

function affineOf(linear: readonly number[], offset: readonly number[]): number[] {
  const row = (i: number) => [...linear.slice(3 * i, 3 * i + 3), offset[i]];
  return [...row(0), ...row(1), ...row(2), 0, 0, 0, 1];
}

/** `get_best_affine`: the sform if there is one, else the qform, else the image's centre at 0 with x turned round. */
export function nibabelAffine(fields: NiftiFields, shape: Shape3): number[] {
  const zooms = nibabelZooms(fields);
  if (fields.sformCode !== 0) return [...fields.srow, 0, 0, 0, 1];
  if (fields.qformCode !== 0) return qformAffine(fields, zooms);
  const [x, y, z] = zooms;
  const linear = [-x, 0, 0, 0, y, 0, 0, 0, z];
  const center = [(shape[2] - 1) / 2, (shape[1] - 1) / 2, (shape[0] - 1) / 2];
  return affineOf(linear, [x * center[0], -y * center[1], -z * center[2]]);
}

/** How far the squares of a float32 quaternion may sum above 1. */
const QUATERNION_NOISE = 3 * 2 ** -23;
const EPSILON = 2 ** -52;

function qformAffine(fields: NiftiFields, zooms: readonly number[]): number[] {
  const [x, y, z] = fields.quatern;
  const square = 1 - (x * x + y * y + z * z);
  if (!(square >= -QUATERNION_NOISE)) {
    throw corrupt(`NIfTI header has the quaternion (${fields.quatern.join(", ")}), longer than 1`, {
      found: [...fields.quatern],
    });
  }
  const w = square < 0 ? 0 : Math.sqrt(square);
  const length = w * w + x * x + y * y + z * z;
  const scale = length < EPSILON ? 0 : 2 / length;
  const [sx, sy, sz] = [x * scale, y * scale, z * scale];
  const rotation = [
    1 - (y * sy + z * sz),
    x * sy - w * sz,
    x * sz + w * sy,
    x * sy + w * sz,
    1 - (x * sx + z * sz),
    y * sz - w * sx,
    x * sz - w * sy,
    y * sz + w * sx,
    1 - (x * sx + y * sy),
  ];
  const steps = [zooms[0], zooms[1], zooms[2] * (fields.pixdim[0] === -1 ? -1 : 1)];
  return affineOf(
    // A product of matrices: no zero of it is negative.
    rotation.map((value, i) => value * steps[i % 3] + 0),
    fields.qoffset,
  );
}

/** The 3x3 part. */
export function linearPart(affine: readonly number[]): number[] {
  return [0, 1, 2, 4, 5, 6, 8, 9, 10].map((i) => affine[i]);
}

/** Lengths of the columns: what a voxel measures along x, y, z. */
export function voxelSizes(affine: readonly number[]): [number, number, number] {
  const size = (j: number) => {
    const [a, b, c] = [affine[j], affine[4 + j], affine[8 + j]];
    return Math.sqrt(a * a + b * b + c * c);
  };
  return [size(0), size(1), size(2)];
}

function determinant(m: readonly number[]): number {
  return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
}

/**
 * The orthogonal matrix nearest to the 3x3 part with unit columns (nibabel takes it from a singular value
 * decomposition), by Newton's iteration (Higham 1986). Throws CORRUPT_FILE when the axes span no space.
 */
export function nearestOrthogonal(affine: readonly number[]): number[] {
  const sizes = voxelSizes(affine);
  let m = linearPart(affine).map((x, i) => (sizes[i % 3] === 0 ? x : x / sizes[i % 3]));
  if (!(Math.abs(determinant(m)) > 1e-12)) {
    throw corrupt(`NIfTI header has the affine [${affine.join(", ")}], whose axes span no space`, { found: affine });
  }
  for (let step = 0; step < 60; step++) {
    const det = determinant(m);
    const next = m.map((x, at) => {
      const [i, j] = [Math.floor(at / 3), at % 3];
      const [p, q, r, s] = [(i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3];
      return (x + (m[3 * p + r] * m[3 * q + s] - m[3 * p + s] * m[3 * q + r]) / det) / 2;
    });
    const change = next.reduce((largest, x, i) => Math.max(largest, Math.abs(x - m[i])), 0);
    m = next;
    if (change < 1e-15) break;
  }
  return m;
}

/** For each voxel axis x, y, z the world axis that it follows, and its sense. */
export type Orientation = readonly { readonly axis: number; readonly sign: 1 | -1 }[];

/** `io_orientation`: the clearest voxel axis chooses first. */
export function orientationOf(affine: readonly number[]): Orientation {
  const r = nearestOrthogonal(affine);
  const strength = [0, 1, 2].map((j) => Math.max(r[j] * r[j], r[3 + j] * r[3 + j], r[6 + j] * r[6 + j]));
  const result: { axis: number; sign: 1 | -1 }[] = [];
  for (const j of [0, 1, 2].sort((a, b) => strength[b] - strength[a] || a - b)) {
    const column = [Math.abs(r[j]), Math.abs(r[3 + j]), Math.abs(r[6 + j])];
    const axis = column.indexOf(Math.max(...column));
    result[j] = { axis, sign: r[3 * axis + j] < 0 ? -1 : 1 };
    for (let k = 0; k < 3; k++) r[3 * axis + k] = 0;
  }
  return result;
}

/**
 * The affine after `orientation`'s axes were brought into world order, all increasing (`inv_ornt_aff`).
 * @param shape of the image before, x y z
 */
export function reorientedAffine(
  affine: readonly number[],
  orientation: Orientation,
  shape: readonly number[],
): number[] {
  const result = [...affine];
  const offset = [affine[3], affine[7], affine[11]];
  for (const [j, { axis, sign }] of orientation.entries()) {
    for (let i = 0; i < 3; i++) result[4 * i + axis] = sign * affine[4 * i + j] + 0;
  }
  for (let i = 0; i < 3; i++) {
    let sum = 0;
    // nibabel multiplies by a matrix whose translation is the flipped axes' last voxel.
    for (const [j, { sign }] of orientation.entries()) sum += affine[4 * i + j] * (sign < 0 ? shape[j] - 1 : 0);
    result[4 * i + 3] = sum + offset[i];
  }
  return result;
}
