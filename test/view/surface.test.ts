import { beforeAll, expect, test } from "vitest";
import type { Shape3, Volume } from "../../src/core/volume.js";
import { cubeTable } from "../../src/kernels/mesh/cube-table.js";
import { init } from "../../src/runtime/instantiate.js";
import { reduceSurface } from "../../src/view/reduce.js";
import { labelSurface, measureSurface, type Surface } from "../../src/view/surface.js";

beforeAll(() => init());

function volumeOf(
  shape: Shape3,
  spacingMm: readonly [number, number, number],
  inside: (z: number, y: number, x: number) => number,
): Volume<Uint8Array> {
  const data = new Uint8Array(shape[0] * shape[1] * shape[2]);
  let at = 0;
  for (let z = 0; z < shape[0]; z++)
    for (let y = 0; y < shape[1]; y++) for (let x = 0; x < shape[2]; x++) data[at++] = inside(z, y, x);
  return { data, shape, geometry: { spacingMm, originMm: [10, -20, 30], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] } };
}

/** Edges that do not belong to exactly two triangles which run along them in opposite directions. */
function openEdges({ triangles }: Pick<Surface, "triangles">): number {
  const edges = new Map<string, number>();
  for (let i = 0; i < triangles.length; i += 3) {
    for (let k = 0; k < 3; k++) {
      const key = `${triangles[i + k]}-${triangles[i + ((k + 1) % 3)]}`;
      edges.set(key, (edges.get(key) ?? 0) + 1);
    }
  }
  let open = 0;
  for (const [key, count] of edges) {
    const [a, b] = key.split("-");
    if (count !== 1 || edges.get(`${b}-${a}`) !== 1) open++;
  }
  return open;
}

function ball(radiusMm: number, spacing: readonly [number, number, number]): Volume<Uint8Array> {
  const half = spacing.map((mm) => Math.ceil(radiusMm / mm) + 2) as [number, number, number];
  const shape = half.map((n) => 2 * n + 1) as unknown as Shape3;
  return volumeOf(shape, spacing, (z, y, x) => {
    const [dz, dy, dx] = [(z - half[0]) * spacing[0], (y - half[1]) * spacing[1], (x - half[2]) * spacing[2]];
    return dz * dz + dy * dy + dx * dx <= radiusMm * radiusMm ? 1 : 0;
  });
}

test("every cube has its triangles, and a cube and its inverse have the same crossing edges", () => {
  const table = cubeTable();
  for (let code = 0; code < 256; code++) {
    const edges = (c: number) => new Set(table.subarray(32 * c + 1, 32 * c + 1 + 3 * table[32 * c]));
    expect([...edges(code)].sort()).toEqual([...edges(255 - code)].sort());
  }
});

test.each([
  ["isotropic", [1, 1, 1]],
  ["thick slices", [4, 1, 1]],
  ["thick columns", [1, 1.2, 3]],
] as const)("a ball, %s: closed, volume, area, normals, place", (_, spacing) => {
  const radius = 15;
  const volume = ball(radius, spacing);
  const surface = labelSurface(volume, 1);
  expect(openEdges(surface)).toBe(0);
  const { volumeMm3, areaMm2 } = measureSurface(surface);
  const voxels = volume.data.reduce((n, v) => n + v, 0) * spacing[0] * spacing[1] * spacing[2];
  expect(Math.abs(volumeMm3 / voxels - 1)).toBeLessThan(1e-3);
  // Euler: a sphere has vertices - edges + triangles = 2.
  expect(surface.positions.length / 3 - surface.triangles.length / 6).toBe(2);
  const area = 4 * Math.PI * radius * radius;
  expect(areaMm2 / area).toBeGreaterThan(0.97);
  expect(areaMm2 / area).toBeLessThan(spacing[0] === 4 ? 1.1 : 1.04);
  const centre = [2, 1, 0].map((axis, i) => {
    const half = (volume.shape[axis] - 1) / 2;
    return half * (spacing[axis] as number) + [10, -20, 30][i];
  });
  let worst = 1;
  let farthest = 0;
  for (let i = 0; i < surface.positions.length; i += 3) {
    const d = [0, 1, 2].map((k) => surface.positions[i + k] - centre[k]);
    const size = Math.hypot(...d);
    farthest = Math.max(farthest, Math.abs(size - radius));
    worst = Math.min(worst, [0, 1, 2].reduce((sum, k) => sum + d[k] * surface.normals[i + k], 0) / size);
  }
  expect(farthest).toBeLessThan(0.75 * Math.max(...spacing));
  expect(worst).toBeGreaterThan(Math.max(...spacing) > 2 ? 0.5 : 0.8);
});

test("no stairs: normals of a tilted plate are those of its plane", () => {
  const plate = volumeOf([24, 40, 40], [1, 1, 1], (z, y, x) => (z < 8 + (y + x) / 8 && z > 2 + (y + x) / 8 ? 1 : 0));
  const size = Math.sqrt(1 + 2 / 64);
  /** Share of the normals in the middle of the plate that are off by more than 15 degrees. */
  const offPlane = ({ positions, normals }: Surface) => {
    let off = 0;
    let counted = 0;
    for (let i = 0; i < positions.length; i += 3) {
      const [x, y] = [positions[i] - 10, positions[i + 1] + 20];
      if (x < 8 || x > 31 || y < 8 || y > 31) continue;
      const [nx, ny, nz] = [normals[i], normals[i + 1], normals[i + 2]];
      counted++;
      if (Math.abs(nz - nx / 8 - ny / 8) / size < 0.966) off++;
    }
    expect(counted).toBeGreaterThan(500);
    return off / counted;
  };
  expect(offPlane(labelSurface(plate, 1, { rounds: 0 }))).toBeGreaterThan(0.25);
  expect(offPlane(labelSurface(plate, 1))).toBeLessThan(0.02);
});

test.each([
  ["a single voxel", [3, 3, 3], (z: number, y: number, x: number) => (z === 1 && y === 1 && x === 1 ? 1 : 0), 1],
  ["a volume that is all label", [4, 5, 6], () => 1, 120],
  ["voxels that touch at edges and corners", [4, 4, 4], (z: number, y: number, x: number) => (z + y + x + 1) % 2, 32],
] as const)("%s is closed and has its volume", (_, shape, inside, voxels) => {
  const surface = labelSurface(volumeOf(shape, [1, 1, 1], inside as () => number), 1);
  expect(openEdges(surface)).toBe(0);
  expect(measureSurface(surface).volumeMm3 / voxels).toBeCloseTo(1, 1);
});

test("noise is closed: every cube occurs", () => {
  let state = 1;
  const noise = volumeOf([18, 19, 20], [1, 1, 1], () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 31;
  });
  const surface = labelSurface(noise, 1, { rounds: 2 });
  expect(openEdges(surface)).toBe(0);
  expect(measureSurface(surface).volumeMm3).toBeGreaterThan(0);
});

test("reduced surfaces stay closed, near and named", async () => {
  const surface = labelSurface(ball(15, [1, 1, 1]), 1);
  const reduced = await reduceSurface(surface, 800);
  expect(reduced.triangles.length / 3).toBeLessThanOrEqual(800);
  expect(reduced.triangles.length / 3).toBeGreaterThan(500);
  expect(openEdges(reduced)).toBe(0);
  expect(Math.max(...reduced.triangles)).toBe(reduced.positions.length / 3 - 1);
  expect(measureSurface(reduced).volumeMm3 / measureSurface(surface).volumeMm3).toBeCloseTo(1, 1);
  expect(await reduceSurface(surface, 1e6)).toBe(surface);
  await expect(reduceSurface(surface, 2)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("what has no surface says so", () => {
  const empty = volumeOf([3, 3, 3], [1, 1, 1], () => 0);
  expect(() => labelSurface(empty, 1)).toThrow(expect.objectContaining({ code: "EMPTY_IMAGE" }));
  const scan = { ...empty, data: new Float32Array(27).fill(0.5) };
  expect(() => labelSurface(scan, 1)).toThrow(expect.objectContaining({ code: "INVALID_VALUES" }));
});
