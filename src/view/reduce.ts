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
  const [indices] = MeshoptSimplifier.simplify(surface.triangles, positions, 3, 3 * triangles, 1);
  return keepVertices(surface, indices);
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
  return { label, ...kept, triangles: indices.map((vertex) => place[vertex] as number) };
}
