import type { Geometry } from "./volume.js";

/** What a grid is made of besides its shape. */
export type GeometryField = "spacingMm" | "originMm" | "direction";

/** What messages call the fields, in the order in which differences are told. */
export const FIELD_NAMES: Readonly<Record<GeometryField, string>> = {
  spacingMm: "spacing",
  originMm: "origin",
  direction: "direction",
};

/** How far two numbers may lie apart: `absolute + relative * |expected|`. */
export interface Closeness {
  readonly absolute: number;
  readonly relative: number;
}

/** `numpy.isclose` as it is called without tolerances, the way nnU-Net compares geometries. */
export const NUMPY_CLOSENESS: Closeness = { absolute: 1e-8, relative: 1e-5 };

/** Fields in which two geometries differ by more than is allowed, everywhere alike or field by field; NaN always does. */
export function differingFields(
  found: Geometry,
  expected: Geometry,
  allowed: Closeness | Readonly<Record<GeometryField, number>>,
): GeometryField[] {
  const fields = Object.keys(FIELD_NAMES) as GeometryField[];
  return fields.filter((field) => {
    const { absolute, relative } = "absolute" in allowed ? allowed : { absolute: allowed[field], relative: 0 };
    const wanted: readonly number[] = expected[field];
    return !found[field].every((x, i) => Math.abs(x - wanted[i]) <= absolute + relative * Math.abs(wanted[i]));
  });
}

/** Towards left, posterior and superior: the directions of the patient that ITK counts up. */
export type PatientAxis = 0 | 1 | 2;

/** Letters of where a patient axis comes from and where it goes. */
export const PATIENT_LETTERS = [
  ["R", "L"],
  ["A", "P"],
  ["I", "S"],
] as const;

/**
 * Towards which side of the patient each array axis runs, fastest axis first ("RAS", "LPI" ...): nibabel's
 * `aff2axcodes`. `direction` as in {@link Geometry}.
 */
export function axisCodesOf(direction: Geometry["direction"]): string {
  const size = (row: number, column: number) => Math.abs(direction[row * 3 + column]);
  const strength = (column: number) => Math.max(size(0, column), size(1, column), size(2, column));
  const codes = ["", "", ""];
  const free: PatientAxis[] = [0, 1, 2];
  // The clearest axis chooses first, so that oblique axes never claim the same side.
  for (const column of [0, 1, 2].sort((a, b) => strength(b) - strength(a))) {
    const row = free.reduce((best, next) => (size(next, column) > size(best, column) ? next : best));
    free.splice(free.indexOf(row), 1);
    codes[column] = PATIENT_LETTERS[row][direction[row * 3 + column] >= 0 ? 1 : 0];
  }
  return codes.join("");
}
