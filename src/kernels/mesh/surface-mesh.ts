import { NnprepError } from "../../core/errors.js";
import { type Box3, checkLength, type Shape3 } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";
import { argumentBytes } from "../../runtime/window.js";
import { CUBE_ENTRY, cubeTable, edgeOffsets } from "./cube-table.js";
import { Growing } from "./growing.js";
import type { Mesh } from "./mesh-shape.js";
import { CrossArgument, PlaneArgument } from "./surface-arguments.js";

interface SurfaceExports {
  markPlane(
    bytes: number,
    rows: number,
    stride: number,
    length: number,
    label: number,
    plane: number,
    pitch: number,
  ): void;
  planeVertices(structure: number): number;
  crossVertices(structure: number): number;
  cubeTriangles(
    lower: number,
    upper: number,
    fromRow: number,
    toRow: number,
    pitch: number,
    ids: number,
    cubes: number,
    offsets: number,
    triangles: number,
  ): number;
}

/** Bytes of window for the vertices and for the triangles of one call. */
const BATCH_BYTES = 4 << 20;
/** Vertices of a mesh unless told otherwise: 64 bytes each while it is smoothed. */
const MOST_VERTICES = 12_000_000;

const MOST_TRIANGLES = () => {
  let most = 1;
  for (let code = 0; code < 256; code++) most = Math.max(most, cubeTable()[code * CUBE_ENTRY]);
  return most;
};

/**
 * The surface of one label as closed triangles, before any smoothing: vertices half way between voxels inside and
 * outside. Outside the box (and outside the volume) there is no label, so the surface is closed there too.
 *
 * @param bytes one byte per voxel, C order
 * @param box where to look; should hold all voxels of the label
 * @param expected vertices that the mesh will have, roughly: room is made for them at once
 * @param limit vertices that the mesh may have
 * @returns vertices as (x, y, z, 1): indices of voxels, fastest axis first, the first voxel's centre at 0; triangles
 * counter-clockwise seen from outside where x, y, z are right-handed
 * @throws NnprepError SHAPE_MISMATCH, OUT_OF_MEMORY when there would be more vertices
 */
export function extractMesh(
  bytes: Uint8Array,
  shape: Shape3,
  label: number,
  box: Box3,
  expected = 0,
  limit: number = MOST_VERTICES,
): Mesh {
  checkLength("label", bytes, shape);
  const { exports, window } = kernels<SurfaceExports>();
  const [slices, rows, length] = box.map(([low, high]) => high - low) as [number, number, number];
  const pitch = length + 2;
  const planeRows = rows + 2;
  const area = planeRows * pitch;
  const rowsAtOnce = Math.max(1, Math.min(planeRows, Math.floor(BATCH_BYTES / (12 * MOST_TRIANGLES() * pitch))));
  const [structure, source, planeA, planeB, ids, cubes, offsets, vertexBatch, triangleBatch] = window.reserve(
    Math.max(argumentBytes(PlaneArgument), argumentBytes(CrossArgument)),
    rows * shape[2],
    area,
    area,
    20 * area,
    256 * CUBE_ENTRY,
    48,
    32 * rowsAtOnce * pitch,
    12 * MOST_TRIANGLES() * rowsAtOnce * pitch,
  );
  window.u8(cubes, 256 * CUBE_ENTRY).set(cubeTable());
  window.u8(planeA, area).fill(0);
  window.u8(planeB, area).fill(0);
  const vertices = new Growing<Float32Array>(new Float32Array(4 * expected));
  const triangles = new Growing<Uint32Array>(new Uint32Array(6 * expected));
  const [z0, y0, x0] = [box[0][0], box[1][0], box[2][0]];
  // Whole rows of the volume, from the box's first voxel to its last: one copy per slice.
  const spanned = (rows - 1) * shape[2] + length;
  const sourceView = window.u8(source, spanned);
  const loadPlane = (plane: number, slice: number): void => {
    if (slice < 0 || slice >= slices) {
      window.u8(plane, area).fill(0);
      return;
    }
    const from = ((z0 + slice) * shape[1] + y0) * shape[2] + x0;
    sourceView.set(bytes.subarray(from, from + spanned));
    exports.markPlane(source, rows, shape[2], length, label, plane, pitch);
  };
  const inBatches = (end: number, work: (fromRow: number, toRow: number) => void): void => {
    for (let row = 0; row < end; row += rowsAtOnce) work(row, Math.min(end, row + rowsAtOnce));
  };
  const keepVertices = (count: number): void => {
    vertices.append(window.f32(vertexBatch, 4 * (count >>> 0)));
    if (vertices.length / 4 > limit) throw tooManyVertices(label, limit);
  };
  const enterPlane = (plane: number, slice: number, swapped: boolean): void => {
    const xs = ids + (swapped ? 12 * area : 0);
    inBatches(planeRows, (from, to) => {
      window.storeArguments<PlaneArgument>(structure, {
        [PlaneArgument.plane]: plane,
        [PlaneArgument.fromRow]: from,
        [PlaneArgument.toRow]: to,
        [PlaneArgument.rows]: planeRows,
        [PlaneArgument.pitch]: pitch,
        [PlaneArgument.x0]: x0,
        [PlaneArgument.y0]: y0,
        [PlaneArgument.z]: z0 + slice,
        [PlaneArgument.firstId]: vertices.length / 4,
        [PlaneArgument.xs]: xs,
        [PlaneArgument.ys]: xs + 4 * area,
        [PlaneArgument.vertices]: vertexBatch,
      });
      keepVertices(exports.planeVertices(structure));
    });
  };
  let [lower, upper] = [planeA, planeB];
  let swapped = false;
  loadPlane(lower, -1);
  for (let slice = -1; slice < slices; slice++) {
    loadPlane(upper, slice + 1);
    inBatches(planeRows, (from, to) => {
      window.storeArguments<CrossArgument>(structure, {
        [CrossArgument.lower]: lower,
        [CrossArgument.upper]: upper,
        [CrossArgument.fromRow]: from,
        [CrossArgument.toRow]: to,
        [CrossArgument.pitch]: pitch,
        [CrossArgument.x0]: x0,
        [CrossArgument.y0]: y0,
        [CrossArgument.z]: z0 + slice + 0.5,
        [CrossArgument.firstId]: vertices.length / 4,
        [CrossArgument.zs]: ids + 8 * area,
        [CrossArgument.vertices]: vertexBatch,
      });
      keepVertices(exports.crossVertices(structure));
    });
    enterPlane(upper, slice + 1, !swapped);
    window.u32(offsets, 12).set(edgeOffsets(pitch, area, swapped));
    inBatches(planeRows - 1, (from, to) => {
      const count = exports.cubeTriangles(lower, upper, from, to, pitch, ids, cubes, offsets, triangleBatch) >>> 0;
      triangles.append(window.u32(triangleBatch, 3 * count));
    });
    [lower, upper, swapped] = [upper, lower, !swapped];
  }
  return { vertices: vertices.values, triangles: triangles.values };
}

function tooManyVertices(label: number, limit: number): NnprepError {
  return new NnprepError(
    "OUT_OF_MEMORY",
    `the surface of label ${label} has more than ${limit} vertices: it looks like noise rather than an organ; remove small components first, or crop the volume`,
    { label, expected: limit },
  );
}
