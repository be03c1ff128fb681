import { MeshoptSimplifier } from "meshoptimizer/simplifier";
import { NnprepError } from "../core/errors.js";
import type { Surface } from "./surface.js";

/**
 * The surface with about as many triangles as asked for (more where fewer would tear it): edges collapse in the order of
 * the error that they make (quadric error metrics), by meshoptimizer. A closed surface stays closed.
 *
 * @param triangles how many should be left; a surface that has no more is returned as it is
 * @throws NnprepError INVALID_ARGUMENT, UNSUPPORTED where WebAssembly is missing
 */
export async function reduceSurface(surface: Surface, triangles: number): Promise<Surface> {
  if (!Number.isInteger(triangles) || triangles < 4) {
    throw new NnprepError("INVALID_ARGUMENT", `${triangles} triangles: a closed surface has at least 4`, {
      found: triangles,
      expected: 4,
    });
  }
  if (surface.triangles.length <= 3 * triangles) return surface;
  if (!MeshoptSimplifier.supported) throw new NnprepError("UNSUPPORTED", "triangles are reduced by WebAssembly only");
  await MeshoptSimplifier.ready;
  const { positions } = surface;
  let best: { readonly indices: Uint32Array; readonly pinched: number } | undefined;
  for (let attempt = 0; attempt < ATTEMPTS && best?.pinched !== 0; attempt++) {
    const wanted = 3 * Math.max(4, Math.round(triangles * (1 - STEP * attempt)));
    const [indices] = MeshoptSimplifier.simplify(surface.triangles, positions, 3, wanted, 1);
    const pinched = pinchedEdges(indices, positions.length / 3);
    if (best === undefined || pinched < best.pinched) best = { indices, pinched };
  }
  return keepVertices(surface, (best as { indices: Uint32Array }).indices);
}

/** Numbers of triangles that are tried, and how far apart they are. */
const ATTEMPTS = 12;
const STEP = 0.015;

/** Edges that do not belong to exactly two triangles running along them in opposite directions. */
function pinchedEdges(triangles: Uint32Array, vertices: number): number {
  const edges = new Map<number, number>();
  for (let i = 0; i < triangles.length; i += 3) {
    for (let k = 0; k < 3; k++) {
      const key = triangles[i + k] * vertices + triangles[i + ((k + 1) % 3)];
      edges.set(key, (edges.get(key) ?? 0) + 1);
    }
  }
  let pinched = 0;
  for (const [key, count] of edges) {
    const back = (key % vertices) * vertices + Math.floor(key / vertices);
    if (count !== 1 || edges.get(back) !== 1) pinched++;
  }
  return pinched;
}

/** The vertices that the triangles still name, in their order. */
function keepVertices({ label, positions, normals }: Surface, indices: Uint32Array): Surface {
  const place = new Int32Array(positions.length / 3).fill(-1);
  for (const vertex of indices) place[vertex] = 0;
  let count = 0;
  for (let vertex = 0; vertex < place.length; vertex++) if (place[vertex] === 0) place[vertex] = count++;
  const kept = { positions: new Float32Array(3 * count), normals: new Float32Array(3 * count) };
  for (const [vertex, to] of place.entries()) {
    if (to < 0) continue;
    kept.positions.set(positions.subarray(3 * vertex, 3 * vertex + 3), 3 * to);
    kept.normals.set(normals.subarray(3 * vertex, 3 * vertex + 3), 3 * to);
  }
  return { label, ...kept, triangles: indices.map((vertex) => place[vertex]) };
}
