import { transpose } from "../core/axes.js";
import { NnprepError } from "../core/errors.js";
import type { Box3, Shape3, Vec3, Volume } from "../core/volume.js";
import { halveLabels } from "../kernels/mesh/halve-labels.js";
import { compactLabels, type LabelExtent, surveyLabels } from "../kernels/mesh/label-survey.js";
import { type ArrayAxis, patientAxes } from "./orientation.js";

/** Labels of one picture or surface: as many as a byte tells apart. */
const MOST_LABELS = 255;

/**
 * The labels of a volume as the patient lies: array axes towards superior, posterior and left, slowest first, cut to
 * the box of the labels that were asked for, one byte per voxel (0, or 1 + the place in `extents`).
 */
export interface LabelGrid {
  readonly bytes: Uint8Array;
  readonly shape: Shape3;
  /** Slowest axis first. */
  readonly spacingMm: Vec3;
  /** The labels shown, ascending; boxes on this grid. */
  readonly extents: readonly LabelExtent[];
  /** Steps in mm along this grid's axes, fastest first, as columns of a row-major matrix; rows are L, P, S. */
  readonly stepsMm: readonly number[];
  /** Centre of this grid's first voxel in mm, L, P, S. */
  readonly originMm: Vec3;
  /** How much of the labels lies at each index, per axis of this grid. */
  readonly shares: readonly [Float64Array, Float64Array, Float64Array];
  /** The box in the volume's own axes. */
  readonly box: Box3;
}

function unite(boxes: readonly Box3[]): Box3 {
  const axis = (i: 0 | 1 | 2): [number, number] => [
    Math.min(...boxes.map((box) => box[i][0])),
    Math.max(...boxes.map((box) => box[i][1])),
  ];
  return [axis(0), axis(1), axis(2)];
}

/**
 * Reads the labels of a volume; null if there are none above 0 (of those asked for). `found` are all of them, where
 * they are known already.
 * @throws NnprepError INVALID_VALUES when voxels are no labels; UNSUPPORTED for more than 255 labels
 */
export function readLabelGrid(
  volume: Volume,
  only?: readonly number[],
  found: readonly LabelExtent[] = surveyLabels(volume.data, volume.shape),
): LabelGrid | null {
  const extents = only === undefined ? found : found.filter(({ label }) => only.includes(label));
  if (extents.length === 0) return null;
  if (extents.length > MOST_LABELS) {
    throw new NnprepError(
      "UNSUPPORTED",
      `${extents.length} different labels found, at most ${MOST_LABELS} can be shown together; choose some of them`,
      { found: extents.length, expected: MOST_LABELS },
    );
  }
  const box = unite(extents.map((extent) => extent.box));
  const [left, posterior, superior] = patientAxes(volume.geometry);
  const axes = [superior, posterior, left] as const;
  const turned = [0, 1, 2].map((i) => axes.some(({ axis, ascending }) => axis === i && !ascending));
  const compact = compactLabels(volume.data, volume.shape, extents, box, turned as [boolean, boolean, boolean]);
  const { spacingMm, direction, originMm } = volume.geometry;
  const steps = [left, posterior, superior].map(({ axis, ascending }) =>
    [0, 1, 2].map((row) => direction[3 * row + 2 - axis] * spacingMm[axis] * (ascending ? 1 : -1)),
  );
  const origin = originMm.map((start, row) =>
    axes.reduce((sum, { axis, ascending }) => {
      const index = ascending ? box[axis][0] : box[axis][1] - 1;
      return sum + direction[3 * row + 2 - axis] * spacingMm[axis] * index;
    }, start),
  );
  return {
    bytes: transpose(compact.bytes, compact.shape, [superior.axis, posterior.axis, left.axis]),
    shape: axes.map(({ axis }) => compact.shape[axis]) as unknown as Shape3,
    spacingMm: axes.map(({ axis }) => spacingMm[axis]) as unknown as Vec3,
    extents: extents.map((extent) => ({ ...extent, box: turnBox(extent.box, box, axes) })),
    // Adding 0 makes a negative zero positive.
    stepsMm: [0, 1, 2].flatMap((row) => steps.map((step) => step[row] + 0)),
    originMm: origin as unknown as Vec3,
    shares: axes.map(({ axis, ascending }) => {
      const share = compact.shares[axis];
      return ascending ? share : share.slice().reverse();
    }) as unknown as LabelGrid["shares"],
    box,
  };
}

function turnBox(box: Box3, whole: Box3, axes: readonly ArrayAxis[]): Box3 {
  return axes.map(({ axis, ascending }) => {
    const [low, high] = box[axis];
    const [from, to] = whole[axis];
    return ascending ? [low - from, high - from] : [to - high, to - low];
  }) as unknown as Box3;
}

/**
 * The same labels on a coarser grid: half as many voxels along the axes (slowest first) that are marked. For pictures;
 * numbers of voxels stay those of the volume.
 */
export function coarsenGrid(grid: LabelGrid, halved: readonly [boolean, boolean, boolean]): LabelGrid {
  const factors = halved.map((half) => (half ? 2 : 1)) as [number, number, number];
  const { bytes, shape } = halveLabels(grid.bytes, grid.shape, halved);
  const scale = (box: Box3): Box3 =>
    box.map(([low, high], axis) => {
      const factor = factors[axis];
      return [Math.floor(low / factor), Math.ceil(high / factor)];
    }) as unknown as Box3;
  return {
    ...grid,
    bytes,
    shape,
    spacingMm: grid.spacingMm.map((mm, axis) => mm * factors[axis]) as unknown as Vec3,
    extents: grid.extents.map((extent) => ({ ...extent, box: scale(extent.box) })),
    stepsMm: grid.stepsMm.map((mm, i) => mm * factors[2 - (i % 3)]),
  };
}
