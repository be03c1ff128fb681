import { NnprepError } from "../core/errors.js";
import { sorted } from "../core/numeric.js";
import type { Volume, VoxelArray } from "../core/volume.js";

/** Intensities shown as black and as white. */
export interface ScanWindow {
  readonly low: number;
  readonly high: number;
  /** What the choice rests on, for people: "soft tissue", "0.5 to 99.5 %" ... */
  readonly name: string;
}

/** Windows of computed tomography in Hounsfield units, by level and width as on a viewing station. */
export const CT_WINDOWS = {
  "soft-tissue": preset("soft tissue", 40, 400),
  lung: preset("lung", -600, 1500),
  bone: preset("bone", 400, 1800),
  brain: preset("brain", 40, 80),
} as const;

/** Names of windows for CT. */
export type CtWindow = keyof typeof CT_WINDOWS;

function preset(name: string, level: number, width: number): ScanWindow {
  return { name, low: level - width / 2, high: level + width / 2 };
}

/** Voxels that the window is taken from: enough for a percentile, few enough to sort. */
const SAMPLES = 200_000;
/** Air in a CT, and the least that a CT scanner writes. */
const CT_AIR = -700;
const CT_LOWEST = -5000;

/** How a scan's range of grey is chosen. */
export interface ScanWindowOptions {
  /** Name of the channel in dataset.json, if known: "CT" takes a CT preset whatever the values, others never do. */
  readonly modality?: string | undefined;
  /** A label on the same grid: its voxels decide between the presets. */
  readonly label?: Volume | undefined;
}

/**
 * A window that shows a scan as people are used to see it. A CT (told by its modality, or by values of air) gets a
 * preset in Hounsfield units: lung or bone where most of the label lies there, soft tissue otherwise. Other scans are
 * shown from the 0.5th to the 99.5th percentile of what is not background.
 */
export function chooseScanWindow(image: Volume, options: ScanWindowOptions = {}): ScanWindow {
  const values = sampleVoxels(image.data, () => true);
  if (values.length === 0) return { low: 0, high: 1, name: "no values" };
  const lowest = values[0];
  const isCt = options.modality === undefined ? looksLikeCt(values) : /^ct$/i.test(options.modality.trim());
  if (isCt) return ctWindow(image, options.label);
  // Skull-stripped and cropped scans are one value outside.
  const inside = sampleVoxels(image.data, (value) => value !== lowest);
  const from = inside.length >= 100 ? inside : values;
  const low = at(from, 0.005);
  const high = at(from, 0.995);
  if (high > low) return { low, high, name: "0.5 to 99.5 %" };
  return { low: lowest, high: Math.max(lowest + 1, values[values.length - 1]), name: "all values" };
}

function looksLikeCt(values: Float64Array): boolean {
  const lowest = values[0];
  const whole = values.every((value) => Number.isInteger(value));
  return whole && lowest < CT_AIR && lowest > CT_LOWEST && values[values.length - 1] > -CT_AIR / 7;
}

function ctWindow(image: Volume, label: Volume | undefined): ScanWindow {
  if (label !== undefined) {
    const mask = label.data;
    const inside = sampleVoxels(image.data, (_, index) => mask[index] > 0);
    if (inside.length > 0 && at(inside, 0.5) < -400) return CT_WINDOWS.lung;
    if (inside.length > 0 && at(inside, 0.5) > 250) return CT_WINDOWS.bone;
  }
  return CT_WINDOWS["soft-tissue"];
}

function at(values: Float64Array, share: number): number {
  return values[Math.round((values.length - 1) * share)];
}

/** Finite values of evenly spread voxels, ascending. */
function sampleVoxels(data: VoxelArray, wanted: (value: number, index: number) => boolean): Float64Array {
  // A step without small factors does not fall into step with rows and slices.
  let step = Math.max(1, Math.floor(data.length / SAMPLES));
  if (step > 1) while (step % 2 === 0 || step % 3 === 0 || step % 5 === 0) step++;
  const found: number[] = [];
  for (let index = 0; index < data.length; index += step) {
    const value = data[index];
    if (Number.isFinite(value) && wanted(value, index)) found.push(value);
  }
  return sorted(found);
}

/** Throws unless a window has room between black and white. */
export function checkScanWindow({ low, high }: ScanWindow): void {
  if (!(high > low) || !Number.isFinite(high - low)) {
    throw new NnprepError("INVALID_ARGUMENT", `a window from ${low} to ${high}: the first must be below the second`, {
      found: [low, high],
    });
  }
}
