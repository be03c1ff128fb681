/*
 * Singular values and left singular vectors of a 3x3 matrix in float32, step by step as LINPACK's SSVDC computes them
 * (Dongarra, Bunch, Moler, Stewart 1979; public domain), because ITK compares what that routine returns: where two
 * singular values are equal up to rounding, which is so for every scan with two equal spacings, another algorithm
 * returns other vectors. Its square roots are taken and multiplied in float64, as C does.
 */

const f = Math.fround;
const N = 3;

/** Column-major 3x3 matrix: element (row, column) at `row + 3 * column`. */
type Columns = Float32Array;

/** BLAS SNRM2 of `count` elements from `at` on. */
function norm(x: Float32Array, at: number, count: number): number {
  if (count === 1) return Math.abs(x[at]);
  let scale = 0;
  let sum = 1;
  for (let i = at; i < at + count; i++) {
    if (x[i] === 0) continue;
    const size = Math.abs(x[i]);
    if (scale < size) {
      const ratio = f(scale / size);
      sum = f(1 + f(sum * f(ratio * ratio)));
      scale = size;
    } else {
      const ratio = f(size / scale);
      sum = f(sum + f(ratio * ratio));
    }
  }
  return f(scale * Math.sqrt(sum));
}

function dot(count: number, x: Float32Array, atX: number, y: Float32Array, atY: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum = f(sum + f(x[atX + i] * y[atY + i]));
  return sum;
}

/** y += a x */
function addMultiple(count: number, a: number, x: Float32Array, atX: number, y: Float32Array, atY: number): void {
  for (let i = 0; i < count; i++) y[atY + i] = f(y[atY + i] + f(a * x[atX + i]));
}

/** Makes the Householder vector of `count` elements from `at` on; returns the element that takes their place. */
function reflect(x: Float32Array, at: number, count: number): number {
  let size = norm(x, at, count);
  if (size !== 0) {
    if (x[at] < 0) size = -size;
    const factor = f(1 / size);
    for (let i = at; i < at + count; i++) x[i] = f(x[i] * factor);
    x[at] = f(1 + x[at]);
  }
  return -size;
}

/** BLAS SROTG: the rotation that turns (a, b) into (r, 0). */
function rotation(a: number, b: number): { r: number; c: number; s: number } {
  const scale = f(Math.abs(a) + Math.abs(b));
  if (scale === 0) return { r: 0, c: 1, s: 0 };
  const ra = f(a / scale);
  const rb = f(b / scale);
  let r = f(scale * Math.sqrt(f(f(ra * ra) + f(rb * rb))));
  if ((Math.abs(a) > Math.abs(b) ? a : b) < 0) r = -r;
  return { r, c: f(a / r), s: f(b / r) };
}

function rotateColumns(u: Columns, k: number, l: number, c: number, s: number): void {
  for (let i = 0; i < N; i++) {
    const x = u[i + N * k];
    const y = u[i + N * l];
    u[i + N * k] = f(f(c * x) + f(s * y));
    u[i + N * l] = f(f(c * y) - f(s * x));
  }
}

/** Bidiagonal form: diagonal `s`, superdiagonal `e`, and the product `u` of the left reflections. */
function bidiagonalize(x: Columns): { s: Float32Array; e: Float32Array; u: Columns } {
  const s = new Float32Array(N);
  const e = new Float32Array(N);
  const u = new Float32Array(N * N);
  const work = new Float32Array(N);
  for (let l = 0; l < 2; l++) {
    const pivot = l + N * l;
    const count = N - l;
    s[l] = reflect(x, pivot, count);
    for (let j = l + 1; j < N; j++) {
      if (s[l] !== 0) {
        const t = f(-dot(count, x, pivot, x, l + N * j) / x[pivot]);
        addMultiple(count, t, x, pivot, x, l + N * j);
      }
      e[j] = x[l + N * j];
    }
    for (let i = l; i < N; i++) u[i + N * l] = x[i + N * l];
    if (l > 0) continue;
    e[0] = reflect(e, 1, 2);
    if (e[0] === 0) continue;
    for (let j = 1; j < N; j++) addMultiple(2, e[j], x, 1 + N * j, work, 1);
    for (let j = 1; j < N; j++) addMultiple(2, f(-e[j] / e[1]), work, 1, x, 1 + N * j);
  }
  s[2] = x[8];
  e[1] = x[7];
  e[2] = 0;
  u[8] = 1;
  for (let l = 1; l >= 0; l--) {
    const pivot = l + N * l;
    const count = N - l;
    if (s[l] === 0) {
      u.fill(0, N * l, N * l + N);
      u[pivot] = 1;
      continue;
    }
    for (let j = l + 1; j < N; j++) {
      const t = f(-dot(count, u, pivot, u, l + N * j) / u[pivot]);
      addMultiple(count, t, u, pivot, u, l + N * j);
    }
    for (let i = 0; i < count; i++) u[pivot + i] = -u[pivot + i];
    u[pivot] = f(1 + u[pivot]);
    for (let i = 0; i < l; i++) u[i + N * l] = 0;
  }
  return { s, e, u };
}

/** Whether adding `small` to `large` changes nothing. */
function isNegligible(small: number, large: number): boolean {
  return f(large + Math.abs(small)) === large;
}

/** One QR step with shift on rows l..m. */
function step(s: Float32Array, e: Float32Array, u: Columns, l: number, m: number): void {
  const scale = Math.max(Math.abs(s[m]), Math.abs(s[m - 1]), Math.abs(e[m - 1]), Math.abs(s[l]), Math.abs(e[l]));
  const sm = f(s[m] / scale);
  const before = f(s[m - 1] / scale);
  const em = f(e[m - 1] / scale);
  const sl = f(s[l] / scale);
  const el = f(e[l] / scale);
  const b = f(f(f(f(before + sm) * f(before - sm)) + f(em * em)) / 2);
  const product = f(sm * em);
  const c = f(product * product);
  let shift = 0;
  if (b !== 0 || c !== 0) {
    shift = f(Math.sqrt(f(f(b * b) + c)));
    if (b < 0) shift = -shift;
    shift = f(c / f(b + shift));
  }
  let first = f(f(f(sl + sm) * f(sl - sm)) + shift);
  let second = f(sl * el);
  for (let k = l; k < m; k++) {
    const right = rotation(first, second);
    if (k !== l) e[k - 1] = right.r;
    first = f(f(right.c * s[k]) + f(right.s * e[k]));
    e[k] = f(f(right.c * e[k]) - f(right.s * s[k]));
    second = f(right.s * s[k + 1]);
    s[k + 1] = f(right.c * s[k + 1]);
    const left = rotation(first, second);
    s[k] = left.r;
    first = f(f(left.c * e[k]) + f(left.s * s[k + 1]));
    s[k + 1] = f(f(-left.s * e[k]) + f(left.c * s[k + 1]));
    second = f(left.s * e[k + 1]);
    e[k + 1] = f(left.c * e[k + 1]);
    rotateColumns(u, k, k + 1, left.c, left.s);
  }
  e[m - 1] = first;
}

/** Brings the singular value `l` to its place among those after it. */
function settle(s: Float32Array, u: Columns, l: number): void {
  s[l] = Math.abs(s[l]);
  for (let k = l; k < N - 1 && s[k] < s[k + 1]; k++) {
    [s[k], s[k + 1]] = [s[k + 1], s[k]];
    for (let i = 0; i < N; i++) {
      const swapped = u[i + N * k];
      u[i + N * k] = u[i + N * (k + 1)];
      u[i + N * (k + 1)] = swapped;
    }
  }
}

/** Index of the row above which the superdiagonal is negligible, as LINPACK counts: -1 when none is. */
function findSplit(s: Float32Array, e: Float32Array, m: number): number {
  for (let l = m - 1; l >= 0; l--) {
    if (isNegligible(e[l], f(Math.abs(s[l]) + Math.abs(s[l + 1])))) {
      e[l] = 0;
      return l;
    }
  }
  return -1;
}

/**
 * Singular values in descending order and left singular vectors (columns, column-major) of an invertible matrix that
 * is given row-major.
 */
export function singularVectors(matrix: ArrayLike<number>): { values: Float32Array; left: Columns } {
  const x = new Float32Array(N * N);
  for (let row = 0; row < N; row++)
    for (let column = 0; column < N; column++) x[row + N * column] = matrix[N * row + column];
  const { s, e, u } = bidiagonalize(x);
  let iterations = 0;
  for (let m = N - 1; m >= 0 && iterations < 30; ) {
    const split = findSplit(s, e, m);
    if (split === m - 1) {
      settle(s, u, m);
      iterations = 0;
      m--;
    } else {
      step(s, e, u, split + 1, m);
      iterations++;
    }
  }
  return { values: s, left: u };
}
