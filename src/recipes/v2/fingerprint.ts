import { boxShape } from "../../core/axes.js";
import { NnprepError } from "../../core/errors.js";
import { median } from "../../core/numeric.js";
import { type Box3, type CaseArrays, checkLength, type Shape3, type Vec3, voxelCount } from "../../core/volume.js";
import { type DrawnDeviations, measureDeviations, measureDraws } from "../../kernels/draws.js";
import { minAndMax } from "../../kernels/moments.js";
import {
  ChannelPool,
  type MeasuredPart,
  type PooledChannel,
  type PoolRange,
  type Precision,
  piecesOf,
} from "../../steps/pooled-statistics.js";
import type { Fingerprint, IntensityStatistics, WholeEntries } from "./documents/fingerprint.js";

/** Foreground voxels that nnU-Net draws from the whole dataset, per channel. */
const DRAWS = 1e8;
/** Every case starts its own generator with it. */
const SEED = 1234;

/** What the fingerprint takes from one case. */
export interface ForegroundCase {
  /** Axes of the file. */
  readonly shapeBeforeCrop: Shape3;
  readonly shapeAfterCrop: Shape3;
  /** Values of the voxels with a label above 0, by channel, in C order; empty without any. */
  readonly foreground: readonly Float32Array[];
}

/**
 * Crops a case to the box of what is not zero in some channel and takes its foreground: all that the fingerprint asks of
 * the voxels. Labels outside the box are lost, as in nnU-Net.
 *
 * @throws NnprepError INVALID_VALUES for NaN voxels, SHAPE_MISMATCH, INVALID_ARGUMENT without a label.
 */
export function takeForeground(arrays: CaseArrays): ForegroundCase {
  const { channels, label, shape } = arrays;
  if (label === null) throw new NnprepError("INVALID_ARGUMENT", "a case without label has no foreground to measure");
  checkLength("label", label, shape);
  channels.forEach((channel, c) => {
    checkLength(`channel ${c}`, channel, shape);
    // The smallest value is NaN as soon as one is.
    if (!Number.isNaN(minAndMax(channel).min)) return;
    const index = channel.findIndex(Number.isNaN);
    throw new NnprepError(
      "INVALID_VALUES",
      `channel ${c} has NaN voxels, the first at index ${index}; a fingerprint cannot be taken of them. Mend the file`,
      { channel: c, index },
    );
  });
  // An image of nothing but zeros keeps its whole grid. Holes of the mask lie inside its box and do not matter here.
  const box: Box3 = nonzeroBox(channels, shape) ?? [
    [0, shape[0]],
    [0, shape[1]],
    [0, shape[2]],
  ];
  let count = 0;
  eachRow(box, shape, (start, end) => {
    for (let i = start; i < end; i++) if (label[i] > 0) count++;
  });
  const foreground = channels.map((channel) => {
    const values = new Float32Array(count);
    let out = 0;
    eachRow(box, shape, (start, end) => {
      for (let i = start; i < end; i++) if (label[i] > 0) values[out++] = channel[i];
    });
    return values;
  });
  return { shapeBeforeCrop: shape, shapeAfterCrop: boxShape(box), foreground };
}

/**
 * The smallest box of all voxels that are not 0 in some channel; null if there is none. Of a row only what could widen
 * the box is looked at, and a scan without a margin is hardly read.
 */
function nonzeroBox(channels: readonly Float32Array[], shape: Shape3): Box3 | null {
  const [slices, rows, length] = shape;
  const [low, high] = [
    [slices, rows, length],
    [0, 0, 0],
  ] as [[number, number, number], [number, number, number]];
  for (let i = 0; i < slices; i++) {
    for (let j = 0; j < rows; j++) {
      const row = (i * rows + j) * length;
      for (const channel of channels) {
        let first = 0;
        while (first < length && channel[row + first] === 0) first++;
        if (first === length) continue;
        let end = length;
        while (end > high[2] && channel[row + end - 1] === 0) end--;
        low[0] = Math.min(low[0], i);
        low[1] = Math.min(low[1], j);
        low[2] = Math.min(low[2], first);
        high[0] = i + 1;
        high[1] = Math.max(high[1], j + 1);
        high[2] = Math.max(high[2], end);
      }
    }
  }
  if (high[0] === 0) return null;
  return [
    [low[0], high[0]],
    [low[1], high[1]],
    [low[2], high[2]],
  ];
}

/** Calls `visit` with first and last index, exclusive, of every row of the box, in C order. */
function eachRow(box: Box3, shape: Shape3, visit: (start: number, end: number) => void): void {
  for (let i = box[0][0]; i < box[0][1]; i++) {
    for (let j = box[1][0]; j < box[1][1]; j++) {
      const row = (i * shape[1] + j) * shape[2];
      visit(row + box[2][0], row + box[2][1]);
    }
  }
}

/**
 * How the draws of a dataset are pooled: each case with foreground gives as many as any other, in the order of the
 * dataset. As soon as one case has none, NumPy joins them as float64.
 */
export interface SamplePlan {
  readonly precision: Precision;
  /** Per case, where its draws stand in the pool; undefined for cases without foreground. */
  readonly ranges: readonly (PoolRange | undefined)[];
  readonly total: number;
}

/**
 * @param hasForeground per case, in the order of the dataset.
 * @param draws over all cases, per channel; nnU-Net's own number is the default.
 * @throws NnprepError INVALID_DATASET if no case has foreground.
 */
export function planSamples(hasForeground: readonly boolean[], draws: number = DRAWS): SamplePlan {
  const samples = Math.floor(draws / hasForeground.length);
  let end = 0;
  const ranges = hasForeground.map((has) => {
    if (!has) return undefined;
    const start = end;
    end += samples;
    return { start, end };
  });
  if (end === 0) {
    throw new NnprepError(
      "INVALID_DATASET",
      `none of ${hasForeground.length} cases has a voxel with a label above 0 where its image is not 0; there is ` +
        "nothing to take intensities from. Check the labels",
      { cases: hasForeground.length },
    );
  }
  return { precision: hasForeground.includes(false) ? "float64" : "float32", ranges, total: end };
}

/** What of the plan one case needs: the plan itself grows with the dataset, and each of its cases passes to a worker. */
export interface CaseDraws {
  readonly precision: Precision;
  /** Where the case's draws stand in the pool of `total`. */
  readonly range: PoolRange;
  readonly total: number;
}

/** The draws of one case; undefined if it has no foreground. */
export function drawsOfCase({ precision, ranges, total }: SamplePlan, caseIndex: number): CaseDraws | undefined {
  const range = ranges[caseIndex];
  return range === undefined ? undefined : { precision, range, total };
}

/** First reading of one case: by channel. */
export function measureForeground(
  foreground: readonly Float32Array[],
  { precision, range, total }: CaseDraws,
): MeasuredPart[] {
  const options = { seed: SEED, pieces: piecesOf(total, range), precision };
  return measureDraws(foreground, options).map((drawn) => ({ ...drawn, range }));
}

/** Second reading of one case, which makes the same draws again: by channel. */
export function measureForegroundAgain(
  foreground: readonly Float32Array[],
  { precision, range, total }: CaseDraws,
  pooled: readonly PooledChannel[],
): DrawnDeviations[] {
  return measureDeviations(foreground, pooled, { seed: SEED, pieces: piecesOf(total, range), precision });
}

/** The draws of a dataset, joined as its cases are read: first all once, then all again. */
export class DrawnDataset {
  readonly #plan: SamplePlan;
  readonly #places: number[] = [];
  readonly #count: number;
  #channels: ChannelPool[] = [];
  #pooled: PooledChannel[] = [];

  constructor(plan: SamplePlan) {
    this.#plan = plan;
    let count = 0;
    for (const range of plan.ranges) this.#places.push(range === undefined ? count : count++);
    this.#count = count;
  }

  /** Takes the first reading of a case with foreground; by channel. */
  addMeasured(caseIndex: number, parts: readonly MeasuredPart[]): void {
    if (this.#channels.length === 0) {
      this.#channels = parts.map(() => new ChannelPool(this.#plan.precision, this.#count));
    }
    for (const [c, part] of parts.entries()) this.#channels[c].addMeasured(this.#places[caseIndex], part);
  }

  /** What the second reading needs; when all cases with foreground were read once. */
  pool(): readonly PooledChannel[] {
    this.#pooled = this.#channels.map((channel) => channel.pool());
    return this.#pooled;
  }

  /** Takes the second reading of a case with foreground; by channel. */
  addDeviations(caseIndex: number, parts: readonly DrawnDeviations[]): void {
    for (const [c, part] of parts.entries()) this.#channels[c].addDeviations(this.#places[caseIndex], part);
  }

  /** By channel; when all cases with foreground were read twice. */
  statistics(): IntensityStatistics[] {
    return this.#channels.map((channel, c) => channel.statistics(this.#pooled[c]));
  }
}

/** What a case tells besides its intensities. */
export interface CaseGrid {
  readonly shapeBeforeCrop: Shape3;
  readonly shapeAfterCrop: Shape3;
  /** mm, axes of the file. */
  readonly spacingMm: Vec3;
  readonly wholeSpacing?: WholeEntries | undefined;
}

/** The fingerprint of a dataset: cases in its order. */
export function makeFingerprint(cases: readonly CaseGrid[], intensities: readonly IntensityStatistics[]): Fingerprint {
  return {
    spacings: cases.map((c) => c.spacingMm),
    wholeSpacings: cases.map((c) => c.wholeSpacing),
    shapesAfterCrop: cases.map((c) => c.shapeAfterCrop),
    intensities,
    medianRelativeSizeAfterCropping: median(
      cases.map((c) => voxelCount(c.shapeAfterCrop) / voxelCount(c.shapeBeforeCrop)),
    ),
  };
}

/** Reads a case's foreground; called twice per case with foreground. */
export type ReadForeground = (caseIndex: number) => readonly Float32Array[] | Promise<readonly Float32Array[]>;

/**
 * Intensity statistics of a dataset, case by case in this thread: `DatasetFingerprintExtractor` of nnU-Net 2.8.1, equal
 * in every bit. Workers do the same with `measureForeground` and `measureForegroundAgain` as their jobs.
 */
export async function measureIntensities(
  plan: SamplePlan,
  read: ReadForeground,
  onCase?: (done: number, of: number) => void,
): Promise<IntensityStatistics[]> {
  const cases = plan.ranges.flatMap((_, i) => {
    const draws = drawsOfCase(plan, i);
    return draws === undefined ? [] : [[i, draws] as const];
  });
  let done = 0;
  const report = () => onCase?.(++done, 2 * cases.length);
  const drawn = new DrawnDataset(plan);
  for (const [i, draws] of cases) {
    drawn.addMeasured(i, measureForeground(await read(i), draws));
    report();
  }
  const pooled = drawn.pool();
  for (const [i, draws] of cases) {
    drawn.addDeviations(i, measureForegroundAgain(await read(i), draws, pooled));
    report();
  }
  return drawn.statistics();
}
