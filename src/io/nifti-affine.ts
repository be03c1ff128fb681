import { NnprepError } from "../core/errors.js";
import type { Geometry } from "../core/volume.js";
import { placedAsInItk } from "./itk-image.js";
import { singularVectors } from "./linpack-svd.js";
import type { NiftiFields as AllFields } from "./nifti-fields.js";

/** The fields that tell where the grid lies. */
type NiftiFields = Pick<
  AllFields,
  "version" | "pixdim" | "quatern" | "qoffset" | "srow" | "qformCode" | "sformCode" | "xyztUnits"
>;

/*
 * Where a NIfTI file lies in the patient, by the policy of ITK 5.4 (what SimpleITK 2.5 returns): ITK's NiftiImageIO
 * decides between sform and qform, niftilib turns the quaternion into a matrix.
 */

/** Three rows of four, as srow_x, srow_y, srow_z: columns are the steps along x, y, z and the origin (RAS, file units). */
type Affine = readonly number[];

const SCANNER_ANATOMICAL = 1;

/** Rounds as the file's own floats do: niftilib keeps NIfTI-1 matrices in float32. */
function rounding({ version }: NiftiFields): (x: number) => number {
  return version === 1 ? Math.fround : (x) => x;
}

/** pixdim[1..3] as niftilib mends them: what is 0 or not finite counts as 1. */
function steps({ pixdim }: NiftiFields): [number, number, number] {
  const mend = (x: number) => (x === 0 || !Number.isFinite(x) ? 1 : x);
  return [mend(pixdim[1]), mend(pixdim[2]), mend(pixdim[3])];
}

/** niftilib's `nifti_quatern_to_mat44`. */
function qformAffine(fields: NiftiFields): Affine {
  const round = rounding(fields);
  const finite = (x: number) => (Number.isFinite(x) ? x : 0);
  let [b, c, d] = fields.quatern.map(finite);
  const [x, y, z] = fields.qoffset.map(finite);
  let a = 1 - (b * b + c * c + d * d);
  if (a < 1e-7) {
    // A rotation by 180 degrees, its rounded quaternion made a unit one.
    a = 1 / Math.sqrt(b * b + c * c + d * d);
    b *= a;
    c *= a;
    d *= a;
    a = 0;
  } else {
    a = Math.sqrt(a);
  }
  const [dx, dy, dz] = steps(fields).map((step) => (step > 0 ? step : 1));
  const zStep = fields.pixdim[0] < 0 ? -dz : dz;
  return [
    round((a * a + b * b - c * c - d * d) * dx),
    round(2 * (b * c - a * d) * dy),
    round(2 * (b * d + a * c) * zStep),
    x,
    round(2 * (b * c + a * d) * dx),
    round((a * a + c * c - b * b - d * d) * dy),
    round(2 * (c * d - a * b) * zStep),
    y,
    round(2 * (b * d - a * c) * dx),
    round(2 * (c * d + a * b) * dy),
    round((a * a + d * d - c * c - b * b) * zStep),
    z,
  ];
}

/** The 3x3 part, row-major. */
function linearPart(m: Affine): number[] {
  return [m[0], m[1], m[2], m[4], m[5], m[6], m[8], m[9], m[10]];
}

function offset(m: Affine): number[] {
  return [m[3], m[7], m[11]];
}

function areClose(a: readonly number[], b: readonly number[], tolerance: number): boolean {
  return a.every((x, i) => !(Math.abs(Math.fround(x - b[i])) > tolerance));
}

/** Singular values of the 4x4 matrix by one-sided Jacobi rotations; their ratio tells whether it can be inverted. */
function isInvertible(m: Affine): boolean {
  if (!m.every(Number.isFinite)) return false;
  const columns = [0, 1, 2, 3].map((j) => [m[j], m[4 + j], m[8 + j], j === 3 ? 1 : 0]);
  const product = (p: number[], q: number[]) => p[0] * q[0] + p[1] * q[1] + p[2] * q[2] + p[3] * q[3];
  for (let sweep = 0; sweep < 30; sweep++) {
    let rotated = false;
    for (let i = 0; i < 3; i++) {
      for (let j = i + 1; j < 4; j++) rotated = orthogonalize(columns[i], columns[j], product) || rotated;
    }
    if (!rotated) break;
  }
  const sizes = columns.map((column) => Math.sqrt(product(column, column)));
  return Math.min(...sizes) / Math.max(...sizes) > Number.EPSILON;
}

/** Rotates two columns until they are orthogonal; false when they are so already. */
function orthogonalize(p: number[], q: number[], product: (p: number[], q: number[]) => number): boolean {
  const alpha = product(p, p);
  const beta = product(q, q);
  const gamma = product(p, q);
  if (gamma === 0 || Math.abs(gamma) <= 1e-16 * Math.sqrt(alpha * beta)) return false;
  const zeta = (beta - alpha) / (2 * gamma);
  const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const c = 1 / Math.sqrt(1 + t * t);
  for (let i = 0; i < 4; i++) {
    const x = p[i];
    p[i] = c * (x - t * q[i]);
    q[i] = c * (t * x + q[i]);
  }
  return true;
}

/** Whether the columns, made unit vectors, are orthonormal to 1e-4, in float32 like ITK. */
function isOrthonormal(m: Affine): boolean {
  const f = Math.fround;
  const r = linearPart(m).map(f);
  for (let j = 0; j < 3; j++) {
    const size = f(Math.sqrt(f(f(f(r[j] * r[j]) + f(r[3 + j] * r[3 + j])) + f(r[6 + j] * r[6 + j]))));
    if (size === 0) continue;
    const factor = f(1 / size);
    for (let i = 0; i < 3; i++) r[3 * i + j] = f(r[3 * i + j] * factor);
  }
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      const sum = f(f(f(r[3 * i] * r[3 * j]) + f(r[3 * i + 1] * r[3 * j + 1])) + f(r[3 * i + 2] * r[3 * j + 2]));
      if (Math.abs(f(sum - (i === j ? 1 : 0))) > 1e-4) return false;
    }
  }
  return true;
}

/** ITK's test whether sform and qform say the same up to float32 noise. */
function areVerySimilar(sform: Affine, qform: Affine): boolean {
  const s = singularVectors(linearPart(sform));
  const q = singularVectors(linearPart(qform));
  if (!areClose(Array.from(s.values), Array.from(q.values), 1e-4)) return false;
  if (!areClose(offset(sform), offset(qform), 1e-4)) return false;
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      let sum = 0;
      for (let k = 0; k < 3; k++) sum += s.left[i + 3 * k] * q.left[j + 3 * k];
      if (Math.abs(sum - (i === j ? 1 : 0)) > 1e-4) return false;
    }
  }
  return true;
}

/** What to do with an sform whose axes are not at right angles when there is no qform: ITK refuses the file. */
export type Sheared = "refuse" | "keep";

interface Choice {
  readonly affine: Affine | null;
  readonly sheared: boolean;
}

/** Sform or qform, as ITK chooses; null when the header has neither. */
function chooseAffine(fields: NiftiFields, sheared: Sheared): Choice {
  const affine = rectangularAffine(fields);
  if (affine !== undefined) return { affine, sheared: false };
  const sform = fields.srow;
  if (sheared === "keep" && isInvertible(sform)) return { affine: sform, sheared: true };
  throw new NnprepError(
    "UNSUPPORTED",
    `NIfTI header has only an sform, and its axes are not at right angles: [${linearPart(sform).join(", ")}]; SimpleITK and nnU-Net refuse such a file. Resample the scan to a rectangular grid, or allow "sheared" to take the grid for rectangular`,
    { found: [...sform], expected: "orthogonal columns (to 1e-4)", options: ["sheared"] },
  );
}

/** What a user should know about the matrices of a header. */
export function affineWarnings(fields: NiftiFields): string[] {
  const affine = rectangularAffine(fields);
  if (affine === null)
    return ["NIfTI header has neither qform nor sform; axes towards left, posterior, superior and origin 0 are taken"];
  const sform = fields.srow;
  if (fields.sformCode <= 0 || fields.qformCode <= 0 || affine === undefined) return [];
  const qform = qformAffine(fields);
  const size = Math.max(...linearPart(qform).map(Math.abs));
  const far = (a: readonly number[], b: readonly number[], limit: number) =>
    !a.every((x, i) => Math.abs(x - b[i]) <= limit);
  if (!far(linearPart(sform), linearPart(qform), 1e-3 * size) && !far(offset(sform), offset(qform), 1e-2 * size))
    return [];
  return [`NIfTI header's sform and qform differ; the ${affine === sform ? "sform" : "qform"} is used, as by ITK`];
}

/** The matrix that ITK takes, null when there is none, undefined when only a sheared sform is there. */
function rectangularAffine(fields: NiftiFields): Affine | null | undefined {
  const hasQform = fields.qformCode > 0;
  const hasSform = fields.sformCode > 0;
  if (!hasQform && !hasSform) return null;
  const qform = qformAffine(fields);
  if (!hasSform) return qform;
  const sform = fields.srow;
  if (isInvertible(sform) && isOrthonormal(sform)) {
    const preferred = !hasQform || fields.sformCode === SCANNER_ANATOMICAL || areVerySimilar(sform, qform);
    return preferred ? sform : qform;
  }
  if (hasQform) {
    const difference = offset(sform).reduce((sum, x, i) => sum + Math.abs(Math.fround(x - qform[4 * i + 3])), 0);
    const same = areClose(linearPart(sform), linearPart(qform), 1e-5) && difference <= 1e-7;
    return same ? sform : qform;
  }
  return undefined;
}

/** Factor from the header's unit of length to mm; anything but metre and micrometre counts as mm. */
function lengthUnit({ xyztUnits }: NiftiFields): number {
  const code = xyztUnits & 7;
  return code === 1 ? 1e3 : code === 3 ? 1e-3 : 1;
}

/**
 * Geometry in ITK's terms: spacing from pixdim, never from a matrix; directions are the chosen matrix's columns made
 * unit vectors, turned from RAS to LPS; a negative pixdim makes the spacing positive and turns its direction round.
 * Throws UNSUPPORTED when ITK refuses the file, unless sheared axes are to be kept: then the spacing is the length of
 * the matrix's columns.
 *
 * @param axes of the image: of two, directions are made unit vectors in their plane, as in a 2-D `itk::Image`
 */
export function geometryOfNifti(fields: NiftiFields, shearedAxes: Sheared = "refuse", axes: 2 | 3 = 3): Geometry {
  const unit = lengthUnit(fields);
  const spacing = steps(fields).map((step) => step * unit);
  const { affine, sheared } = chooseAffine(fields, shearedAxes);
  const direction = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  let origin = [0, 0, 0];
  if (affine !== null) {
    origin = [-affine[3] * unit, -affine[7] * unit, affine[11] * unit];
    for (let j = 0; j < 3; j++) {
      const [r, a, s] = [-affine[j], -affine[4 + j], axes === 2 ? 0 : affine[8 + j]];
      const size = Math.sqrt(r * r + a * a + s * s);
      if (sheared) spacing[j] = size * unit;
      for (const [i, x] of [r, a, s].entries()) direction[3 * i + j] = size === 0 ? x : x / size;
    }
  }
  for (let j = 0; j < 3; j++) {
    if (spacing[j] > 0) continue;
    spacing[j] = -spacing[j];
    for (let i = 0; i < 3; i++) direction[3 * i + j] = -direction[3 * i + j];
  }
  return { spacingMm: [spacing[2], spacing[1], spacing[0]], ...placedAsInItk(origin, direction) };
}
