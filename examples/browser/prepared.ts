import type { Axes3, Box3, Geometry, Probabilities, Shape3, Vec3, Volume, VoxelArray } from "nnprep";
import { type IntensityStatistics, intensityStatistics, preparedGeometry } from "nnprep/v1";
import type { LabelNumbers, NamedBlob, PreparedCase } from "./protocol.js";
import type { ReadCase } from "./read-case.js";

/* What the page needs of a prepared case, whichever generation of nnU-Net prepared it. */

export type Numbers = Omit<PreparedCase, "image" | "line" | "label">;

/** A segmentation on the grid of the scan. */
export interface Restored {
  readonly segmentation: Volume;
  readonly warnings: readonly string[];
}

export type OnShare = (share: number) => void;

export interface Prepared {
  readonly channels: readonly Float32Array[];
  /** -1 outside of what is not zero; null where the generation prepares unlabelled cases without one. */
  readonly label: Int16Array | null;
  readonly shape: Shape3;
  readonly geometry: Geometry;
  /** Axis i is axis `axes[i]` of the scan. */
  readonly axes: Axes3;
  readonly numbers: Numbers;
  /** A file that nnU-Net trains from. */
  file(what: "arrays" | "seg" | "properties"): Promise<NamedBlob>;
  /** Classes 0, 1, 2 ... on the prepared grid, back on the scan. */
  restore(probabilities: Probabilities, onShare: OnShare): Promise<Restored>;
  /** The network's output in a file of the generation, back on the scan. */
  restoreFile(name: string, bytes: Uint8Array, onShare: OnShare): Promise<Restored>;
}

/** What is told while a case is prepared, and how long each step took. */
export class Steps {
  readonly timings: { step: string; ms: number }[] = [];
  #done = 0;
  #last: { step: string; start: number } | null = null;
  constructor(
    readonly count: number,
    readonly tell: (step: string, share: number) => void,
  ) {}
  /** Ends the step before, and begins the next if one is named. */
  begin(step: string | null): void {
    const now = performance.now();
    if (this.#last !== null) this.timings.push({ step: this.#last.step, ms: now - this.#last.start });
    this.#last = step === null ? null : { step, start: now };
    if (step !== null) this.tell(step, Math.min(1, this.#done++ / this.count));
  }
}

/** What the tables need of a case before and after, slowest axis first. */
export interface Facts {
  readonly generation: "v1" | "v2";
  readonly scan: { readonly shape: Shape3; readonly geometry: Geometry };
  /** In the axes of the scan. */
  readonly box: Box3;
  readonly axes: Axes3;
  /** Target spacing, in the network's axes. */
  readonly spacingMm: Vec3;
  readonly separateAxis: number | null;
  readonly schemes: readonly string[];
  readonly useMask: readonly boolean[];
  /** Names of labels, from dataset.json. */
  readonly names: ReadonlyMap<number, string>;
  readonly warnings: readonly string[];
  readonly threads: number;
}

export function describeCase(
  { name, images, label }: ReadCase,
  result: { readonly channels: readonly Float32Array[]; readonly label: Int16Array | null; readonly shape: Shape3 },
  facts: Facts,
  steps: Steps,
): { numbers: Numbers; geometry: Geometry } {
  const { scan, box, axes, schemes, names } = facts;
  const { spacingMm, originMm, direction } = scan.geometry;
  const geometry = preparedGeometry(
    { crop_bbox: box, original_spacing: spacingMm, itk_origin: originMm, itk_direction: direction },
    result.shape,
    axes,
  );
  steps.begin("Statistics");
  const channels = images.map(({ data }, c) => ({
    scheme: schemes[c] as string,
    useMask: facts.useMask[c] as boolean,
    before: statistics(cut(data, scan.shape, box)),
    after: statistics(result.channels[c] as Float32Array),
  }));
  const kept = label === undefined ? undefined : cut(label.data, scan.shape, box);
  const lost = label === undefined || kept === undefined ? [] : describeLost(label, kept, names);
  const labels = label === undefined ? [] : labelNumbers(label, result.label, geometry.spacingMm, names);
  steps.begin(null);
  const cropped = box.map(([low, high]) => high - low) as unknown as Shape3;
  const numbers = {
    name,
    generation: facts.generation,
    box,
    shapes: { scan: scan.shape, cropped, prepared: result.shape },
    spacings: { scan: spacingMm, prepared: facts.spacingMm },
    separateAxis: facts.separateAxis,
    channels,
    labels,
    notes: [...lost, ...facts.warnings.map((text) => `${capitalized(text)}.`)],
    timings: steps.timings,
    threads: facts.threads,
  };
  return { numbers, geometry };
}

function statistics(data: VoxelArray): IntensityStatistics {
  return intensityStatistics(data instanceof Float32Array ? data : new Float32Array(data));
}

/** The part of a volume inside a box; the volume itself if that is all of it. */
function cut(data: VoxelArray, shape: Shape3, box: Box3): VoxelArray {
  if (box.every(([low, high], axis) => low === 0 && high === shape[axis])) return data;
  const [[a0, b0], [a1, b1], [a2, b2]] = box;
  const kept = new (data.constructor as new (n: number) => VoxelArray)((b0 - a0) * (b1 - a1) * (b2 - a2));
  let to = 0;
  for (let i = a0; i < b0; i++) {
    for (let j = a1; j < b1; j++) {
      const row = (i * shape[1] + j) * shape[2];
      kept.set(data.subarray(row + a2, row + b2), to);
      to += b2 - a2;
    }
  }
  return kept;
}

/** How many voxels each value above 0 has. */
export function countLabels(data: VoxelArray): Map<number, number> {
  const counts = new Map<number, number>();
  for (let start = 0; start < data.length; ) {
    const value = data[start] as number;
    let end = start + 1;
    while (end < data.length && data[end] === value) end++;
    if (value > 0) counts.set(value, (counts.get(value) ?? 0) + end - start);
    start = end;
  }
  return counts;
}

const voxelMl = ([a, b, c]: Vec3): number => (a * b * c) / 1000;

/** Volume of each label in mL, by ascending value. */
export function labelVolumes(
  { data, geometry }: Pick<Volume, "data" | "geometry">,
  names: ReadonlyMap<number, string>,
): { value: number; name: string; ml: number }[] {
  return [...countLabels(data)]
    .sort(([a], [b]) => a - b)
    .map(([value, count]) => ({ value, name: names.get(value) ?? "", ml: count * voxelMl(geometry.spacingMm) }));
}

function labelNumbers(
  label: Volume,
  prepared: Int16Array | null,
  preparedSpacingMm: Vec3,
  names: ReadonlyMap<number, string>,
): LabelNumbers[] {
  const before = countLabels(label.data);
  const after = prepared === null ? new Map<number, number>() : countLabels(prepared);
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort((a, b) => a - b)
    .map((value) => ({
      value,
      name: names.get(value) ?? "",
      mlBefore: (before.get(value) ?? 0) * voxelMl(label.geometry.spacingMm),
      mlAfter: (after.get(value) ?? 0) * voxelMl(preparedSpacingMm),
    }));
}

/** nnU-Net cuts away what is zero in all channels, whatever the label says of it. */
function describeLost(label: Volume, kept: VoxelArray, names: ReadonlyMap<number, string>): string[] {
  const inside = countLabels(kept);
  return [...countLabels(label.data)]
    .map(([value, count]) => ({ value, count, lost: count - (inside.get(value) ?? 0) }))
    .filter(({ lost }) => lost > 0)
    .sort((a, b) => a.value - b.value)
    .map(({ value, count, lost }) => {
      const name = names.get(value);
      const ml = (lost * voxelMl(label.geometry.spacingMm)).toPrecision(3);
      return `Label ${value}${name === undefined ? "" : ` (${name})`} loses ${lost} of its ${count} voxels (${Number(ml)} mL): they lie where the scan is 0, which cropping cuts away.`;
    });
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
