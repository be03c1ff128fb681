import type { Volume } from "../core/volume.js";
import { labelColor } from "./label-colors.js";
import { type LabelGrid, readLabelGrid } from "./label-grid.js";
import { formatMl, type MeasuredLabel } from "./label-list.js";
import { checkSameGrid, patientAxes } from "./orientation.js";
import { type Color, createPicture, DIM_TEXT_COLOR, fillRectangle, type Picture, placePicture } from "./picture.js";
import { chooseScanWindow, type ScanWindow } from "./scan-window.js";
import { renderLabelGrid, type SceneOptions } from "./scene.js";
import { middleSlice, type Plane, renderSlice, sliceCount } from "./slice.js";
import { drawText, measureText, shortenText } from "./text.js";

/** How the picture of all labels is drawn. */
export interface OverviewOptions {
  /** Written above the picture: the name of the file, say. */
  readonly title?: string;
  /** Names of the labels, for the legend. */
  readonly names?: ReadonlyMap<number, string> | undefined;
  readonly labels?: readonly number[] | undefined;
  /** What `measureLabels` found in the volume, where that is known already. */
  readonly measured?: readonly MeasuredLabel[] | undefined;
  readonly style?: SceneOptions["style"];
  readonly viewFrom?: SceneOptions["viewFrom"];
  readonly window?: ScanWindow | undefined;
  readonly colors?: ReadonlyMap<number, Color> | undefined;
  /** Side of a slice in pixels; the whole picture is about four times as wide. Default 400. */
  readonly paneSize?: number;
}

const PANE = 400;
const GAP = 8;
const PANEL: Color = [20, 24, 31];
const PLANES: readonly Plane[] = ["axial", "coronal", "sagittal"];

/** The slice, in the array's own count, in which most of the labels lies; small labels count more than their voxels. */
function bestSlice(volume: Volume, grid: LabelGrid | null, plane: Plane): number {
  if (grid === null) return middleSlice(volume, plane);
  const place = PLANES.indexOf(plane) as 0 | 1 | 2;
  const shares = grid.shares[place];
  let best = 0;
  for (let i = 1; i < shares.length; i++) if (shares[i] > shares[best]) best = i;
  const { axis, ascending } = patientAxes(volume.geometry)[2 - place] as { axis: 0 | 1 | 2; ascending: boolean };
  return ascending ? grid.box[axis][0] + best : grid.box[axis][1] - 1 - best;
}

/**
 * One picture that tells what a segmentation holds: all labels in three dimensions, three slices (over the scan if
 * there is one) and a legend with volumes.
 *
 * @param image the scan on the same grid, if there is one
 * @throws NnprepError as `renderLabels` and `renderSlice`
 *
 * @example
 * ```ts
 * import { formatPng, init, readScanPath, renderOverview } from "nnprep";
 * import { writeFile } from "node:fs/promises";
 *
 * await init();
 * const { volume: label } = await readScanPath("label.nii.gz");
 * const { volume: image } = await readScanPath("t1.nii.gz");
 * await writeFile("overview.png", formatPng(renderOverview(label, image, { paneSize: 120 })));
 * ```
 */
export function renderOverview(label: Volume, image: Volume | undefined, options: OverviewOptions = {}): Picture {
  const { paneSize: pane = PANE, title = "" } = options;
  if (image !== undefined) checkSameGrid(label, image, ["label", "image"]);
  const grid = readLabelGrid(label, options.labels, options.measured);
  const size = Math.max(9, Math.round(pane / 36));
  const top = Math.round(size * 3.4);
  const large = 2 * pane + GAP;
  const whole = createPicture(large + 2 * pane + 4 * GAP, top + large + GAP);
  const window = image === undefined ? undefined : (options.window ?? chooseScanWindow(image, { label }));
  drawHeading(whole, label, title, window, size);
  const scene = renderLabelGrid(grid, { ...options, width: large, height: large, background: PANEL });
  placePicture(whole, scene, GAP, top);
  const columns = [large + 2 * GAP, large + pane + 3 * GAP] as const;
  for (const [i, plane] of PLANES.entries()) {
    const index = bestSlice(label, grid, plane);
    const { labels, colors } = options;
    const shown = { plane, index, labels, window, colors, width: pane, height: pane };
    const slice = renderSlice({ image, label }, shown);
    const small = { size: size * 0.82, color: DIM_TEXT_COLOR, halo: true } as const;
    const text = `${plane} ${index + 1}/${sliceCount(label, plane).count}`;
    drawText(slice, text, size * 0.7, size * 1.6, small);
    placePicture(whole, slice, columns[i % 2], top + Math.floor(i / 2) * (pane + GAP));
  }
  const legend = createPicture(pane, pane, PANEL);
  if (grid !== null) drawLegend(legend, grid, options, size);
  placePicture(whole, legend, columns[1], top + pane + GAP);
  return whole;
}

function drawHeading(
  whole: Picture,
  { shape, geometry }: Volume,
  title: string,
  window: ScanWindow | undefined,
  size: number,
) {
  const baseline = Math.round(size * 2.2);
  const voxels = [...shape].reverse().join(" \u00d7 ");
  const spacing = [...geometry.spacingMm].reverse().map((mm) => String(Number(mm.toFixed(3))));
  const numbers = (x: number) => String(Number(x.toPrecision(4)));
  const shown =
    window === undefined ? "" : `   window ${numbers(window.low)} to ${numbers(window.high)} (${window.name})`;
  const facts = `${voxels} voxels of ${spacing.join(" \u00d7 ")} mm${shown}`;
  const style = { size, color: DIM_TEXT_COLOR, align: "right" } as const;
  const width = drawText(whole, facts, whole.width - GAP - 2, baseline, style);
  const room = whole.width - width - 6 * GAP;
  drawText(whole, shortenText(title, size * 1.15, room), GAP + 2, baseline, { size: size * 1.15 });
}

/** Rows of a swatch, a name and mL, in as many columns as are needed; the largest labels if there is no room for all. */
function drawLegend(picture: Picture, grid: LabelGrid, { names, colors }: OverviewOptions, size: number): void {
  const mm3 = grid.spacingMm[0] * grid.spacingMm[1] * grid.spacingMm[2];
  const margin = Math.round(size * 1.1);
  const room = picture.height - 2 * margin - size * 2;
  const tall = grid.extents.length <= Math.floor(room / (size * 2)) * 2;
  const letter = tall ? size * 0.92 : size * 0.72;
  const step = letter * (tall ? 2.1 : 1.85);
  const perColumn = Math.floor(room / step);
  const columns = Math.min(3, Math.ceil(grid.extents.length / perColumn));
  const largest = [...grid.extents].sort((a, b) => b.voxels - a.voxels || a.label - b.label);
  const left = Math.max(0, grid.extents.length - perColumn * columns);
  const shown = new Set(largest.slice(0, perColumn * columns - (left > 0 ? 1 : 0)));
  const width = (picture.width - 2 * margin - (columns - 1) * letter * 1.6) / columns;
  const heading = { size: letter * 0.92, color: DIM_TEXT_COLOR } as const;
  let row = 0;
  const place = () => {
    const column = Math.floor(row / perColumn);
    return [margin + column * (width + letter * 1.6), margin + size * 2 + (row++ % perColumn) * step] as const;
  };
  for (let column = 0; column < columns; column++) {
    const x = margin + column * (width + letter * 1.6);
    drawText(picture, "mL", x + width, margin + letter, { ...heading, align: "right" });
  }
  for (const extent of grid.extents.filter((one) => shown.has(one))) {
    const [x, y] = place();
    const volume = formatMl((extent.voxels * mm3) / 1000);
    const color = colors?.get(extent.label) ?? labelColor(extent.label);
    const side = Math.round(letter);
    fillRectangle(picture, Math.round(x), Math.round(y + letter - side), side, side, color);
    const nameWidth = width - letter * 2.6 - measureText(volume, letter);
    const name = shortenText(names?.get(extent.label) ?? `label ${extent.label}`, letter, nameWidth);
    drawText(picture, name, x + letter * 1.7, y + letter, { size: letter });
    drawText(picture, volume, x + width, y + letter, { size: letter, align: "right" });
  }
  if (shown.size < grid.extents.length) {
    const [x, y] = place();
    drawText(picture, `and ${grid.extents.length - shown.size} more`, x, y + letter, heading);
  }
}
