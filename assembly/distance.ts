/**
 * Exact Euclidean distance transform with anisotropic voxels, one axis after the other: distance along the row, then
 * the lower envelope of parabolas along the other two axes (Felzenszwalb and Huttenlocher 2012). What is carried from
 * axis to axis is not a distance but how many voxels the nearest feature lies away along the axes done so far, so that
 * the distance is rounded once, and as `scipy.ndimage.distance_transform_edt` rounds it.
 *
 * A step is a u32: voxels along the row in the lower half, voxels along the column in the upper half; `NONE` where no
 * feature was found yet.
 */
import { AcrossArgument } from "../src/kernels/distance-arguments";
import { address, integer, real } from "./arguments";

const NONE: u32 = 0xffffffff;

/** Marks voxels of a mask one of whose six neighbours is not set or lies outside the volume: 1, else 0. */
export function markSurface(mask: usize, above: usize, below: usize, rows: i32, length: i32, surface: usize): void {
  const width = <usize>length;
  for (let row = 0; row < rows; row++) {
    const outermost = row === 0 || row === rows - 1;
    for (let x: usize = 0; x < width; x++) {
      const at = <usize>row * width + x;
      let border: u8 = 0;
      if (load<u8>(mask + at) !== 0) {
        border = 1;
        if (!outermost && x !== 0 && x !== width - 1) {
          const inside =
            load<u8>(mask + at - 1) &
            load<u8>(mask + at + 1) &
            load<u8>(mask + at - width) &
            load<u8>(mask + at + width) &
            load<u8>(above + at) &
            load<u8>(below + at);
          border = 1 - inside;
        }
      }
      store<u8>(surface + at, border);
    }
  }
}

/** Voxels to the nearest feature in the same row, as steps. */
export function stepsInRows(features: usize, rows: i32, length: i32, steps: usize): void {
  for (let row = 0; row < rows; row++) {
    let away = NONE;
    for (let x = 0; x < length; x++) {
      if (load<u8>(features + <usize>x) !== 0) away = 0;
      else if (away !== NONE) away++;
      store<u32>(steps + ((<usize>x) << 2), away);
    }
    away = NONE;
    for (let x = length - 1; x >= 0; x--) {
      if (load<u8>(features + <usize>x) !== 0) away = 0;
      else if (away !== NONE) away++;
      const entry = steps + ((<usize>x) << 2);
      if (away < load<u32>(entry)) store<u32>(entry, away);
    }
    features += <usize>length;
    steps += (<usize>length) << 2;
  }
}

function squareOf(step: u32, columnSpacing: f64, rowSpacing: f64): f64 {
  const y = <f64>(step >>> 16) * columnSpacing;
  const x = <f64>(step & 0xffff) * rowSpacing;
  return y * y + x * x;
}

/**
 * Lower envelope of the parabolas that stand over the `count` steps of one line, `stride` bytes apart. Writes for each
 * parabola that takes part in it: its place (i32) to `places`, its height (f64) to `heights`, and where it begins (f64,
 * in voxels) to `starts`. Returns how many there are.
 */
function buildEnvelope(
  steps: usize,
  count: i32,
  stride: usize,
  spacing: f64,
  columnSpacing: f64,
  rowSpacing: f64,
  places: usize,
  heights: usize,
  starts: usize,
): i32 {
  const square = spacing * spacing;
  let top = -1;
  for (let place = 0; place < count; place++, steps += stride) {
    const step = load<u32>(steps);
    if (step === NONE) continue;
    const height = squareOf(step, columnSpacing, rowSpacing);
    let start: f64 = -Infinity;
    while (top >= 0) {
      const p = load<i32>(places + ((<usize>top) << 2));
      const difference = height - load<f64>(heights + ((<usize>top) << 3));
      start = (difference / (square * <f64>(place - p)) + <f64>(place + p)) * 0.5;
      if (start > load<f64>(starts + ((<usize>top) << 3))) break;
      top--;
      start = -Infinity;
    }
    top++;
    store<i32>(places + ((<usize>top) << 2), place);
    store<f64>(heights + ((<usize>top) << 3), height);
    store<f64>(starts + ((<usize>top) << 3), start);
  }
  return top + 1;
}

/** Joins the steps along the rows of one slice with those along its columns; in place. */
export function stepsInColumns(
  steps: usize,
  rows: i32,
  length: i32,
  columnSpacing: f64,
  rowSpacing: f64,
  places: usize,
  heights: usize,
  starts: usize,
  column: usize,
): void {
  const stride = (<usize>length) << 2;
  for (let x = 0; x < length; x++, steps += 4) {
    for (let y: usize = 0; y < <usize>rows; y++) store<u32>(column + (y << 2), load<u32>(steps + y * stride));
    const count = buildEnvelope(column, rows, 4, columnSpacing, 0, rowSpacing, places, heights, starts);
    if (count === 0) continue;
    let k = 0;
    for (let y = 0; y < rows; y++) {
      while (k + 1 < count && load<f64>(starts + ((<usize>(k + 1)) << 3)) < <f64>y) k++;
      const place = load<i32>(places + ((<usize>k) << 2));
      const away = <u32>(place > y ? place - y : y - place);
      store<u32>(steps + <usize>y * stride, (away << 16) | load<u32>(column + ((<usize>place) << 2)));
    }
  }
}

/**
 * Distances in mm across the slices, for the voxels that are wanted; those of others are not written. `structure` holds
 * the arguments as `AcrossArgument` names them.
 */
export function distancesAcrossSlices(structure: usize): void {
  const steps = address(structure, AcrossArgument.steps);
  const wanted = address(structure, AcrossArgument.wanted);
  const slices = integer(structure, AcrossArgument.slices);
  const length = integer(structure, AcrossArgument.length);
  const spacing = real(structure, AcrossArgument.spacing);
  const columnSpacing = real(structure, AcrossArgument.columnSpacing);
  const rowSpacing = real(structure, AcrossArgument.rowSpacing);
  const places = address(structure, AcrossArgument.places);
  const heights = address(structure, AcrossArgument.heights);
  const starts = address(structure, AcrossArgument.starts);
  const distances = address(structure, AcrossArgument.distances);
  const stride = (<usize>length) << 2;
  for (let x: usize = 0; x < <usize>length; x++) {
    let last = slices - 1;
    while (last >= 0 && load<u8>(wanted + <usize>last * <usize>length + x) === 0) last--;
    if (last < 0) continue;
    const line = steps + (x << 2);
    const count = buildEnvelope(line, slices, stride, spacing, columnSpacing, rowSpacing, places, heights, starts);
    let k = 0;
    for (let z = 0; z <= last; z++) {
      const at = <usize>z * <usize>length + x;
      if (load<u8>(wanted + at) === 0) continue;
      while (k + 1 < count && load<f64>(starts + ((<usize>(k + 1)) << 3)) < <f64>z) k++;
      const place = load<i32>(places + ((<usize>k) << 2));
      const step = load<u32>(line + <usize>place * stride);
      const dz = <f64>(z - place) * spacing;
      const dy = <f64>(step >>> 16) * columnSpacing;
      const dx = <f64>(step & 0xffff) * rowSpacing;
      store<f64>(distances + (at << 3), sqrt(dz * dz + dy * dy + dx * dx));
    }
  }
}
