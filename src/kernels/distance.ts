import { NnprepError } from "../core/errors.js";
import { checkLength, formatShape, type Shape3, type Vec3, voxelCount } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { argumentBytes, type Window } from "../runtime/window.js";
import { AcrossArgument } from "./distance-arguments.js";

interface DistanceExports {
  markSurface(mask: number, above: number, below: number, rows: number, length: number, surface: number): void;
  stepsInRows(features: number, rows: number, length: number, steps: number): void;
  stepsInColumns(
    steps: number,
    rows: number,
    length: number,
    columnSpacing: number,
    rowSpacing: number,
    places: number,
    heights: number,
    starts: number,
    column: number,
  ): void;
  distancesAcrossSlices(structure: number): void;
}

/** Voxels along an axis that half a step can count. */
const LONGEST_AXIS = 65534;
/** Where no feature lies in the same slice. */
const NO_STEP = 0xffffffff;

/**
 * The surface of a mask: its voxels that have a neighbour across a face which is not set or lies outside the volume.
 * It is what `mask ^ scipy.ndimage.binary_erosion(mask)` leaves.
 *
 * @param mask 0 or 1, C order
 * @throws NnprepError SHAPE_MISMATCH
 */
export function surfaceVoxels(mask: Uint8Array, shape: Shape3): Uint8Array {
  checkLength("mask", mask, shape);
  const { exports, window } = kernels<DistanceExports>();
  const [slices, rows, length] = shape;
  const area = rows * length;
  const [first, second, third, out] = window.reserve(area, area, area, area);
  let [above, here, below] = [first, second, third];
  const surface = new Uint8Array(mask.length);
  const load = (address: number, slice: number): void => {
    const view = window.u8(address, area);
    if (slice < slices) view.set(mask.subarray(slice * area, (slice + 1) * area));
    else view.fill(0);
  };
  window.u8(above, area).fill(0);
  load(here, 0);
  for (let slice = 0; slice < slices; slice++) {
    load(below, slice + 1);
    exports.markSurface(here, above, below, rows, length, out);
    surface.set(window.u8(out, area), slice * area);
    [above, here, below] = [here, below, above];
  }
  return surface;
}

/**
 * Distance in mm from each wanted voxel to the nearest feature, exact: what `scipy.ndimage.distance_transform_edt`
 * gives there, but for the last bit where two features are equally near.
 *
 * @param features voxels to measure to; not 0 = feature; at least one
 * @param wanted voxels to measure from, in C order
 * @param spacingMm slowest axis first
 * @returns one distance per wanted voxel, in C order
 * @throws NnprepError SHAPE_MISMATCH, INVALID_ARGUMENT without features or for an axis of more than 65534 voxels
 */
export function distancesToFeatures(
  features: Uint8Array,
  wanted: Uint8Array,
  shape: Shape3,
  spacingMm: Vec3,
): Float64Array {
  checkLength("features", features, shape);
  checkLength("wanted", wanted, shape);
  if (Math.max(...shape) > LONGEST_AXIS) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `shape ${formatShape(shape)}: distances are measured along axes of up to ${LONGEST_AXIS} voxels`,
      { found: [...shape], expected: LONGEST_AXIS },
    );
  }
  const { exports, window } = kernels<DistanceExports>();
  const steps = new Uint32Array(voxelCount(shape));
  if (!measureSlices(exports, window, features, shape, spacingMm, steps)) {
    throw new NnprepError("INVALID_ARGUMENT", "no feature voxels found: there is nothing to measure a distance to");
  }
  return measureAcross(exports, window, steps, wanted, shape, spacingMm);
}

/** Steps within each slice; false if there is no feature at all. */
function measureSlices(
  exports: DistanceExports,
  window: Window,
  features: Uint8Array,
  [slices, rows, length]: Shape3,
  spacingMm: Vec3,
  steps: Uint32Array,
): boolean {
  const area = rows * length;
  const [mask, out, places, heights, starts, column] = window.reserve(
    area,
    4 * area,
    4 * rows,
    8 * rows,
    8 * rows,
    4 * rows,
  );
  const maskView = window.u8(mask, area);
  const stepView = window.u32(out, area);
  let any = false;
  for (let slice = 0; slice < slices; slice++) {
    const start = slice * area;
    const part = features.subarray(start, start + area);
    if (!part.some((voxel) => voxel !== 0)) {
      steps.fill(NO_STEP, start, start + area);
      continue;
    }
    any = true;
    maskView.set(part);
    exports.stepsInRows(mask, rows, length, out);
    exports.stepsInColumns(out, rows, length, spacingMm[1], spacingMm[2], places, heights, starts, column);
    steps.set(stepView, start);
  }
  return any;
}

function measureAcross(
  exports: DistanceExports,
  window: Window,
  steps: Uint32Array,
  wanted: Uint8Array,
  [slices, rows, length]: Shape3,
  spacingMm: Vec3,
): Float64Array {
  const offsets = rowOffsets(wanted, slices * rows, length);
  const result = new Float64Array(offsets[slices * rows]);
  const slab = slices * length;
  const [structure, stepsAt, wantedAt, places, heights, starts, out] = window.reserve(
    argumentBytes(AcrossArgument),
    4 * slab,
    slab,
    4 * slices,
    8 * slices,
    8 * slices,
    8 * slab,
  );
  const stepView = window.u32(stepsAt, slab);
  const wantedView = window.u8(wantedAt, slab);
  const distances = window.f64(out, slab);
  window.storeArguments<AcrossArgument>(structure, {
    [AcrossArgument.steps]: stepsAt,
    [AcrossArgument.wanted]: wantedAt,
    [AcrossArgument.slices]: slices,
    [AcrossArgument.length]: length,
    [AcrossArgument.spacing]: spacingMm[0],
    [AcrossArgument.columnSpacing]: spacingMm[1],
    [AcrossArgument.rowSpacing]: spacingMm[2],
    [AcrossArgument.places]: places,
    [AcrossArgument.heights]: heights,
    [AcrossArgument.starts]: starts,
    [AcrossArgument.distances]: out,
  });
  for (let row = 0; row < rows; row++) {
    let any = false;
    for (let slice = 0; slice < slices; slice++) {
      const index = slice * rows + row;
      const start = index * length;
      stepView.set(steps.subarray(start, start + length), slice * length);
      wantedView.set(wanted.subarray(start, start + length), slice * length);
      any ||= offsets[index] !== offsets[index + 1];
    }
    if (!any) continue;
    exports.distancesAcrossSlices(structure);
    for (let slice = 0; slice < slices; slice++) {
      let to = offsets[slice * rows + row];
      if (to === offsets[slice * rows + row + 1]) continue;
      for (let i = slice * length; i < (slice + 1) * length; i++) {
        if (wantedView[i] !== 0) result[to++] = distances[i];
      }
    }
  }
  return result;
}

/** How many wanted voxels lie before each row, and how many in all. */
function rowOffsets(wanted: Uint8Array, rows: number, length: number): Uint32Array {
  const offsets = new Uint32Array(rows + 1);
  let count = 0;
  for (let row = 0, i = 0; row < rows; row++) {
    offsets[row] = count;
    for (const end = i + length; i < end; i++) if (wanted[i] !== 0) count++;
  }
  offsets[rows] = count;
  return offsets;
}
