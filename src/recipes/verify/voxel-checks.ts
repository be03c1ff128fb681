import type { VoxelArray } from "../../core/volume.js";
import type { NonFiniteCounts } from "../../io/scan-file.js";
import type { Finding } from "./findings.js";

/** The voxels of one file. */
export interface CheckedVoxels {
  readonly file: string;
  readonly data: VoxelArray;
  /** What its reader made 0. */
  readonly nonFinite?: NonFiniteCounts;
}

const LISTED_VALUES = 10;

function isFloat(data: VoxelArray): boolean {
  return data instanceof Float32Array || data instanceof Float64Array;
}

function countNonFinite(data: VoxelArray): NonFiniteCounts {
  let nan = 0;
  let infinite = 0;
  const n = isFloat(data) ? data.length : 0;
  for (let i = 0; i < n; i++) {
    const x = data[i];
    // True for NaN and the infinities only.
    if (x - x !== 0) {
      if (Number.isNaN(x)) nan++;
      else infinite++;
    }
  }
  return { nan, infinite };
}

/** Voxels that are not finite: an error where they reach nnU-Net, a warning where the reader makes them 0. */
export function findSpecialValues({ file, data, nonFinite }: CheckedVoxels): Finding[] {
  const findings: Finding[] = [];
  const of = `of ${data.length} voxels`;
  const add = (counts: NonFiniteCounts | undefined, severity: Finding["severity"], how: string, action: string) => {
    for (const [kind, count, name] of [
      ["nan-voxels", counts?.nan ?? 0, "NaN"],
      ["infinite-voxels", counts?.infinite ?? 0, "an infinite value"],
    ] as const) {
      if (count === 0) continue;
      const found = `${name} in ${count} ${of}${how}`;
      findings.push({ severity, kind, file, found, expected: "finite numbers", action });
    }
  };
  add(
    countNonFinite(data),
    "error",
    "",
    "replace these voxels, for example by the background's value: they spread over the image in resampling",
  );
  add(
    nonFinite,
    "warning",
    "; they are read as 0",
    "check that 0 is right there: ITK, and so nnU-Net, reads such voxels of NIfTI files as 0",
  );
  return findings;
}

export function isZero(data: VoxelArray): boolean {
  const n = data.length;
  for (let i = 0; i < n; i++) if (data[i] !== 0) return false;
  return true;
}

/** Voxels per value. Labels come in runs, so the map is asked once per run. */
function countValues(data: VoxelArray): Map<number, number> {
  const counts = new Map<number, number>();
  const n = data.length;
  for (let start = 0; start < n; ) {
    const value = data[start];
    let end = start + 1;
    while (end < n && data[end] === value) end++;
    counts.set(value, (counts.get(value) ?? 0) + end - start);
    start = end;
  }
  return counts;
}

function listValues(values: readonly (readonly [number, number])[]): string {
  const listed = values
    .slice(0, LISTED_VALUES)
    .map(([value, count]) => `${value} (${count} voxel${count === 1 ? "" : "s"})`);
  const rest = values.length - listed.length;
  return listed.join(", ") + (rest > 0 ? ` and ${rest} more values` : "");
}

export function checkLabelValues({ file, data }: CheckedVoxels, expected: readonly number[]): Finding[] {
  const counts = [...countValues(data)].filter(([value]) => Number.isFinite(value)).sort(([a], [b]) => a - b);
  const findings: Finding[] = [];
  const declared = `the labels of dataset.json: ${expected.join(", ")}`;
  const broken = counts.filter(([value]) => !Number.isInteger(value));
  if (broken.length > 0) {
    findings.push({
      severity: "error",
      kind: "non-integer-label",
      file,
      found: listValues(broken),
      expected: declared,
      action: "store labels as whole numbers: resample with nearest neighbour and check scl_slope and scl_inter",
    });
  }
  const unexpected = counts.filter(([value]) => Number.isInteger(value) && !expected.includes(value));
  if (unexpected.length > 0) {
    findings.push({
      severity: "error",
      kind: "unexpected-label",
      file,
      found: listValues(unexpected),
      expected: declared,
      action: "correct the voxels, or add the values to labels in dataset.json",
    });
  }
  if (!counts.some(([value]) => value > 0)) {
    findings.push({
      severity: "warning",
      kind: "empty-label",
      file,
      found: "no voxel above 0",
      expected: "some foreground",
      action: "check that this case really shows nothing to segment",
    });
  }
  return findings;
}
