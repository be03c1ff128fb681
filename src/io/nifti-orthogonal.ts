/*
 * From direction cosines to what a NIfTI header holds, in the steps and in the precision of nifti1_io (public domain),
 * which ITK writes with: matrices of float32, arithmetic of float64 in between. So the last bits and the signs of zero
 * are SimpleITK's. Matrices are row-major 3x3.
 */

const f = Math.fround;
type Matrix = readonly number[];

/** The terms in the order of `nifti_mat33_inverse`. */
function determinantTerms([r11, r12, r13, r21, r22, r23, r31, r32, r33]: Matrix): number {
  return r11 * r22 * r33 - r11 * r32 * r23 - r21 * r12 * r33 + r21 * r32 * r13 + r31 * r12 * r23 - r31 * r22 * r13;
}

function inverse(m: Matrix): number[] {
  const [r11, r12, r13, r21, r22, r23, r31, r32, r33] = m;
  const determinant = determinantTerms(m);
  const factor = determinant === 0 ? 0 : 1 / determinant;
  return [
    factor * (r22 * r33 - r32 * r23),
    factor * (-r12 * r33 + r32 * r13),
    factor * (r12 * r23 - r22 * r13),
    factor * (-r21 * r33 + r31 * r23),
    factor * (r11 * r33 - r31 * r13),
    factor * (-r11 * r23 + r21 * r13),
    factor * (r21 * r32 - r31 * r22),
    factor * (-r11 * r32 + r31 * r12),
    factor * (r11 * r22 - r21 * r12),
  ].map(f);
}

function largestSum(m: Matrix, stepOfSum: 1 | 3): number {
  const start = stepOfSum === 1 ? 3 : 1;
  return Math.max(
    ...[0, 1, 2].map((i) =>
      f(Math.abs(m[start * i]) + Math.abs(m[start * i + stepOfSum]) + Math.abs(m[start * i + 2 * stepOfSum])),
    ),
  );
}

/** Square root of the product of the largest sum of a row and of a column. */
function size(m: Matrix): number {
  return f(Math.sqrt(f(largestSum(m, 1) * largestSum(m, 3))));
}

/** `nifti_mat33_polar`: the orthogonal matrix nearest to an invertible one, by Newton's iteration (Higham 1986). */
function polar(matrix: Matrix): number[] {
  let x = [...matrix];
  let change = 1;
  for (let step = 0; ; step++) {
    const y = inverse(x);
    const gamma = change > 0.3 ? f(Math.sqrt(f(size(y) / size(x)))) : 1;
    const inverted = change > 0.3 ? f(1 / gamma) : 1;
    const z = x.map((value, i) => f(0.5 * f(f(gamma * value) + f(inverted * y[3 * (i % 3) + Math.floor(i / 3)]))));
    change = f(z.reduce((sum, value, i) => sum + Math.abs(f(value - x[i])), 0));
    if (step >= 100 || change < 3e-6) return z;
    x = z;
  }
}

function transposed(m: Matrix): number[] {
  return m.map((_, i) => m[3 * (i % 3) + Math.floor(i / 3)]);
}

/**
 * `nifti_make_orthog_mat44` on the columns of `directions`, which become unit vectors and then orthogonal.
 * `directions` must be invertible.
 */
export function orthogonalDirections(directions: Matrix): number[] {
  const rows = transposed(directions).map(f);
  for (let i = 0; i < 9; i += 3) {
    const square = f(f(f(rows[i] * rows[i]) + f(rows[i + 1] * rows[i + 1])) + f(rows[i + 2] * rows[i + 2]));
    const factor = f(1 / Math.sqrt(square));
    for (let j = i; j < i + 3; j++) rows[j] = f(rows[j] * factor);
  }
  return transposed(polar(rows));
}

/**
 * `nifti_mat44_to_quatern`: b, c, d of the unit quaternion of orthogonal directions, and -1 when the z axis had to be
 * turned round to make them a rotation.
 */
export function quaternionOf(directions: Matrix): { quatern: number[]; qfac: 1 | -1 } {
  const lengths = [0, 1, 2].map((j) => {
    const [p, q, r] = [directions[j], directions[3 + j], directions[6 + j]];
    return Math.sqrt(p * p + q * q + r * r);
  });
  return quaternionOfRotation(polar(directions.map((value, i) => f(value / lengths[i % 3]))));
}

/** The same of directions that are orthogonal already, in float64. */
export function quaternionOfRotation(p: Matrix): { quatern: number[]; qfac: 1 | -1 } {
  const qfac = determinantTerms(p) > 0 ? 1 : -1;
  const [r11, r12, r13, r21, r22, r23, r31, r32, r33] = p.map((value, i) => (i % 3 === 2 ? qfac * value : value));
  const trace = r11 + r22 + r33 + 1;
  if (trace > 0.5) {
    const a = 0.5 * Math.sqrt(trace);
    return { quatern: [(0.25 * (r32 - r23)) / a, (0.25 * (r13 - r31)) / a, (0.25 * (r21 - r12)) / a], qfac };
  }
  const [x, y, z] = [1 + r11 - (r22 + r33), 1 + r22 - (r11 + r33), 1 + r33 - (r11 + r22)];
  let quaternion: number[];
  if (x > 1) {
    const b = 0.5 * Math.sqrt(x);
    quaternion = [(0.25 * (r32 - r23)) / b, b, (0.25 * (r12 + r21)) / b, (0.25 * (r13 + r31)) / b];
  } else if (y > 1) {
    const c = 0.5 * Math.sqrt(y);
    quaternion = [(0.25 * (r13 - r31)) / c, (0.25 * (r12 + r21)) / c, c, (0.25 * (r23 + r32)) / c];
  } else {
    const d = 0.5 * Math.sqrt(z);
    quaternion = [(0.25 * (r21 - r12)) / d, (0.25 * (r13 + r31)) / d, (0.25 * (r23 + r32)) / d, d];
  }
  const sign = quaternion[0] < 0 ? -1 : 1;
  return { quatern: quaternion.slice(1).map((value) => sign * value), qfac };
}
