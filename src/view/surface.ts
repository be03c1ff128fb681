import { NnprepError } from "../core/errors.js";
import type { Volume } from "../core/volume.js";
import type { LabelExtent } from "../kernels/mesh/label-survey.js";
import {
  type Affine,
  type Mesh,
  measureMesh,
  meshNormals,
  shiftMesh,
  smoothMesh,
  transformMesh,
} from "../kernels/mesh/mesh-shape.js";
import { extractMesh } from "../kernels/mesh/surface-mesh.js";
import { type LabelGrid, readLabelGrid } from "./label-grid.js";
import type { MeasuredLabel } from "./label-list.js";

/** A closed surface between numbered points. */
export interface Surface {
  /** The label that it bounds. */
  readonly label: number;
  /** x, y, z in mm of one vertex after the other: towards left, posterior, superior (LPS, as ITK's points). */
  readonly positions: Float32Array;
  /** Outward unit normals, one per vertex. */
  readonly normals: Float32Array;
  /** Three vertex numbers per triangle, counter-clockwise as seen from outside. */
  readonly triangles: Uint32Array;
}

/** How a label's surface is made. */
export interface LabelSurfaceOptions {
  /** Rounds of smoothing; 0 keeps the voxels' own stairs (cut at 45 degrees). Default: 30, more on thick slices. */
  readonly rounds?: number | undefined;
  /** What `measureLabels` found in the volume, where that is known already: it need not be searched for each label. */
  readonly measured?: readonly MeasuredLabel[] | undefined;
}

/**
 * How far a vertex may leave the middle between two voxels, in voxels: no voxel's centre changes sides, and a single
 * voxel does not vanish.
 */
const REACH = 0.45;
const ROUNDS = 30;
const MOST_ROUNDS = 60;
/** Times that the size is mended, and the part of the volume that may stay wrong. */
const MENDINGS = 5;
const CLOSE = 5e-4;

/** The matrix from a grid's voxel indices (x, y, z) to mm around `centre`. */
export function stepMatrix({ stepsMm: m }: LabelGrid, centre: readonly number[]): Affine {
  const row = (i: number) => {
    const [a, b, c] = [m[3 * i], m[3 * i + 1], m[3 * i + 2]] as [number, number, number];
    return [a, b, c, centre[i]] as const;
  };
  return [row(0), row(1), row(2)];
}

/** Rounds of smoothing: stairs are as long as slices are thicker than pixels. */
function roundsFor({ spacingMm }: LabelGrid): number {
  const ratio = Math.max(...spacingMm) / Math.min(...spacingMm);
  return Math.min(MOST_ROUNDS, Math.round(ROUNDS * Math.max(1, ratio / 1.5)));
}

export interface SmoothingBounds {
  /** Vertices times rounds that may be spent. */
  readonly work: number;
  /** Vertices that the surface will have, roughly. */
  readonly vertices: number;
}

/** Smoothed surface of one label in voxel indices of its grid. `bounds` limits the work on large surfaces. */
export function smoothSurface(grid: LabelGrid, extent: LabelExtent, rounds?: number, bounds?: SmoothingBounds): Mesh {
  const byte = grid.extents.indexOf(extent) + 1;
  const mesh = extractMesh(grid.bytes, grid.shape, byte, extent.box, bounds?.vertices);
  const wanted = rounds ?? roundsFor(grid);
  const most = bounds === undefined ? wanted : Math.floor(bounds.work / (mesh.vertices.length / 4));
  const affordable = Math.max(4, most);
  smoothMesh(mesh, Math.min(wanted, affordable), REACH);
  return mesh;
}

/** Moves a surface out or in until it holds the volume of its voxels, in place; returns its normals. */
function mendVolume(mesh: Mesh, volume: number, farthest: number): Float32Array {
  let normals = meshNormals(mesh);
  for (let i = 0; i < MENDINGS; i++) {
    const found = measureMesh(mesh);
    const error = volume - found.volume;
    if (Math.abs(error) <= CLOSE * volume || !(found.area > 0)) break;
    shiftMesh(mesh, normals, Math.max(-farthest, Math.min(farthest, error / found.area)));
    normals = meshNormals(mesh);
  }
  return normals;
}

function threes(vectors: Float32Array): Float32Array {
  const result = new Float32Array((vectors.length / 4) * 3);
  for (let from = 0, to = 0; from < vectors.length; from += 4) {
    result[to++] = vectors[from];
    result[to++] = vectors[from + 1];
    result[to++] = vectors[from + 2];
  }
  return result;
}

/**
 * The surface of a label in mm where it lies in the patient: marching cubes, then smoothing that lets no voxel's
 * centre change sides, then moved by the fraction of a voxel that gives it the volume of its voxels. Closed: every edge
 * belongs to two triangles, also where the label touches the border of the volume.
 *
 * @throws NnprepError EMPTY_IMAGE when no voxel has the label; INVALID_VALUES when voxels are no labels;
 * OUT_OF_MEMORY for more than 12 million vertices
 */
export function labelSurface(volume: Volume, label: number, options: LabelSurfaceOptions = {}): Surface {
  const grid = readLabelGrid(volume, [label], options.measured);
  const [extent] = grid?.extents ?? [];
  if (grid === null || extent === undefined) {
    throw new NnprepError("EMPTY_IMAGE", `no voxel has the label ${label}: there is no surface`, { label });
  }
  const mesh = smoothSurface(grid, extent, options.rounds);
  transformMesh(mesh, stepMatrix(grid, grid.originMm));
  if (determinant(grid.stepsMm) < 0) turnTriangles(mesh.triangles);
  const [a, b, c] = grid.spacingMm;
  const normals = mendVolume(mesh, extent.voxels * a * b * c, Math.min(a, b, c));
  return { label, positions: threes(mesh.vertices), normals: threes(normals), triangles: mesh.triangles };
}

/** Volume and area of a closed surface, in mm^3 and mm^2. */
export function measureSurface({ positions, triangles }: Pick<Surface, "positions" | "triangles">): {
  volumeMm3: number;
  areaMm2: number;
} {
  const vertices = new Float32Array((positions.length / 3) * 4).fill(1);
  for (let from = 0, to = 0; from < positions.length; from += 3, to += 4) {
    vertices.set(positions.subarray(from, from + 3), to);
  }
  const { volume, area } = measureMesh({ vertices, triangles });
  return { volumeMm3: volume, areaMm2: area };
}

function determinant(m: readonly number[]): number {
  const [a, b, c, d, e, f, g, h, i] = m as [number, number, number, number, number, number, number, number, number];
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}

/** Mirrored axes turn inside out: each triangle is listed the other way round. */
function turnTriangles(triangles: Uint32Array): void {
  for (let i = 0; i < triangles.length; i += 3) {
    const second = triangles[i + 1];
    triangles[i + 1] = triangles[i + 2];
    triangles[i + 2] = second;
  }
}
