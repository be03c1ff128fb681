import type { Volume } from "../core/volume.js";
import { loadVolume } from "../recipes/scan-files.js";
import type { Store } from "../runner/store.js";
import { foregroundVoxels } from "../steps/intensity.js";
import type { ReportGrid } from "../view/report.js";
import type { Histogram } from "../view/report-plots.js";
import type { CasePaths } from "./source.js";

/** A report shows sheared files as they are. */
const LOOKING = { nifti: { allow: ["sheared"] } } as const;
/** Voxels that the histograms of all cases together hold, so that memory does not grow with the dataset. */
const HISTOGRAM_VOXELS = 2_000_000;
const BINS = 64;
/** Every how many foreground voxels of a case are looked at. */
const EVERY = 10;

export interface LoadedCase {
  readonly images: readonly Volume[];
  readonly label: Volume;
}

export async function loadCase(raw: Store, { images, label }: CasePaths): Promise<LoadedCase> {
  const volumes: Volume[] = [];
  for (const image of images) volumes.push(await loadVolume(raw, image, LOOKING));
  return { images: volumes, label: await loadVolume(raw, label, LOOKING) };
}

/** What is kept of a case that was looked at: its grid, its labels, and some of its voxels. Plain values. */
export interface CaseSample {
  readonly grid: ReportGrid;
  /** mL of each label above 0 that it has. */
  readonly volumes: readonly (readonly [label: number, millilitres: number])[];
  /** Intensities of labelled voxels, per channel. */
  readonly voxels: readonly (readonly number[])[];
}

/** Voxels per channel that a case may give to the histograms. */
export function voxelQuota(cases: number, channels: number): number {
  return Math.max(200, Math.floor(HISTOGRAM_VOXELS / Math.max(1, cases * channels)));
}

/** @param quota of `voxelQuota` */
export function sampleCase(identifier: string, { images, label }: LoadedCase, quota: number): CaseSample {
  const { shape, geometry, data } = label;
  const [a, b, c] = geometry.spacingMm;
  const counts = new Map<number, number>();
  for (let start = 0; start < data.length; ) {
    const value = data[start];
    let end = start + 1;
    while (end < data.length && data[end] === value) end++;
    if (value > 0) counts.set(value, (counts.get(value) ?? 0) + end - start);
    start = end;
  }
  const mask = Int16Array.from(data);
  return {
    grid: { name: identifier, shape, spacingMm: geometry.spacingMm, kept: null },
    volumes: [...counts].map(([value, count]) => [value, (count * a * b * c) / 1000]),
    voxels: images.map(({ data: voxels }) =>
      voxels.length === mask.length ? thin(foregroundVoxels(Float32Array.from(voxels), mask, EVERY), quota) : [],
    ),
  };
}

function thin(voxels: Float32Array, quota: number): number[] {
  const step = Math.max(1, Math.ceil(voxels.length / quota));
  const kept: number[] = [];
  for (let i = 0; i < voxels.length; i += step) if (Number.isFinite(voxels[i])) kept.push(voxels[i]);
  return kept;
}

/** The samples of all cases that were looked at. */
export class Samples {
  readonly grids: ReportGrid[] = [];
  /** mL per case, for each label value. */
  readonly volumes = new Map<number, number[]>();
  /** Intensities of labelled voxels, per channel. */
  readonly #voxels: number[][] = [];

  constructor(channels: number) {
    for (let c = 0; c < channels; c++) this.#voxels.push([]);
  }

  add({ grid, volumes, voxels }: CaseSample): void {
    this.grids.push(grid);
    for (const [value, millilitres] of volumes) {
      const list = this.volumes.get(value) ?? [];
      list.push(millilitres);
      this.volumes.set(value, list);
    }
    for (const [channel, kept] of voxels.entries()) {
      const list = this.#voxels[channel];
      for (const value of kept) list.push(value);
    }
  }

  /** Bars from the 0.1th to the 99.9th percentile, so that single voxels do not stretch the axis; null without voxels. */
  histogram(channel: number, title: string, marks: Histogram["marks"], unit: string): Histogram | null {
    const sorted = Float64Array.from(this.#voxels[channel]).sort();
    if (sorted.length === 0) return null;
    const low = sorted[Math.floor(sorted.length * 0.001)];
    let high = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.999))];
    if (high === low) high = low + 1;
    const counts = new Array<number>(BINS).fill(0);
    for (const value of sorted) {
      if (value < low || value > high) continue;
      counts[Math.min(BINS - 1, Math.floor(((value - low) / (high - low)) * BINS))]++;
    }
    return { title, unit, counts, low, high, marks };
  }
}
