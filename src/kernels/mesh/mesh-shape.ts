import { kernels } from "../../runtime/instantiate.js";

/** Triangles between numbered vertices. */
export interface Mesh {
  /** x, y, z and 1 for each vertex. */
  readonly vertices: Float32Array;
  /** Three vertex numbers for each triangle, counter-clockwise as seen from outside. */
  readonly triangles: Uint32Array;
}

/** Rows of a 3x4 matrix: what becomes of x, y, z and 1. */
export type Affine = readonly [
  readonly [number, number, number, number],
  readonly [number, number, number, number],
  readonly [number, number, number, number],
];

interface ShapeExports {
  addNeighbours(triangles: number, count: number, first: number, vertices: number, sums: number): void;
  relaxVertices(vertices: number, sums: number, stood: number, count: number, factor: number, reach: number): void;
  blendNormals(normals: number, sums: number, count: number): void;
  addNormals(triangles: number, count: number, first: number, vertices: number, normals: number): void;
  unitVectors(vectors: number, count: number): void;
  shiftVertices(vertices: number, normals: number, count: number, distance: number): void;
  transformVertices(vertices: number, count: number, matrix: number): void;
  sixVolumes(
    triangles: number,
    count: number,
    first: number,
    vertices: number,
    x: number,
    y: number,
    z: number,
    area: number,
  ): number;
}

/** Triangles and vertices in the window at a time. */
const TRIANGLES = 1 << 17;
const VERTICES = 1 << 18;
/** Bytes of a mesh that may stay in the window while it is smoothed. */
const RESIDENT_BYTES = 48 << 20;

/** Calls `visit` with parts of the triangles and the range of vertices that each part names. */
export function eachTriangles(
  { vertices, triangles }: Mesh,
  visit: (part: Uint32Array, fromVertex: number, toVertex: number) => void,
): void {
  const all = vertices.length / 4;
  for (let from = 0; from < triangles.length; from += 3 * TRIANGLES) {
    const part = triangles.subarray(from, from + 3 * TRIANGLES);
    if (all <= VERTICES) {
      visit(part, 0, all);
      continue;
    }
    let low = 0xffffffff;
    let high = 0;
    for (const vertex of part) {
      if (vertex < low) low = vertex;
      if (vertex > high) high = vertex;
    }
    visit(part, low, high + 1);
  }
}

interface Range {
  readonly part: Uint32Array;
  readonly from: number;
  readonly to: number;
}

/** Adds what the kernel finds at each triangle to one vector of four per vertex. */
function accumulate(
  add: ShapeExports["addNeighbours"],
  ranges: readonly Range[],
  values: Float32Array,
  sums: Float32Array,
): void {
  const { window } = kernels<ShapeExports>();
  const most = ranges.reduce((n, { from, to }) => Math.max(n, to - from), 0);
  const [trianglesAt, valuesAt, sumsAt] = window.reserve(12 * TRIANGLES, 16 * most, 16 * most);
  for (const { part, from, to } of ranges) {
    window.u32(trianglesAt, part.length).set(part);
    window.f32(valuesAt, 4 * (to - from)).set(values.subarray(4 * from, 4 * to));
    const view = window.f32(sumsAt, 4 * (to - from));
    view.set(sums.subarray(4 * from, 4 * to));
    add(trianglesAt, part.length / 3, from, valuesAt, sumsAt);
    sums.set(view, 4 * from);
  }
}

function rangesOf(mesh: Mesh): Range[] {
  const ranges: Range[] = [];
  eachTriangles(mesh, (part, from, to) => ranges.push({ part, from, to }));
  return ranges;
}

/** Calls a kernel on vectors of four, some at a time, all arrays at the same place; they are changed in place. */
function mapVectors(
  arrays: readonly Float32Array[],
  work: (addresses: readonly number[], count: number) => void,
): void {
  const { window } = kernels<ShapeExports>();
  const length = arrays[0].length / 4;
  const addresses = window.reserve(...arrays.map(() => 16 * Math.min(length, VERTICES)));
  for (let from = 0; from < length; from += VERTICES) {
    const count = Math.min(VERTICES, length - from);
    const views = addresses.map((address) => window.f32(address, 4 * count));
    const parts = arrays.map((array) => array.subarray(4 * from, 4 * (from + count)));
    for (const [i, part] of parts.entries()) views[i].set(part);
    work(addresses, count);
    for (const [i, part] of parts.entries()) part.set(views[i]);
  }
}

/** Factors of Taubin's two half steps (1995): smooth, and swell again so that the whole does not shrink. */
const SMOOTH = 0.6307;
const SWELL = -0.67315;
/** Rounds that keep the volume; those before them only smooth. */
const KEEPING = 20;

/**
 * Smooths a surface in place. No vertex leaves the place where it stands by more than `reach` along any axis, so that
 * every voxel stays on its side of the surface while the stairs between them go (after Gibson 1998); the last twenty
 * rounds are Taubin's (1995), which keep the volume. The rounds before smooth without, for the long stairs of thick
 * slices.
 *
 * @param rounds pairs of half steps
 */
export function smoothMesh(mesh: Mesh, rounds: number, reach: number): void {
  const { vertices, triangles } = mesh;
  const factors = Array.from({ length: 2 * rounds }, (_, step) =>
    step % 2 === 0 || step < 2 * (rounds - KEEPING) ? SMOOTH : SWELL,
  );
  if (3 * vertices.byteLength + triangles.byteLength <= RESIDENT_BYTES) smoothInWindow(mesh, factors, reach);
  else smoothInParts(mesh, factors, reach);
}

/** A mesh that fits into the window stays there for all steps. */
function smoothInWindow({ vertices, triangles }: Mesh, factors: readonly number[], reach: number): void {
  const { exports, window } = kernels<ShapeExports>();
  const { byteLength, length } = vertices;
  const lengths = [byteLength, byteLength, byteLength, triangles.byteLength] as const;
  const [verticesAt, sumsAt, stoodAt, trianglesAt] = window.reserve(...lengths);
  window.f32(verticesAt, length).set(vertices);
  window.f32(stoodAt, length).set(vertices);
  window.f32(sumsAt, length).fill(0);
  window.u32(trianglesAt, triangles.length).set(triangles);
  for (const factor of factors) {
    for (let from = 0; from < triangles.length; from += 3 * TRIANGLES) {
      const count = Math.min(TRIANGLES, (triangles.length - from) / 3);
      exports.addNeighbours(trianglesAt + 4 * from, count, 0, verticesAt, sumsAt);
    }
    for (let from = 0; from < length / 4; from += VERTICES) {
      const count = Math.min(VERTICES, length / 4 - from);
      const shift = 16 * from;
      exports.relaxVertices(verticesAt + shift, sumsAt + shift, stoodAt + shift, count, factor, reach);
    }
  }
  vertices.set(window.f32(verticesAt, length));
}

function smoothInParts(mesh: Mesh, factors: readonly number[], reach: number): void {
  const { exports } = kernels<ShapeExports>();
  const { vertices } = mesh;
  const stood = vertices.slice();
  const sums = new Float32Array(vertices.length);
  const ranges = rangesOf(mesh);
  for (const factor of factors) {
    accumulate(exports.addNeighbours, ranges, vertices, sums);
    mapVectors([vertices, sums, stood], ([a, b, c], count) => exports.relaxVertices(a, b, c, count, factor, reach));
  }
}

/** Applies a matrix to the vertices, in place. */
export function transformMesh({ vertices }: Mesh, matrix: Affine): void {
  const { exports, window } = kernels<ShapeExports>();
  const rows = Float32Array.from(matrix.flat());
  const length = vertices.length / 4;
  const [matrixAt, at] = window.reserve(48, 16 * Math.min(length, VERTICES));
  window.f32(matrixAt, 12).set(rows);
  for (let from = 0; from < length; from += VERTICES) {
    const count = Math.min(VERTICES, length - from);
    const view = window.f32(at, 4 * count);
    const part = vertices.subarray(4 * from, 4 * (from + count));
    view.set(part);
    exports.transformVertices(at, count, matrixAt);
    part.set(view);
  }
}

/** Outward unit normals of the vertices (x, y, z, 1), means over the triangles around by area. */
export function meshNormals(mesh: Mesh, blends = 0): Float32Array {
  const { exports } = kernels<ShapeExports>();
  const normals = new Float32Array(mesh.vertices.length);
  const ranges = rangesOf(mesh);
  accumulate(exports.addNormals, ranges, mesh.vertices, normals);
  mapVectors([normals], ([at], count) => exports.unitVectors(at, count));
  const sums = blends > 0 ? new Float32Array(normals.length) : normals;
  for (let i = 0; i < blends; i++) {
    accumulate(exports.addNeighbours, ranges, normals, sums);
    mapVectors([normals, sums], ([a, b], count) => exports.blendNormals(a, b, count));
  }
  return normals;
}

/** Moves every vertex along its normal, in place. */
export function shiftMesh({ vertices }: Mesh, normals: Float32Array, distance: number): void {
  const { exports } = kernels<ShapeExports>();
  mapVectors([vertices, normals], ([a, b], count) => exports.shiftVertices(a, b, count, distance));
}

/** Volume inside a closed mesh and area of its surface, in the units of the vertices. */
export function measureMesh(mesh: Mesh): { volume: number; area: number } {
  const { exports, window } = kernels<ShapeExports>();
  const ranges = rangesOf(mesh);
  const most = ranges.reduce((n, { from, to }) => Math.max(n, to - from), 0);
  const [areaAt, trianglesAt, at] = window.reserve(8, 12 * TRIANGLES, 16 * most);
  window.f64(areaAt, 1)[0] = 0;
  // Seen from the surface itself the terms are small and few digits are lost.
  const [x = 0, y = 0, z = 0] = mesh.vertices;
  let volume = 0;
  for (const { part, from, to } of ranges) {
    window.u32(trianglesAt, part.length).set(part);
    window.f32(at, 4 * (to - from)).set(mesh.vertices.subarray(4 * from, 4 * to));
    volume += exports.sixVolumes(trianglesAt, part.length / 3, from, at, x, y, z, areaAt);
  }
  return { volume: volume / 6, area: window.f64(areaAt, 1)[0] / 2 };
}
