import { NnprepError } from "../core/errors.js";
import { PATIENT_LETTERS, type PatientAxis } from "../core/geometry.js";
import type { Volume, VoxelArray } from "../core/volume.js";
import { labelColor } from "./label-colors.js";
import { type ArrayAxis, checkSameGrid, patientAxes } from "./orientation.js";
import { type Color, checkPictureSize, createPicture, fillRectangle, type Picture, TEXT_COLOR } from "./picture.js";
import { checkScanWindow, chooseScanWindow, type ScanWindow } from "./scan-window.js";
import { type Section, type Taps, taps } from "./section.js";
import { FINE, labelMap, paintLabels, readSection } from "./slice-labels.js";
import { drawText } from "./text.js";

/** Axial slices are seen from the feet, coronal ones from the front, sagittal ones from the patient's left. */
export type Plane = "axial" | "coronal" | "sagittal";

/** What a slice shows: a scan, a label, or a label over its scan. Both on the same grid. */
export interface SliceSource {
  readonly image?: Volume | undefined;
  readonly label?: Volume | undefined;
}

/** How a slice is drawn. */
export interface SliceOptions {
  readonly plane?: Plane;
  /**
   * Which slice: index from 0 along the array axis that runs across the plane. Default: the one with most voxels of
   * the labels shown, the middle one without any.
   */
  readonly index?: number | undefined;
  /** Only these labels; default: all above 0. */
  readonly labels?: readonly number[] | undefined;
  /** Default: `chooseScanWindow`. */
  readonly window?: ScanWindow | undefined;
  /** Size of the picture; the slice is fitted in with its true proportions. Default 512. */
  readonly width?: number;
  readonly height?: number;
  /** Of the labels' fill over a scan, 0 to 1; the outline is always opaque. Default 0.35. */
  readonly opacity?: number;
  /** Letters of the patient's sides at the edges, and a scale. Default true. */
  readonly letters?: boolean;
  /** Default: `labelColor`. */
  readonly colors?: ReadonlyMap<number, Color> | undefined;
}

/** Per plane: patient axis across the picture, down it, and through it; down is towards inferior where that is S. */
const PLANES: Readonly<Record<Plane, readonly [PatientAxis, PatientAxis, PatientAxis]>> = {
  axial: [0, 1, 2],
  coronal: [0, 2, 1],
  sagittal: [1, 2, 0],
};

const BLACK: Color = [0, 0, 0];

/** Number of slices of a plane, and the spacing between them in mm. */
export function sliceCount({ shape, geometry }: Volume, plane: Plane): { count: number; spacingMm: number } {
  const { axis } = patientAxes(geometry)[PLANES[plane][2]];
  return { count: shape[axis], spacingMm: geometry.spacingMm[axis] };
}

function strideOf({ shape }: Volume, axis: number): number {
  return axis === 2 ? 1 : axis === 1 ? shape[2] : shape[1] * shape[2];
}

function sectionOf(volume: Volume, plane: Plane, index: number): Section {
  const axes = patientAxes(volume.geometry);
  const [across, down, through] = PLANES[plane];
  const normal = axes[through];
  const count = volume.shape[normal.axis];
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new NnprepError("INVALID_ARGUMENT", `slice ${index}: the volume has the ${plane} slices 0 to ${count - 1}`, {
      found: index,
      expected: [0, count - 1],
    });
  }
  let start = index * strideOf(volume, normal.axis);
  /** Steps along an axis that count up (or down) in the patient's direction. */
  const walk = ({ axis, ascending }: ArrayAxis, up: boolean) => {
    const stride = strideOf(volume, axis);
    if (ascending === up) return stride;
    start += stride * (volume.shape[axis] - 1);
    return -stride;
  };
  const columnStep = walk(axes[across], true);
  // Head up: pictures are drawn from the top.
  const rowStep = walk(axes[down], down !== 2);
  const { spacingMm } = volume.geometry;
  return {
    columns: volume.shape[axes[across].axis],
    rows: volume.shape[axes[down].axis],
    columnStep,
    rowStep,
    start,
    columnSpacing: spacingMm[axes[across].axis],
    rowSpacing: spacingMm[axes[down].axis],
  };
}

/** The slice in the middle, the same one in the patient however the grid is stored. */
export function middleSlice(volume: Volume, plane: Plane): number {
  const { axis, ascending } = patientAxes(volume.geometry)[PLANES[plane][2]];
  const count = volume.shape[axis];
  return ascending ? count >> 1 : count - 1 - (count >> 1);
}

/** The slice with most voxels of the labels; the middle one if there are none. `isShown` default: every label. */
export function fullestSlice(
  label: Volume,
  plane: Plane,
  isShown: (value: number) => boolean = (value) => value > 0,
): number {
  const { axis, ascending } = patientAxes(label.geometry)[PLANES[plane][2]];
  const count = label.shape[axis];
  const stride = strideOf(label, axis);
  const voxels = new Float64Array(count);
  const { data } = label;
  let slice = 0;
  for (let start = 0; start < data.length; start += stride) {
    let some = 0;
    for (let i = start; i < start + stride; i++) {
      const value = data[i];
      if (value !== 0 && isShown(value)) some++;
    }
    voxels[slice] += some;
    if (++slice === count) slice = 0;
  }
  let best = middleSlice(label, plane);
  for (let k = 0; k < count; k++) {
    // In the patient's order, so that of equals the same one is taken however the grid is stored.
    const i = ascending ? k : count - 1 - k;
    if (voxels[i] > voxels[best]) best = i;
  }
  return best;
}

/** Where the slice lies in the picture: pixels per mm, and the corner of its upper left voxel. */
interface Fit {
  readonly scale: number;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function fitInto(section: Section, width: number, height: number): Fit {
  const [across, down] = [section.columns * section.columnSpacing, section.rows * section.rowSpacing];
  const scale = Math.min(width / across, height / down);
  const [w, h] = [across * scale, down * scale];
  return { scale, left: (width - w) / 2, top: (height - h) / 2, width: w, height: h };
}

/** Paints the scan, linearly interpolated, into a picture. */
function paintScan(picture: Picture, data: VoxelArray, section: Section, xs: Taps, ys: Taps, window: ScanWindow) {
  const factor = 255 / (window.high - window.low);
  const value = (at: number) => {
    const x = data[at];
    return Number.isFinite(x) ? Math.max(0, Math.min(255, (x - window.low) * factor)) : 0;
  };
  for (let y = 0; y < picture.height; y++) {
    if (ys.low[y] < 0) continue;
    const upper = section.start + ys.low[y] * section.rowStep;
    const lower = section.start + ys.high[y] * section.rowStep;
    const v = ys.weight[y];
    for (let x = 0; x < picture.width; x++) {
      if (xs.low[x] < 0) continue;
      const left = xs.low[x] * section.columnStep;
      const right = xs.high[x] * section.columnStep;
      const u = xs.weight[x];
      const above = value(upper + left) * (1 - u) + value(upper + right) * u;
      const below = value(lower + left) * (1 - u) + value(lower + right) * u;
      const at = 4 * (y * picture.width + x);
      const grey = above * (1 - v) + below * v;
      picture.data[at] = grey;
      picture.data[at + 1] = grey;
      picture.data[at + 2] = grey;
    }
  }
}

/** Lengths of the scale bar in mm. */
const SCALES = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** A bar of a round length in the lower left corner; nothing where none fits. */
export function drawScale(picture: Picture, pixelsPerMm: number, size: number): void {
  const length = SCALES.filter((mm) => mm * pixelsPerMm <= picture.width / 4).at(-1);
  if (length === undefined) return;
  const left = Math.round(size);
  const bottom = picture.height - Math.round(size);
  const pixels = Math.round(length * pixelsPerMm);
  fillRectangle(picture, left - 1, bottom - 3, pixels + 2, 4, BLACK, 0.5);
  fillRectangle(picture, left, bottom - 2, pixels, 2, TEXT_COLOR);
  const text = length < 10 ? `${length} mm` : `${length / 10} cm`;
  drawText(picture, text, left, bottom - 8, { size: Math.round(size * 0.8), halo: true });
}

function drawLetters(picture: Picture, plane: Plane, fit: Fit, size: number): void {
  const [across, down] = PLANES[plane];
  const [left, right] = PATIENT_LETTERS[across];
  const [upper, lower] = down === 2 ? ["S", "I"] : PATIENT_LETTERS[down];
  const style = { size, halo: true, weight: 1.2 } as const;
  const middleX = fit.left + fit.width / 2;
  const middleY = fit.top + fit.height / 2;
  const margin = Math.round(size * 0.6);
  drawText(picture, left, margin, middleY + size / 2, style);
  drawText(picture, right, picture.width - margin, middleY + size / 2, { ...style, align: "right" });
  drawText(picture, upper, middleX, margin + size, { ...style, align: "center" });
  drawText(picture, lower, middleX, picture.height - margin, { ...style, align: "center" });
}

/**
 * One slice of a scan, a label, or a label over a scan, with true proportions and in radiological convention: the
 * patient's right is on the left of axial and coronal slices; sagittal ones look to the left. Oblique grids are cut
 * along their own planes; the letters name the nearest direction.
 *
 * @throws NnprepError INVALID_ARGUMENT without image and label, for an index outside or a size that is no picture's;
 * SHAPE_MISMATCH, GEOMETRY_MISMATCH when image and label differ
 *
 * @example
 * ```ts
 * import { readScanPath, renderSlice } from "nnprep";
 *
 * const { volume: label } = await readScanPath("label.nii.gz");
 * const { volume: image } = await readScanPath("t1.nii.gz");
 * const { data, width, height } = renderSlice({ image, label }, { plane: "coronal", width: 200, height: 200 });
 * console.log(data.length === 4 * width * height); // for putImageData, or formatPng
 * ```
 */
export function renderSlice({ image, label }: SliceSource, options: SliceOptions = {}): Picture {
  const { plane = "axial", width = 512, height = 512, opacity = 0.35, letters = true } = options;
  const volume = image ?? label;
  if (volume === undefined) throw new NnprepError("INVALID_ARGUMENT", "neither image nor label given: nothing to show");
  if (image !== undefined && label !== undefined) checkSameGrid(label, image, ["label", "image"]);
  checkPictureSize(width, height);
  const only = options.labels === undefined ? undefined : new Set(options.labels);
  const isShown = (value: number) => value > 0 && (only === undefined || only.has(value));
  const index =
    options.index ?? (label === undefined ? middleSlice(volume, plane) : fullestSlice(label, plane, isShown));
  const section = sectionOf(volume, plane, index);
  const fit = fitInto(section, width, height);
  const picture = createPicture(width, height, BLACK);
  const tapsAt = (fine: number) =>
    [
      taps(width * fine, fit.left * fine, fit.scale * fine, section.columnSpacing, section.columns),
      taps(height * fine, fit.top * fine, fit.scale * fine, section.rowSpacing, section.rows),
    ] as const;
  if (image !== undefined) {
    const window = options.window ?? chooseScanWindow(image, { label });
    checkScanWindow(window);
    paintScan(picture, image.data, section, ...tapsAt(1), window);
  }
  if (label !== undefined) {
    const map = labelMap(readSection(label.data, section, isShown), section.columns, ...tapsAt(FINE));
    const colorOf = (value: number) => options.colors?.get(value) ?? labelColor(value);
    paintLabels(picture, map, image === undefined ? Math.max(opacity, 0.6) : opacity, colorOf);
  }
  if (letters) {
    const size = Math.max(8, Math.round(Math.min(width, height) / 36));
    drawLetters(picture, plane, fit, size);
    drawScale(picture, fit.scale, size);
  }
  return picture;
}
