import { formatSpacing, formatVoxels } from "../core/grid-text.js";
import type { Volume } from "../core/volume.js";
import type { ReportCase } from "../view/report.js";
import { picturesOfCase } from "./pictures.js";
import type { LoadedCase } from "./samples.js";
import type { ReportSource } from "./source.js";

const inXyz = (values: readonly number[]): number[] => [...values].reverse();

/** Pictures of a case beside those of the prepared one, with its grids in words; what cannot be drawn says why. */
export async function pictureCase(
  source: ReportSource,
  name: string,
  { images, label }: LoadedCase,
): Promise<ReportCase> {
  const grid = (shape: readonly number[], spacing: readonly number[]) =>
    `${formatVoxels(inXyz(shape))} voxels of ${formatSpacing(inXyz(spacing))} mm (x × y × z)`;
  const before = grid(label.shape, label.geometry.spacingMm);
  try {
    const prepared = await source.prepared(name);
    const { groups, text } = await picturesOfCase({ images, label, channels: source.channels }, prepared, source);
    const after = prepared === null ? [] : [`prepared ${grid(...gridInFileAxes(prepared.image, label))}`];
    return { name, text: [before, ...after, text].join("; "), groups };
  } catch (error) {
    return { name, text: `${before}; no pictures: ${(error as Error).message}`, groups: [] };
  }
}

/** Shape and spacing of a prepared volume along the axes of the file, whatever order the network has them in. */
function gridInFileAxes(prepared: Volume, file: Volume): [number[], number[]] {
  const column = ({ geometry: { direction } }: Volume, axis: number) =>
    [0, 1, 2].map((row) => direction[3 * row + 2 - axis]);
  const order = [0, 1, 2].map((axis) => {
    const along = column(file, axis);
    const likeness = [0, 1, 2].map((other) =>
      Math.abs(column(prepared, other).reduce((s, x, i) => s + x * along[i], 0)),
    );
    return likeness.indexOf(Math.max(...likeness));
  });
  return [order.map((axis) => prepared.shape[axis]), order.map((axis) => prepared.geometry.spacingMm[axis])];
}
