import { NnprepError } from "../core/errors.js";
import { differingFields } from "../core/geometry.js";
import { type Geometry, sameShape, type Volume } from "../core/volume.js";

/** One axis of the array as the patient axis that it runs along most nearly. */
export interface ArrayAxis {
  /** 0 is the slowest. */
  readonly axis: 0 | 1 | 2;
  /** Whether the index counts up towards left, posterior or superior. */
  readonly ascending: boolean;
}

const ORDERS: readonly (readonly [number, number, number])[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/** For left, posterior and superior: the array axis along it. Oblique grids take the nearest, each axis once. */
export function patientAxes({ direction }: Geometry): readonly [ArrayAxis, ArrayAxis, ArrayAxis] {
  let best = ORDERS[0];
  let most = -1;
  for (const order of ORDERS) {
    const sum = order.reduce((total, column, row) => total + Math.abs(direction[3 * row + column]), 0);
    if (sum > most + 1e-9) [best, most] = [order, sum];
  }
  return best.map((column, row) => ({
    axis: (2 - column) as 0 | 1 | 2,
    ascending: direction[3 * row + column] >= 0,
  })) as unknown as readonly [ArrayAxis, ArrayAxis, ArrayAxis];
}

/** Throws unless two volumes lie on the same grid. */
export function checkSameGrid(first: Volume, second: Volume, names: readonly [string, string]): void {
  if (!sameShape(first.shape, second.shape)) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `the ${names[0]} has the shape (${first.shape.join(", ")}) but the ${names[1]} (${second.shape.join(", ")}); ` +
        "take files of the same grid, or resample one of them",
      { found: [...first.shape], expected: [...second.shape] },
    );
  }
  const [a, b] = [first.geometry, second.geometry];
  const smallest = Math.min(...b.spacingMm);
  const allowed = { spacingMm: 1e-3 * smallest, originMm: 0.1 * smallest, direction: 1e-3 };
  const [field] = differingFields(a, b, allowed);
  if (field === undefined) return;
  throw new NnprepError(
    "GEOMETRY_MISMATCH",
    `${field} of the ${names[0]} is [${a[field].join(", ")}] but that of the ${names[1]} [${b[field].join(", ")}]: ` +
      "the two do not lie in the same place",
    { found: [...a[field]], expected: [...b[field]] },
  );
}
