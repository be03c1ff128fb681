/*
 * Smoothing, normals and volume of a triangle mesh. Vertices and sums are four float32: x, y, z and a count, so that a
 * mean over neighbours is one division. `first` is the number of the vertex that the buffers begin with.
 */

function at(triangles: usize, corner: usize, first: u32, base: usize): usize {
  return base + ((<usize>(load<u32>(triangles + (corner << 2)) - first)) << 4);
}

/**
 * Adds to the sum of every corner the corner after it: over a closed mesh, whose edges are walked once each way, every
 * neighbour comes once.
 */
export function addNeighbours(triangles: usize, count: i32, first: u32, vertices: usize, sums: usize): void {
  const shift = sums - vertices;
  for (let i = 0; i < count; i++, triangles += 12) {
    const a = at(triangles, 0, first, vertices);
    const b = at(triangles, 1, first, vertices);
    const c = at(triangles, 2, first, vertices);
    v128.store(a + shift, f32x4.add(v128.load(a + shift), v128.load(b)));
    v128.store(b + shift, f32x4.add(v128.load(b + shift), v128.load(c)));
    v128.store(c + shift, f32x4.add(v128.load(c + shift), v128.load(a)));
  }
}

/**
 * Moves every vertex towards (or, with a negative factor, away from) the mean of its neighbours, but never further
 * than `reach` from where it `stood` along any axis; clears the sums.
 */
export function relaxVertices(vertices: usize, sums: usize, stood: usize, count: i32, factor: f32, reach: f32): void {
  const f = f32x4.splat(factor);
  const far = f32x4.splat(reach);
  const one = f32x4.splat(1);
  for (let i = 0; i < count; i++) {
    const sum = v128.load(sums);
    const inverse = f32x4.div(one, v128.shuffle<f32>(sum, sum, 3, 3, 3, 3));
    const p = v128.load(vertices);
    const rest = v128.load(stood);
    let moved = f32x4.add(p, f32x4.mul(f, f32x4.sub(f32x4.mul(sum, inverse), p)));
    moved = f32x4.pmax(f32x4.pmin(moved, f32x4.add(rest, far)), f32x4.sub(rest, far));
    v128.store(vertices, f32x4.replace_lane(moved, 3, 1));
    v128.store(sums, f32x4.splat(0));
    vertices += 16;
    sums += 16;
    stood += 16;
  }
}

/** Replaces normals by unit vectors towards the sum of their neighbours' (counts as in `addNeighbours`); clears the sums. */
export function blendNormals(normals: usize, sums: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    const n = v128.load(normals);
    const sum = v128.load(sums);
    const x = f32x4.extract_lane(sum, 0) + f32x4.extract_lane(n, 0) * 2;
    const y = f32x4.extract_lane(sum, 1) + f32x4.extract_lane(n, 1) * 2;
    const z = f32x4.extract_lane(sum, 2) + f32x4.extract_lane(n, 2) * 2;
    storeUnit(normals, x, y, z);
    v128.store(sums, f32x4.splat(0));
    normals += 16;
    sums += 16;
  }
}

function storeUnit(to: usize, x: f32, y: f32, z: f32): void {
  const size = sqrt(x * x + y * y + z * z);
  const scale: f32 = size > 0 ? 1 / size : 0;
  store<f32>(to, x * scale, 0);
  store<f32>(to, y * scale, 4);
  store<f32>(to, z * scale, 8);
  store<f32>(to, 1, 12);
}

/** Adds the cross product of every triangle's sides (twice its area, outwards) to its corners. */
export function addNormals(triangles: usize, count: i32, first: u32, vertices: usize, normals: usize): void {
  const shift = normals - vertices;
  for (let i = 0; i < count; i++, triangles += 12) {
    const a = at(triangles, 0, first, vertices);
    const b = at(triangles, 1, first, vertices);
    const c = at(triangles, 2, first, vertices);
    const p = v128.load(a);
    const u = f32x4.sub(v128.load(b), p);
    const v = f32x4.sub(v128.load(c), p);
    const cross = f32x4.sub(
      f32x4.mul(v128.shuffle<f32>(u, u, 1, 2, 0, 3), v128.shuffle<f32>(v, v, 2, 0, 1, 3)),
      f32x4.mul(v128.shuffle<f32>(u, u, 2, 0, 1, 3), v128.shuffle<f32>(v, v, 1, 2, 0, 3)),
    );
    v128.store(a + shift, f32x4.add(v128.load(a + shift), cross));
    v128.store(b + shift, f32x4.add(v128.load(b + shift), cross));
    v128.store(c + shift, f32x4.add(v128.load(c + shift), cross));
  }
}

/** Makes vectors unit vectors with a fourth component of 1. */
export function unitVectors(vectors: usize, count: i32): void {
  for (let i = 0; i < count; i++, vectors += 16) {
    storeUnit(vectors, load<f32>(vectors, 0), load<f32>(vectors, 4), load<f32>(vectors, 8));
  }
}

/** Moves vertices along unit normals. */
export function shiftVertices(vertices: usize, normals: usize, count: i32, distance: f32): void {
  const by = f32x4.replace_lane(f32x4.splat(distance), 3, 0);
  for (let i = 0; i < count; i++, vertices += 16, normals += 16) {
    v128.store(vertices, f32x4.add(v128.load(vertices), f32x4.mul(v128.load(normals), by)));
  }
}

/** Applies a 3x4 matrix (12 float32, row-major; the last column is added) to (x, y, z, 1). */
export function transformVertices(vertices: usize, count: i32, matrix: usize): void {
  const column0 = f32x4(load<f32>(matrix, 0), load<f32>(matrix, 16), load<f32>(matrix, 32), 0);
  const column1 = f32x4(load<f32>(matrix, 4), load<f32>(matrix, 20), load<f32>(matrix, 36), 0);
  const column2 = f32x4(load<f32>(matrix, 8), load<f32>(matrix, 24), load<f32>(matrix, 40), 0);
  const column3 = f32x4(load<f32>(matrix, 12), load<f32>(matrix, 28), load<f32>(matrix, 44), 1);
  for (let i = 0; i < count; i++, vertices += 16) {
    const v = v128.load(vertices);
    const xy = f32x4.add(
      f32x4.mul(column0, v128.shuffle<f32>(v, v, 0, 0, 0, 0)),
      f32x4.mul(column1, v128.shuffle<f32>(v, v, 1, 1, 1, 1)),
    );
    v128.store(vertices, f32x4.add(f32x4.add(xy, f32x4.mul(column2, v128.shuffle<f32>(v, v, 2, 2, 2, 2))), column3));
  }
}

/** Six times the volume inside the triangles, seen from `(x, y, z)`; the area times two goes to `area` (f64), added. */
export function sixVolumes(
  triangles: usize,
  count: i32,
  first: u32,
  vertices: usize,
  x: f64,
  y: f64,
  z: f64,
  area: usize,
): f64 {
  let sum: f64 = 0;
  let twice = load<f64>(area);
  for (let i = 0; i < count; i++, triangles += 12) {
    const a = at(triangles, 0, first, vertices);
    const b = at(triangles, 1, first, vertices);
    const c = at(triangles, 2, first, vertices);
    const ax = <f64>load<f32>(a, 0) - x;
    const ay = <f64>load<f32>(a, 4) - y;
    const az = <f64>load<f32>(a, 8) - z;
    const ux = <f64>load<f32>(b, 0) - x - ax;
    const uy = <f64>load<f32>(b, 4) - y - ay;
    const uz = <f64>load<f32>(b, 8) - z - az;
    const vx = <f64>load<f32>(c, 0) - x - ax;
    const vy = <f64>load<f32>(c, 4) - y - ay;
    const vz = <f64>load<f32>(c, 8) - z - az;
    const nx = uy * vz - uz * vy;
    const ny = uz * vx - ux * vz;
    const nz = ux * vy - uy * vx;
    sum += ax * nx + ay * ny + az * nz;
    twice += sqrt(nx * nx + ny * ny + nz * nz);
  }
  store<f64>(area, twice);
  return sum;
}
