import { transpose } from "../core/axes.js";
import type { Axes3, Geometry, Volume, VoxelArray } from "../core/volume.js";

/** A grid to bring a volume onto. */
export type Grid = Pick<Volume, "shape" | "geometry" | "niftiForms">;

/** Of a voxel's size: as far as centres may lie apart. Headers with float32 or few decimals stay well below. */
const TOLERANCE = 0.01;

function column({ direction }: Geometry, axis: number): number[] {
  return [0, 1, 2].map((row) => direction[3 * row + 2 - axis]);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * b[i], 0);
}

/**
 * The volume with its axes in the order and the sense of `grid`, when both have the same voxel centres: a label whose
 * rows are stored from back to front, say. No voxel changes its place in the patient.
 *
 * @returns the volume on exactly `grid` (its own voxel array if no axis had to be turned), and whether one was; or null
 * if the centres are others
 */
export function matchGrid<T extends VoxelArray>(
  volume: Volume<T>,
  grid: Grid,
): { readonly volume: Volume<T>; readonly turned: boolean } | null {
  const axes = [0, 1, 2].map((axis) => matchAxis(volume, grid, axis));
  if (axes.includes(-1) || new Set(axes).size !== 3) return null;
  const flips = axes.map((from, axis) => dot(column(volume.geometry, from), column(grid.geometry, axis)) < 0);
  if (!sameCentres(volume, grid, axes, flips)) return null;
  const data = transpose(volume.data, volume.shape, axes as unknown as Axes3, flips as [boolean, boolean, boolean]);
  return {
    volume: { data, shape: grid.shape, geometry: grid.geometry, niftiForms: grid.niftiForms },
    turned: data !== volume.data,
  };
}

/** The axis of the volume that runs along an axis of the grid, either way, with as many voxels; -1 without one. */
function matchAxis(volume: Volume, grid: Grid, axis: number): number {
  const along = column(grid.geometry, axis);
  return [0, 1, 2].findIndex(
    (from) =>
      volume.shape[from] === grid.shape[axis] &&
      Math.abs(dot(column(volume.geometry, from), along)) > 0.5 * dot(along, along),
  );
}

/** Compares the corners of both grids; all other voxels lie between them. */
function sameCentres(volume: Volume, grid: Grid, axes: readonly number[], flips: readonly boolean[]): boolean {
  const limit = TOLERANCE * Math.min(...grid.geometry.spacingMm);
  for (let corner = 0; corner < 8; corner++) {
    const index = [0, 1, 2].map((axis) => ((corner >> axis) & 1) * (grid.shape[axis] - 1));
    const from = [0, 0, 0];
    for (const [axis, own] of axes.entries()) {
      from[own] = flips[axis] === true ? grid.shape[axis] - 1 - index[axis] : index[axis];
    }
    const [a, b] = [centre(grid.geometry, index), centre(volume.geometry, from)];
    if (a.some((x, i) => !(Math.abs(x - b[i]) <= limit))) return false;
  }
  // Where an axis has one voxel, the corners tell nothing of its spacing.
  return axes.every((own, axis) => {
    const [found, expected] = [volume.geometry.spacingMm[own], grid.geometry.spacingMm[axis]];
    return Math.abs(found - expected) <= TOLERANCE * expected;
  });
}

function centre(geometry: Geometry, index: readonly number[]): number[] {
  return geometry.originMm.map((start, row) =>
    index.reduce((sum, i, axis) => sum + i * geometry.spacingMm[axis] * column(geometry, axis)[row], start),
  );
}

/** What its user should know of a volume that `matchGrid` turned. */
export function turnedWarning(reference: string): string {
  return `its axes run in another order or sense than those of ${reference}; the voxels were reordered, each keeps its place in the patient`;
}
