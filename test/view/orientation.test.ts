import { beforeAll, expect, test } from "vitest";
import { inverseAxes, transpose } from "../../src/core/axes.js";
import type { Axes3, Geometry, Shape3, Volume } from "../../src/core/volume.js";
import { init } from "../../src/runtime/instantiate.js";
import { renderOverview } from "../../src/view/overview.js";
import type { Picture } from "../../src/view/picture.js";
import { renderLabels } from "../../src/view/scene.js";
import { renderSlice } from "../../src/view/slice.js";
import { labelSurface } from "../../src/view/surface.js";
import { FLIPS, ORDERS } from "../axis-orders.js";

beforeAll(() => init());

const SHAPE: Shape3 = [12, 16, 20];
const SPACING = [3, 1.5, 1] as const;

/** Stored as the patient lies (axes S, P, L): label 1 on the left, 2 in front on the right, 3 at the top behind. */
function phantom(): { label: Volume<Uint8Array>; image: Volume<Int16Array> } {
  const data = new Uint8Array(12 * 16 * 20);
  const values = new Int16Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const [s, p, l] = [Math.floor(i / 320), Math.floor(i / 20) % 16, i % 20];
    if (l >= 13 && l < 18 && p >= 6 && p < 12 && s >= 2 && s < 9) data[i] = 1;
    if (l >= 2 && l < 6 && p >= 1 && p < 5 && s >= 2 && s < 6) data[i] = 2;
    if (l >= 8 && l < 11 && p >= 12 && s >= 8) data[i] = 3;
    values[i] = 10 * l + 4 * p + s;
  }
  const geometry: Geometry = { spacingMm: SPACING, originMm: [0, 0, 0], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] };
  return { label: { data, shape: SHAPE, geometry }, image: { data: values, shape: SHAPE, geometry } };
}

/** The same patient with array axes in another order, some of them turned round. */
function store<T extends Uint8Array | Int16Array>(
  { data, shape, geometry }: Volume<T>,
  axes: Axes3,
  flips: readonly boolean[],
): Volume<T> {
  const turned = data.slice() as T;
  const strides = [shape[1] * shape[2], shape[2], 1];
  for (let i = 0; i < data.length; i++) {
    let to = 0;
    for (let axis = 0; axis < 3; axis++) {
      const n = shape[axis];
      const index = Math.floor(i / strides[axis]) % n;
      to += (flips[axis] ? n - 1 - index : index) * strides[axis];
    }
    turned[to] = data[i];
  }
  const direction = new Array<number>(9).fill(0);
  const origin = [0, 0, 0];
  for (let axis = 0; axis < 3; axis++) {
    const column = 2 - axes.indexOf(axis);
    direction[3 * (2 - axis) + column] = flips[axis] ? -1 : 1;
    if (flips[axis]) origin[2 - axis] = (shape[axis] - 1) * geometry.spacingMm[axis];
  }
  const pick = (values: readonly number[]) => axes.map((axis) => values[axis]);
  return {
    data: transpose(turned, shape, axes),
    shape: pick(shape) as unknown as Shape3,
    geometry: {
      spacingMm: pick(geometry.spacingMm) as unknown as Geometry["spacingMm"],
      originMm: origin as unknown as Geometry["originMm"],
      direction: direction as unknown as Geometry["direction"],
    },
  };
}

/** Every order of the axes, every set of flips at least once. */
const WAYS = ORDERS.flatMap((axes, i) => [i, 7 - i].map((turn) => ({ axes, flips: FLIPS[turn] })));

test("twelve ways to store the same patient give the same pictures and surfaces", { timeout: 60_000 }, () => {
  const { label, image } = phantom();
  const window = { low: 0, high: 300, name: "test" };
  const scene = { width: 120, height: 100 };
  const draw = (l: Volume, i: Volume) => [
    renderLabels(l, scene).data,
    renderLabels(l, { ...scene, style: "points" }).data,
    ...(["axial", "coronal", "sagittal"] as const).map(
      (plane) => renderSlice({ image: i, label: l }, { plane, labels: [1], window, width: 90, height: 80 }).data,
    ),
  ];
  const expected = draw(label, image);
  const surface = labelSurface(label, 2);
  for (const { axes, flips } of WAYS) {
    expect(inverseAxes(inverseAxes(axes))).toEqual(axes);
    const stored = store(label, axes, flips);
    const found = draw(stored, store(image, axes, flips));
    for (const [i, picture] of found.entries()) {
      expect(picture.every((byte, at) => byte === expected[i]?.[at])).toBe(true);
    }
    const other = labelSurface(stored, 2);
    expect(other.triangles).toEqual(surface.triangles);
    expect(other.positions.every((mm, at) => Math.abs(mm - surface.positions[at]) < 1e-4)).toBe(true);
  }
});

/** Mean place of the pixels that look like a colour, as parts of width and height. */
function centreOf({ data, width, height }: Picture, isColor: (r: number, g: number, b: number) => boolean) {
  let [x, y, n] = [0, 0, 0];
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = data.subarray(4 * i, 4 * i + 3) as unknown as [number, number, number];
    if (!isColor(r, g, b)) continue;
    x += i % width;
    y += Math.floor(i / width);
    n++;
  }
  return { x: x / n / width, y: y / n / height, n };
}
const RED = (r: number, g: number, b: number) => r > 90 && g < r / 2 && b < r / 2;
const GREEN = (r: number, g: number, b: number) => g > 60 && r < 0.7 * g && b < 0.85 * g;

test("radiological convention: the patient's left is on the right, front at the top of axial slices, head up", () => {
  const { label } = phantom();
  const plain = { letters: false, width: 200, height: 200 } as const;
  const axial = renderSlice({ label }, { ...plain, plane: "axial", index: 4 });
  expect(centreOf(axial, RED).x).toBeGreaterThan(0.6);
  expect(centreOf(axial, GREEN).x).toBeLessThan(0.4);
  expect(centreOf(axial, GREEN).y).toBeLessThan(centreOf(axial, RED).y - 0.2);
  const coronal = renderSlice({ label }, { ...plain, plane: "coronal", index: 8 });
  expect(centreOf(coronal, RED).x).toBeGreaterThan(0.6);
  const low = renderSlice({ label }, { ...plain, plane: "coronal", index: 2 });
  expect(centreOf(low, GREEN).y).toBeGreaterThan(0.55);
  const sagittal = renderSlice({ label }, { ...plain, plane: "sagittal", index: 3 });
  expect(centreOf(sagittal, GREEN).x).toBeLessThan(0.4);
  const front = renderLabels(label, { ...plain, viewFrom: [0, -1, 0] });
  expect(centreOf(front, RED).x).toBeGreaterThan(centreOf(front, GREEN).x + 0.3);
  const back = renderLabels(label, { ...plain, viewFrom: [0, 1, 0] });
  expect(centreOf(back, RED).x).toBeLessThan(centreOf(back, GREEN).x - 0.3);
});

test("proportions are true: a voxel of 3 x 1.5 x 1 mm", () => {
  const { label } = phantom();
  const picture = renderSlice(
    { label },
    { plane: "coronal", index: 8, labels: [1], letters: false, width: 400, height: 400 },
  );
  let [left, right, top, bottom] = [400, 0, 400, 0];
  for (let i = 0; i < 160_000; i++) {
    if (picture.data[4 * i] < 60) continue;
    left = Math.min(left, i % 400);
    right = Math.max(right, i % 400);
    top = Math.min(top, Math.floor(i / 400));
    bottom = Math.max(bottom, Math.floor(i / 400));
  }
  // 5 voxels of 1 mm across, 7 of 3 mm down, 400 pixels for 36 mm; edges pass half way between voxels.
  expect(Math.abs((right - left + 1) / (400 / 36) - 5)).toBeLessThan(0.2);
  expect(Math.abs((bottom - top + 1) / (400 / 36) - 21)).toBeLessThan(0.2);
});

test("without labels the picture says so, with two grids an error does", () => {
  const { label, image } = phantom();
  const empty = { ...label, data: new Uint8Array(label.data.length) };
  const picture = renderLabels(empty, { width: 200, height: 100 });
  expect(new Set(picture.data).size).toBeGreaterThan(10);
  expect(renderOverview(empty, image, { paneSize: 100 }).width).toBeGreaterThan(400);
  const moved = { ...image, geometry: { ...image.geometry, originMm: [5, 0, 0] as const } };
  expect(() => renderSlice({ label, image: moved })).toThrow(expect.objectContaining({ code: "GEOMETRY_MISMATCH" }));
  expect(() => renderSlice({})).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  expect(() => renderSlice({ label }, { index: 12 })).toThrow(/slices 0 to 11/);
});

test("a pixel's grey is its place in the window, linear between the centres of voxels", () => {
  const { image } = phantom();
  const [width, height, low, high] = [200, 240, 0, 300];
  const window = { low, high, name: "test" };
  const picture = renderSlice({ image }, { plane: "axial", index: 5, letters: false, width, height, window });
  // 10 pixels for a mm: 20 columns of 1 mm, 16 rows of 1.5 mm. A bar of scale lies at the lower left.
  let largest = 0;
  for (let y = 8; y < 120; y++) {
    for (let x = 5; x < 195; x++) {
      const value = 10 * ((x + 0.5) / 10 - 0.5) + 4 * ((y + 0.5) / 15 - 0.5) + 5;
      const grey = ((value - low) / (high - low)) * 255;
      largest = Math.max(largest, Math.abs(picture.data[4 * (y * width + x)] - grey));
    }
  }
  // A byte is half a step away at most.
  expect(largest).toBeLessThan(0.501);
});
