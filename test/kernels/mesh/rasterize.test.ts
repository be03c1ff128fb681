import { beforeAll, expect, test } from "vitest";
import { createBuffers, drawMeshes, measureOpenness } from "../../../src/kernels/mesh/rasterize.js";
import { init } from "../../../src/runtime/instantiate.js";

beforeAll(() => init());

/** A rectangle at one depth that looks at the viewer. */
function rectangle(left: number, top: number, right: number, bottom: number, depth: number, label: number) {
  const corners = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
  const vertices = Float32Array.from(corners.flatMap(([x, y]) => [x, y, depth, 1]));
  const normals = Float32Array.from(corners.flatMap(() => [0, 0, 1, 0]));
  return { mesh: { vertices, triangles: Uint32Array.of(0, 2, 1, 0, 3, 2) }, normals, label };
}

test("rectangles of every width cover their pixels and no others, the nearer one in front", () => {
  for (let width = 1; width <= 21; width++) {
    for (const left of [0, 1, 2, 3, 5]) {
      const buffers = createBuffers(32, 7);
      const right = left + width;
      const near = rectangle(left, 2, right, 5, 2, 9);
      const far = rectangle(0, 0, 32, 7, 1, 4);
      drawMeshes(buffers, width % 2 === 0 ? [near, far] : [far, near]);
      for (let at = 0; at < buffers.labels.length; at++) {
        const [x, y] = [at % 32, Math.floor(at / 32)];
        const inside = x >= left && x < right && y >= 2 && y < 5;
        expect(buffers.labels[at]).toBe(inside ? 9 : 4);
        expect(buffers.depths[at]).toBeCloseTo(inside ? 2 : 1, 5);
        expect(buffers.directions[at]).toBe(0);
      }
    }
  }
});

test("what turns away is not drawn", () => {
  const buffers = createBuffers(8, 8);
  const { mesh, normals } = rectangle(0, 0, 8, 8, 0, 1);
  drawMeshes(buffers, [{ mesh: { ...mesh, triangles: Uint32Array.of(0, 1, 2, 0, 2, 3) }, normals, label: 1 }]);
  expect(buffers.labels.every((label) => label === 0)).toBe(true);
});

test("a plane is open everywhere, also at the border; beside a wall it is not", () => {
  for (const width of [16, 40, 61]) {
    const buffers = createBuffers(width, 24);
    drawMeshes(buffers, [rectangle(0, 0, width, 24, 0, 1)]);
    expect(measureOpenness(buffers, 6, 1.9).every((open) => open === 255)).toBe(true);
    drawMeshes(buffers, [rectangle(width / 2, 0, width, 24, 5, 2)]);
    const open = measureOpenness(buffers, 6, 1.9);
    const middle = 12 * width + Math.floor(width / 2);
    // Blocks of two by two pixels look into different directions: only together they see the wall.
    const around = (at: number) => (open[at] + open[at + 1] + open[at + width] + open[at + width + 1]) / 4;
    expect(around(middle - 3)).toBeLessThan(235);
    expect(around(middle + 2)).toBe(255);
  }
});
