import { NnprepError } from "../core/errors.js";
import type { Geometry, Vec3 } from "../core/volume.js";
import type { DicomSlice } from "./dicom-tags.js";

/*
 * From the positions of images to the grid of a volume, as ITK 5.4's ImageSeriesReader has it for series that are in
 * order: slices ascend along the normal, their spacing is the distance of the first and the last position divided by
 * the number of steps.
 */

/** What can be wrong with a series, and is accepted only when it is named. See `readDicomSeries`. */
export type DicomAllowance = "gap" | "tilt" | "duplicates" | "mixed" | "units" | "colour";

/** What was found, and the option that accepts it. */
export interface SeriesProblem {
  readonly option: DicomAllowance;
  /** What is wrong. */
  readonly found: string;
  /** What happens when it is accepted. */
  readonly accepted: string;
}

/** Unit vectors of a row, a column and the normal, at right angles. */
export interface Cosines {
  readonly row: Vec3;
  readonly column: Vec3;
  readonly normal: Vec3;
}

/** How far written cosines may be from unit vectors at right angles: files round them. */
const COSINE_TOLERANCE = 1e-3;
/** Distances of slices may differ by this part, or by this many mm: files round positions. */
const GAP_TOLERANCE = 0.01;
const GAP_TOLERANCE_MM = 0.02;
/** How far the last slice may lie beside the normal through the first: part of the way, and mm. */
const TILT_TOLERANCE = 5e-4;
const TILT_TOLERANCE_MM = 0.02;

function dot(a: readonly number[], b: readonly number[]): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function subtract(a: Vec3, b: Vec3): Vec3 {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

function cross(a: Vec3, b: Vec3): Vec3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function norm(a: readonly number[]): number {
  return Math.sqrt(dot(a, a));
}

function unit(a: readonly number[]): Vec3 {
  const size = norm(a);
  return [a[0] / size, a[1] / size, a[2] / size];
}

/** Image Orientation (Patient) made exact as ITK does: the column is kept, the row turned; null when it is none. */
export function checkedCosines(orientation: readonly number[]): Cosines | null {
  const row = orientation.slice(0, 3) as unknown as Vec3;
  const column = orientation.slice(3, 6) as unknown as Vec3;
  const isUnit = (a: Vec3) => Math.abs(norm(a) - 1) <= COSINE_TOLERANCE;
  if (!isUnit(row) || !isUnit(column) || Math.abs(dot(row, column)) > COSINE_TOLERANCE) return null;
  const exact = unit(column);
  const normal = unit(cross(unit(row), exact));
  return { row: unit(cross(exact, normal)), column: exact, normal };
}

/** A slice with its place along the normal. */
interface Placed {
  readonly slice: DicomSlice;
  readonly position: Vec3;
  readonly along: number;
}

function place(slices: readonly DicomSlice[], normal: Vec3): Placed[] {
  return slices
    .map((slice) => ({ slice, position: slice.position as Vec3, along: dot(slice.position as Vec3, normal) }))
    .sort((a, b) => a.along - b.along || (a.slice.instanceNumber ?? 0) - (b.slice.instanceNumber ?? 0));
}

function cosinesOf(slice: DicomSlice): Cosines {
  const { orientation, position, pixelSpacing, file } = slice;
  const missing = [
    orientation === null ? "Image Orientation (Patient)" : "",
    position === null ? "Image Position (Patient)" : "",
    pixelSpacing === null ? "Pixel Spacing" : "",
  ].filter((x) => x !== "");
  if (missing.length > 0) {
    throw new NnprepError(
      "UNSUPPORTED",
      `${file.name}: the image has no ${missing.join(" and no ")}, so nobody knows where it lies; use a series of slices (CT, MR, PET) with these tags`,
      { file: file.name, missing },
    );
  }
  const cosines = checkedCosines(orientation as readonly number[]);
  if (cosines === null) {
    throw new NnprepError(
      "GEOMETRY_MISMATCH",
      `${file.name}: Image Orientation (Patient) is ${orientation?.join("\\")}, but has to be two unit vectors at right angles`,
      { file: file.name, found: orientation },
    );
  }
  return cosines;
}

/** A series in order. */
export interface ArrangedSeries {
  /** Ascending along the normal. */
  readonly slices: readonly DicomSlice[];
  readonly geometry: Geometry;
  readonly problems: readonly SeriesProblem[];
  /** What its user should know even of a series without problems. */
  readonly notes: readonly string[];
}

/** Sorts the images of one group and finds where their volume lies. Throws only when there is no geometry at all. */
export function arrangeSeries(slices: readonly DicomSlice[]): ArrangedSeries {
  const cosines = cosinesOf(slices[0]);
  const problems: SeriesProblem[] = [];
  const notes: string[] = [];
  const placed = withoutDuplicates(place(slices, cosines.normal), problems);
  const [first] = placed;
  const last = placed[placed.length - 1];
  const way = subtract(last.position, first.position);
  const spacing = first.slice.pixelSpacing as readonly [number, number];
  let between = norm(way) / (placed.length - 1);
  let third = cosines.normal;
  if (placed.length === 1) {
    between = first.slice.spacingBetweenSlices ?? 0;
    if (!(between > 0)) {
      between = 1;
      notes.push("a single slice that does not say how far the next one is: 1 mm is assumed");
    }
  } else {
    checkGaps(placed, problems);
    if (checkTilt(placed, cosines.normal, problems)) third = unit(way);
  }
  const { row, column } = cosines;
  const direction = [row[0], column[0], third[0], row[1], column[1], third[1], row[2], column[2], third[2]];
  const geometry: Geometry = {
    spacingMm: [between, spacing[0], spacing[1]],
    originMm: first.position,
    direction: direction.map((x) => x + 0) as unknown as Geometry["direction"],
  };
  return { slices: placed.map(({ slice }) => slice), geometry, problems, notes };
}

/** Slices at one place: the first by instance number stays. */
function withoutDuplicates(placed: readonly Placed[], problems: SeriesProblem[]): Placed[] {
  const kept = placed.filter((x, i) => i === 0 || x.along - placed[i - 1].along > 1e-4);
  if (kept.length === placed.length) return kept;
  const [a, b] = placed.flatMap((x, i) => (i > 0 && !kept.includes(x) ? [placed[i - 1], x] : []));
  const times = placed.length / kept.length;
  const several = Number.isInteger(times) ? ` (perhaps ${times} volumes of different times, echoes or directions)` : "";
  problems.push({
    option: "duplicates",
    found: `${placed.length} slices lie at ${kept.length} places${several}: ${a.slice.file.name} and ${b.slice.file.name} are at the same one`,
    accepted: "of slices at one place the one with the lowest instance number is taken",
  });
  return kept;
}

function checkGaps(placed: readonly Placed[], problems: SeriesProblem[]): void {
  const gaps = placed.slice(1).map((x, i) => x.along - placed[i].along);
  const usual = [...gaps].sort((a, b) => a - b)[(gaps.length - 1) >> 1];
  const step = (placed[placed.length - 1].along - placed[0].along) / gaps.length;
  const tolerance = Math.max(GAP_TOLERANCE * usual, Math.min(GAP_TOLERANCE_MM, usual / 4));
  const wrong = gaps.findIndex((gap) => Math.abs(gap - usual) > tolerance);
  const drift = placed.findIndex((x, i) => Math.abs(x.along - placed[0].along - i * step) > 0.1 * step);
  if (wrong < 0 && drift < 0) return;
  const at = wrong < 0 ? drift - 1 : wrong;
  const gap = gaps[at];
  const missing = Math.round(gap / usual) - 1;
  const whole = Math.abs(gap / usual - missing - 1) < 0.05;
  const what = missing > 0 && whole ? `${missing} missing slice${missing > 1 ? "s" : ""}` : "unequal distances";
  const count = gaps.filter((x) => Math.abs(x - usual) > tolerance).length;
  problems.push({
    option: "gap",
    found: `${what}: ${mm(gap)} between ${placed[at].slice.file.name} and ${placed[at + 1].slice.file.name}, ${mm(usual)} elsewhere (${count} of ${gaps.length} distances differ)`,
    accepted: `the slices are stacked as if all were ${mm(step)} apart`,
  });
}

function mm(x: number): string {
  return `${Number(x.toFixed(4))} mm`;
}

/** Whether the slices are shifted against each other. */
function checkTilt(placed: readonly Placed[], normal: Vec3, problems: SeriesProblem[]): boolean {
  const beside = (x: Placed, line: Vec3) => {
    const offset = subtract(x.position, placed[0].position);
    const along = dot(offset, line);
    return norm(offset.map((v, i) => v - along * line[i]));
  };
  const last = placed[placed.length - 1];
  const length = last.along - placed[0].along;
  const way = unit(subtract(last.position, placed[0].position));
  const sideways = beside(last, normal);
  const angle = (Math.atan2(sideways, length) * 180) / Math.PI;
  const tilted = sideways > TILT_TOLERANCE * length + TILT_TOLERANCE_MM;
  const crooked = placed.find((x) => beside(x, way) > TILT_TOLERANCE * length + 5 * TILT_TOLERANCE_MM);
  if (crooked !== undefined) {
    problems.push({
      option: "tilt",
      found: `the slices do not lie on one line: ${crooked.slice.file.name} is ${mm(beside(crooked, way))} beside it`,
      accepted: "the slices are stacked as if they lay on the line from the first to the last",
    });
  } else if (tilted) {
    problems.push({
      option: "tilt",
      found: `gantry tilt: the line of the slices is ${Number(angle.toFixed(2))} degrees off their normal (${mm(sideways)} over ${mm(length)})`,
      accepted:
        "the sheared axis is kept: directions are not at right angles, and what reads the volume has to know that",
    });
  }
  return tilted;
}
