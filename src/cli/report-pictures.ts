import {
  type Axes3,
  type CroppedProperties,
  formatPng,
  fullestSlice,
  labelColor,
  labelSurface,
  loadArrays,
  loadProperties,
  type Plane,
  preparedGeometry,
  type ReportCase,
  type ReportPicture,
  type ReportScene,
  type ReportSurface,
  renderSlice,
  type Store,
  type Volume,
  type VoxelArray,
} from "../node.js";
import { formatSpacing, formatVoxels } from "./table.js";

/** Pixels of a picture's sides: enough to see, little enough that a report of many cases stays a few megabytes. */
const SIDE = 240;
const PLANES: readonly Plane[] = ["axial", "coronal", "sagittal"];
/** Voxels and triangles of the turnable picture; larger labels are thinned out. */
const SURFACE_VOXELS = 6e6;
const SURFACE_TRIANGLES = 240_000;

function pictureOf(
  image: Volume | undefined,
  label: Volume | undefined,
  caption: string,
  plane: Plane,
  index?: number,
) {
  const picture = renderSlice({ image, label }, { plane, index, width: SIDE, height: SIDE });
  const base64 = Buffer.from(formatPng(picture)).toString("base64");
  const result: ReportPicture = { url: `data:image/png;base64,${base64}`, width: SIDE, height: SIDE, caption };
  return result;
}

const inXyz = (values: readonly number[]): number[] => [...values].reverse();

/** What is shown of a case as it came, and as it was prepared. */
export interface CaseToShow {
  readonly name: string;
  readonly images: readonly Volume[];
  readonly label: Volume | undefined;
  readonly modalities: readonly string[];
}

/** Slices of the scan: three planes of channel 0, the axial one of the others. */
export function picturesBefore({ images, label, modalities }: CaseToShow): ReportPicture[] {
  const [first, ...others] = images;
  const before = PLANES.map((plane) => pictureOf(first, label, `before, ${plane}`, plane));
  const more = others.map((image, c) =>
    pictureOf(image, label, `before, ${modalities[c + 1] ?? `channel ${c + 1}`}`, "axial"),
  );
  return [...before, ...more];
}

/** Where the prepared cases of the best stage lie. */
export interface PreparedFolder {
  readonly store: Store;
  readonly folder: string;
  readonly axes: Axes3;
}

/** Slices of the prepared case, or null if it is not there. */
export async function picturesAfter(
  name: string,
  prepared: PreparedFolder,
): Promise<{ pictures: ReportPicture[]; text: string } | null> {
  const { store, folder, axes } = prepared;
  if (!(await store.exists(`${folder}/${name}.npz`)) || !(await store.exists(`${folder}/${name}.pkl`))) return null;
  const properties = (await loadProperties(store, name, folder)) as CroppedProperties;
  const { channels, label, shape } = await loadArrays(store, name, folder);
  const geometry = preparedGeometry(properties, shape, axes);
  const image: Volume = { data: channels[0], shape, geometry };
  const visible: Volume = { data: label.map((value) => Math.max(0, value)), shape, geometry };
  return {
    pictures: PLANES.map((plane) => pictureOf(image, visible, `after, ${plane}`, plane)),
    text: `prepared ${formatVoxels(inXyz(shape))} voxels of ${formatSpacing(inXyz(geometry.spacingMm))} mm`,
  };
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
  const pictures = (["axial", "coronal"] as const).flatMap((plane) => {
    const index = fullestSlice(difference, plane);
    return [
      pictureOf(scan, reference, `reference, ${plane} slice ${index}`, plane, index),
      pictureOf(scan, placed(prediction), `prediction, ${plane} slice ${index}`, plane, index),
      pictureOf(scan, difference, `missed (red) and too much (green), ${plane}`, plane, index),
    ];
  });
  return { name, text, pictures };
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
