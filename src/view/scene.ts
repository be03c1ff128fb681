import { NnprepError } from "../core/errors.js";
import { PATIENT_LETTERS } from "../core/geometry.js";
import type { Vec3, Volume } from "../core/volume.js";
import { countContacts, type LabelExtent } from "../kernels/mesh/label-survey.js";
import { type Affine, type Mesh, meshNormals, transformMesh } from "../kernels/mesh/mesh-shape.js";
import {
  type Buffers,
  clearBuffers,
  createBuffers,
  type DrawnMesh,
  drawMeshes,
  halvePixels,
  measureOpenness,
  shadePixels,
} from "../kernels/mesh/rasterize.js";
import { labelColor } from "./label-colors.js";
import { coarsenGrid, type LabelGrid, readLabelGrid } from "./label-grid.js";
import {
  BACKGROUND,
  type Color,
  checkPictureSize,
  createPicture,
  DIM_TEXT_COLOR,
  drawLine,
  type Picture,
  TEXT_COLOR,
} from "./picture.js";
import { drawScatter } from "./scatter.js";
import { drawScale } from "./slice.js";
import { type SmoothingBounds, smoothSurface, stepMatrix } from "./surface.js";
import { drawText } from "./text.js";

/** How labels are drawn in three dimensions. */
export interface SceneOptions {
  /** Size of the picture. Default 640. */
  readonly width?: number;
  readonly height?: number;
  /** Only these labels; default: all above 0. */
  readonly labels?: readonly number[] | undefined;
  /** Shaded surfaces, or a plain scatter of the voxels at the surface. */
  readonly style?: "surface" | "points" | undefined;
  /**
   * Where the viewer stands, as a direction from the patient: towards left, posterior, superior. Default: in front,
   * somewhat to the patient's left and above. Superior is up; seen from above or below, anterior is.
   */
  readonly viewFrom?: Vec3 | undefined;
  /** Which labels are drawn as glass. Default: those that enclose another one. */
  readonly glass?: readonly number[] | undefined;
  /** Letters of the patient's directions, and a scale. Default true. */
  readonly letters?: boolean;
  /** Default: `labelColor`. */
  readonly colors?: ReadonlyMap<number, Color> | undefined;
  readonly background?: Color | undefined;
}

const VIEW_FROM: Vec3 = [0.45, -1, 0.3];
/** Sub-pixels per pixel and side. */
const FINE = 2;
/** Vertices times rounds of smoothing per label and in all: large surfaces have small stairs in the picture. */
const SMOOTHING_WORK = 4e6;
const ALL_SMOOTHING_WORK = 15e6;
/** Share of a label's surface that must touch another one for that one to be its cover. */
const ENCLOSED = 0.5;
const GLASS_OPACITY = 0.22;

interface View {
  /** Rows: to the right, down and towards the viewer, in L, P, S. */
  readonly rotation: readonly [Vec3, Vec3, Vec3];
  /** From mm around the grid's first voxel to sub-pixels. */
  readonly matrix: Affine;
  readonly pixelsPerMm: number;
  readonly nearest: number;
  readonly farthest: number;
}

function cross(a: Vec3, b: Vec3): Vec3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function unit(v: Vec3): Vec3 {
  const size = Math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  if (!(size > 0)) {
    throw new NnprepError("INVALID_ARGUMENT", `viewFrom [${v.join(", ")}] is no direction`, { found: [...v] });
  }
  return [v[0] / size, v[1] / size, v[2] / size];
}

function rotationOf(viewFrom: Vec3): View["rotation"] {
  const towards = unit(viewFrom);
  const up: Vec3 = Math.abs(towards[2]) > 0.99 ? [0, -1, 0] : [0, 0, 1];
  const right = unit(cross(up, towards));
  const [a, b, c] = cross(towards, right);
  return [right, [-a, -b, -c], towards];
}

function product(a: Vec3, b: readonly number[]): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** Ends of the labels in some of the rows, in voxel indices x, y, z: what must be in the picture. */
function outline({ bytes, shape }: LabelGrid): number[] {
  const [slices, rows, length] = shape;
  const points: number[] = [];
  // A few thousand rows tell the outline to a voxel or two.
  const step = Math.max(1, Math.floor((slices * rows) / 20_000));
  for (let row = 0; row < slices * rows; row += step) {
    const start = row * length;
    let low = 0;
    while (low < length && bytes[start + low] === 0) low++;
    if (low === length) continue;
    let high = length - 1;
    while (bytes[start + high] === 0) high--;
    const [z, y] = [Math.floor(row / rows), row % rows];
    points.push(low, y, z, high, y, z);
  }
  return points;
}

/** Fits the labels into the picture with a margin, seen from somewhere. */
function chooseView(grid: LabelGrid, viewFrom: Vec3, width: number, height: number, margin: number): View {
  const rotation = rotationOf(viewFrom);
  const m = grid.stepsMm;
  const low = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const high = low.map((x) => -x);
  const points = outline(grid);
  for (const [r, axis] of rotation.entries()) {
    const [a, b, c] = [0, 1, 2].map((column) => product(axis, [m[column], m[3 + column], m[6 + column]] as Vec3)) as [
      number,
      number,
      number,
    ];
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = 0; i < points.length; i += 3) {
      const at = a * points[i] + b * points[i + 1] + c * points[i + 2];
      if (at < least) least = at;
      if (at > most) most = at;
    }
    low[r] = least;
    high[r] = most;
  }
  const voxel = Math.max(...grid.spacingMm);
  const extent = low.map((from, r) => high[r] - from + voxel) as [number, number, number];
  const scale = FINE * Math.min((width - 2 * margin) / extent[0], (height - 2 * margin) / extent[1]);
  const centre = low.map((from, r) => (from + high[r]) / 2) as [number, number, number];
  const row = (r: 0 | 1 | 2, offset: number) => {
    const [a, b, c] = rotation[r];
    return [a * scale, b * scale, c * scale, offset - centre[r] * scale] as const;
  };
  const matrix = [row(0, (width * FINE) / 2), row(1, (height * FINE) / 2), row(2, 0)] as const;
  const half = (extent[2] / 2) * scale;
  return { rotation, matrix, pixelsPerMm: scale / FINE, nearest: half, farthest: -half };
}

/** Pixels below which voxels are joined to larger ones. */
const SMALL = 2;

/** The grid with voxels that are worth drawing. */
function coarsenToPixels(whole: LabelGrid, { pixelsPerMm }: View): LabelGrid {
  let grid = whole;
  for (;;) {
    const halved = grid.spacingMm.map((mm, axis) => mm * pixelsPerMm < SMALL && grid.shape[axis] > 1) as [
      boolean,
      boolean,
      boolean,
    ];
    if (!halved.includes(true)) return grid;
    grid = coarsenGrid(grid, halved);
  }
}

/** Labels that enclose another, smaller one: more than half of that one's surface touches them. */
function findCovers({ extents }: LabelGrid, contacts: Uint32Array): Set<number> {
  const covers = new Set<number>();
  for (const [i, inner] of extents.entries()) {
    const faces = contacts.subarray(256 * (i + 1), 256 * (i + 2));
    const all = faces.reduce((sum, n) => sum + n, 0);
    for (const [j, outer] of extents.entries()) {
      if (faces[j + 1] > ENCLOSED * all && outer.voxels > inner.voxels) covers.add(outer.label);
    }
  }
  return covers;
}

/** What the smoothing of one label may cost; each face between labels becomes a vertex of both. */
function smoothingBounds({ extents }: LabelGrid, contacts: Uint32Array): (extent: LabelExtent) => SmoothingBounds {
  const facesOf = (row: Uint32Array) => row.reduce((sum, n) => sum + n, 0);
  const faces = extents.map((_, i) => facesOf(contacts.subarray(256 * (i + 1), 256 * (i + 2))));
  const all = faces.reduce((sum, n) => sum + n, 0);
  return (extent) => {
    const own = faces[extents.indexOf(extent)];
    return { work: Math.min(SMOOTHING_WORK, (ALL_SMOOTHING_WORK * own) / Math.max(1, all)), vertices: own };
  };
}

/** The surface of a label in sub-pixels, and its normals. */
function surfaceInView(
  grid: LabelGrid,
  extent: LabelExtent,
  view: View,
  bounds: SmoothingBounds,
): { mesh: Mesh; normals: Float32Array } {
  const mesh = smoothSurface(grid, extent, undefined, bounds);
  transformMesh(mesh, stepMatrix(grid, [0, 0, 0]));
  const normals = meshNormals(mesh, 2);
  transformMesh(mesh, view.matrix);
  const rows = view.rotation.map(([a, b, c]) => [a, b, c, 0] as const) as unknown as Affine;
  transformMesh({ vertices: normals, triangles: mesh.triangles }, rows);
  return { mesh, normals };
}

/** Red, green, blue and full opacity as a canvas keeps them. */
function pixelOf([r, g, b]: Color): number {
  return new Uint32Array(new Uint8Array([r, g, b, 255]).buffer)[0];
}

/**
 * A shaded picture of labels in three dimensions with true proportions, parallel projection. Labels that enclose
 * others are drawn as glass, so that nothing is hidden for good. Radiological convention: seen from the front, the
 * patient's right is on the left. Without any label the picture says so.
 *
 * The same bytes on every machine, and for every orientation in which the same grid can be stored.
 *
 * @throws NnprepError INVALID_VALUES when voxels are no labels; INVALID_ARGUMENT for sizes that are no picture's;
 * UNSUPPORTED for more than 255 labels; OUT_OF_MEMORY for a surface of more than 12 million vertices
 */
export function renderLabels(volume: Volume, options: SceneOptions = {}): Picture {
  const { width = 640, height = 640 } = options;
  checkPictureSize(width, height);
  return renderLabelGrid(readLabelGrid(volume, options.labels), { ...options, width, height });
}

/** As `renderLabels`, of labels that are read already. */
export function renderLabelGrid(
  whole: LabelGrid | null,
  options: SceneOptions & { readonly width: number; readonly height: number },
): Picture {
  const { width, height, style = "surface", letters = true, background = BACKGROUND } = options;
  const picture = createPicture(width, height, background);
  const size = Math.max(8, Math.round(Math.min(width, height) / 44));
  if (whole === null) {
    const style = { size, color: DIM_TEXT_COLOR, align: "center" } as const;
    drawText(picture, "no label voxels", width / 2, height / 2, style);
    return picture;
  }
  const margin = Math.round(Math.min(width, height) / 16);
  const viewFrom = options.viewFrom ?? VIEW_FROM;
  const grid = coarsenToPixels(whole, chooseView(whole, viewFrom, width, height, margin));
  const view = chooseView(grid, viewFrom, width, height, margin);
  const pixels = new Uint32Array(width * height * FINE * FINE).fill(pixelOf(background));
  const colors = grid.extents.map(({ label }) => options.colors?.get(label) ?? labelColor(label));
  const buffers = createBuffers(width * FINE, height * FINE);
  const depthScale = 1 / (view.nearest - view.farthest);
  const shading = { colors, nearestDepth: view.nearest, depthScale };
  if (style === "points") {
    const voxelPixels = Math.min(...grid.spacingMm) * view.pixelsPerMm * FINE;
    const radius = Math.max(1.2 * FINE, Math.min(3 * FINE, 0.42 * voxelPixels));
    drawScatter(grid, view.matrix, radius, buffers);
    shadePixels(buffers, { ...shading, opacity: 1 }, pixels);
  } else {
    const contacts = countContacts(grid.bytes, grid.shape);
    const covers = options.glass === undefined ? findCovers(grid, contacts) : new Set(options.glass);
    const boundsFor = smoothingBounds(grid, contacts);
    const surfaceOf = (extent: LabelExtent, label: number) => ({
      ...surfaceInView(grid, extent, view, boundsFor(extent)),
      label,
    });
    drawOpaque(grid, surfaceOf, buffers, covers);
    const openness = measureOpenness(buffers, Math.min(width, height) * FINE * 0.03, 1.9);
    shadePixels(buffers, { ...shading, opacity: 1, openness }, pixels);
    drawGlass(grid, surfaceOf, buffers, covers, shading, pixels);
  }
  halvePixels(pixels, width, height, new Uint32Array(picture.data.buffer));
  if (letters) {
    drawDirections(picture, view, size);
    drawScale(picture, view.pixelsPerMm, size);
  }
  return picture;
}

type SurfaceOf = (extent: LabelExtent, label: number) => DrawnMesh;

/** Vertices of surfaces that are drawn together. */
const DRAWN_VERTICES = 1 << 19;

function drawOpaque(grid: LabelGrid, surfaceOf: SurfaceOf, buffers: Buffers, covers: ReadonlySet<number>): void {
  let waiting: DrawnMesh[] = [];
  let vertices = 0;
  for (const [i, extent] of grid.extents.entries()) {
    if (covers.has(extent.label)) continue;
    const drawn = surfaceOf(extent, i + 1);
    waiting.push(drawn);
    vertices += drawn.mesh.vertices.length / 4;
    if (vertices < DRAWN_VERTICES) continue;
    drawMeshes(buffers, waiting);
    waiting = [];
    vertices = 0;
  }
  drawMeshes(buffers, waiting);
}

/** Lays the labels that enclose others over the picture, the one that begins farthest away first. */
function drawGlass(
  grid: LabelGrid,
  surfaceOf: SurfaceOf,
  { width, height, depths: covering }: Buffers,
  covers: ReadonlySet<number>,
  shading: { readonly colors: readonly Color[]; readonly nearestDepth: number; readonly depthScale: number },
  pixels: Uint32Array,
): void {
  const layers = grid.extents
    .map((extent, i) => ({ extent, label: i + 1 }))
    .filter(({ extent }) => covers.has(extent.label))
    .map(({ extent, label }) => {
      const drawn = surfaceOf(extent, label);
      let nearest = Number.NEGATIVE_INFINITY;
      for (let i = 2; i < drawn.mesh.vertices.length; i += 4) {
        nearest = Math.max(nearest, drawn.mesh.vertices[i]);
      }
      return { drawn, nearest };
    })
    .sort((a, b) => a.nearest - b.nearest);
  if (layers.length === 0) return;
  const layer = createBuffers(width, height);
  for (const { drawn } of layers) {
    clearBuffers(layer);
    drawMeshes(layer, [drawn]);
    shadePixels(layer, { ...shading, opacity: GLASS_OPACITY, covering }, pixels);
  }
}

/** A small cross of the patient's axes in the lower right corner; those that lead away are dimmer. */
function drawDirections(picture: Picture, { rotation }: View, size: number): void {
  const reach = size * 2.6;
  const [centreX, centreY] = [picture.width - size * 4.6, picture.height - size * 4.6];
  const arms = [0, 1, 2].flatMap((axis) =>
    [0, 1].map((end) => {
      const sign = end === 1 ? 1 : -1;
      const [x, y, z] = rotation.map((row) => sign * row[axis]) as [number, number, number];
      return { letter: PATIENT_LETTERS[axis]?.[end] as string, x, y, z };
    }),
  );
  for (const { letter, x, y, z } of arms.sort((a, b) => a.z - b.z)) {
    const color = z < -0.05 ? DIM_TEXT_COLOR : TEXT_COLOR;
    const long = Math.sqrt(x * x + y * y);
    drawLine(picture, [centreX, centreY], [centreX + x * reach, centreY + y * reach], 1.4, color, z < 0 ? 0.6 : 0.9);
    // Letters stand beyond the end of their arm, also where it is seen nearly end on.
    const out = reach + size * (long > 0 ? 0.95 / Math.max(long, 0.35) : 0);
    const style = { size: size * 0.9, color, align: "center", weight: 1.15, halo: true } as const;
    drawText(picture, letter, centreX + x * out, centreY + y * out + size * 0.45, style);
  }
}
