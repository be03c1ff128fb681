import type { NnprepError } from "../../core/errors.js";
import { axisCodesOf, differingFields, FIELD_NAMES, NUMPY_CLOSENESS } from "../../core/geometry.js";
import { sameShape, type Volume, voxelCount } from "../../core/volume.js";
import { doubtfulWarnings } from "../../io/formats.js";
import { nonFiniteWarnings } from "../../io/nifti-voxels.js";
import type { ScanReading } from "../../io/scan-file.js";
import type { Finding } from "./findings.js";
import { type CheckedVoxels, checkLabelValues, findSpecialValues, isZero } from "./voxel-checks.js";

/** A file of a case, read or not. `file` is its path inside the task's folder. */
export type CaseFile =
  | ({ readonly file: string } & Partial<ScanReading> & Pick<ScanReading, "volume">)
  | { readonly file: string; readonly error: NnprepError };

type ReadFile = Extract<CaseFile, { volume: Volume }>;

/** What the check of one case gives; plain values. */
export interface CaseVerification {
  readonly findings: readonly Finding[];
  /** Orientation of every image that could be read, to be compared over the dataset. */
  readonly axisCodes: readonly { readonly file: string; readonly codes: string }[];
}

const TOLERANCE = "1e-8 + 1e-5 x |expected|";

/**
 * Checks the voxels and the geometry of one case: the per-case part of nnU-Net 1.7.1 `verify_dataset_integrity`, plus
 * infinite voxels, empty images and labels, labels that are no whole numbers, and files that cannot be read.
 * A pure function: nothing is read or thrown, so a worker can run it.
 *
 * @param images channels in order. @param label null for a test case; then channels are compared with channel 0.
 * @param channels how many channels the task has; with fewer images the case counts as incomplete.
 */
export function verifyCase(
  images: readonly CaseFile[],
  label: CaseFile | null,
  expectedLabels: readonly number[],
  channels = images.length,
): CaseVerification {
  const files = label === null ? images : [...images, label];
  const findings = files.filter((f) => "error" in f).map(unreadable);
  const isRead = (f: CaseFile): f is ReadFile => "volume" in f;
  const read = images.filter(isRead);
  const readLabel = label !== null && isRead(label) ? label : undefined;

  const reference = readLabel ?? read[0];
  findings.push(...(readLabel === undefined ? read : [...read, readLabel]).flatMap(doubts));
  for (const image of read) if (reference !== undefined) findings.push(...compareGeometry(image, reference));
  for (const file of readLabel === undefined ? read : [...read, readLabel])
    findings.push(...findSpecialValues(voxelsOf(file)));
  if (read.length === channels && read.length > 0 && read.every(({ volume }) => isZero(volume.data))) {
    findings.push({
      severity: "error",
      kind: "empty-image",
      file: read[0].file,
      found: channels === 1 ? "0 in every voxel" : `0 in every voxel of all ${channels} channels`,
      expected: "some voxel other than 0",
      action: "replace the image or take the case out of dataset.json: cropping would leave nothing",
    });
  }
  if (readLabel !== undefined) findings.push(...checkLabelValues(voxelsOf(readLabel), expectedLabels));
  const axisCodes = read.map(({ file, volume }) => ({ file, codes: axisCodesOf(volume.geometry.direction) }));
  return { findings, axisCodes };
}

function voxelsOf({ file, volume, nonFinite }: ReadFile): CheckedVoxels {
  return { file, data: volume.data, ...(nonFinite === undefined ? {} : { nonFinite }) };
}

/** What the reader found unusual, but for voxels that are not finite: they are a finding of their own. */
function doubts({ file, volume, warnings = [], nonFinite }: ReadFile): Finding[] {
  const told = nonFinite === undefined ? [] : nonFiniteWarnings(nonFinite, voxelCount(volume.shape));
  return doubtfulWarnings(warnings)
    .filter((text) => !told.includes(text))
    .map((found) => ({
      severity: "warning",
      kind: "doubtful-header",
      file,
      found,
      expected: "a header that says all, axes at right angles, and no more voxels than it promises",
      action: "look at the scan beside its label in a viewer; export it again, or resample it, if they do not match",
    }));
}

function unreadable(entry: CaseFile): Finding {
  const { file, error } = entry as Extract<CaseFile, { error: NnprepError }>;
  const { dimensions } = error.detail;
  // Readers that refuse a file for its number of axes say how many there are.
  if (typeof dimensions === "number") {
    return {
      severity: "error",
      kind: "not-3d",
      file,
      found: `${dimensions} dimensions`,
      expected: "3",
      action: "split the file into one 3-D file per channel, named ID_0000.nii.gz, ID_0001.nii.gz ...",
    };
  }
  const allowable = Array.isArray(error.detail.options);
  return {
    severity: "error",
    kind: "unreadable-file",
    file,
    found: error.message,
    expected: "an image that can be read",
    action: allowable
      ? `correct the file, or say that it is accepted: --allow ${(error.detail.options as unknown[]).join(",")}`
      : error.code === "FILE_NOT_FOUND"
        ? "make the file readable for you: it is there, but could not be opened"
        : "replace the file: it is damaged or not of a supported format",
  };
}

function compareGeometry(image: ReadFile, reference: ReadFile): Finding[] {
  if (image === reference) return [];
  const findings: Finding[] = [];
  const add = (what: string, found: readonly number[], expected: readonly number[], tolerance?: string) =>
    findings.push({
      severity: "error",
      kind: "geometry-mismatch",
      file: image.file,
      found: `${what} (${found.join(", ")})`,
      expected: `(${expected.join(", ")}) as in ${reference.file}`,
      ...(tolerance === undefined ? {} : { tolerance }),
      action: "register or resample the files of a case to one voxel grid; if only the header is off, correct it",
    });
  const a = image.volume.geometry;
  const b = reference.volume.geometry;
  const differing = differingFields(a, b, NUMPY_CLOSENESS);
  // nnU-Net's own order.
  for (const field of ["originMm", "spacingMm", "direction"] as const) {
    if (differing.includes(field)) add(FIELD_NAMES[field], a[field], b[field], TOLERANCE);
  }
  const sizes = [image.volume.shape, reference.volume.shape] as const;
  if (!sameShape(...sizes)) add("size", ...sizes);
  return findings;
}
