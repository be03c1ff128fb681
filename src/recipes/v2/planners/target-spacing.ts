import { median, percentile, roundHalfEven } from "../../../core/numeric.js";
import type { Axes3, Vec3 } from "../../../core/volume.js";
import type { Fingerprint } from "../documents/fingerprint.js";

type Triple = [number, number, number];

const ANISOTROPY_THRESHOLD = 3;
/** Added when the worst axis would become finer than the others, so that it stays the worst. */
const STAYS_WORST_MM = 1e-5;

function perAxis(values: readonly Vec3[], reduce: (column: number[]) => number): Triple {
  return [0, 1, 2].map((axis) => reduce(values.map((v) => v[axis]))) as Triple;
}

/** Index of the first maximum: `numpy.argmax`. */
function firstMaximum(values: Vec3): 0 | 1 | 2 {
  if (values[0] >= values[1] && values[0] >= values[2]) return 0;
  return values[1] >= values[2] ? 1 : 2;
}

/**
 * Target spacing in mm, axes of the file: the median, but on an axis that is both much coarser and much shorter than
 * the others the 10th percentile (`determine_fullres_target_spacing` of nnU-Net 2.8.1).
 */
export function chooseTargetSpacing({
  spacings,
  shapesAfterCrop,
}: Pick<Fingerprint, "spacings" | "shapesAfterCrop">): Vec3 {
  const target = perAxis(spacings, (column) => percentile(column, 50));
  const size = perAxis(shapesAfterCrop, (column) => percentile(column, 50));
  const worst = firstMaximum(target);
  const others = [0, 1, 2].filter((axis) => axis !== worst);
  const inPlane = Math.max(...others.map((axis) => target[axis]));
  const coarse = target[worst] > ANISOTROPY_THRESHOLD * inPlane;
  const short = size[worst] * ANISOTROPY_THRESHOLD < Math.min(...others.map((axis) => size[axis]));
  if (coarse && short) {
    const fine = percentile(
      spacings.map((spacing) => spacing[worst]),
      10,
    );
    target[worst] = fine < inPlane ? inPlane + STAYS_WORST_MM : fine;
  }
  return target;
}

/** The coarsest axis first, the others in ascending order. */
export function chooseTransposition(target: Vec3): Axes3 {
  const worst = firstMaximum(target);
  return [worst, ...[0, 1, 2].filter((axis) => axis !== worst)] as unknown as Axes3;
}

/** Median over the cases of their shapes on the target grid, each rounded; the median itself may end in .5. */
export function medianTargetShape(
  { spacings, shapesAfterCrop }: Pick<Fingerprint, "spacings" | "shapesAfterCrop">,
  target: Vec3,
): Vec3 {
  const shapes = spacings.map(
    (spacing, i) =>
      [0, 1, 2].map((axis) => roundHalfEven((spacing[axis] / target[axis]) * shapesAfterCrop[i]?.[axis])) as Triple,
  );
  return perAxis(shapes, median);
}

/** Median over the cases, per axis. */
export function medianPerAxis(values: readonly Vec3[]): Vec3 {
  return perAxis(values, median);
}
