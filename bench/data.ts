/**
 * Seeded scans, labels and masks. Everything is made of a 32-bit mixing function and sums and products, so that every
 * machine makes the same arrays.
 */
import { type Shape3, voxelCount } from "../src/core/volume.js";

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 32 random bits. */
  bits(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return (x ^ (x >>> 15)) >>> 0;
  }

  between(low: number, high: number): number {
    return low + ((high - low) * this.bits()) / 2 ** 32;
  }
}

/** About normal with mean 0 and deviation 1: the sum of four bytes. */
function bell(bits: number): number {
  return ((bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24) - 510) / 147.8;
}

/** Normal float32 values. */
export function normalValues(count: number, seed: number, mean: number, deviation: number): Float32Array {
  const random = new Random(seed);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = mean + deviation * (bell(random.bits()) + random.between(-0.01, 0.01));
  return values;
}

/** Smooth noise between 0 and 1: random values on a grid of `step` voxels, linear in between, one slice at a time. */
class SmoothNoise {
  readonly #nodes: Float32Array;
  readonly #grid: Shape3;

  constructor(
    readonly shape: Shape3,
    readonly step: number,
    seed: number,
  ) {
    this.#grid = shape.map((n) => Math.floor(n / step) + 2) as unknown as Shape3;
    const random = new Random(seed);
    this.#nodes = Float32Array.from({ length: voxelCount(this.#grid) }, () => random.between(0, 1));
  }

  slice(z: number, into: Float32Array): void {
    const { step } = this;
    const [, rows, columns] = this.shape;
    const [, g1, g2] = this.#grid;
    const plane = g1 * g2;
    const z0 = Math.floor(z / step);
    const wz = z / step - z0;
    const line = new Float32Array(g2);
    for (let y = 0; y < rows; y++) {
      const y0 = Math.floor(y / step);
      const wy = y / step - y0;
      const at = z0 * plane + y0 * g2;
      for (let i = 0; i < g2; i++) {
        const near = this.#nodes[at + i] * (1 - wy) + this.#nodes[at + g2 + i] * wy;
        const far = this.#nodes[at + plane + i] * (1 - wy) + this.#nodes[at + plane + g2 + i] * wy;
        line[i] = near * (1 - wz) + far * wz;
      }
      for (let x = 0; x < columns; x++) {
        const x0 = (x / step) | 0;
        const wx = x / step - x0;
        into[y * columns + x] = line[x0] * (1 - wx) + line[x0 + 1] * wx;
      }
    }
  }
}

/** Squared distance from the middle along one axis in units of `part` of the half axis. */
function level(i: number, n: number, part: number): number {
  const d = ((2 * i + 1) / n - 1) / part;
  return d * d;
}

/**
 * A CT of a body in Hounsfield units, whole numbers as scanners give them: air around, fat, organs of smoothly varying
 * density, bone, noise.
 */
export function ctScan(shape: Shape3, seed: number): Float32Array {
  const [slices, rows, columns] = shape;
  const out = new Float32Array(voxelCount(shape));
  const coarse = new SmoothNoise(shape, 24, seed);
  const plane = new Float32Array(rows * columns);
  const random = new Random(seed + 1);
  for (let z = 0; z < slices; z++) {
    coarse.slice(z, plane);
    for (let y = 0; y < rows; y++) {
      const ly = level(y, rows, 0.72);
      for (let x = 0; x < columns; x++) {
        const i = y * columns + x;
        const r = ly + level(x, columns, 0.9);
        const texture = plane[i];
        let value = -1000;
        if (r < 1) value = r > 0.9 ? -100 : texture > 0.78 ? 600 : texture < 0.2 ? -750 : 20 + 80 * texture;
        out[z * plane.length + i] = Math.round(value + 15 * bell(random.bits()));
      }
    }
  }
  return out;
}

/**
 * An MR channel, whole numbers of up to some hundreds in an ellipsoid; around it the noise of the scanner, or exact
 * zeros as after the removal of a skull.
 */
export function mrScan(shape: Shape3, seed: number, background: "noise" | "zero"): Float32Array {
  const [slices, rows, columns] = shape;
  const out = new Float32Array(voxelCount(shape));
  const coarse = new SmoothNoise(shape, 16, seed);
  const plane = new Float32Array(rows * columns);
  const random = new Random(seed + 1);
  for (let z = 0; z < slices; z++) {
    coarse.slice(z, plane);
    const lz = level(z, slices, 0.92);
    for (let y = 0; y < rows; y++) {
      const lzy = lz + level(y, rows, 0.76);
      for (let x = 0; x < columns; x++) {
        const i = y * columns + x;
        const at = z * plane.length + i;
        if (lzy + level(x, columns, 0.6) < 1) {
          out[at] = Math.max(1, Math.round(300 + 500 * plane[i] + 20 * bell(random.bits())));
        } else if (background === "noise") out[at] = Math.round(Math.abs(8 * bell(random.bits())));
      }
    }
  }
  return out;
}

/** `count` labels, each an ellipsoid in its own cell of a grid, half as wide as the cell or more; 0 around. */
export function labelMap(shape: Shape3, count: number, seed: number): Int16Array {
  const out = new Int16Array(voxelCount(shape));
  const random = new Random(seed);
  const cells = Math.ceil(Math.cbrt(count));
  const [slices, rows, columns] = shape;
  for (let label = 1; label <= count; label++) {
    const cell = [
      Math.floor((label - 1) / (cells * cells)),
      Math.floor((label - 1) / cells) % cells,
      (label - 1) % cells,
    ];
    const centre = cell.map((c, axis) => ((c + random.between(0.4, 0.6)) * shape[axis]) / cells);
    const radius = cell.map((_, axis) => (random.between(0.3, 0.55) * shape[axis]) / cells);
    const low = centre.map((c, axis) => Math.max(0, Math.ceil(c - radius[axis])));
    const high = centre.map((c, axis) => Math.floor(c + radius[axis]) + 1);
    for (let z = low[0]; z < Math.min(slices, high[0]); z++) {
      for (let y = low[1]; y < Math.min(rows, high[1]); y++) {
        const d = ((z - centre[0]) / radius[0]) ** 2 + ((y - centre[1]) / radius[1]) ** 2;
        for (let x = low[2]; x < Math.min(columns, high[2]); x++) {
          if (d + ((x - centre[2]) / radius[2]) ** 2 < 1) out[(z * rows + y) * columns + x] = label;
        }
      }
    }
  }
  return out;
}

/** A body with lungs and bubbles inside, of which some touch its surface. */
export function bodyMask(shape: Shape3, seed: number): Uint8Array {
  const [slices, rows, columns] = shape;
  const out = new Uint8Array(voxelCount(shape));
  const coarse = new SmoothNoise(shape, 20, seed);
  const plane = new Float32Array(rows * columns);
  for (let z = 0; z < slices; z++) {
    coarse.slice(z, plane);
    for (let y = 0; y < rows; y++) {
      const ly = level(y, rows, 0.72);
      for (let x = 0; x < columns; x++) {
        const i = y * columns + x;
        if (ly + level(x, columns, 0.9) < 1 && plane[i] > 0.2) out[z * plane.length + i] = 1;
      }
    }
  }
  return out;
}

/** Thousands of separate blobs. */
export function blobMask(shape: Shape3, seed: number): Uint8Array {
  const out = new Uint8Array(voxelCount(shape));
  const coarse = new SmoothNoise(shape, 6, seed);
  const plane = new Float32Array(shape[1] * shape[2]);
  for (let z = 0; z < shape[0]; z++) {
    coarse.slice(z, plane);
    for (let i = 0; i < plane.length; i++) out[z * plane.length + i] = plane[i] > 0.62 ? 1 : 0;
  }
  return out;
}

/** White noise: every voxel set with probability 1/2. */
export function noiseMask(shape: Shape3, seed: number): Uint8Array {
  const random = new Random(seed);
  const out = new Uint8Array(voxelCount(shape));
  for (let i = 0; i < out.length; i++) out[i] = random.bits() >>> 31;
  return out;
}

/** A volume made as fast as memory allows, for sizes that no file should hold: noise on slow waves along axes 0 and 1. */
export function largeScan(shape: Shape3, seed: number): Float32Array {
  const [slices, rows, columns] = shape;
  const out = new Float32Array(voxelCount(shape));
  const lines = 64;
  const pool = Array.from({ length: lines }, (_, i) => {
    const line = normalValues(columns, seed + i, 0, 20);
    for (let x = 0; x < columns; x++) line[x] += 400 * Math.abs((((2 * x) / columns) % 2) - 1);
    return line;
  });
  const random = new Random(seed);
  for (let z = 0; z < slices; z++) {
    for (let y = 0; y < rows; y++) {
      const line = pool[random.bits() % lines];
      const base = ((z * 300) / slices + (y * 500) / rows) | 0;
      const at = (z * rows + y) * columns;
      for (let x = 0; x < columns; x++) out[at + x] = line[x] + base;
    }
  }
  return out;
}

/** An ellipsoid with a spherical shell of air in it, written row by row. */
export function largeMask(shape: Shape3): Uint8Array {
  const [slices, rows, columns] = shape;
  const out = new Uint8Array(voxelCount(shape));
  const span = (z: number, y: number, part: number): number => {
    const rest = 1 - level(z, slices, part) - level(y, rows, part);
    return rest <= 0 ? 0 : Math.floor((Math.sqrt(rest) * part * columns) / 2);
  };
  for (let z = 0; z < slices; z++) {
    for (let y = 0; y < rows; y++) {
      const middle = (z * rows + y) * columns + (columns >> 1);
      for (const [part, value] of [
        [0.9, 1],
        [0.6, 0],
        [0.5, 1],
      ] as const) {
        const half = span(z, y, part);
        out.fill(value, middle - half, middle + half);
      }
    }
  }
  return out;
}

/**
 * Probabilities `(classes, ...shape)` that sum to 1: `smooth`, one soft blob per class, most voxels clearly one class;
 * `noise`, every voxel for itself, the hardest case of choosing the largest.
 */
export function probabilities(classes: number, shape: Shape3, kind: "smooth" | "noise", seed: number): Float32Array {
  const count = voxelCount(shape);
  const out = new Float32Array(classes * count);
  const random = new Random(seed);
  for (let c = 0; c < classes; c++) {
    const centre = shape.map((n) => random.between(0, n));
    for (let i = 0; i < count; i++) {
      const x = i % shape[2];
      const y = Math.floor(i / shape[2]) % shape[1];
      const z = Math.floor(i / (shape[1] * shape[2]));
      const square = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2;
      out[c * count + i] = kind === "noise" ? random.between(0, 1) : 1 / (1 + square * square * 1e-4);
    }
  }
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += out[c * count + i];
    for (let c = 0; c < classes; c++) out[c * count + i] /= sum;
  }
  return out;
}
