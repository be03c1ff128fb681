import { type Measurement, median } from "./compare-rows.js";
import type { DatasetMeasurement, DatasetRow } from "./dataset.bench.js";

/** One line of the report and of `--json`. Times are in ns per voxel unless the name says otherwise. */
export interface Summary {
  readonly name: string;
  readonly size: string;
  readonly ns_per_voxel: number;
  /** The reference's time; null without it. */
  readonly reference: number | null;
  /** Reference over ours. */
  readonly ratio: number | null;
  /** Values that differ from the reference's result, over the whole arrays. */
  readonly differing: number | null;
  readonly peak_bytes: number | null;
  readonly seconds: number;
  readonly cold_ns_per_voxel: number | null;
  /** Largest difference in units of the reference's range. */
  readonly error: number | null;
  /** Ours over a copy of input plus output. */
  readonly copy_ratio: number | null;
  readonly reference_name: string;
  readonly reference_peak_bytes: number | null;
  readonly target: string;
  readonly reached: boolean | null;
  /** Calls that the medians are over: ours, then the reference's. */
  readonly calls: string;
}

export function summarize(measurement: Measurement): Summary {
  const { row, samples, reference } = measurement;
  const seconds = median(samples);
  const referenceSeconds = reference === null ? null : median(reference.samples);
  const ratio = referenceSeconds === null ? null : referenceSeconds / seconds;
  const perVoxel = (s: number) => (s * 1e9) / row.voxels;
  const differing = reference?.differing ?? null;
  const error = reference?.error ?? null;
  return {
    name: row.name,
    size: row.size,
    ns_per_voxel: perVoxel(seconds),
    reference: referenceSeconds === null ? null : perVoxel(referenceSeconds),
    ratio,
    differing,
    peak_bytes: measurement.peakBytes,
    seconds,
    cold_ns_per_voxel: perVoxel(measurement.coldSeconds),
    error,
    copy_ratio: seconds / measurement.copySeconds,
    reference_name: row.reference,
    reference_peak_bytes: reference?.peakBytes ?? null,
    target: row.target.text,
    reached: row.target.reached({
      seconds,
      ratio,
      differing,
      error,
      copySecondsPerByte: measurement.copySeconds / measurement.copyBytes,
      inputBytes: measurement.inputBytes,
    }),
    calls: reference === null ? `${samples.length}` : `${samples.length} / ${reference.samples.length}`,
  };
}

export function datasetSummary(row: DatasetRow, { size, voxels, ours, reference }: DatasetMeasurement): Summary {
  const ratio = reference === null ? null : reference.seconds / ours.seconds;
  const peaks = reference?.peakBytes ?? null;
  const memory = peaks === null || ours.peakBytes === null ? null : peaks / ours.peakBytes;
  return {
    name: row.name,
    size,
    ns_per_voxel: (ours.seconds * 1e9) / voxels,
    reference: reference === null ? null : (reference.seconds * 1e9) / voxels,
    ratio,
    differing: reference?.differing ?? null,
    peak_bytes: ours.peakBytes,
    seconds: ours.seconds,
    cold_ns_per_voxel: null,
    error: null,
    copy_ratio: null,
    reference_name: row.reference,
    reference_peak_bytes: peaks,
    target: row.text,
    reached:
      ratio === null || memory === null
        ? null
        : ratio >= row.ratio && memory >= row.memoryRatio && reference?.differing === 0,
    calls: reference === null ? "1" : "1 / 1",
  };
}
