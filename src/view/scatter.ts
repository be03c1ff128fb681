import { type Affine, transformMesh } from "../kernels/mesh/mesh-shape.js";
import { type Buffers, drawPoints } from "../kernels/mesh/rasterize.js";
import type { LabelGrid } from "./label-grid.js";
import { stepMatrix } from "./surface.js";

/** Points drawn at a time. */
const POINTS = 1 << 16;

/**
 * Draws the voxels at the surface of every label as balls of `radius` pixels of the buffers. `matrix` leads from mm
 * around the grid's first voxel to those pixels.
 */
export function drawScatter(grid: LabelGrid, matrix: Affine, radius: number, buffers: Buffers): void {
  const toMm = stepMatrix(grid, [0, 0, 0]);
  const points = new Float32Array(4 * POINTS);
  for (const [i, { box }] of grid.extents.entries()) {
    let length = 0;
    const draw = () => {
      const mesh = { vertices: points.slice(0, length), triangles: new Uint32Array(0) };
      transformMesh(mesh, toMm);
      transformMesh(mesh, matrix);
      drawPoints(buffers, mesh.vertices, i + 1, radius);
      length = 0;
    };
    for (let z = box[0][0]; z < box[0][1]; z++) {
      for (let y = box[1][0]; y < box[1][1]; y++) {
        length = collectRow(grid, i + 1, [z, y], points, length);
        if (length + 4 * grid.shape[2] > points.length) draw();
      }
    }
    if (length > 0) draw();
  }
}

/** Adds the voxels of one row that lie at the surface of their label (x, y, z, 1); returns the new length. */
function collectRow(
  { bytes, shape, extents }: LabelGrid,
  byte: number,
  [z, y]: readonly [number, number],
  points: Float32Array,
  start: number,
): number {
  const [slices, rows, columns] = shape;
  const area = rows * columns;
  const row = z * area + y * columns;
  const isBorder = z === 0 || z === slices - 1 || y === 0 || y === rows - 1;
  const [from, to] = extents[byte - 1].box[2];
  let length = start;
  for (let x = from; x < to; x++) {
    const at = row + x;
    if (bytes[at] !== byte) continue;
    const inside =
      !isBorder &&
      x > 0 &&
      x < columns - 1 &&
      bytes[at + 1] === byte &&
      bytes[at - 1] === byte &&
      bytes[at + columns] === byte &&
      bytes[at - columns] === byte &&
      bytes[at + area] === byte &&
      bytes[at - area] === byte;
    if (inside) continue;
    points[length] = x;
    points[length + 1] = y;
    points[length + 2] = z;
    points[length + 3] = 1;
    length += 4;
  }
  return length;
}
