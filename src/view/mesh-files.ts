import type { Color } from "./picture.js";
import type { Surface } from "./surface.js";

/*
 * Surfaces as files. Coordinates are millimetres towards right, anterior and superior (RAS), as NIfTI's own: the
 * surface lies on its scan in viewers of NIfTI files. 3D Slicer takes LPS unless the file says otherwise, so every file
 * says SPACE=RAS where Slicer looks for it.
 */

/** What a file calls a surface, and its colour. */
export interface NamedSurface {
  readonly surface: Surface;
  readonly name: string;
  readonly color: Color;
}

const SPACE = "SPACE=RAS";
const LINES_PER_PIECE = 20_000;

/** One surface as a binary STL file. STL knows neither several bodies nor colours. */
export function formatStl({ surface: { positions, triangles }, name }: NamedSurface): Uint8Array<ArrayBuffer> {
  const count = triangles.length / 3;
  const bytes = new Uint8Array(84 + 50 * count);
  // A header that began with "solid" would be taken for the other kind of STL, made of text.
  const header = `nnprep ${SPACE} unit=mm ${name}`.replace(/[^\x20-\x7e]/g, "?").slice(0, 80);
  bytes.set(new TextEncoder().encode(header.padEnd(80)));
  const view = new DataView(bytes.buffer);
  view.setUint32(80, count, true);
  const corner = new Float64Array(9);
  for (let i = 0, at = 84; i < triangles.length; i += 3, at += 50) {
    for (let k = 0; k < 3; k++) {
      const from = 3 * triangles[i + k];
      corner[3 * k] = -positions[from];
      corner[3 * k + 1] = -positions[from + 1];
      corner[3 * k + 2] = positions[from + 2];
    }
    const [ax, ay, az, bx, by, bz, cx, cy, cz] = corner as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const [ux, uy, uz, vx, vy, vz] = [bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az];
    const [nx, ny, nz] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    const size = Math.sqrt(nx * nx + ny * ny + nz * nz) || 1;
    for (const [k, value] of [nx / size, ny / size, nz / size].entries()) view.setFloat32(at + 4 * k, value, true);
    for (let k = 0; k < 9; k++) view.setFloat32(at + 12 + 4 * k, corner[k], true);
  }
  return bytes;
}

/** Surfaces as one Wavefront OBJ file: an object and a group for each, with colours at the vertices. */
export function formatObj(surfaces: readonly NamedSurface[]): Uint8Array<ArrayBuffer>[] {
  const encoder = new TextEncoder();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let lines = [`# nnprep ${SPACE}`, "# unit=mm"];
  const flush = () => {
    if (lines.length > 0) pieces.push(encoder.encode(`${lines.join("\n")}\n`));
    lines = [];
  };
  const add = (line: string) => {
    if (lines.push(line) >= LINES_PER_PIECE) flush();
  };
  let first = 1;
  for (const { surface, name, color } of surfaces) {
    const plain = name.replace(/\s+/g, "_");
    add(`o ${plain}`);
    add(`g ${plain}`);
    const { positions, normals, triangles } = surface;
    const rgb = color.map((c) => (c / 255).toFixed(3)).join(" ");
    for (let i = 0; i < positions.length; i += 3) {
      const [x, y, z] = positions.subarray(i, i + 3) as unknown as [number, number, number];
      add(`v ${(-x).toFixed(4)} ${(-y).toFixed(4)} ${z.toFixed(4)} ${rgb}`);
    }
    for (let i = 0; i < normals.length; i += 3) {
      const [x, y, z] = normals.subarray(i, i + 3) as unknown as [number, number, number];
      add(`vn ${(-x).toFixed(4)} ${(-y).toFixed(4)} ${z.toFixed(4)}`);
    }
    for (let i = 0; i < triangles.length; i += 3) {
      const [a, b, c] = [0, 1, 2].map((k) => first + triangles[i + k]);
      add(`f ${a}//${a} ${b}//${b} ${c}//${c}`);
    }
    first += positions.length / 3;
  }
  flush();
  return pieces;
}

const VERTEX_BYTES = 29;
const FACE_BYTES = 13;

/** Surfaces as one binary PLY file: colours and the number of the label at the vertices. */
export function formatPly(surfaces: readonly NamedSurface[]): Uint8Array<ArrayBuffer>[] {
  const total = (count: (surface: Surface) => number) => surfaces.reduce((sum, { surface }) => sum + count(surface), 0);
  const header = [
    "ply",
    "format binary_little_endian 1.0",
    `comment nnprep ${SPACE} unit=mm`,
    ...surfaces.map(({ surface, name }) => `comment label ${surface.label} ${name.replace(/\s+/g, " ")}`),
    `element vertex ${total(({ positions }) => positions.length / 3)}`,
    ...["x", "y", "z", "nx", "ny", "nz"].map((axis) => `property float ${axis}`),
    ...["red", "green", "blue"].map((channel) => `property uchar ${channel}`),
    "property ushort label",
    `element face ${total(({ triangles }) => triangles.length / 3)}`,
    "property list uchar int vertex_indices",
    "end_header",
  ];
  const encoded = new TextEncoder().encode(`${header.join("\n")}\n`);
  const pieces = [encoded, ...surfaces.map(plyVertices)];
  let first = 0;
  for (const { surface } of surfaces) {
    pieces.push(plyFaces(surface, first));
    first += surface.positions.length / 3;
  }
  return pieces;
}

function plyVertices({ surface: { positions, normals, label }, color }: NamedSurface): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array((positions.length / 3) * VERTEX_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0, at = 0; i < positions.length; i += 3, at += VERTEX_BYTES) {
    for (let k = 0; k < 3; k++) {
      const sign = k < 2 ? -1 : 1;
      view.setFloat32(at + 4 * k, sign * positions[i + k], true);
      view.setFloat32(at + 12 + 4 * k, sign * normals[i + k], true);
      view.setUint8(at + 24 + k, color[k]);
    }
    view.setUint16(at + 27, label, true);
  }
  return bytes;
}

function plyFaces({ triangles }: Surface, first: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array((triangles.length / 3) * FACE_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0, at = 0; i < triangles.length; i += 3, at += FACE_BYTES) {
    view.setUint8(at, 3);
    for (let k = 0; k < 3; k++) view.setInt32(at + 1 + 4 * k, first + triangles[i + k], true);
  }
  return bytes;
}
