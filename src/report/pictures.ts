import type { Vec3, Volume, VoxelArray } from "../core/volume.js";
import { formatPng } from "../io/png.js";
import { labelColor } from "../view/label-colors.js";
import { patientAxes } from "../view/orientation.js";
import type { Color } from "../view/picture.js";
import type { ReportCase, ReportPicture } from "../view/report.js";
import { base64, type ReportScene, type ReportSurface } from "../view/report-surface.js";
import { chooseScanWindow, type ScanWindow } from "../view/scan-window.js";
import { fullestSlice, middleSlice, type Plane, renderSlice } from "../view/slice.js";
import { labelSurface } from "../view/surface.js";
import type { PreparedCase, ReportSource } from "./source.js";

/** Pixels of a picture's sides: enough to see, little enough that a report of many cases stays a few megabytes. */
const SIDE = 240;
const PLANES: readonly Plane[] = ["axial", "coronal", "sagittal"];
/** Voxels and triangles of the turnable picture; larger labels are thinned out. */
const SURFACE_VOXELS = 6e6;
const SURFACE_TRIANGLES = 240_000;

/** Colours that no label has: those of labels never reach both ends of the range. */
const MISSED: Color = [255, 0, 255];
const TOO_MUCH: Color = [0, 255, 255];
const ERRORS: ReadonlyMap<number, Color> = new Map([
  [1, MISSED],
  [2, TOO_MUCH],
]);

interface SliceToShow {
  readonly image: Volume | undefined;
  readonly label: Volume | undefined;
  readonly plane: Plane;
  readonly index: number;
  readonly window?: ScanWindow | undefined;
  readonly colors?: ReadonlyMap<number, Color>;
}

function pictureOf(caption: string, { image, label, ...slice }: SliceToShow): ReportPicture {
  const picture = renderSlice({ image, label }, { ...slice, width: SIDE, height: SIDE });
  return { url: `data:image/png;base64,${base64(formatPng(picture))}`, width: SIDE, height: SIDE, caption };
}

const PLANE_AXIS: Readonly<Record<Plane, 0 | 1 | 2>> = { axial: 2, coronal: 1, sagittal: 0 };

/** Where the centre of a voxel lies in the patient, in mm. `index` slowest axis first. */
function positionOf({ geometry: { originMm, direction, spacingMm } }: Volume, index: readonly number[]): Vec3 {
  return [0, 1, 2].map((row) =>
    [0, 1, 2].reduce((sum, axis) => sum + direction[3 * row + 2 - axis] * index[axis] * spacingMm[axis], originMm[row]),
  ) as unknown as Vec3;
}

/** The slice of another grid of the same patient that lies nearest to slice `index` of `volume`. */
function sameSlice(volume: Volume, index: number, other: Volume, plane: Plane): number {
  const { axis } = patientAxes(volume.geometry)[PLANE_AXIS[plane]];
  const middle = volume.shape.map((n, a) => (a === axis ? index : (n - 1) / 2));
  const place = positionOf(volume, middle);
  const through = patientAxes(other.geometry)[PLANE_AXIS[plane]].axis;
  const { originMm, direction, spacingMm } = other.geometry;
  const along = place.reduce((sum, mm, row) => sum + (mm - originMm[row]) * direction[3 * row + 2 - through], 0);
  const nearest = Math.round(along / spacingMm[through]);
  return Math.max(0, Math.min(other.shape[through] - 1, nearest));
}

/** What is shown of a case as it came. */
export interface CaseToShow {
  readonly images: readonly Volume[];
  readonly label: Volume;
  readonly channels: readonly string[];
}

const range = ({ low, high }: ScanWindow): string => {
  const rounded = (value: number) => String(Number(value.toPrecision(3)));
  return `${rounded(low)} to ${rounded(high)}`;
};

/**
 * Slices of a scan and, beside each, the same slice of the prepared case, in the same window: three planes of the first
 * channel, then the axial slice of the other channels.
 */
export async function picturesOfCase(
  { images, label, channels }: CaseToShow,
  prepared: PreparedCase | null,
  source: Pick<ReportSource, "normalizedWindow">,
): Promise<{ groups: ReportPicture[][]; text: string }> {
  const [first, ...others] = images as readonly [Volume, ...Volume[]];
  const window = chooseScanWindow(first, { modality: channels[0], label });
  const after =
    prepared === null
      ? undefined
      : ((await source.normalizedWindow(window)) ?? chooseScanWindow(prepared.image, { modality: "not CT" }));
  const sliceOf = (plane: Plane) => (label.data.length === 0 ? middleSlice(first, plane) : fullestSlice(label, plane));
  const groups = PLANES.map((plane) => {
    const index = sliceOf(plane);
    const before = pictureOf(`before, ${plane}`, { image: first, label, plane, index, window });
    if (prepared === null) return [before];
    const shown = { image: prepared.image, label: prepared.label, plane, window: after };
    const same = sameSlice(first, index, prepared.image, plane);
    return [before, pictureOf(`after, ${plane}`, { ...shown, index: same })];
  });
  const more = others.map((image, c) => {
    const caption = `before, ${channels[c + 1] ?? `channel ${c + 1}`}, axial`;
    return [pictureOf(caption, { image, label, plane: "axial", index: sliceOf("axial") })];
  });
  const shownAs = `shown: ${window.name} (${range(window)}${after === undefined ? "" : `; after ${range(after)}`})`;
  return { groups: [...groups, ...more], text: shownAs };
}

/** What a prediction got wrong: 1 where it missed something, 2 where it has too much or another label. */
function differenceOf(prediction: Volume, reference: Volume): Volume<Uint8Array> {
  const data = new Uint8Array(reference.data.length);
  for (let i = 0; i < data.length; i++) {
    const [found, expected] = [prediction.data[i], reference.data[i]];
    if (found !== expected) data[i] = found === 0 ? 1 : 2;
  }
  return { data, shape: reference.shape, geometry: reference.geometry };
}

/** A prediction beside its reference where they differ most, and what differs. */
export function picturesOfPrediction(
  name: string,
  text: string,
  image: Volume | undefined,
  prediction: Volume,
  reference: Volume,
): ReportCase {
  // Headers may differ in the last digits; voxels were found to be on one grid.
  const placed = <T extends VoxelArray>({ data }: Volume<T>): Volume<T> => ({
    data,
    shape: reference.shape,
    geometry: reference.geometry,
  });
  const scan = image === undefined ? undefined : placed(image);
  const difference = differenceOf(prediction, reference);
  const window = scan === undefined ? undefined : chooseScanWindow(scan, { label: reference });
  const groups = (["axial", "coronal"] as const).map((plane) => {
    const at = { image: scan, plane, index: fullestSlice(difference, plane), window };
    return [
      pictureOf(`reference, ${plane} slice ${at.index}`, { ...at, label: reference }),
      pictureOf(`prediction, ${plane} slice ${at.index}`, { ...at, label: placed(prediction) }),
      pictureOf(`missed (magenta) and too much (cyan), ${plane}`, { ...at, label: difference, colors: ERRORS }),
    ];
  });
  return { name, text, groups };
}

function keepEvery({ data, shape, geometry }: Volume, stride: number): Volume {
  const [n0, n1, n2] = shape.map((n) => Math.ceil(n / stride));
  const kept = new Int32Array(n0 * n1 * n2);
  let out = 0;
  for (let i = 0; i < shape[0]; i += stride) {
    for (let j = 0; j < shape[1]; j += stride) {
      const row = (i * shape[1] + j) * shape[2];
      for (let k = 0; k < shape[2]; k += stride) kept[out++] = data[row + k];
    }
  }
  const [s0, s1, s2] = geometry.spacingMm;
  return {
    data: kept,
    shape: [n0, n1, n2],
    geometry: { ...geometry, spacingMm: [s0 * stride, s1 * stride, s2 * stride] },
  };
}

/** Surfaces of all labels of a case, coarse enough for a report. */
export function sceneOf(caseName: string, label: Volume, names: ReadonlyMap<number, string>): ReportScene | null {
  const values = [...new Set(label.data)].filter((value) => value > 0).sort((a, b) => a - b);
  let stride = 1;
  while (label.data.length / stride ** 3 > SURFACE_VOXELS) stride++;
  for (; ; stride++) {
    const thin = keepEvery(label, stride);
    const there = new Set(thin.data);
    const surfaces: ReportSurface[] = values
      .filter((value) => there.has(value))
      .map((value) => ({
        ...labelSurface(thin, value),
        name: names.get(value) ?? `label ${value}`,
        color: labelColor(value),
      }));
    if (surfaces.length === 0) return null;
    const triangles = surfaces.reduce((sum, surface) => sum + surface.triangles.length / 3, 0);
    if (triangles <= SURFACE_TRIANGLES) return { caseName, surfaces };
  }
}
