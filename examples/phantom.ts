import type { Geometry, Volume } from "nnprep";

/**
 * Phantoms for the sample tasks: ellipsoids, noise and a texture, made of sums and products only, so that every
 * machine generates the same voxels.
 */

/** Uniform numbers in [0, 1): a 32-bit counter through a mixing function. */
class Uniform {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 0;
  }
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
  }
  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }
  /** About a standard normal: the centred sum of three uniform numbers. */
  noise(): number {
    return 2 * (this.next() + this.next() + this.next() - 1.5);
  }
}

type Triple = readonly [number, number, number];

/** An axis-aligned ellipsoid: centre and radii in mm, slowest axis first. */
interface Ellipsoid {
  readonly centreMm: Triple;
  readonly radiiMm: Triple;
}

export interface PhantomGrid {
  readonly shape: Triple;
  readonly spacingMm: Triple;
}

export interface Phantom {
  readonly images: Volume[];
  readonly label: Volume;
}

/** An ellipsoid placed by fractions of the field of view. */
function ellipsoid(grid: PhantomGrid, centre: Triple, radii: Triple): Ellipsoid {
  const scale = (part: Triple): Triple => [
    part[0] * grid.shape[0] * grid.spacingMm[0],
    part[1] * grid.shape[1] * grid.spacingMm[1],
    part[2] * grid.shape[2] * grid.spacingMm[2],
  ];
  return { centreMm: scale(centre), radiiMm: scale(radii) };
}

/** Squared distance from the centre in units of the radii: below 1 inside. */
function level(e: Ellipsoid, z: number, y: number, x: number): number {
  const dz = (z - e.centreMm[0]) / e.radiiMm[0];
  const dy = (y - e.centreMm[1]) / e.radiiMm[1];
  const dx = (x - e.centreMm[2]) / e.radiiMm[2];
  return dz * dz + dy * dy + dx * dx;
}

/** A triangle wave between -1 and 1. */
function wave(t: number, period: number): number {
  const phase = t / period - Math.floor(t / period);
  return 4 * Math.abs(phase - 0.5) - 1;
}

function geometry({ shape, spacingMm }: PhantomGrid): Geometry {
  return {
    spacingMm,
    originMm: [-(shape[2] * spacingMm[2]) / 2, -(shape[1] * spacingMm[1]) / 2, 100],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  };
}

/** Calls `visit` with every voxel's index and position in mm, in array order. */
function eachVoxel(grid: PhantomGrid, visit: (index: number, z: number, y: number, x: number) => void): void {
  const [n0, n1, n2] = grid.shape;
  const [s0, s1, s2] = grid.spacingMm;
  let index = 0;
  for (let i = 0; i < n0; i++) {
    for (let j = 0; j < n1; j++) {
      for (let k = 0; k < n2; k++) visit(index++, i * s0, j * s1, k * s2);
    }
  }
}

function voxels(grid: PhantomGrid): number {
  return grid.shape[0] * grid.shape[1] * grid.shape[2];
}

/** An abdomen in Hounsfield units: air, fat, spine, and an organ (1) with a lesion (2) and a vessel (3). */
export function makeCt(grid: PhantomGrid, seed: number): Phantom {
  const random = new Uniform(seed);
  const near = (value: number) => value + random.between(-0.03, 0.03);
  const body = ellipsoid(grid, [0.5, 0.5, 0.5], [2, 0.4, 0.46]);
  const spine = ellipsoid(grid, [0.5, 0.78, 0.5], [2, 0.07, 0.06]);
  const organ = ellipsoid(grid, [0.5, near(0.45), near(0.36)], [0.38, 0.22, 0.2]);
  const lesion = ellipsoid(grid, [0.52, near(0.42), near(0.33)], [0.14, 0.07, 0.07]);
  const vessel = ellipsoid(grid, [0.5, near(0.56), near(0.55)], [2, 0.035, 0.035]);
  const data = new Int16Array(voxels(grid));
  const label = new Uint8Array(data.length);
  eachVoxel(grid, (index, z, y, x) => {
    const noise = random.noise();
    const depth = level(body, z, y, x);
    let value = -1000 + 8 * noise;
    if (depth < 1) value = (depth > 0.9 ? -90 : 35 + 12 * wave(y, 17) * wave(x, 23)) + 14 * noise;
    if (level(spine, z, y, x) < 1) value = 480 + 120 * wave(z, 28) + 30 * noise;
    if (level(organ, z, y, x) < 1) {
      label[index] = 1;
      value = 105 + 8 * wave(z + y, 11) + 14 * noise;
    }
    if (level(lesion, z, y, x) < 1) {
      label[index] = 2;
      value = 62 + 14 * noise;
    }
    if (level(vessel, z, y, x) < 1) {
      label[index] = 3;
      value = 190 + 14 * noise;
    }
    data[index] = Math.round(value);
  });
  const place = geometry(grid);
  return {
    images: [{ data, shape: grid.shape, geometry: place }],
    label: { data: label, shape: grid.shape, geometry: place },
  };
}

/** Mean intensity of each MR channel in brain, oedema, tumour and core. */
const MR_TISSUES = [
  [520, 460, 430, 300],
  [540, 470, 900, 320],
  [430, 760, 690, 880],
  [410, 820, 640, 260],
] as const;

/** A skull-stripped head, exactly 0 outside the brain: oedema (1), tumour (2), core (3); four channels. */
export function makeMr(grid: PhantomGrid, seed: number): Phantom {
  const random = new Uniform(seed);
  const side = random.next() < 0.5 ? 0.4 : 0.6;
  const row = random.between(0.42, 0.58);
  const brain = ellipsoid(grid, [0.5, 0.5, 0.5], [0.4, 0.42, 0.34]);
  const oedema = ellipsoid(grid, [0.52, row, side], [0.17, 0.15, 0.12]);
  const tumour = ellipsoid(grid, [0.52, row, side], [0.11, 0.09, 0.08]);
  const core = ellipsoid(grid, [0.53, row, side], [0.05, 0.045, 0.04]);
  const label = new Uint8Array(voxels(grid));
  const channels = MR_TISSUES.map(() => new Int16Array(label.length));
  const gains = MR_TISSUES.map(() => random.between(0.8, 1.25));
  eachVoxel(grid, (index, z, y, x) => {
    if (level(brain, z, y, x) >= 1) return;
    let tissue = 0;
    if (level(oedema, z, y, x) < 1) tissue = 1;
    if (level(tumour, z, y, x) < 1) tissue = 2;
    if (level(core, z, y, x) < 1) tissue = 3;
    label[index] = tissue;
    const bias = 1 + 0.08 * wave(z + x, 140) + 0.05 * wave(y, 31);
    for (const [c, channel] of channels.entries()) {
      const mean = MR_TISSUES[c]?.[tissue] ?? 0;
      channel[index] = Math.max(1, Math.round((gains[c] ?? 1) * bias * mean + 25 * random.noise()));
    }
  });
  const place = geometry(grid);
  return {
    images: channels.map((data) => ({ data, shape: grid.shape, geometry: place })),
    label: { data: label, shape: grid.shape, geometry: place },
  };
}
