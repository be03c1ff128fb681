/*
 * The 256 ways of a cube between eight voxels, and the triangles of the surface in each: made here rather than listed.
 * Corner k lies at x = k & 1, y = k >> 1 & 1, z = k >> 2.
 */

/** The two corners of each edge: along x, y in the lower plane, along z, along x, y in the upper plane. */
const EDGES: readonly (readonly [number, number])[] = [
  [0, 1],
  [2, 3],
  [0, 2],
  [1, 3],
  [0, 4],
  [1, 5],
  [2, 6],
  [3, 7],
  [4, 5],
  [6, 7],
  [4, 6],
  [5, 7],
];
/** The corners of each face, in turn as seen from outside. */
const FACES: readonly (readonly [number, number, number, number])[] = [
  [0, 2, 3, 1],
  [4, 5, 7, 6],
  [0, 1, 5, 4],
  [2, 6, 7, 3],
  [0, 4, 6, 2],
  [1, 3, 7, 5],
];

/** Bytes of an entry: the number of triangles, then three edges for each. */
export const CUBE_ENTRY = 32;

function edgeBetween(a: number, b: number): number {
  return EDGES.findIndex(([p, q]) => (p === a && q === b) || (p === b && q === a));
}

function faceHas(face: readonly number[], edge: number): boolean {
  const [p, q] = EDGES[edge];
  return face.includes(p) && face.includes(q);
}

/** For every edge that the surface crosses: the next one around the patch that it belongs to. */
function followingEdges(code: number): Map<number, number> {
  const isInside = (corner: number) => ((code >> corner) & 1) === 1;
  const next = new Map<number, number>();
  for (const face of FACES) {
    for (let i = 0; i < 4; i++) {
      const [before, here] = [face[(i + 3) % 4], face[i]];
      if (isInside(before) || !isInside(here)) continue;
      // A run of corners inside begins here: the surface cuts it off from the other corners of the face.
      let last = i;
      while (isInside(face[(last + 1) % 4])) last++;
      const after = edgeBetween(face[last % 4], face[(last + 1) % 4]);
      next.set(edgeBetween(before, here), after);
    }
  }
  return next;
}

/** Whether two vertices that are no neighbours lie on one face: the next cube could join them too. */
function share(a: number, b: number): boolean {
  return FACES.some((face) => faceHas(face, a) && faceHas(face, b));
}

/** Splits a patch into triangles, none of whose inner sides lies on a face; null if that cannot be. */
function split(patch: readonly number[]): number[] | null {
  if (patch.length === 3) return [...patch];
  const [a, b] = [patch[0], patch[1]];
  const far = patch.length - 1;
  for (let k = 2; k <= far; k++) {
    const c = patch[k];
    if ((k > 2 && share(b, c)) || (k < far && share(a, c))) continue;
    const right = k > 2 ? split(patch.slice(1, k + 1)) : [];
    const left = k < far ? split([a, ...patch.slice(k)]) : [];
    if (right !== null && left !== null) return [a, b, c, ...right, ...left];
  }
  return null;
}

function trianglesOf(code: number): number[] {
  const next = followingEdges(code);
  const result: number[] = [];
  while (next.size > 0) {
    const patch: number[] = [];
    let edge = next.keys().next().value as number;
    for (;;) {
      const following = next.get(edge);
      if (following === undefined) break;
      next.delete(edge);
      patch.push(edge);
      edge = following;
    }
    const triangles = split(patch);
    if (triangles === null) throw new Error(`cube ${code} has a patch that cannot be split`);
    result.push(...triangles);
  }
  return result;
}

let table: Uint8Array | undefined;

/** 256 entries, see `cubeTriangles` in the kernel. Triangles turn counter-clockwise as seen from outside. */
export function cubeTable(): Uint8Array {
  if (table === undefined) {
    table = new Uint8Array(256 * CUBE_ENTRY);
    for (let code = 0; code < 256; code++) {
      const edges = trianglesOf(code);
      table[code * CUBE_ENTRY] = edges.length / 3;
      table.set(edges, code * CUBE_ENTRY + 1);
    }
  }
  return table;
}

/** Entries from a cube's place to the number of each edge's vertex; `lower` and `upper` are the tables of the planes. */
export function edgeOffsets(pitch: number, area: number, swapped: boolean): Uint32Array {
  const [lower, upper] = swapped ? [3, 0] : [0, 3];
  return Uint32Array.from([
    lower * area,
    lower * area + pitch,
    (lower + 1) * area,
    (lower + 1) * area + 1,
    2 * area,
    2 * area + 1,
    2 * area + pitch,
    2 * area + pitch + 1,
    upper * area,
    upper * area + pitch,
    (upper + 1) * area,
    (upper + 1) * area + 1,
  ]);
}
