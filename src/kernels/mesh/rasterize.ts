import { kernels } from "../../runtime/instantiate.js";
import { argumentBytes } from "../../runtime/window.js";
import { eachTriangles, type Mesh } from "./mesh-shape.js";
import { OpennessArgument, ShadingArgument, TrianglesArgument } from "./raster-arguments.js";

interface RasterExports {
  drawTriangles(structure: number): void;
  drawPoints(
    vertices: number,
    count: number,
    label: number,
    radius: number,
    width: number,
    top: number,
    bottom: number,
    depths: number,
    directions: number,
    labels: number,
  ): void;
  measureOpenness(structure: number): void;
  shadePixels(structure: number): void;
  halvePixels(pixels: number, width: number, height: number, result: number): void;
}

/** Bytes of window for the rows of a picture that are worked on at a time. */
const BAND_BYTES = 24 << 20;
const BYTES_PER_PIXEL = 9;
const POINTS = 1 << 17;
const TRIANGLES = 1 << 17;
/** Triangles, rows and pixels per call: an engine puts optimised code in place between calls, not within one. */
const TRIANGLES_AT_ONCE = 1 << 12;
const ROWS_AT_ONCE = 16;
const PIXELS_AT_ONCE = 1 << 16;

/** What is seen at each pixel. `depth` in pixels, larger is nearer. */
export interface Buffers {
  readonly width: number;
  readonly height: number;
  readonly depths: Float32Array;
  readonly directions: Uint32Array;
  readonly labels: Uint8Array;
}

export function createBuffers(width: number, height: number): Buffers {
  const count = width * height;
  return {
    width,
    height,
    depths: new Float32Array(count).fill(Number.NEGATIVE_INFINITY),
    directions: new Uint32Array(count),
    labels: new Uint8Array(count),
  };
}

export function clearBuffers({ depths, labels }: Buffers): void {
  depths.fill(Number.NEGATIVE_INFINITY);
  labels.fill(0);
}

/** Calls `draw` with bands of the buffers in the window, and takes what it has drawn back. */
function drawInBands(
  buffers: Buffers,
  [from, to]: readonly [number, number],
  otherBytes: readonly number[],
  draw: (top: number, bottom: number, band: readonly [number, number, number], other: readonly number[]) => void,
): void {
  const { window } = kernels<RasterExports>();
  const { width, depths, directions, labels } = buffers;
  const bandRows = Math.max(1, Math.min(to - from, Math.floor(BAND_BYTES / (BYTES_PER_PIXEL * width))));
  const pixels = bandRows * width;
  const [depthsAt, directionsAt, labelsAt, ...other] = window.reserve(4 * pixels, 4 * pixels, pixels, ...otherBytes);
  for (let top = from; top < to; top += bandRows) {
    const bottom = Math.min(to, top + bandRows);
    const count = (bottom - top) * width;
    const [first, last] = [top * width, bottom * width];
    const pairs = [
      [window.f32(depthsAt, count), depths.subarray(first, last)],
      [window.u32(directionsAt, count), directions.subarray(first, last)],
      [window.u8(labelsAt, count), labels.subarray(first, last)],
    ] as const;
    for (const [view, part] of pairs) view.set(part);
    draw(top, bottom, [depthsAt, directionsAt, labelsAt], other);
    for (const [view, part] of pairs) part.set(view);
  }
}

/** A surface in a picture: vertices in pixels, x to the right, y down, depth towards the viewer. */
export interface DrawnMesh {
  readonly mesh: Mesh;
  /** Unit vectors in the same directions. */
  readonly normals: Float32Array;
  /** From 1 to 255. */
  readonly label: number;
}

/** Draws surfaces. Several at a time are cheaper than one after the other: the buffers move into the window once. */
export function drawMeshes(buffers: Buffers, meshes: readonly DrawnMesh[]): void {
  const { exports, window } = kernels<RasterExports>();
  let most = 0;
  for (const { mesh } of meshes) {
    eachTriangles(mesh, (_, from, to) => {
      most = Math.max(most, to - from);
    });
  }
  if (most === 0) return;
  const { width, height } = buffers;
  const bytes = [argumentBytes(TrianglesArgument), 12 * TRIANGLES, 16 * most, 16 * most];
  drawInBands(buffers, [0, height], bytes, (top, bottom, [depths, directions, labels], other) => {
    const [structure, trianglesAt, verticesAt, normalsAt] = other as [number, number, number, number];
    for (const { mesh, normals, label } of meshes) {
      eachTriangles(mesh, (part, from, to) => {
        window.u32(trianglesAt, part.length).set(part);
        window.f32(verticesAt, 4 * (to - from)).set(mesh.vertices.subarray(4 * from, 4 * to));
        window.f32(normalsAt, 4 * (to - from)).set(normals.subarray(4 * from, 4 * to));
        for (let first = 0; first < part.length / 3; first += TRIANGLES_AT_ONCE) {
          window.storeArguments<TrianglesArgument>(structure, {
            [TrianglesArgument.triangles]: trianglesAt + 12 * first,
            [TrianglesArgument.count]: Math.min(TRIANGLES_AT_ONCE, part.length / 3 - first),
            [TrianglesArgument.first]: from,
            [TrianglesArgument.vertices]: verticesAt,
            [TrianglesArgument.normals]: normalsAt,
            [TrianglesArgument.label]: label,
            [TrianglesArgument.width]: width,
            [TrianglesArgument.top]: top,
            [TrianglesArgument.bottom]: bottom,
            [TrianglesArgument.depths]: depths,
            [TrianglesArgument.directions]: directions,
            [TrianglesArgument.labels]: labels,
          });
          exports.drawTriangles(structure);
        }
      });
    }
  });
}

/** Rows of the picture that points reach, with a margin. */
function rowsOf(points: Float32Array, height: number, margin: number): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 1; i < points.length; i += 4) {
    const y = points[i];
    if (y < low) low = y;
    if (y > high) high = y;
  }
  return [Math.max(0, Math.floor(low - margin)), Math.min(height, Math.ceil(high + margin))];
}

/** Draws points (x, y, depth, 1), in pixels, as balls. */
export function drawPoints(buffers: Buffers, points: Float32Array, label: number, radius: number): void {
  const { exports, window } = kernels<RasterExports>();
  const rows = rowsOf(points, buffers.height, radius + 1);
  if (points.length === 0 || rows[1] <= rows[0]) return;
  drawInBands(buffers, rows, [16 * POINTS], (top, bottom, band, [at]) => {
    for (let from = 0; from < points.length; from += 4 * POINTS) {
      const part = points.subarray(from, from + 4 * POINTS);
      window.f32(at, part.length).set(part);
      exports.drawPoints(at, part.length / 4, label, radius, buffers.width, top, bottom, ...band);
    }
  });
}

/** Cosine and sine of the golden angle: a spiral that fills a disc evenly. */
const TURN = [-0.7373688780783197, 0.6754902942615238] as const;
/** Where the four sets of neighbours begin. */
const STARTS = [
  [1, 0],
  [0.9238795325112867, 0.3826834323650898],
  [Math.SQRT1_2, Math.SQRT1_2],
  [0.3826834323650898, 0.9238795325112867],
] as const;
const NEIGHBOURS = 10;

function neighbourTable(radius: number): Float32Array {
  const table: number[] = [];
  for (const start of STARTS) {
    let [c, s] = start as readonly [number, number];
    for (let i = 0; i < NEIGHBOURS; i++) {
      const far = Math.max(1.5, radius * ((i + 0.7) / NEIGHBOURS));
      let [x, y] = [Math.round(c * far), Math.round(s * far)];
      if (x === 0 && y === 0) x = 1;
      table.push(x, y, 1 / Math.sqrt(x * x + y * y), 1 / NEIGHBOURS);
      [c, s] = [c * TURN[0] - s * TURN[1], c * TURN[1] + s * TURN[0]];
    }
  }
  return Float32Array.from(table);
}

/** How open each pixel lies to the light around it, 0 to 255, looked at `radius` pixels around. */
export function measureOpenness(buffers: Buffers, radius: number, strength: number): Uint8Array {
  const { exports, window } = kernels<RasterExports>();
  const { width, height, depths, directions, labels } = buffers;
  const result = new Uint8Array(width * height);
  const halo = Math.ceil(radius) + 1;
  const reach = Math.min(width, halo);
  const table = neighbourTable(radius);
  // Even, because neighbours differ between even and odd rows.
  const bandRows = Math.max(2, 2 * Math.floor(BAND_BYTES / (2 * BYTES_PER_PIXEL * width)));
  const most = Math.min(height, bandRows + 2 * halo) * width;
  const [structure, depthsAt, directionsAt, labelsAt, tableAt, out] = window.reserve(
    argumentBytes(OpennessArgument),
    4 * most,
    4 * most,
    most,
    table.byteLength,
    most,
  );
  window.f32(tableAt, table.length).set(table);
  for (let top = 0; top < height; top += bandRows) {
    const bottom = Math.min(height, top + bandRows);
    const low = Math.max(0, top - halo - (halo % 2));
    const high = Math.min(height, bottom + halo);
    const [first, last] = [low * width, high * width];
    window.f32(depthsAt, last - first).set(depths.subarray(first, last));
    window.u32(directionsAt, last - first).set(directions.subarray(first, last));
    window.u8(labelsAt, last - first).set(labels.subarray(first, last));
    for (let row = top; row < bottom; row += ROWS_AT_ONCE) {
      window.storeArguments<OpennessArgument>(structure, {
        [OpennessArgument.depths]: depthsAt,
        [OpennessArgument.directions]: directionsAt,
        [OpennessArgument.labels]: labelsAt,
        [OpennessArgument.width]: width,
        [OpennessArgument.height]: high - low,
        [OpennessArgument.fromRow]: row - low,
        [OpennessArgument.toRow]: Math.min(row + ROWS_AT_ONCE, bottom) - low,
        [OpennessArgument.neighbours]: tableAt,
        [OpennessArgument.count]: NEIGHBOURS,
        [OpennessArgument.reach]: reach,
        [OpennessArgument.strength]: strength,
        [OpennessArgument.openness]: out,
      });
      exports.measureOpenness(structure);
    }
    result.set(window.u8(out + (top - low) * width, (bottom - top) * width), top * width);
  }
  return result;
}

/** How surfaces are coloured. */
export interface Shading {
  /** Red, green, blue per label from 1 on, 0 to 255. */
  readonly colors: readonly (readonly [number, number, number])[];
  /** 1 for surfaces that hide what is behind them. */
  readonly opacity: number;
  /** From `measureOpenness`; without it nothing is hidden from the light. */
  readonly openness?: Uint8Array;
  /** Depths of what is drawn already: pixels behind are left out. */
  readonly covering?: Float32Array;
  /** Depth of what is nearest, and 1 / depth of the whole: what is far is darker. */
  readonly nearestDepth: number;
  readonly depthScale: number;
}

/** Lays the shaded pixels of the buffers over `pixels` (RGBA). */
export function shadePixels(buffers: Buffers, shading: Shading, pixels: Uint32Array): void {
  const { exports, window } = kernels<RasterExports>();
  const { depths, directions, labels } = buffers;
  const { colors, opacity, openness, covering, nearestDepth, depthScale } = shading;
  const step = PIXELS_AT_ONCE;
  const most = Math.min(step, depths.length);
  const [structure, depthsAt, directionsAt, labelsAt, openAt, coveringAt, pixelsAt, colorsAt] = window.reserve(
    argumentBytes(ShadingArgument),
    4 * most,
    4 * most,
    most,
    most,
    4 * most,
    4 * most,
    16 * 256,
  );
  const table = window.f32(colorsAt, 4 * 256);
  for (const [i, [r, g, b]] of colors.entries()) table.set([r, g, b, 0], 4 * (i + 1));
  for (let from = 0; from < depths.length; from += step) {
    const to = Math.min(depths.length, from + step);
    window.f32(depthsAt, to - from).set(depths.subarray(from, to));
    window.u32(directionsAt, to - from).set(directions.subarray(from, to));
    window.u8(labelsAt, to - from).set(labels.subarray(from, to));
    if (openness !== undefined) window.u8(openAt, to - from).set(openness.subarray(from, to));
    if (covering !== undefined) window.f32(coveringAt, to - from).set(covering.subarray(from, to));
    const view = window.u32(pixelsAt, to - from);
    view.set(pixels.subarray(from, to));
    window.storeArguments<ShadingArgument>(structure, {
      [ShadingArgument.depths]: depthsAt,
      [ShadingArgument.directions]: directionsAt,
      [ShadingArgument.labels]: labelsAt,
      [ShadingArgument.openness]: openness === undefined ? 0 : openAt,
      [ShadingArgument.count]: to - from,
      [ShadingArgument.colors]: colorsAt,
      [ShadingArgument.opacity]: opacity,
      [ShadingArgument.covering]: covering === undefined ? 0 : coveringAt,
      [ShadingArgument.nearestDepth]: nearestDepth,
      [ShadingArgument.depthScale]: depthScale,
      [ShadingArgument.pixels]: pixelsAt,
    });
    exports.shadePixels(structure);
    pixels.set(view, from);
  }
}

/** A picture of half the size, RGBA: means of two by two pixels. */
export function halvePixels(pixels: Uint32Array, width: number, height: number, result: Uint32Array): void {
  const { exports, window } = kernels<RasterExports>();
  const rows = Math.max(1, Math.min(height, Math.floor(BAND_BYTES / (20 * width))));
  const [from, to] = window.reserve(16 * width * rows, 4 * width * rows);
  for (let row = 0; row < height; row += rows) {
    const some = Math.min(rows, height - row);
    window.u32(from, 4 * width * some).set(pixels.subarray(4 * width * row, 4 * width * (row + some)));
    exports.halvePixels(from, width, some, to);
    result.set(window.u32(to, width * some), width * row);
  }
}
