import { transpose } from "../../../core/axes.js";
import { NnprepError } from "../../../core/errors.js";
import type { Axes3, Shape3 } from "../../../core/volume.js";
import type { ItkImage } from "../../../io/itk-image.js";

/** Where an axis increases to, by world axis of LPS: along it, and against it. */
const LETTERS = ["LR", "PA", "SI"] as const;

interface Heading {
  /** Axis of LPS. */
  readonly world: number;
  readonly sign: 1 | -1;
}

/** The world axis that each of the axes x, y, z follows: the largest entry chooses first (ITK 5.4's AnatomicalOrientation). */
function headingsOf(direction: readonly number[]): Heading[] {
  const headings: Heading[] = [];
  const free = { rows: [0, 1, 2], columns: [0, 1, 2] };
  while (free.columns.length > 0) {
    let [row, column, size] = [free.rows[0], free.columns[0], -1];
    for (const i of free.rows) {
      for (const j of free.columns) {
        const entry = Math.abs(direction[3 * i + j]);
        if (entry > size) [row, column, size] = [i, j, entry];
      }
    }
    headings[column] = { world: row, sign: direction[3 * row + column] < 0 ? -1 : 1 };
    free.rows = free.rows.filter((i) => i !== row);
    free.columns = free.columns.filter((j) => j !== column);
  }
  return headings;
}

/** Three letters that say where the axes x, y, z increase to, such as "RAS". `direction` row-major 3x3. */
export function orientationOfDirection(direction: readonly number[]): string {
  return headingsOf(direction)
    .map(({ world, sign }) => (LETTERS[world] as string)[sign === 1 ? 0 : 1])
    .join("");
}

function parseOrientation(letters: string): Heading[] {
  const headings = [...letters].map((letter) => {
    const world = LETTERS.findIndex((pair) => pair.includes(letter));
    return { world, sign: LETTERS[world]?.[0] === letter ? (1 as const) : (-1 as const) };
  });
  if (headings.length === 3 && [0, 1, 2].every((world) => headings.some((h) => h.world === world))) return headings;
  throw new NnprepError("INVALID_ARGUMENT", `orientation "${letters}" found, three letters such as RAS are expected`, {
    found: letters,
  });
}

/** SimpleITK 2.5's `DICOMOrient` of an image of three axes: axes swapped and turned round, nothing interpolated. */
export function orientTo(letters: string, image: ItkImage): ItkImage {
  const { channels, shape, spacing, origin, direction } = image;
  const current = headingsOf(direction);
  const wanted = parseOrientation(letters);
  /** For each new axis x, y, z the old one. */
  const from = wanted.map(({ world }) => current.findIndex((heading) => heading.world === world));
  const flips = wanted.map(({ sign }, j) => current[from[j]].sign !== sign);
  if (from.every((axis, j) => axis === j) && !flips.includes(true)) return image;
  const sizes = [shape[2], shape[1], shape[0]];
  const column = (j: number) => [0, 1, 2].map((i) => direction[3 * i + j]);
  const columns = from.map((axis) => column(axis));
  const steps = from.map((axis) => spacing[axis]);
  const far = from.map((axis, j) => (flips[j] === true ? sizes[axis] - 1 : 0));
  const newOrigin = [0, 1, 2].map((i) => {
    // As ITK's TransformIndexToPhysicalPoint adds them.
    let sum = origin[i];
    for (let j = 0; j < 3; j++) sum += columns[j][i] * steps[j] * far[j];
    return sum;
  });
  // ITK changes the entries of a direction that differ from those it had: a zero keeps its sign.
  const permuted = [0, 1, 2].flatMap((i) => columns.map((values) => values[i]));
  const kept = permuted.map((x, at) => (x === direction[at] ? direction[at] : x));
  const turned = kept.map((x, at) => (flips[at % 3] === true && x !== 0 ? -x : x));
  // Array axes are z, y, x.
  const axes = [2, 1, 0].map((j) => 2 - from[j]) as unknown as Axes3;
  const arrayFlips = [flips[2], flips[1], flips[0]] as [boolean, boolean, boolean];
  return {
    channels: channels.map((data) => transpose(data, shape, axes, arrayFlips)),
    shape: axes.map((axis) => shape[axis]) as unknown as Shape3,
    spacing: steps,
    origin: newOrigin,
    direction: turned,
  };
}
