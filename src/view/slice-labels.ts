import type { VoxelArray } from "../core/volume.js";
import type { Color, Picture } from "./picture.js";
import type { Section, Taps } from "./section.js";

/** The slice's own labels, row by row; those that are not shown are 0. */
export function readSection(data: VoxelArray, section: Section, isShown: (value: number) => boolean): Int32Array {
  const { columns, rows, start, columnStep, rowStep } = section;
  const labels = new Int32Array(columns * rows);
  let [last, shown] = [0, 0];
  let to = 0;
  for (let row = 0; row < rows; row++) {
    let at = start + row * rowStep;
    for (let column = 0; column < columns; column++, at += columnStep) {
      const value = data[at];
      if (value !== last) [last, shown] = [value, isShown(value) ? value : 0];
      labels[to++] = shown;
    }
  }
  return labels;
}

/** The label at every point: of the four voxels around, the one with most weight, so that edges run smoothly. */
export function labelMap(labels: Int32Array, columns: number, xs: Taps, ys: Taps): Int32Array {
  const [width, height] = [xs.low.length, ys.low.length];
  const map = new Int32Array(width * height);
  const values = [0, 0, 0, 0];
  const weights = [0, 0, 0, 0];
  for (let y = 0; y < height; y++) {
    if (ys.low[y] < 0) continue;
    const upper = ys.low[y] * columns;
    const lower = ys.high[y] * columns;
    const v = ys.weight[y];
    for (let x = 0; x < width; x++) {
      const left = xs.low[x];
      if (left < 0) continue;
      const right = xs.high[x];
      const a = labels[upper + left];
      const b = labels[upper + right];
      const c = labels[lower + left];
      const d = labels[lower + right];
      if (a === b && a === c && a === d) {
        map[y * width + x] = a;
        continue;
      }
      const u = xs.weight[x];
      values[0] = a;
      values[1] = b;
      values[2] = c;
      values[3] = d;
      weights[0] = (1 - u) * (1 - v);
      weights[1] = u * (1 - v);
      weights[2] = (1 - u) * v;
      weights[3] = u * v;
      map[y * width + x] = heaviest(values, weights);
    }
  }
  return map;
}

function heaviest(values: readonly number[], weights: readonly number[]): number {
  let best = 0;
  let most = -1;
  for (let i = 0; i < 4; i++) {
    let sum = 0;
    for (let j = 0; j < 4; j++) if (values[j] === values[i]) sum += weights[j];
    if (sum > most) [best, most] = [values[i], sum];
  }
  return best;
}

/** Sub-pixels per pixel and side. */
export const FINE = 2;

/**
 * For each sub-pixel how many neighbours to both sides have its label: 2, 1 or 0. Those outside the picture have none.
 */
function reachAcross(map: Int32Array, width: number): Uint8Array {
  const reach = new Uint8Array(map.length);
  for (let row = 0; row < map.length; row += width) {
    for (let at = row + 1; at < row + width - 1; at++) {
      const label = map[at];
      if (map[at - 1] !== label || map[at + 1] !== label) continue;
      reach[at] = at >= row + 2 && at < row + width - 2 && map[at - 2] === label && map[at + 2] === label ? 2 : 1;
    }
  }
  return reach;
}

/**
 * Whether a sub-pixel has another label within two and a quarter sub-pixels, or lies at the border: a disc of rows of
 * 3, 5, 5, 5 and 3.
 */
function isEdge(map: Int32Array, reach: Uint8Array, width: number, at: number): boolean {
  const label = map[at];
  const above = at - width;
  const below = at + width;
  return !(
    reach[at] === 2 &&
    map[above] === label &&
    reach[above] === 2 &&
    map[below] === label &&
    reach[below] === 2 &&
    map[above - width] === label &&
    reach[above - width] > 0 &&
    map[below + width] === label &&
    reach[below + width] > 0
  );
}

/** Lays the labels over the picture: transparent inside, opaque along the outline. */
export function paintLabels(
  picture: Picture,
  map: Int32Array,
  opacity: number,
  colorOf: (label: number) => Color,
): void {
  const width = picture.width * FINE;
  const reach = reachAcross(map, width);
  const colors = new Map<number, Color>();
  let last = 0;
  let color: Color = [0, 0, 0];
  const choose = (label: number) => {
    if (label === last) return;
    last = label;
    color = colors.get(label) ?? colorOf(label);
    colors.set(label, color);
  };
  const { data } = picture;
  for (let y = 0, at = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++, at += 4) {
      const corner = y * FINE * width + x * FINE;
      let r = 0;
      let g = 0;
      let b = 0;
      let cover = 0;
      for (let k = 0; k < FINE * FINE; k++) {
        const place = corner + (k & 1) + (k >> 1) * width;
        const label = map[place];
        if (label === 0) continue;
        choose(label);
        const share = isEdge(map, reach, width, place) ? 1 : opacity;
        r += share * color[0];
        g += share * color[1];
        b += share * color[2];
        cover += share;
      }
      if (cover === 0) continue;
      const left = 1 - cover / (FINE * FINE);
      data[at] = data[at] * left + r / (FINE * FINE);
      data[at + 1] = data[at + 1] * left + g / (FINE * FINE);
      data[at + 2] = data[at + 2] * left + b / (FINE * FINE);
    }
  }
}
